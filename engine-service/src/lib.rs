//! Evaluates the streams of many hosts and keeps and streams the alerts.
#![forbid(unsafe_code)]

pub mod alert_log;
