//! The whole way of what a cluster knows: an API server in this process, the role `cluster`, a central service, and an
//! engine that asks it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code, helpers included"
)]

#[path = "../central/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the role central")]
mod central;
mod faults;
mod hostile;
mod joined;
mod restarts;
mod support;
mod two;

/// The central services here are each by itself.
fn shared_store(_: &std::path::Path) -> Option<metadata_service::store::nats::NatsConfig> {
    None
}
