//! Described calls on the real kernel, from the call to the event that an engine gets: programs of ours make them, and /proc, stat
//! and sockets say what the events have to say. Needs root and BTF.
#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is a test"
)]

#[path = "support/fake_engine.rs"]
mod fake_engine;

mod calls {
    mod compat;
    mod connections;
    mod covered;
    mod datagrams;
    mod descriptors;
    mod executables;
    mod files;
    mod history;
    mod ids;
    mod kernel;
    mod lives;
    mod model;
    mod mounts;
    mod names;
    mod opens;
    mod owners;
    mod processes;
    mod ring;
    mod scene;
    mod sockets;
    mod started;
    mod sweep;
    mod transfers;
    mod uring;
}
