//! What the names of hosts that rules mention stand for, seen from the agent's own network.
//!
//! A plan says which names; a task of its own looks each of them up as any program of this host would (`/etc/hosts`,
//! nsswitch.conf, DNS), a few at a time, again and again. The capture thread takes the answers as ordered facts and never
//! waits for one. An answer has an end; it is told again in time while the name resolves, so that one that resolves no
//! more comes to its end at the engine without another word.

mod resolver;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};

use eyrie_proto::{capture::PlanAnswer, event::OrderedFact};
use tokio::sync::Notify;

pub(crate) use self::resolver::run;
use self::table::{Answered, Table};

/// The names that are looked up, shared by the capture thread and the task.
#[derive(Debug, Default)]
pub(crate) struct Names {
    table: Mutex<Table>,
    /// Rung when there may be something to look up.
    changed: Notify,
}

/// What there is to see of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameCounts {
    /// Names that are looked up.
    pub(crate) wanted: u64,
    /// Of these, those with an answer that holds.
    pub(crate) resolved: u64,
    /// Lookups that brought no address, since the start.
    pub(crate) failed_lookups: u64,
}

// === impl Names ===

impl Names {
    /// From now on these names are wanted and no others, as far as they can be had; the answers to those that were wanted
    /// before stay.
    pub(crate) fn want(&self, names: Vec<String>) {
        self.lock().want(names);
        self.changed.notify_one();
    }

    /// Adds to the answer to a plan which of its names are looked up, and why the others are not.
    pub(crate) fn describe(&self, answer: &mut PlanAnswer) {
        let table = self.lock();
        if let Some(effective) = &mut answer.effective {
            effective.names_to_resolve = table.wanted();
        }
        answer.unresolvable_names = table.refused().to_vec();
    }

    /// The answers that are to be told, in alphabetical order of their names.
    pub(crate) fn take_news(&self, now_boot_ns: u64) -> Vec<OrderedFact> {
        self.lock().take_news(now_boot_ns)
    }

    /// All answers count as not told.
    pub(crate) fn forget_told(&self) {
        self.lock().forget_told();
    }

    pub(crate) fn counts(&self, now_boot_ns: u64) -> NameCounts {
        self.lock().counts(now_boot_ns)
    }

    fn take_due(&self, now_boot_ns: u64) -> Option<String> {
        self.lock().take_due(now_boot_ns)
    }

    fn next_due_boot_ns(&self) -> Option<u64> {
        self.lock().next_due_boot_ns()
    }

    /// `spread` scales the wait until the next lookup.
    fn answered(&self, name: &str, answer: Answered, now_boot_ns: u64, spread: f64) {
        self.lock().answered(name, answer, now_boot_ns, spread);
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
