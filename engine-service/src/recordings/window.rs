//! The last events of an origin, and the state before them.
//!
//! The state trails: it is a model of its own, which applies what leaves the window. So a recording can begin at any event of
//! the window with exactly the state that was, by the same code that an agent keeps its base with. That costs one more
//! application an event, and one more model an origin; the programs of processes are shared with the session's own model.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use host_model::HostModel;

use super::slice::Slice;

/// How much a window keeps. Bytes are those on the wire; decoded they take about four times that.
#[derive(Clone, Debug)]
pub(crate) struct WindowLimits {
    /// Back from the newest event.
    pub(crate) keep_for: Duration,
    /// Of one origin.
    pub(crate) max_bytes: u64,
    /// Of all origins.
    pub(crate) max_total_bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Window {
    /// Before the first event.
    model: HostModel,
    /// The last event that the model has applied.
    through_sequence: u64,
    slices: VecDeque<Slice>,
    bytes: u64,
    /// The newest event that had to leave although it was not old enough, by the boot clock.
    crowded_out_boot_ns: u64,
    /// Of all windows.
    total_bytes: Arc<AtomicU64>,
    limits: WindowLimits,
}

/// Where a recording begins.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// Still without [`Self::before`].
    model: HostModel,
    through_sequence: u64,
    /// Events from before the beginning.
    before: Vec<Slice>,
    /// Those from it on.
    pub(crate) slices: Vec<Slice>,
    /// Events of the wanted time had left the window to stay within its bounds.
    pub(crate) is_short: bool,
}

// === impl Window ===

impl Window {
    /// An empty one at a position of the stream.
    pub(crate) fn new(
        model: HostModel,
        through_sequence: u64,
        limits: WindowLimits,
        total_bytes: Arc<AtomicU64>,
    ) -> Self {
        Self {
            model,
            through_sequence,
            slices: VecDeque::new(),
            bytes: 0,
            crowded_out_boot_ns: 0,
            total_bytes,
            limits,
        }
    }

    /// Takes the events that come next; what is too old or too much leaves. What is old is told by the boot clock, from the events
    /// that come: whoever sets a host's clock, or sends an event of another day, changes nothing.
    pub(crate) fn push(&mut self, slice: Slice) {
        self.bytes += slice.bytes;
        self.total_bytes.fetch_add(slice.bytes, Ordering::Relaxed);
        let keep_for = u64::try_from(self.limits.keep_for.as_nanos()).unwrap_or(u64::MAX);
        let oldest_boot_ns = slice.newest_boot_ns.saturating_sub(keep_for);
        self.slices.push_back(slice);
        while self.slices.front().is_some_and(|front| front.newest_boot_ns < oldest_boot_ns) {
            self.pop();
        }
        while self.is_too_large() {
            let Some(newest_boot_ns) = self.pop() else { break };
            self.crowded_out_boot_ns = self.crowded_out_boot_ns.max(newest_boot_ns);
        }
    }

    fn is_too_large(&self) -> bool {
        self.bytes > self.limits.max_bytes
            || self.total_bytes.load(Ordering::Relaxed) > self.limits.max_total_bytes
    }

    /// Lets the oldest slice leave; gives when its newest event happened, by the boot clock.
    fn pop(&mut self) -> Option<u64> {
        let slice = self.slices.pop_front()?;
        slice.apply_to(&mut self.model);
        self.through_sequence = slice.last_sequence();
        self.bytes = self.bytes.saturating_sub(slice.bytes);
        self.total_bytes.fetch_sub(slice.bytes, Ordering::Relaxed);
        Some(slice.newest_boot_ns)
    }

    /// When an event happened by the boot clock, as far as it is here; otherwise what a moment by the wall clock is by it.
    pub(crate) fn boot_time(&self, sequence: u64, time_ns: u64) -> Option<u64> {
        let known = self.slices.iter().find_map(|slice| slice.boot_time_of(sequence));
        known.or_else(|| Some(self.slices.back()?.boot_time_at(time_ns)))
    }

    /// The events from the first one on that happened at `start_boot_ns` or later, and the state before it. Events count in the
    /// order of the stream, also where their times differ from it a little. What it takes is a copy of the table of processes.
    pub(crate) fn since(&self, start_boot_ns: u64) -> Beginning {
        let mut beginning = Beginning {
            model: self.model.clone(),
            through_sequence: self.through_sequence,
            before: Vec::new(),
            slices: Vec::new(),
            is_short: self.crowded_out_boot_ns >= start_boot_ns,
        };
        for slice in &self.slices {
            if !beginning.slices.is_empty() {
                beginning.slices.push(slice.clone());
                continue;
            }
            let first = slice.boot_times().position(|boot_ns| boot_ns >= start_boot_ns);
            let first = first.unwrap_or(slice.len());
            let (before, after) = slice.split_at(first);
            beginning.before.extend(before);
            beginning.slices.extend(after);
        }
        beginning
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.total_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

// === impl Beginning ===

impl Beginning {
    /// With the state as it is, and no events.
    pub(crate) fn now(model: HostModel, through_sequence: u64) -> Self {
        Self { model, through_sequence, before: Vec::new(), slices: Vec::new(), is_short: false }
    }

    /// The state before the first of the slices, and the last event that it has applied.
    pub(crate) fn settle(&mut self) -> (&HostModel, u64) {
        for slice in self.before.drain(..) {
            slice.apply_to(&mut self.model);
            self.through_sequence = slice.last_sequence();
        }
        (&self.model, self.through_sequence)
    }
}

#[cfg(test)]
mod tests;
