//! For serde: a setting whose type is read and written as text, such as an address.
//!
//! `#[serde(with = "service_runtime::as_text")]` on an `Option<T>`. serde then asks for a value unless the struct has
//! `#[serde(default)]`.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

/// Writes by `Display`.
pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(serializer)
}

/// Reads by `FromStr`.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}
