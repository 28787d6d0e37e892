//! What was lost on the way here.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use eyrie_proto::event::{Event, EventClass, LossPlace, LossRecord, event::Kind};

/// Shares of a loss that are kept of each record.
const MAX_TOP_SOURCES: usize = 8;

/// The losses of one origin: the last ones by themselves, and how many events in all.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Losses {
    recent: VecDeque<LossRecord>,
    max_recent: usize,
    /// By place and class, which are never merged; a handful of each.
    totals: BTreeMap<(i32, i32), u64>,
}

// === impl Losses ===

impl Losses {
    pub(crate) fn new(max_recent: usize) -> Self {
        Self { recent: VecDeque::new(), max_recent, totals: BTreeMap::new() }
    }

    pub(crate) fn apply(&mut self, record: &LossRecord) {
        // Through the enums, so that made-up numbers cannot make the map grow.
        let total = self.totals.entry((record.place().into(), record.event_class().into())).or_default();
        *total = total.saturating_add(record.count);
        let mut record = record.clone();
        record.top_sources.truncate(MAX_TOP_SOURCES);
        record.top_sources.iter_mut().for_each(|source| source.comm.truncate(15));
        self.recent.push_back(record);
        while self.recent.len() > self.max_recent {
            self.recent.pop_front();
        }
    }

    pub(crate) fn around(&self, at_boot_ns: u64, window: Duration) -> impl Iterator<Item = &LossRecord> {
        let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        let (from, to) = (at_boot_ns.saturating_sub(window), at_boot_ns.saturating_add(window));
        self.recent.iter().filter(move |loss| loss.first_boot_ns <= to && loss.last_boot_ns >= from)
    }

    pub(crate) fn total(&self, place: LossPlace, class: EventClass) -> u64 {
        self.totals.get(&(place.into(), class.into())).copied().unwrap_or_default()
    }

    /// The recent losses as the events that would tell them again.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.recent.iter().map(|loss| Event {
            boot_ns: loss.last_boot_ns,
            kind: Some(Kind::Loss(loss.clone())),
            ..Event::default()
        })
    }
}
