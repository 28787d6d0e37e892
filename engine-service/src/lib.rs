//! Evaluates the streams of many hosts and keeps and streams the alerts.
#![forbid(unsafe_code)]

pub mod alert;
pub mod alert_log;
pub mod error;
pub mod evaluate;
pub mod falco_format;
mod host_status;
mod intake;
pub mod listener;
mod log_limit;
mod losses;
mod origin_state;
mod origins;
mod session;

pub use self::intake::SessionLimits;
