//! End-to-end tests of the real programs on the real kernel, and what they have in common.
//!
//! The tests start the programs as a user would, as processes of their own, talk to them over loopback, and end only
//! what they started. They tell their own activity from the rest of the host by paths in a folder of their own: every
//! rule of a test names one.
#![forbid(unsafe_code)]

pub mod act;
pub mod actor;
pub mod corpus;
pub mod events_page;
pub mod long_recording;
pub mod measured;
pub mod pages;
pub mod program;
pub mod replayed;
pub mod scene;
pub mod short_lived;
pub mod stock_rules_page;
pub mod subscriber;

pub use test_bpf as bpf;

/// Looks again and again until there is something to be seen; an error if that takes too long.
pub async fn eventually<T>(mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + program::PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "waited too long");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
