//! Control groups of this host, and which container each of them belongs to.
//!
//! They are told as ordered facts: all that there are at the start, then each one as it is made, which is before any process can
//! be in it, and its end. A walk through the mounted hierarchy finds what was there before, and what was missed when
//! records were lost.

mod hierarchy;
mod ids;
mod maker;
mod scan;

use std::collections::{HashMap, hash_map::Entry};

use eyrie_proto::event::{CgroupFact, CgroupKey, OrderedFact, ordered_fact};
use tracing::warn;

use self::ids::Ids;
#[cfg(test)]
pub(crate) use self::maker::tests::give_to_a_user;
pub(crate) use self::{hierarchy::Hierarchy, maker::Maker};
use cgroup_layout::Named;
pub(crate) use cgroup_layout::container_of;

/// Control groups that are remembered, of 300 to 1500 bytes each: some 5 MiB on the largest nodes. Of more than these the ends are
/// told without their births, and no repair finds them.
pub(crate) const MAX_CGROUPS: usize = 16_384;

/// The control groups that were told.
#[derive(Debug)]
pub(crate) struct Cgroups {
    hierarchy: Hierarchy,
    known: HashMap<u64, OrderedFact>,
    ids: Ids,
    limit: usize,
    was_scanned: bool,
    was_full_told: bool,
    /// Ids that have become known to be none of a container's, or are that no more.
    host_changes: Vec<(u64, bool)>,
}

// === impl Cgroups ===

impl Cgroups {
    pub(crate) fn new(hierarchy: Hierarchy) -> Self {
        Self::with_limit(hierarchy, MAX_CGROUPS)
    }

    fn with_limit(hierarchy: Hierarchy, limit: usize) -> Self {
        Self {
            hierarchy,
            known: HashMap::new(),
            ids: Ids::default(),
            limit,
            was_scanned: false,
            was_full_told: false,
            host_changes: Vec::new(),
        }
    }

    pub(crate) fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// The fact that a record tells of; `None` for one of another hierarchy, and for one that a scan was faster to tell.
    pub(crate) fn record(&mut self, record: &eyrie_bpf::Cgroup<'_>) -> Option<OrderedFact> {
        if record.hierarchy != self.hierarchy.number {
            return None;
        }
        if record.is_path_truncated() {
            warn!(
                path = %String::from_utf8_lossy(record.path),
                "the path of a control group is longer than the kernel tells: it may be taken for one of the host"
            );
        }
        let boot_ns = record.header.boot_ns;
        if record.is_removed() {
            return Some(self.removed(record.cgroup_id, record.path, boot_ns));
        }
        let is_told = self
            .known
            .get(&record.cgroup_id)
            .is_some_and(|known| boot_ns <= known.since_boot_ns && path_of(known) == record.path);
        (!is_told).then(|| {
            let fact = self.made(record.cgroup_id, record.path, boot_ns, boot_ns);
            if record.is_path_truncated() {
                self.host_changes.retain(|(id, _)| *id != record.cgroup_id);
                self.host_changes.push((record.cgroup_id, false));
            }
            fact
        })
    }

    /// Since the last call, in order: ids of groups that are none of a container's, and those of which that holds no more.
    pub(crate) fn take_host_changes(&mut self) -> Vec<(u64, bool)> {
        std::mem::take(&mut self.host_changes)
    }

    /// The facts that have changed without a record: of groups that are found and were not told, and of those that are gone. The
    /// first time these are all groups that there are. They hold as of the end of the walk.
    pub(crate) fn scan(&mut self, clock: impl FnOnce() -> u64) -> Vec<OrderedFact> {
        let Some(mount) = self.hierarchy.mount.clone() else { return Vec::new() };
        let (found, is_all) = match scan::scan(&mount, self.limit) {
            Ok(found) => found,
            Err(error) => {
                warn!(path = %mount.display(), "control groups cannot be listed: {error}");
                return Vec::new();
            }
        };
        let now_boot_ns = clock();
        // Those of the first time are from before the agent's start, of which no birth is told.
        let birth_boot_ns = if self.was_scanned { now_boot_ns } else { 0 };
        self.was_scanned = true;
        let mut facts = Vec::new();
        if is_all {
            let there: HashMap<u64, &[u8]> = found.iter().map(|found| (found.id, &*found.path)).collect();
            // An id may have been given again; then another path has it.
            let is_gone = |(id, fact): (&u64, &OrderedFact)| {
                (there.get(id).copied() != Some(path_of(fact))).then_some(*id)
            };
            let gone: Vec<u64> = self.known.iter().filter_map(is_gone).collect();
            facts.extend(gone.into_iter().map(|id| self.removed(id, b"", now_boot_ns)));
        } else {
            self.tell_full();
        }
        let new = found.into_iter().filter(|found| !self.known.contains_key(&found.id));
        // The host's first: it is not known who of those that call themselves the same came first.
        let (of_users, of_host): (Vec<_>, Vec<_>) = new.partition(|found| self.is_of_a_user(&found.path));
        for found in of_host.into_iter().chain(of_users) {
            facts.push(self.made(found.id, &found.path, birth_boot_ns, now_boot_ns));
        }
        facts
    }

    /// Everything that was told and still holds, to be told again; parents before children.
    pub(crate) fn all(&self) -> Vec<OrderedFact> {
        let mut facts: Vec<_> = self.known.values().cloned().collect();
        facts.sort_by(|a, b| path_of(a).cmp(path_of(b)));
        facts
    }

    fn made(&mut self, id: u64, path: &[u8], birth_boot_ns: u64, since_boot_ns: u64) -> OrderedFact {
        let container = container_of(path).filter(|named| self.may_be_called(named, id));
        let (container_id, runtime) =
            container.map_or_else(Default::default, |named| (named.id, named.runtime.to_owned()));
        self.host_changes.push((id, container_id.is_empty()));
        let key = CgroupKey { hierarchy: self.hierarchy.number, cgroup_id: id, birth_boot_ns };
        let fact =
            CgroupFact { cgroup: Some(key), path: path.to_vec(), container_id, runtime, is_removed: false };
        let fact = OrderedFact { since_boot_ns, kind: Some(ordered_fact::Kind::Cgroup(fact)) };
        let is_full = self.known.len() >= self.limit;
        match self.known.entry(id) {
            Entry::Occupied(mut known) => {
                known.insert(fact.clone());
            }
            Entry::Vacant(vacant) if !is_full => {
                vacant.insert(fact.clone());
            }
            Entry::Vacant(_) => self.tell_full(),
        }
        fact
    }

    fn removed(&mut self, id: u64, path: &[u8], now_boot_ns: u64) -> OrderedFact {
        self.host_changes.push((id, false));
        let known = match self.known.remove(&id).and_then(|fact| fact.kind) {
            Some(ordered_fact::Kind::Cgroup(fact)) => {
                self.ids.release(&fact.container_id, id);
                fact
            }
            // Its birth is not known: the removal is of whatever has the id.
            _ => CgroupFact {
                cgroup: Some(CgroupKey { hierarchy: self.hierarchy.number, cgroup_id: id, birth_boot_ns: 0 }),
                path: path.to_vec(),
                ..CgroupFact::default()
            },
        };
        let fact = CgroupFact { is_removed: true, ..known };
        OrderedFact { since_boot_ns: now_boot_ns, kind: Some(ordered_fact::Kind::Cgroup(fact)) }
    }

    /// Whether a group's container may be called so by whoever made it.
    fn may_be_called(&mut self, named: &Named, id: u64) -> bool {
        let maker = self.maker_of(named);
        self.ids.claim(&named.id, maker, named.is_outermost.then_some(id))
    }

    fn is_of_a_user(&self, path: &[u8]) -> bool {
        container_of(path).is_some_and(|named| matches!(self.maker_of(&named), Maker::User(_)))
    }

    fn maker_of(&self, named: &Named) -> Maker {
        Maker::of(self.hierarchy.mount.as_deref(), &named.outermost)
    }

    fn tell_full(&mut self) {
        if !std::mem::replace(&mut self.was_full_told, true) {
            warn!(
                limit = self.limit,
                "more control groups than are kept: after a loss of records, some may not be told again"
            );
        }
    }
}

fn path_of(fact: &OrderedFact) -> &[u8] {
    match &fact.kind {
        Some(ordered_fact::Kind::Cgroup(fact)) => &fact.path,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
