//! The role `central` as its clients see it: real servers on port 0, real SQLite in temporary directories.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code, helpers included"
)]

mod hostile;
mod list;
mod lookup;
mod objects;
mod push;
mod relay;
mod service;
mod support;
mod tls;
mod watch;

/// Only what watchers are told of has revisions.
const HAS_OWN_REVISIONS: bool = true;

/// Each service by itself; the tests of replicas run most of these with a bucket.
fn shared_store(_: &std::path::Path) -> Option<metadata_service::store::nats::NatsConfig> {
    None
}
