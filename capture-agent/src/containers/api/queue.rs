//! Containers that are to be asked for.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt::Debug,
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;

use super::MAX_CONTAINERS;

/// Containers that wait, of some 200 bytes each: all of a list, and as many that are asked for or happen meanwhile.
const MAX_WAITING: usize = 2 * MAX_CONTAINERS;
/// Pauses before a container is asked for again: a runtime may tell of a pod only once it runs, and what it has not told after
/// these four seconds will not come.
const PAUSES_MS: [u64; 6] = [50, 100, 250, 500, 1_000, 2_000];

/// Somebody to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted<S> {
    pub(super) subject: S,
    /// Somebody waits for it, or it just happened: it is not there by mistake.
    pub(super) is_urgent: bool,
    /// Attempts that were made.
    attempts: usize,
}

/// Who waits, the urgent ones first.
#[derive(Debug)]
pub(super) struct Queue<S> {
    now: VecDeque<Wanted<S>>,
    /// Those of `now`.
    subjects: HashSet<S>,
    later: BTreeMap<(Instant, u64), Wanted<S>>,
    /// Tells those apart that are due at the same time.
    number: u64,
    is_overflowing: bool,
}

// === impl Queue ===

impl<S: Clone + Debug + Eq + Hash> Queue<S> {
    pub(super) fn new() -> Self {
        Self {
            now: VecDeque::new(),
            subjects: HashSet::new(),
            later: BTreeMap::new(),
            number: 0,
            is_overflowing: false,
        }
    }

    /// To be asked for before those of the list.
    pub(super) fn put_urgent(&mut self, subject: S) {
        self.put(Wanted { subject, is_urgent: true, attempts: 0 });
    }

    /// To be asked for when there is time.
    pub(super) fn put_listed(&mut self, subject: S) {
        self.put(Wanted { subject, is_urgent: false, attempts: 0 });
    }

    /// To be asked for again after a pause; given back if that was done often enough.
    pub(super) fn put_again(&mut self, wanted: Wanted<S>, now: Instant) -> Result<(), Wanted<S>> {
        let Some(&pause) = PAUSES_MS.get(wanted.attempts) else { return Err(wanted) };
        if self.later.len() >= MAX_WAITING {
            return Err(wanted);
        }
        self.number += 1;
        let due = now + Duration::from_millis(pause);
        self.later.insert((due, self.number), Wanted { attempts: wanted.attempts + 1, ..wanted });
        Ok(())
    }

    /// Nobody needs to ask for it any more.
    pub(super) fn forget(&mut self, subject: &S) {
        if self.subjects.remove(subject) {
            self.now.retain(|wanted| wanted.subject != *subject);
        }
    }

    /// Whom to ask for next.
    pub(super) fn next(&mut self, now: Instant) -> Option<Wanted<S>> {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let wanted = first.remove();
            self.put(wanted);
        }
        let wanted = self.now.pop_front()?;
        self.subjects.remove(&wanted.subject);
        Some(wanted)
    }

    /// When somebody is to be asked for again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.later.keys().next().map(|(due, _)| *due)
    }

    fn put(&mut self, wanted: Wanted<S>) {
        let is_new = !self.subjects.contains(&wanted.subject);
        if is_new && self.now.len() >= MAX_WAITING {
            if !self.is_overflowing {
                warn!(
                    "more than {MAX_WAITING} containers of one runtime wait to be asked for: some will have no name"
                );
            }
            self.is_overflowing = true;
            return;
        }
        self.is_overflowing = false;
        if !is_new {
            if !wanted.is_urgent {
                return;
            }
            self.now.retain(|waiting| waiting.subject != wanted.subject);
        }
        self.subjects.insert(wanted.subject.clone());
        if wanted.is_urgent { self.now.push_front(wanted) } else { self.now.push_back(wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a list, then one of it is asked for, twice. Guarantees: it comes first, once; the others follow in order.
    #[test]
    fn who_is_waited_for_comes_first() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        ["a", "b", "c"].into_iter().for_each(|id| queue.put_listed(id));
        queue.put_urgent("c");
        queue.put_urgent("c");
        queue.put_listed("c");
        let order: Vec<_> = std::iter::from_fn(|| queue.next(now)).map(|wanted| wanted.subject).collect();
        assert_eq!(order, ["c", "a", "b"]);
        queue.put_listed("d");
        queue.forget(&"d");
        assert_eq!(queue.next(now), None);
    }

    /// Scenario: a container of which nothing is ever told. Guarantees: it is asked for again after growing pauses, not before, and given
    /// back after the last one.
    #[test]
    fn nobody_is_asked_for_for_ever() {
        let (mut queue, mut now) = (Queue::new(), Instant::now());
        queue.put_urgent("a");
        for pause in PAUSES_MS {
            let wanted = queue.next(now).unwrap();
            queue.put_again(wanted, now).unwrap();
            assert_eq!((queue.next(now), queue.due()), (None, Some(now + Duration::from_millis(pause))));
            now += Duration::from_millis(pause);
        }
        let wanted = queue.next(now).unwrap();
        assert_eq!(queue.put_again(wanted, now).unwrap_err().subject, "a");
    }

    /// Scenario: a runtime that tells of containers without end. Guarantees: no more wait than the bound says.
    #[test]
    fn a_flood_is_bounded() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        (0..MAX_WAITING + 10).for_each(|id| queue.put_listed(id));
        assert_eq!(std::iter::from_fn(|| queue.next(now)).count(), MAX_WAITING);
        for id in 0..MAX_WAITING + 10 {
            let wanted = Wanted { subject: id, is_urgent: true, attempts: 0 };
            assert_eq!(queue.put_again(wanted, now).is_ok(), id < MAX_WAITING);
        }
    }
}
