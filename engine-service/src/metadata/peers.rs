//! Who has which address in the clusters of the hosts that have sessions: pods, services and nodes.
//!
//! A host's cluster is that of its containers' pods. What the metadata service tells of a cluster is indexed by address, with
//! the times between which each object was there, so that an event is given the one of its own time. An address
//! that several could have has nobody: nothing is guessed. A node and the pods that share its network are the node.

mod index;
mod watch;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use eyrie_proto::metadata::{KubernetesKey, KubernetesObject};
use fields::PeerView;
use tokio::time::Instant;

use self::index::Index;
pub(super) use self::watch::watch;

/// Clusters that one host's containers can be of: a host in two is one whose cluster was made anew.
const MAX_CLUSTERS_OF_ORIGIN: usize = 4;

/// How much is kept.
#[derive(Clone, Debug)]
pub struct PeerLimits {
    /// Pods, services and nodes of all clusters.
    pub max_objects: usize,
    /// Their bytes, as on the wire; in memory about three times that.
    pub max_bytes: usize,
    /// How long an object that is gone is remembered, for events that come late.
    pub keep_for: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Peers {
    clusters: RwLock<HashMap<Arc<str>, Cluster>>,
    limits: PeerLimits,
}

#[derive(Debug)]
struct Cluster {
    index: Index,
    /// All that holds has been told.
    is_whole: bool,
}

/// Who has an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum PeerAnswer {
    Known(Arc<KubernetesObject>),
    /// The picture of a cluster is not whole yet.
    Unknown,
    /// Nobody, or more than one.
    #[default]
    Absent,
}

// === impl PeerLimits ===

impl Default for PeerLimits {
    fn default() -> Self {
        Self { max_objects: 200_000, max_bytes: 128 * 1024 * 1024, keep_for: Duration::from_secs(300) }
    }
}

// === impl PeerAnswer ===

impl PeerAnswer {
    /// What fields see of it.
    pub(crate) fn view(&self) -> PeerView<'_> {
        match self {
            Self::Known(object) => PeerView::Known(object),
            Self::Unknown => PeerView::Unknown,
            Self::Absent => PeerView::Absent,
        }
    }
}

// === impl Peers ===

impl Peers {
    pub(super) fn new(limits: PeerLimits) -> Self {
        Self { clusters: RwLock::default(), limits }
    }

    /// Who of these clusters has the address at a moment, nanoseconds since the epoch.
    pub(super) fn find(&self, clusters: &BTreeSet<Arc<str>>, ip: IpAddr, at_ns: u64) -> PeerAnswer {
        let known = self.read();
        let mut found = PeerAnswer::Absent;
        for uid in clusters {
            // One that was heard of a moment ago is not watched yet. As long as the picture is not whole, nobody knows who else has the address.
            let Some(cluster) = known.get(uid).filter(|cluster| cluster.is_whole) else {
                return PeerAnswer::Unknown;
            };
            match (cluster.index.find(ip, at_ns), &found) {
                (None, _) => {}
                (Some(object), PeerAnswer::Absent) => found = PeerAnswer::Known(object),
                (Some(_), _) => return PeerAnswer::Absent,
            }
        }
        found
    }

    /// From now on these clusters are watched, and no others; gives whether some are new.
    fn watched(&self, clusters: &BTreeSet<Arc<str>>) -> bool {
        let mut known = self.write();
        known.retain(|uid, _| clusters.contains(uid));
        let count = known.len();
        for uid in clusters {
            let new = || Cluster { index: Index::default(), is_whole: false };
            known.entry(Arc::clone(uid)).or_insert_with(new);
        }
        known.len() > count
    }

    /// All that holds is told from the start: what is not named again is gone.
    fn begin_snapshot(&self) {
        self.write().values_mut().for_each(|cluster| cluster.index.begin_snapshot());
    }

    fn end_snapshot(&self) {
        for cluster in self.write().values_mut() {
            cluster.index.end_snapshot();
            cluster.is_whole = true;
        }
    }

    /// Takes what is told of an object; gives whether it is of a cluster that is watched, and whether there was room.
    fn learn(&self, object: KubernetesObject) -> Taken {
        let mut known = self.write();
        let uid = object.key.as_ref().map(|key| key.cluster_uid.clone()).unwrap_or_default();
        let (objects, bytes) = known.values().fold((0, 0), |(objects, bytes), cluster| {
            (objects + cluster.index.len(), bytes + cluster.index.bytes())
        });
        let has_room = objects < self.limits.max_objects && bytes < self.limits.max_bytes;
        let Some(cluster) = known.get_mut(&*uid) else { return Taken::Foreign };
        if cluster.index.insert(object, has_room) { Taken::Kept } else { Taken::LeftOut }
    }

    /// An object is gone; gives whether it is of a cluster that is watched.
    fn end(&self, key: &KubernetesKey, ended_ns: u64) -> bool {
        let mut known = self.write();
        let Some(cluster) = known.get_mut(&*key.cluster_uid) else { return false };
        cluster.index.end(&key.object_uid, ended_ns);
        true
    }

    /// Forgets what has been gone for long enough.
    pub(super) fn sweep(&self, now: Instant) {
        let keep_for = self.limits.keep_for;
        self.write().values_mut().for_each(|cluster| cluster.index.sweep(now, keep_for));
    }

    /// Objects that are kept.
    pub(super) fn len(&self) -> usize {
        self.read().values().map(|cluster| cluster.index.len()).sum()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Cluster>> {
        self.clusters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Cluster>> {
        self.clusters.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an object that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Kept,
    /// There was no room.
    LeftOut,
    /// Nobody has asked for its cluster.
    Foreign,
}

/// Adds the cluster of a container's pod to those of its host; gives whether it is new.
pub(super) fn join_cluster(clusters: &mut BTreeSet<Arc<str>>, uid: &str) -> bool {
    if uid.is_empty() || clusters.contains(uid) || clusters.len() >= MAX_CLUSTERS_OF_ORIGIN {
        return false;
    }
    clusters.insert(uid.into())
}

#[cfg(test)]
mod tests;
