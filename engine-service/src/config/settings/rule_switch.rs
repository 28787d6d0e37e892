//! Rules that are switched on and off by configuration, as text: Falco's `rules:` in one word for a step.

use std::{fmt, str::FromStr};

use rule_language::{RuleSelector, Selection};
use serde::{Deserialize, Serialize};

/// A step of a selection: `disable:rule=*`, `enable:tag=network`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleSwitch(pub Selection);

/// A text is no step.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' does not say which rules to switch: write enable:rule=NAME, enable:tag=TAG, disable:rule=NAME or \
    disable:tag=TAG; * stands for any characters of a name"
)]
pub struct NoRuleSwitch(String);

impl FromStr for RuleSwitch {
    type Err = NoRuleSwitch;

    fn from_str(text: &str) -> Result<Self, NoRuleSwitch> {
        let wrong = || NoRuleSwitch(text.to_owned());
        let (action, rules) = text.split_once(':').ok_or_else(wrong)?;
        let (by, name) = rules.split_once('=').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
        let enable = match action {
            "enable" => true,
            "disable" => false,
            _ => return Err(wrong()),
        };
        let rules = match by {
            "rule" => RuleSelector::Name(name.to_owned()),
            "tag" => RuleSelector::Tag(name.to_owned()),
            _ => return Err(wrong()),
        };
        Ok(Self(Selection { enable, rules }))
    }
}

impl fmt::Display for RuleSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = if self.0.enable { "enable" } else { "disable" };
        match &self.0.rules {
            RuleSelector::Name(name) => write!(f, "{action}:rule={name}"),
            RuleSelector::Tag(tag) => write!(f, "{action}:tag={tag}"),
        }
    }
}

impl TryFrom<String> for RuleSwitch {
    type Error = NoRuleSwitch;

    fn try_from(text: String) -> Result<Self, NoRuleSwitch> {
        text.parse()
    }
}

impl From<RuleSwitch> for String {
    fn from(switch: RuleSwitch) -> Self {
        switch.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: steps of every kind, names with the separators in them, and texts that are none. Guarantees: what is read is
    /// written the same, and mistakes are told with what can be written.
    #[test]
    fn steps_are_read_and_written() {
        for text in ["enable:rule=Write: a=b, c", "disable:rule=*", "enable:tag=network", "disable:tag=T1003"]
        {
            assert_eq!(text.parse::<RuleSwitch>().unwrap().to_string(), text);
        }
        for text in ["", "enable", "enable:rule", "enable:rule=", "toggle:rule=a", "enable:name=a", "rule=a"]
        {
            let error = text.parse::<RuleSwitch>().unwrap_err().to_string();
            assert!(error.contains("disable:tag=TAG"), "{error}");
        }
    }
}
