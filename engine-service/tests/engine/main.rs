//! The engine as its clients see it: real servers on port 0, real SQLite in temporary directories.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code, helpers included"
)]

mod durability;
mod evaluation;
mod faults;
mod full_disk;
mod hosts;
mod listener;
mod metadata;
mod metadata_service;
mod metrics;
mod outputs;
mod packing;
mod parking;
mod parking_model;
mod peers;
mod plans;
mod pods;
mod process;
mod recordings;
mod replay;
mod session;
mod started;
mod subscriptions;
mod support;
mod tls;
