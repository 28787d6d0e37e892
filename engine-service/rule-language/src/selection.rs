//! Which rules of a set are evaluated: Falco's `rules:` and `priority:` settings.

use crate::ruleset::{Priority, RuleSet};

/// Switches rules on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// On, or off.
    pub enable: bool,
    /// Which rules.
    pub rules: RuleSelector,
}

/// Which rules a [`Selection`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSelector {
    /// Rules whose whole name matches; `*` stands for any characters.
    Name(String),
    /// Rules that carry the tag.
    Tag(String),
}

// === impl RuleSet ===

impl RuleSet {
    /// Applies `selections` one after the other, then switches off what is less severe than `minimum`.
    pub fn select(&mut self, selections: &[Selection], minimum: Priority) {
        for rule in &mut self.rules {
            for selection in selections {
                let is_meant = match &selection.rules {
                    RuleSelector::Name(pattern) => matches_wildcard(pattern, &rule.name),
                    RuleSelector::Tag(tag) => rule.tags.contains(tag),
                };
                if is_meant {
                    rule.enabled = selection.enable;
                }
            }
            // The most severe priority is the smallest.
            if rule.priority > minimum {
                rule.enabled = false;
            }
        }
    }
}

/// Whether `*` in `pattern` can stand for something that makes it `name`.
pub fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        // The earliest place leaves the most for what follows.
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A star stands for any characters, none included; everything else for itself.
    #[test]
    fn wildcards_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("*", "", true),
            ("Write*", "Write below etc", true),
            ("*etc", "Write below etc", true),
            ("W*b*c", "Write below etc", true),
            ("write*", "Write below etc", false),
            ("Write", "Write below etc", false),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches_wildcard(pattern, name), expected, "{pattern} {name}");
        }
    }
}
