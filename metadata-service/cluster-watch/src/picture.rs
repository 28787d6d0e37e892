//! What is known of a cluster, and what of it somebody has not taken yet.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use eyrie_proto::metadata::KubernetesObject;
use prost::Message as _;
use tokio::sync::Notify;

use crate::kind::Kind;

/// Removals that wait to be taken, of some 100 bytes each. Beyond, everything is to be told again instead.
const MAX_REMOVALS: usize = 65_536;
/// The namespace whose uid is the cluster's.
const CLUSTER_NAMESPACE: &str = "kube-system";

/// uid of an object.
pub type Uid = Arc<str>;

/// A cluster's objects.
#[derive(Debug)]
pub struct Picture {
    /// More are not kept.
    max_objects: usize,
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    objects: HashMap<Uid, Kept>,
    listed: HashSet<Kind>,
    cluster_uid: Option<Uid>,
    /// What changed and was not taken, in the order of `order`; there may be more in that, of what was taken otherwise.
    changes: HashMap<Uid, Change>,
    order: VecDeque<Uid>,
    removals: usize,
    /// Changes had to be forgotten.
    is_overflown: bool,
    /// Objects that were refused for want of room since the list before.
    refused: u64,
}

/// An object, encoded: a third of its size as a message.
#[derive(Debug)]
struct Kept {
    kind: Kind,
    body: Box<[u8]>,
}

/// How an object changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there, and as the picture has it.
    Present,
    /// It is gone since so many nanoseconds after the epoch.
    Removed {
        /// The moment.
        at_ns: u64,
    },
}

/// A list in progress: what it has had.
#[derive(Debug)]
pub(crate) struct Listing {
    kind: Kind,
    seen: HashSet<Uid>,
}

// === impl Picture ===

impl Picture {
    /// Of nothing yet.
    pub fn new(max_objects: usize) -> Self {
        Self { max_objects, known: Mutex::default(), changed: Notify::new() }
    }

    /// Every kind was listed: what is not here does not exist.
    pub fn is_whole(&self) -> bool {
        self.known().listed.len() == Kind::ALL.len()
    }

    /// Which kinds were listed.
    pub fn is_listed(&self, kind: Kind) -> bool {
        self.known().listed.contains(&kind)
    }

    /// uid of the namespace kube-system.
    pub fn cluster_uid(&self) -> Option<Uid> {
        self.known().cluster_uid.clone()
    }

    /// How many objects it has.
    pub fn len(&self) -> usize {
        self.known().objects.len()
    }

    /// It has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Objects that there was no room for.
    pub fn refused(&self) -> u64 {
        self.known().refused
    }

    /// Resolves once something changed since it was called last.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes the next changes, the oldest first. `None`: too many were not taken in time; everything is to be taken anew.
    pub fn take_changes(&self, limit: usize) -> Option<Vec<(Uid, Change)>> {
        let mut known = self.known();
        if known.is_overflown {
            return None;
        }
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(uid) = known.order.pop_front()
        {
            if let Some(change) = known.changes.remove(&uid) {
                known.removals -= usize::from(change != Change::Present);
                taken.push((uid, change));
            }
        }
        Some(taken)
    }

    /// Gives changes back that did not reach whom they were for. What has changed again since is to be told anyway.
    pub fn give_back(&self, changes: impl IntoIterator<Item = (Uid, Change)>) {
        let mut known = self.known();
        for (uid, change) in changes {
            if known.changes.contains_key(&uid) {
                continue;
            }
            let now = if known.objects.contains_key(&uid) { Change::Present } else { change };
            // What was there and is not any more, has a removal among the changes, or had one that was taken.
            if now == Change::Present && !known.objects.contains_key(&uid) {
                continue;
            }
            known.note(uid, now);
        }
        drop(known);
        self.changed.notify_one();
    }

    /// All objects there are; whatever changed until now is among them.
    pub fn take_all(&self) -> Vec<Uid> {
        let mut known = self.known();
        known.changes.clear();
        known.order.clear();
        known.removals = 0;
        known.is_overflown = false;
        known.objects.keys().cloned().collect()
    }

    /// An object as it is now.
    pub fn get(&self, uid: &str) -> Option<KubernetesObject> {
        let known = self.known();
        KubernetesObject::decode(&*known.objects.get(uid)?.body).ok()
    }

    /// An object is as given; whether there was room for it.
    pub(crate) fn put(&self, kind: Kind, object: &KubernetesObject) -> bool {
        let uid: Uid = object.key.as_ref().map_or("", |key| &*key.object_uid).into();
        let body = object.encode_to_vec().into_boxed_slice();
        let mut known = self.known();
        if kind == Kind::Namespace && object.name == CLUSTER_NAMESPACE {
            known.cluster_uid = Some(Arc::clone(&uid));
        }
        match known.objects.get(&uid) {
            // A new resource version, and nothing that is kept is new.
            Some(kept) if kept.body == body => return true,
            None if known.objects.len() >= self.max_objects => {
                known.refused += 1;
                return false;
            }
            _ => {}
        }
        known.objects.insert(Arc::clone(&uid), Kept { kind, body });
        known.note(uid, Change::Present);
        drop(known);
        self.changed.notify_one();
        true
    }

    /// An object is gone.
    pub(crate) fn remove(&self, uid: &str, at_ns: u64) {
        let mut known = self.known();
        if let Some((uid, _)) = known.objects.remove_entry(uid) {
            known.note(uid, Change::Removed { at_ns });
            drop(known);
            self.changed.notify_one();
        }
    }

    /// A list of a kind begins.
    pub(crate) fn begin_list(&self, kind: Kind) -> Listing {
        Listing { kind, seen: HashSet::new() }
    }

    /// A list is whole: what it did not have is gone.
    pub(crate) fn end_list(&self, listing: Listing, at_ns: u64) {
        let Listing { kind, seen } = listing;
        let mut known = self.known();
        let is_gone =
            |(uid, kept): (&Uid, &Kept)| (kept.kind == kind && !seen.contains(uid)).then(|| Arc::clone(uid));
        let gone: Vec<Uid> = known.objects.iter().filter_map(is_gone).collect();
        for uid in gone {
            known.objects.remove(&uid);
            known.note(uid, Change::Removed { at_ns });
        }
        known.listed.insert(kind);
        drop(known);
        self.changed.notify_one();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Listing ===

impl Listing {
    /// The list has this object.
    pub(crate) fn saw(&mut self, object: &KubernetesObject) {
        let uid = object.key.as_ref().map_or("", |key| &*key.object_uid);
        self.seen.insert(uid.into());
    }
}

// === impl Known ===

impl Known {
    fn note(&mut self, uid: Uid, change: Change) {
        let before = self.changes.insert(Arc::clone(&uid), change);
        self.removals += usize::from(change != Change::Present);
        self.removals -= usize::from(before.is_some_and(|before| before != Change::Present));
        if before.is_none() {
            self.order.push_back(uid);
        }
        if self.removals > MAX_REMOVALS {
            self.changes.clear();
            self.order.clear();
            self.removals = 0;
            self.is_overflown = true;
        }
    }
}

#[cfg(test)]
mod tests;
