//! The last value for each of a bounded number of keys.

use std::{borrow::Borrow, collections::BTreeMap};

use prost::Message;

use crate::Limits;

/// Facts of one kind by what they are about.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct LastValues<Key, Fact> {
    by_key: BTreeMap<Key, (u64, Fact)>,
    /// Serialised size of all.
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    evicted: u64,
}

// === impl LastValues ===

impl<Key: Ord + Clone, Fact: Message> LastValues<Key, Fact> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            by_key: BTreeMap::new(),
            bytes: 0,
            max_entries: limits.max_facts.max(1),
            max_bytes: limits.max_facts_bytes,
            evicted: 0,
        }
    }

    /// Keeps a fact in place of the last one about the same, unless it alone is more than may be kept.
    pub(super) fn insert(&mut self, key: Key, since_boot_ns: u64, fact: Fact) {
        self.remove(&key);
        let size = fact.encoded_len();
        if size > self.max_bytes {
            self.evicted += 1;
            return;
        }
        if self.by_key.len() >= self.max_entries || self.bytes + size > self.max_bytes {
            self.evict(size);
        }
        self.bytes += size;
        self.by_key.insert(key, (since_boot_ns, fact));
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        Key: Borrow<Q>,
    {
        if let Some((_, fact)) = self.by_key.remove(key) {
            self.bytes -= fact.encoded_len();
        }
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&Fact>
    where
        Key: Borrow<Q>,
    {
        self.by_key.get(key).map(|(_, fact)| fact)
    }

    /// Ascending by key, with the time since which each holds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Fact)> {
        self.by_key.values().map(|(since, fact)| (*since, fact))
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Makes room for `size` bytes and a sixteenth more, so that the sorting is paid once for many insertions. Those
    /// that became true first go first.
    fn evict(&mut self, size: usize) {
        let mut oldest: Vec<(u64, Key)> =
            self.by_key.iter().map(|(key, (since, _))| (*since, key.clone())).collect();
        oldest.sort_unstable();
        let entries = self.max_entries - self.max_entries.div_ceil(16);
        let bytes = self.max_bytes.saturating_sub(size.max(self.max_bytes / 16));
        for (_, key) in oldest {
            if self.by_key.len() <= entries && self.bytes <= bytes {
                break;
            }
            self.remove(&key);
            self.evicted += 1;
        }
    }
}
