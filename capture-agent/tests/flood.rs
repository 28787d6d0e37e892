//! More than can be captured: what becomes of it is counted, named and, if there is a budget, left out on purpose. On the real kernel,
//! against a real server in this process. Needs root and BTF.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is a test"
)]

#[path = "flood/budget.rs"]
mod budget;
#[path = "support/fake_engine.rs"]
mod fake_engine;
#[path = "flood/flooder.rs"]
mod flooder;
#[path = "flood/losses.rs"]
mod losses;
