//! Numbers within bounds, whichever layer they came from.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use super::ConfigError;

/// A day: no time that is waited makes sense beyond.
pub const DAY: Duration = Duration::from_secs(86_400);

/// `value` if it is within `range`, or `default`, which is not checked.
pub fn number<T: Copy + PartialOrd + Display>(
    setting: &'static str,
    value: Option<T>,
    range: RangeInclusive<T>,
    default: T,
) -> Result<T, ConfigError> {
    match value {
        None => Ok(default),
        Some(value) if range.contains(&value) => Ok(value),
        Some(value) => Err(ConfigError::Invalid {
            setting,
            found: value.to_string(),
            problem: format!("it must be {} to {}", range.start(), range.end()),
        }),
    }
}

/// A number of things that are there at a time: at least one, at most a million.
pub fn count(setting: &'static str, value: Option<u32>, default: usize) -> Result<usize, ConfigError> {
    let value = value.map(|value| usize::try_from(value).unwrap_or(usize::MAX));
    number(setting, value, 1..=1_000_000, default)
}

/// A number of things that are kept on a disk: at least one.
pub fn stored(setting: &'static str, value: Option<u64>, default: u64) -> Result<u64, ConfigError> {
    number(setting, value, 1..=i64::MAX.cast_unsigned(), default)
}

/// Seconds: at least one, at most a [`DAY`].
pub fn seconds(
    setting: &'static str,
    value: Option<u64>,
    default: Duration,
) -> Result<Duration, ConfigError> {
    number(setting, value, 1..=DAY.as_secs(), default.as_secs()).map(Duration::from_secs)
}
