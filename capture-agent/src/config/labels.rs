//! Labels of a host: `NAME=VALUE` as flags, a table in the file.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    name: String,
    value: String,
}

// === impl Label ===

impl Label {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }

    pub(super) fn into_pair(self) -> (String, String) {
        (self.name, self.value)
    }
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self::new(name, value)),
            _ => Err("write NAME=VALUE"),
        }
    }
}

/// For serde: as a table. Nothing if it is empty, so that it does not stand in a printed configuration.
pub(super) fn serialize<S: Serializer>(
    labels: &Option<Vec<Label>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let pairs = labels.iter().flatten().map(|label| (label.name.as_str(), label.value.as_str()));
    let table: BTreeMap<_, _> = pairs.collect();
    (!table.is_empty()).then_some(table).serialize(serializer)
}

/// For serde: from a table.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Label>>, D::Error> {
    let table = BTreeMap::<String, String>::deserialize(deserializer)?;
    if table.contains_key("") {
        return Err(D::Error::custom("a label has an empty name"));
    }
    Ok(Some(table.into_iter().map(|(name, value)| Label { name, value }).collect()))
}
