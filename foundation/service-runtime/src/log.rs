//! Where a service's log goes: to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::environment_name;

/// What is logged is said by `EYRIE_<SERVICE>_LOG`, or by `RUST_LOG` as is the custom of Rust's programs.
pub(crate) fn init(service: &str) {
    let filter = EnvFilter::try_from_env(environment_name(service, "log"))
        .or_else(|_| EnvFilter::try_from_default_env())
        .unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
