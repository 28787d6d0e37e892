//! How priorities are spelled.

use std::{fmt, str::FromStr};

use crate::ruleset::Priority;

/// A word is not a priority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a priority; use one of Emergency, Alert, Critical, Error, Warning, Notice, Informational, Debug"
)]
pub struct UnknownPriority(pub String);

impl Priority {
    /// All of them, the most severe first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// Falco's spelling in alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    /// In any case; `info` is short for `informational`.
    fn from_str(word: &str) -> Result<Self, UnknownPriority> {
        if word.eq_ignore_ascii_case("info") {
            return Ok(Self::Informational);
        }
        let found = Self::ALL.into_iter().find(|priority| priority.as_str().eq_ignore_ascii_case(word));
        found.ok_or_else(|| UnknownPriority(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every priority is read back from its spelling in any case, and `INFO` means Informational.
    #[test]
    fn priorities_are_read_in_any_case() {
        for priority in Priority::ALL {
            assert_eq!(priority.to_string().parse(), Ok(priority));
            assert_eq!(priority.to_string().to_uppercase().parse(), Ok(priority));
        }
        assert_eq!("INFO".parse(), Ok(Priority::Informational));
        assert!("warn".parse::<Priority>().is_err());
        assert!(Priority::Emergency < Priority::Debug);
    }
}
