//! `evt.reltime`, `evt.deltatime`, `evt.around`: when an event was, beside others.
//!
//! The times of the others are the host's state, so that an event that is sent again, to whatever engine, has the same
//! values as before.

use crate::{
    argument::Argument,
    value::{Extracted, Value},
    view::EventView,
};

/// Nanoseconds in a millisecond.
const MILLISECOND: u64 = 1_000_000;

/// Time since the first event of the stream.
pub(super) fn since_start<'a>(view: &EventView<'a>, part: fn(u64) -> u64) -> Extracted<'a> {
    Extracted::from_option(view.host.first_event_boot_ns().map(|first| since(view, first, part)))
}

/// Time since the event before this one; none on the first, and none where processors told of theirs out of order.
pub(super) fn since_last<'a>(view: &EventView<'a>, part: fn(u64) -> u64) -> Extracted<'a> {
    let last = view.host.previous_event_boot_ns().unwrap_or(view.event.boot_ns);
    since(view, last, part).into()
}

fn since<'a>(view: &EventView<'a>, boot_ns: u64, part: fn(u64) -> u64) -> Value<'a> {
    Value::Uint(part(view.event.boot_ns.saturating_sub(boot_ns)))
}

/// `evt.around[T]`: how many milliseconds lie between T and the event, rounded up. The condition that compares it holds if
/// that is no more than what it says.
pub(super) fn distance<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let time = argument.index().and_then(|time| u64::try_from(time).ok());
    let distance = time.map(|time| Value::Uint(view.epoch_ns().abs_diff(time).div_ceil(MILLISECOND)));
    Extracted::from_option(distance)
}
