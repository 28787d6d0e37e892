//! `eyrie containers`, `eyrie describe container` and `eyrie hosts` as programs, against services in this process that were told facts by
//! hand.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "all of it is a test"
)]

#[path = "metadata_views/containers.rs"]
mod containers;
#[path = "metadata_views/describe.rs"]
mod describe;
#[path = "metadata_views/hosts.rs"]
mod hosts;
#[path = "metadata_views/support.rs"]
mod support;
