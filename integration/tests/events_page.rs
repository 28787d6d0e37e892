//! The page on events. It needs no kernel: the tests that it tells of are the agent's.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "all of it is a test")]

use integration::events_page::{FIRST, page, rows};

/// Scenario: the page in docs/ beside the tables that it is made of. Guarantees: it says what they say.
#[test]
fn the_page_is_current() {
    let is_current = page() == include_str!("../../docs/events.md");
    assert!(is_current, "docs/events.md is not what the tables say: run `make events-doc`");
}

/// Scenario: the events of the stock rules and those that change what is known of processes. Guarantees: each is captured and tested
/// live.
#[test]
fn the_first_events_are_tested_live() {
    let rows = rows();
    let is_tested = |name: &&str| rows.get(name).is_some_and(|row| !row.tested.is_empty());
    let untested: Vec<_> = FIRST.split(' ').filter(|name| !is_tested(name)).collect();
    assert_eq!(untested, [""; 0]);
}
