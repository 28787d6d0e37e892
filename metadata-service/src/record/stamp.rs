//! Fields that keep the value of the latest statement that had one.

use std::collections::BTreeSet;

use eyrie_proto::metadata::{FieldSource, Provenance};

/// Sources that are remembered for an entity. More would be a peer that makes names up; the longest unheard leave.
const MAX_SOURCES: usize = 16;

/// One statement, and the fields that are from it.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Stamp {
    /// When it was made, nanoseconds since the epoch.
    #[prost(fixed64, tag = "1")]
    pub observed_ns: u64,
    /// Who made it; several are joined by `+`.
    #[prost(string, tag = "2")]
    pub source: String,
    /// One bit a field.
    #[prost(fixed64, tag = "3")]
    pub fields: u64,
}

/// Merges the fields of one statement into those that are known.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    stamps: &'a mut Vec<Stamp>,
    observed_ns: u64,
    source: String,
}

// === impl Merge ===

impl<'a> Merge<'a> {
    /// A statement counts as made when its newest provenance was. Which of its fields are from which of its sources it does not say, so
    /// that they are from all of them.
    pub(super) fn new(stamps: &'a mut Vec<Stamp>, provenance: &[Provenance]) -> Self {
        let observed_ns = provenance.iter().map(|one| one.observed_ns).max().unwrap_or_default();
        let sources: BTreeSet<&str> = provenance.iter().map(|one| &*one.source).take(MAX_SOURCES).collect();
        Self { stamps, observed_ns, source: Vec::from_iter(sources).join("+") }
    }

    /// Replaces `known` by `stated`, unless that says nothing or is older. `bit` is the field's.
    pub(super) fn field<T: Default + PartialEq>(&mut self, bit: u32, known: &mut T, stated: T) {
        let empty = T::default();
        if stated == empty {
            return;
        }
        if *known == empty || !self.is_older(bit) {
            self.replace(bit, known, stated);
        }
    }

    /// The same for a field of which saying nothing says that there is nothing.
    pub(super) fn latest<T>(&mut self, bit: u32, known: &mut T, stated: T) {
        if !self.is_older(bit) {
            self.replace(bit, known, stated);
        }
    }

    /// The same, whichever is older.
    pub(super) fn replace<T>(&mut self, bit: u32, known: &mut T, stated: T) {
        *known = stated;
        self.take(1_u64 << bit);
    }

    /// Whether the field is from a later statement.
    fn is_older(&self, bit: u32) -> bool {
        let (mask, mine) = (1_u64 << bit, (self.observed_ns, &*self.source));
        let is_later = |stamp: &Stamp| stamp.fields & mask != 0 && (stamp.observed_ns, &*stamp.source) > mine;
        self.stamps.iter().any(is_later)
    }

    /// Notes that fields are from this statement.
    fn take(&mut self, mask: u64) {
        for stamp in self.stamps.iter_mut() {
            stamp.fields &= !mask;
        }
        let is_mine = |stamp: &Stamp| stamp.observed_ns == self.observed_ns && stamp.source == self.source;
        match self.stamps.iter_mut().find(|stamp| is_mine(stamp)) {
            Some(stamp) => stamp.fields |= mask,
            None => self.stamps.push(Stamp {
                observed_ns: self.observed_ns,
                source: self.source.clone(),
                fields: mask,
            }),
        }
        self.stamps.retain(|stamp| stamp.fields != 0);
        // One order, whatever came first: equal records are equal bytes.
        self.stamps
            .sort_by(|left, right| (left.observed_ns, &left.source).cmp(&(right.observed_ns, &right.source)));
    }
}

/// The statements with the names of their fields.
pub(super) fn field_sources(stamps: &[Stamp], names: &[(u32, &str)]) -> Vec<FieldSource> {
    let source = |stamp: &Stamp| FieldSource {
        source: stamp.source.clone(),
        observed_ns: stamp.observed_ns,
        fields: names
            .iter()
            .filter(|(bit, _)| stamp.fields & (1_u64 << bit) != 0)
            .map(|(_, name)| (*name).to_owned())
            .collect(),
    };
    stamps.iter().map(source).collect()
}

/// Keeps the latest word of each source, the newest last.
pub(super) fn merge_provenance(known: &mut Vec<Provenance>, stated: Vec<Provenance>) {
    for new in stated {
        match known.iter_mut().find(|old| old.source == new.source) {
            Some(old) if order(&new) >= order(old) => *old = new,
            Some(_) => {}
            None => known.push(new),
        }
    }
    known.sort_by(|left, right| order(left).cmp(&order(right)));
    let surplus = known.len().saturating_sub(MAX_SOURCES);
    known.drain(..surplus);
}

fn order(provenance: &Provenance) -> (u64, &str, &str) {
    (provenance.observed_ns, &provenance.source, &provenance.observer)
}

/// Keeps the earlier of two times; 0 is none.
pub(super) fn earlier(known: u64, stated: u64) -> u64 {
    match (known, stated) {
        (0, other) | (other, 0) => other,
        (known, stated) => known.min(stated),
    }
}
