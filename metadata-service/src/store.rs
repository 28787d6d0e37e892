//! The durable store of entities, as everything else in the service sees it.
//!
//! Every change gives its entity the next *revision*, which is also the entity's version. The store keeps the last state
//! of each entity in the order of revisions: that is the snapshot and the feed of changes in one, so a reader that is
//! slow skips what was overtaken, and nothing waits in memory for it. What has ended stays as a tombstone for a while.
//! What [`MetadataStore::apply`] has accepted survives a crash of the process and of the machine.

mod error;
mod listing;
mod metrics;
pub mod nats;
pub mod sqlite;

use std::{collections::HashSet, sync::Arc, time::Duration};

use eyrie_proto::metadata::{Container, Entity, Host, KubernetesKey, KubernetesObject, Tombstone};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

pub use self::{
    error::StoreError,
    listing::{ImagePattern, Listing, Page, PagePosition},
    metrics::StoreMetrics,
};
use crate::keys::ContainerName;

/// Whose entities they are: the unit that is watched, counted and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// An origin's canonical name (`Origin`'s `Display`).
    Origin(String),
    /// A cluster's uid.
    Cluster(String),
}

/// Something that was said about an entity; its key is checked and of the batch's scope.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Of a container.
    Container(ContainerName, Box<Container>),
    /// Of a host.
    Host(Box<Host>),
    /// A container ended, at a moment of its origin's boot clock. The key is for the case that nothing else is known.
    ContainerRemoval(ContainerName, Box<Container>, u64),
    /// Of a Kubernetes object: replaces what was known.
    Kubernetes(Box<KubernetesObject>),
    /// A Kubernetes object is gone, since so many nanoseconds after the epoch.
    KubernetesRemoval(KubernetesKey, u64),
}

/// Statements of one speaker, in their order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose they are.
    pub scope: Scope,
    /// The speaker's epoch, in which its statements are counted.
    pub epoch: u64,
    /// The number of the first statement, or of all, as `numbering` says.
    pub first_sequence: u64,
    /// How statements are counted.
    pub numbering: Numbering,
    /// Statements, numbered without a gap.
    pub statements: Vec<Statement>,
}

/// How the statements of a batch are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Each by itself, as engines relay them.
    Each,
    /// All are one turn, as clusters push them.
    Turn(Turn),
    /// Not at all: they follow from what was counted.
    None,
}

/// What a cluster's turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Follows the one before.
    Next,
    /// The first of a snapshot: numbers may have been left out.
    First,
    /// The end of a snapshot: from here on the cluster is known whole.
    SnapshotEnd,
    /// First and end in one.
    EmptySnapshot,
}

/// Who speaks for a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpeaker {
    /// uid of its namespace kube-system.
    pub cluster_uid: String,
    /// For people.
    pub name: String,
    /// Whose it is.
    pub tenant: String,
    /// Of the speaker's start.
    pub epoch: u64,
    /// The last turn that the speaker was told is durable.
    pub acked_through_ordinal: u64,
}

/// How a cluster stands with one epoch of its speaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterStanding {
    /// The last turn of the epoch that is durable; 0 for none.
    pub through_ordinal: u64,
    /// A snapshot of this epoch has ended: changes may follow.
    pub is_whole: bool,
}

/// When a cluster was heard of last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterHeard {
    /// Its uid.
    pub cluster_uid: String,
    /// Milliseconds since the epoch.
    pub heard_ms: i64,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sought {
    /// A container of an origin, as of a moment of its boot clock; 0 for now.
    Container {
        /// The origin's name.
        origin: String,
        /// What is known of its key.
        name: ContainerName,
        /// The moment.
        as_of_ns: u64,
    },
    /// A host, as of a moment of its boot clock; 0 for now.
    Host {
        /// The origin's name.
        origin: String,
        /// The moment.
        as_of_ns: u64,
    },
    /// A Kubernetes object. Joined by uid, never by time.
    Kubernetes {
        /// Of the cluster.
        cluster_uid: String,
        /// Of the object.
        object_uid: String,
    },
}

/// What the store has for a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The entity.
    Found {
        /// As clients see it.
        entity: Box<Entity>,
        /// More of it will come.
        is_pending: bool,
    },
    /// It is known, and was not so at that moment.
    NotThen,
    /// Several fit equally well, so that none may be answered.
    Ambiguous(usize),
    /// Nothing is known.
    Unknown(Unknown),
}

/// What is known of the scope of something unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Somebody has spoken of this scope.
    pub is_scope_known: bool,
    /// Entities of the scope that had to go although they were not known to have ended.
    pub forgotten_entities: u64,
    /// The latest end of a tombstone of the scope that is gone: before that, absence cannot be told.
    pub forgotten_until_ns: u64,
}

/// The revisions that exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revisions {
    /// Changes up to this one may be missing from the feed.
    pub forgotten_through: u64,
    /// The newest.
    pub last: u64,
}

/// Where to go on reading changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangesFrom {
    /// The last revision that was read; 0 for all.
    pub after_revision: u64,
    /// Of the revisions up to this one, only what still holds is wanted: the snapshot.
    pub snapshot_through: u64,
}

/// A stretch of the feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Everything up to here was looked at.
    pub through_revision: u64,
    /// There was nothing more when it was read.
    pub is_end: bool,
    /// As of the read.
    pub revisions: Revisions,
    /// What changed, in the order of revisions. What has ended is among them too: its last state may be news.
    pub upserts: Vec<Entity>,
    /// What has ended.
    pub tombstones: Vec<Tombstone>,
}

/// How large the store may become, and how long it remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Entities of one scope, tombstones among them.
    pub max_entities_per_scope: u64,
    /// The same of a cluster's objects.
    pub max_objects_per_cluster: u64,
    /// Entities altogether, tombstones among them.
    pub max_entities: u64,
    /// Scopes altogether.
    pub max_scopes: u64,
    /// Bytes of one entity; [`MAX_ENTITY_BYTES`](crate::record::MAX_ENTITY_BYTES) unless what stores it takes less.
    pub max_entity_bytes: usize,
    /// How long what has ended is kept.
    pub tombstone_retention: Duration,
    /// How long what a container's pod belongs to counts as on its way.
    pub join_patience: Duration,
}

/// A durable store of entities.
#[tonic::async_trait]
pub trait MetadataStore: Send + Sync + 'static {
    /// The revisions that exist; changes with every change of the store.
    fn revisions(&self) -> watch::Receiver<Revisions>;

    /// Waits for the changes up to a revision, if they are on their way from another replica.
    async fn catch_up(&self, _revision: u64) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether it can do all that it is for.
    async fn check(&self) -> Result<(), StoreError> {
        self.find(Arc::new([])).await.map(drop)
    }

    /// Ends what works in the background.
    async fn close(&self) {}

    /// Applies what is new of a batch, and says through which sequence number everything is durable. Applying it again
    /// changes nothing; a batch that does not follow what is durable is refused.
    async fn apply(&self, batch: Arc<Batch>) -> Result<u64, StoreError>;

    /// What is known for each question, all as of one state of the store.
    async fn find(&self, questions: Arc<[Sought]>) -> Result<Vec<Finding>, StoreError>;

    /// The next changes of the scopes.
    async fn changes(&self, scopes: Arc<HashSet<Scope>>, from: ChangesFrom) -> Result<Changes, StoreError>;

    /// The next page of the entities that a listing picks, as of one state of the store.
    async fn list(&self, listing: Arc<Listing>) -> Result<Page, StoreError>;

    /// Forgets tombstones that were kept for long enough.
    async fn forget_expired(&self) -> Result<(), StoreError>;

    /// Notes who speaks for a cluster from now on; refused if the cluster is another tenant's.
    async fn open_cluster(&self, speaker: Arc<ClusterSpeaker>) -> Result<ClusterStanding, StoreError>;

    /// uids of a cluster's objects that have not ended, in their order, after one of them.
    async fn present_objects(&self, cluster_uid: &str, after: &str) -> Result<Vec<String>, StoreError>;

    /// All clusters that are known.
    async fn clusters(&self) -> Result<Vec<ClusterHeard>, StoreError>;

    /// Tells the next containers anew whose pods or what those belong to changed, and settles those that waited for long
    /// enough; whether more are left.
    async fn rejoin(&self) -> Result<bool, StoreError>;
}

// === impl Scope ===

impl Scope {
    const ORIGIN_KIND: i64 = 1;
    const CLUSTER_KIND: i64 = 2;

    /// The stored number of its kind.
    fn kind_number(&self) -> i64 {
        match self {
            Self::Origin(_) => Self::ORIGIN_KIND,
            Self::Cluster(_) => Self::CLUSTER_KIND,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Origin(name) | Self::Cluster(name) => name,
        }
    }

    /// Its number in all copies of a bucket. Of a hash, which nobody can choose: 63 bits are enough for all that fit a
    /// store.
    fn shared_id(&self) -> i64 {
        let kind = self.kind_number().to_be_bytes();
        let digest = Sha256::new().chain_update(kind).chain_update(self.name()).finalize();
        let number = digest.iter().take(8).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
        number & i64::MAX
    }

    fn of_stored(kind: i64, name: String) -> Option<Self> {
        match kind {
            Self::ORIGIN_KIND => Some(Self::Origin(name)),
            Self::CLUSTER_KIND => Some(Self::Cluster(name)),
            _ => None,
        }
    }
}

// === impl Sought ===

impl Sought {
    /// Whose it is.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Container { origin, .. } | Self::Host { origin, .. } => Scope::Origin(origin.clone()),
            Self::Kubernetes { cluster_uid, .. } => Scope::Cluster(cluster_uid.clone()),
        }
    }

    /// The moment, in its scope's clock; 0 for now.
    pub fn as_of_ns(&self) -> u64 {
        match self {
            Self::Container { as_of_ns, .. } | Self::Host { as_of_ns, .. } => *as_of_ns,
            Self::Kubernetes { .. } => 0,
        }
    }
}

// === impl StoreLimits ===

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            max_entities_per_scope: 20_000,
            max_objects_per_cluster: 200_000,
            // Some 2 KiB on the disk each.
            max_entities: 2_000_000,
            max_scopes: 65_536,
            max_entity_bytes: crate::record::MAX_ENTITY_BYTES,
            tombstone_retention: Duration::from_secs(3_600),
            join_patience: Duration::from_secs(30),
        }
    }
}
