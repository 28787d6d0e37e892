//! Central services that share a bucket of a real NATS server: Debian's, on a free port of loopback.
//!
//! Most tests of `central` run here once more, each with a bucket of its own (not those of lists: replicas have their origins in the
//! order of a hash); what replicas are to each other is in the
//! modules of this folder.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code, helpers included"
)]

mod away;
mod faults;
mod nats_server;
mod pair;
mod together;

#[path = "../central/hostile.rs"]
mod hostile;
#[path = "../central/lookup.rs"]
mod lookup;
#[path = "../central/push.rs"]
mod push;
#[path = "../central/relay.rs"]
mod relay;
#[path = "../central/support.rs"]
mod support;
#[path = "../central/watch.rs"]
mod watch;

use std::path::Path;

use metadata_service::store::nats::NatsConfig;
use test_requirements::{Requirement, met_or_booked};

/// A bucket counts what is said of a scope among its revisions.
const HAS_OWN_REVISIONS: bool = false;

/// A bucket for the services in a directory. Without a server they have none, and the tests of `central` are only repeated;
/// that is booked as skipped.
fn shared_store(directory: &Path) -> Option<NatsConfig> {
    if !met_or_booked(Requirement::Containers, module_path!(), line!()) {
        return None;
    }
    let name = directory.file_name()?.to_str()?.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    Some(nats_server::shared().bucket(&name))
}
