//! Values that configuration gives to all events, as text: Falco's `static_fields`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Bytes of a key and its value: they are part of every alert.
const MAX_BYTES: usize = 1_024;

/// One value: `site=berlin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StaticField {
    key: String,
    value: String,
}

/// A text is no value with its key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStaticField {
    /// There is nothing to tell key and value apart.
    #[error("'{0}' has no '=' in it: write KEY=VALUE")]
    NoValue(String),
    /// Rules could not name it.
    #[error(
        "'{0}' cannot be named in rules as static.{0}: a key has words with dots between, each of letters, digits and \
        underscores, with a letter at its beginning"
    )]
    Key(String),
    /// It is too long.
    #[error(
        "the value of '{key}' makes {found} bytes with its key, and every alert carries it: {MAX_BYTES} is the most"
    )]
    TooLong {
        /// The key.
        key: String,
        /// How long both are.
        found: usize,
    },
}

/// All of them by key, or a key that is there twice.
pub fn static_fields(fields: Vec<StaticField>) -> Result<BTreeMap<String, String>, String> {
    let mut by_key = BTreeMap::new();
    for StaticField { key, value } in fields {
        if by_key.insert(key.clone(), value).is_some() {
            return Err(key);
        }
    }
    Ok(by_key)
}

// === impl StaticField ===

impl StaticField {
    /// The same by key, one by one.
    pub(super) fn all(by_key: &BTreeMap<String, String>) -> Vec<Self> {
        by_key.iter().map(|(key, value)| Self { key: key.clone(), value: value.clone() }).collect()
    }
}

impl FromStr for StaticField {
    type Err = NoStaticField;

    fn from_str(text: &str) -> Result<Self, NoStaticField> {
        let (key, value) = text.split_once('=').ok_or_else(|| NoStaticField::NoValue(text.to_owned()))?;
        if text.len() > MAX_BYTES {
            return Err(NoStaticField::TooLong { key: key.chars().take(64).collect(), found: text.len() });
        }
        let is_word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_alphabetic())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !key.split('.').all(is_word) {
            return Err(NoStaticField::Key(key.to_owned()));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for StaticField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl TryFrom<String> for StaticField {
    type Error = NoStaticField;

    fn try_from(text: String) -> Result<Self, NoStaticField> {
        text.parse()
    }
}

impl From<StaticField> for String {
    fn from(field: StaticField) -> Self {
        field.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: keys and values as operators write them, right and wrong. Guarantees: what is right is read and written alike; what is
    /// wrong is told with what would be right.
    #[test]
    fn fields_are_read_as_written() {
        for text in ["site=berlin", "a.b_2=x=y z", "empty="] {
            assert_eq!(text.parse::<StaticField>().unwrap().to_string(), text);
        }
        let problem = |text: &str| text.parse::<StaticField>().unwrap_err().to_string();
        assert!(problem("site").contains("write KEY=VALUE"));
        for key in ["", "2nd", "a..b", "a-b", "ä", "a b"] {
            assert!(problem(&format!("{key}=x")).contains("cannot be named in rules"), "{key}");
        }
        assert!(problem(&format!("k={}", "x".repeat(MAX_BYTES))).contains("1024 is the most"));
    }

    /// Scenario: a key given twice. Guarantees: it is named.
    #[test]
    fn keys_are_given_once() {
        let fields = ["a=1", "b=2", "a=3"].map(|text| text.parse().unwrap());
        assert_eq!(static_fields(fields.into()), Err("a".to_owned()));
    }
}
