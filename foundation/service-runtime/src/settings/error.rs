//! Why a configuration cannot be used.

use std::{io, path::PathBuf};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The text of the file is no TOML, or a value is of the wrong type.
    #[error("{}:{line}:{column}: {detail}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        detail: String,
    },
    /// A key of the file.
    #[error("{}:{line}:{column}: there is no setting {key:?}{hint}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is written there.
        key: String,
        /// What may have been meant, or where to look.
        hint: String,
    },
    /// A value that is of the right type and cannot be.
    #[error("{setting} is {found}: {problem}")]
    Invalid {
        /// The setting's name in files and flags.
        setting: &'static str,
        /// What was set.
        found: String,
        /// What is wrong with it, and what can be.
        problem: String,
    },
    /// The same, of telemetry.
    #[error(transparent)]
    Telemetry(#[from] telemetry::SettingError),
    /// Values that the layers cannot carry: a path that is no UTF-8, a number above 2^63.
    #[error("a setting cannot be used: {detail}; paths must be UTF-8 and numbers below 2^63")]
    Unusable {
        /// What was found.
        detail: String,
    },
}
