//! Runs one service as a process: settings in layers, telemetry, signals, exit codes.
//!
//! A service declares its [`Settings`] once, as a struct whose fields are all optional; flags, environment and file are
//! read by that one schema and laid over each other, and what comes out is resolved into the service's own configuration,
//! which has no holes. [`run`] is then the whole of a `main`: it reads the settings, prints them if asked, starts the
//! service, waits for a signal or for a failure, and drains. Processes that run more than one service, as `eyrie up`
//! does, take the same pieces one by one: [`with_settings`], [`layered`], [`Shell`].
//!
//! What a service does, and how its parts are started and ended in order, is its own business.
#![forbid(unsafe_code)]

mod process;
mod running;
mod settings;
mod shell;

pub use self::{
    process::{ExitStatus, Service, run},
    running::{End, Running},
    settings::{
        Arguments, ConfigError, Settings, as_text, effective_text, environment_name, layered, limits,
        with_settings,
    },
    shell::{Shell, ShellError},
};
