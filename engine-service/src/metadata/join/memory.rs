//! What the containers of late events were, by their control groups.
//!
//! An answer holds for as long as nothing has changed: neither which container a control group is of, which the host model counts, nor
//! what is known of any container of the origin, which the cache counts. So it need not be compared by the container's id, and may be remembered from one batch to the
//! next.

use host_model::HostModel;

use crate::metadata::{
    Answer,
    cache::{Found, News},
};

/// Places where one control group can be.
const WAYS: usize = 4;
/// Of 64 bytes each; as many as a host with some ten containers needs.
const FIRST_SLOTS: usize = 32;
/// 64 KiB for each origin that has so many containers.
const MAX_SLOTS: usize = 1_024;
/// 2^64 divided by the golden ratio: ids in a row come to lie far from each other.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// See the module. Nothing is remembered, and nothing taken, at first.
#[derive(Debug, Default)]
pub(crate) struct JoinMemory {
    slots: Vec<Option<Slot>>,
    /// Of the origin, as it was entered.
    news: News,
}

/// A control group that some process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupId {
    pub(crate) hierarchy: u32,
    pub(crate) cgroup_id: u64,
}

/// What answers hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AsOf {
    cgroup_changes: u64,
    news: u64,
}

#[derive(Debug)]
pub(super) struct Slot {
    group: GroupId,
    as_of: AsOf,
    /// The last moment that it is for; 0 if it is only for the event that it was looked up for.
    holds_until_ns: u64,
    /// Of which container; of none if it is not there.
    pub(super) answer: Option<Answer>,
}

// === impl JoinMemory ===

impl JoinMemory {
    /// From here on it is for the origin that these news are of.
    pub(super) fn begin(&mut self, news: News) {
        if !self.news.is_same(&news) {
            *self = Self { slots: Vec::new(), news };
        }
    }

    /// The present state of what answers hang on: read before they are looked up.
    pub(super) fn as_of(&self, model: &HostModel) -> AsOf {
        AsOf { cgroup_changes: model.cgroup_changes(), news: self.news.count() }
    }

    /// Where the answer for an event in a group is, if it is remembered and still holds.
    pub(super) fn place(&self, group: GroupId, as_of: AsOf, at_boot_ns: u64) -> Option<usize> {
        let first = self.first_place(group);
        let slots = self.slots.get(first..first + WAYS)?;
        let is_it =
            |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.holds(group, as_of, at_boot_ns));
        slots.iter().position(is_it).map(|way| first + way)
    }

    /// Puts an answer where it can be found; without one, the group is of no container. Makes more room as long as others would have to leave that hold.
    pub(super) fn put(&mut self, group: GroupId, as_of: AsOf, found: Option<Found>) -> usize {
        let holds_until_ns = found.as_ref().map_or(u64::MAX, |found| found.holds_until_ns);
        let slot = Slot { group, as_of, holds_until_ns, answer: found.map(|found| found.answer) };
        if self.slots.is_empty() {
            self.slots.resize_with(FIRST_SLOTS, || None);
        }
        let place = loop {
            match self.free_place(group, as_of) {
                Some(place) => break place,
                None if self.slots.len() < MAX_SLOTS => self.grow(),
                None => break self.first_place(group),
            }
        };
        if let Some(free) = self.slots.get_mut(place) {
            *free = Some(slot);
        }
        place
    }

    pub(super) fn get(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place)?.as_ref()
    }

    /// The group's own place, or one that nobody has, or whose answer holds no more.
    fn free_place(&self, group: GroupId, as_of: AsOf) -> Option<usize> {
        let first = self.first_place(group);
        let slots = self.slots.get(first..first + WAYS)?;
        let own = slots.iter().position(|slot| slot.as_ref().is_some_and(|slot| slot.group == group));
        let is_free = |slot: &Option<Slot>| {
            slot.as_ref().is_none_or(|slot| slot.as_of != as_of || slot.holds_until_ns == 0)
        };
        own.or_else(|| slots.iter().position(is_free)).map(|way| first + way)
    }

    fn grow(&mut self) {
        let count = self.slots.len() * 2;
        let before = std::mem::take(&mut self.slots);
        self.slots.resize_with(count, || None);
        for slot in before.into_iter().flatten() {
            let first = self.first_place(slot.group);
            let ways = self.slots.get_mut(first..first + WAYS).unwrap_or_default();
            if let Some(free) = ways.iter_mut().find(|free| free.is_none()) {
                *free = Some(slot);
            }
        }
    }

    /// Their number is a power of two.
    fn first_place(&self, group: GroupId) -> usize {
        let sets = (self.slots.len() / WAYS).max(1);
        let mixed = (group.cgroup_id ^ u64::from(group.hierarchy).rotate_left(32)).wrapping_mul(SPREAD);
        // The upper bits are those that all others have a part in.
        let set = mixed.checked_shr(u64::BITS - sets.trailing_zeros()).unwrap_or(0);
        usize::try_from(set).unwrap_or_default() * WAYS
    }
}

// === impl Slot ===

impl Slot {
    fn holds(&self, group: GroupId, as_of: AsOf, at_boot_ns: u64) -> bool {
        self.group == group
            && self.as_of == as_of
            && self.holds_until_ns != 0
            && at_boot_ns <= self.holds_until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(cgroup_id: u64) -> GroupId {
        GroupId { hierarchy: 0, cgroup_id }
    }

    fn as_of(news: u64) -> AsOf {
        AsOf { cgroup_changes: 1, news }
    }

    fn absent(holds_until_ns: u64) -> Option<Found> {
        Some(Found { answer: Answer::Absent, is_to_be_asked: false, holds_until_ns })
    }

    /// Scenario: answers that hold for good, until a moment, and for one event; then something changes. Guarantees: each is found for as long as it holds, for its
    /// group in its hierarchy, and no longer.
    #[test]
    fn an_answer_is_remembered_while_it_holds() {
        let mut memory = JoinMemory::default();
        assert_eq!(memory.place(group(1), as_of(1), 5), None);
        for (id, found) in [(1, None), (2, absent(7)), (3, absent(0))] {
            let place = memory.put(group(id), as_of(1), found.clone());
            assert_eq!(memory.get(place).unwrap().answer, found.map(|found| found.answer));
        }
        let is_held = |id, news, at| memory.place(group(id), as_of(news), at).is_some();
        assert_eq!(
            [is_held(1, 1, 9), is_held(2, 1, 7), is_held(2, 1, 8), is_held(3, 1, 0)],
            [true, true, false, false]
        );
        assert!(!is_held(1, 2, 9));
        let elsewhere = GroupId { hierarchy: 4, ..group(1) };
        assert_eq!(memory.place(elsewhere, as_of(1), 5), None);
    }

    /// Scenario: containers in numbers, with ids in a row and far from each other. Guarantees: those of a large host are all remembered, each by its own answer; beyond the
    /// bound memory does not grow.
    #[test]
    fn memory_grows_with_what_holds_and_no_further() {
        for step in [1, 8, 4_096, 1 << 40] {
            let mut memory = JoinMemory::default();
            let ids = || (1..=200).map(|number| number * step);
            for id in ids() {
                memory.put(group(id), as_of(1), absent(id));
            }
            for id in ids() {
                let place = memory.place(group(id), as_of(1), id).unwrap_or_else(|| panic!("{id} of {step}"));
                assert_eq!(memory.get(place).unwrap().holds_until_ns, id);
            }
            for id in 0..100_000 {
                memory.put(group(id), as_of(1), absent(9));
            }
            assert_eq!(memory.slots.len(), MAX_SLOTS);
            assert!(size_of::<Option<Slot>>() <= 64);
        }
    }

    /// Scenario: containers one after the other, each known anew after the last. Guarantees: what holds no more makes room, and memory stays as it was.
    #[test]
    fn what_holds_no_more_makes_room() {
        let mut memory = JoinMemory::default();
        for id in 1..1_000 {
            memory.put(group(id), as_of(id), absent(9));
        }
        assert_eq!(memory.slots.len(), FIRST_SLOTS);
    }

    /// Scenario: the memory of one origin is used for another. Guarantees: nothing is left of the first.
    #[test]
    fn origins_do_not_share_answers() {
        let (mut memory, news) = (JoinMemory::default(), News::default());
        memory.begin(news.clone());
        memory.put(group(1), as_of(0), None);
        memory.begin(news);
        assert!(memory.place(group(1), as_of(0), 5).is_some());
        memory.begin(News::default());
        assert_eq!(memory.place(group(1), as_of(0), 5), None);
    }
}
