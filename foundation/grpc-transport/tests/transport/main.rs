//! The transport from end to end: a server of ours, clients of ours, and what else may come along, on loopback.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code, helpers included"
)]

mod listening;
mod plain;
mod secured;
mod support;
