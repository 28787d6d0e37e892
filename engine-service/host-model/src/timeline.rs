//! When the events of the stream were made.

use eyrie_proto::event::{Event, OrderedFact, TimelineFact, event::Kind, ordered_fact};

/// The times of the first event, of the newest, and of the one before that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeline {
    first_boot_ns: Option<u64>,
    last_boot_ns: Option<u64>,
    previous_boot_ns: Option<u64>,
}

// === impl Timeline ===

impl Timeline {
    /// Takes the next entry of the stream. Only what rules see as an event counts.
    pub(crate) fn advance(&mut self, entry: &Event) {
        self.previous_boot_ns = None;
        let is_told_beside = match entry.kind {
            Some(Kind::Fact(_) | Kind::Loss(_) | Kind::ProcessSnapshot(_) | Kind::PlanSwitch(_)) | None => {
                true
            }
            // What verify mode marks would not have been here.
            Some(_) => entry.is_filter_marked,
        };
        if !is_told_beside {
            self.first_boot_ns.get_or_insert(entry.boot_ns);
            self.previous_boot_ns = self.last_boot_ns.replace(entry.boot_ns);
        }
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.first_boot_ns
    }

    pub(crate) fn previous(&self) -> Option<u64> {
        self.previous_boot_ns
    }

    /// The fact that puts another model's timeline here; `None` as long as there was no event.
    pub(crate) fn event(&self) -> Option<Event> {
        let (first_event_boot_ns, last_event_boot_ns) = self.first_boot_ns.zip(self.last_boot_ns)?;
        let fact = TimelineFact { first_event_boot_ns, last_event_boot_ns };
        let kind = Some(ordered_fact::Kind::Timeline(fact));
        let fact = OrderedFact { since_boot_ns: last_event_boot_ns, kind };
        Some(Event { boot_ns: last_event_boot_ns, kind: Some(Kind::Fact(fact)), ..Event::default() })
    }

    /// Puts in what [`Self::event`] told: the next event is the first that sees it.
    pub(crate) fn restore(&mut self, fact: &TimelineFact) {
        self.first_boot_ns = Some(fact.first_event_boot_ns);
        self.last_boot_ns = Some(fact.last_event_boot_ns);
        self.previous_boot_ns = None;
    }
}

/// What the newest entry saw is none of what the next one sees.
#[cfg(test)]
impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        (self.first_boot_ns, self.last_boot_ns) == (other.first_boot_ns, other.last_boot_ns)
    }
}
