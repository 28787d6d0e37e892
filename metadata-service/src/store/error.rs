//! What can go wrong with a store.

use std::path::PathBuf;

/// Why a store did not do what it was asked for. The text says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The batch does not follow what is durable.
    #[error(
        "facts {expected} to {} of this epoch are missing: relay from fact {expected}, which is the first that is not \
         durable", found.saturating_sub(1)
    )]
    SequenceGap {
        /// The first number that is not durable.
        expected: u64,
        /// The first number of the batch.
        found: u64,
    },
    /// Somebody else has said that the cluster is theirs.
    #[error(
        "the cluster {cluster_uid} is known as another tenant's than {tenant:?}: check --tenant and the certificates of its \
         metadata services"
    )]
    ForeignCluster {
        /// Its uid.
        cluster_uid: String,
        /// Who asked.
        tenant: String,
    },
    /// Statements about one entity add up to too much.
    #[error(
        "statement {index} makes its entity {found} bytes large, more than {limit}: shorten labels, annotations or \
         environment"
    )]
    EntityTooLarge {
        /// Of the statement in its batch.
        index: usize,
        /// The entity's size.
        found: usize,
        /// The largest that is taken.
        limit: usize,
    },
    /// No room on the file system.
    #[error(
        "no space left for the metadata store {}: nothing is acknowledged until there is; free space on its file \
         system ({detail})", path.display()
    )]
    Full {
        /// The store's file.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
    /// The file system fails.
    #[error("cannot read or write the metadata store {}: check its disk and permissions ({detail})", path.display())]
    Io {
        /// The store's file.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
    /// Another process uses the store.
    #[error(
        "the metadata store {} is in use by another metadata-service: stop that one, or give this one another \
         --data-dir", path.display()
    )]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The file is no store, or was damaged.
    #[error(
        "the metadata store {} is damaged or no metadata store: move it and its -wal and -shm files away to start \
         with an empty one, or restore a backup ({detail})", path.display()
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
    /// The file was written by a newer version.
    #[error(
        "the metadata store {} has schema version {found}, this service knows up to {known}: run the newer one again, \
         or give this one another --data-dir", path.display()
    )]
    NewerSchema {
        /// The store's file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// The bucket that replicas share cannot be used at the moment.
    #[error(
        "the bucket {bucket} cannot be reached: what is known is still answered, nothing is acknowledged until it is \
         back; check NATS and the network ({detail})"
    )]
    BucketAway {
        /// Its name.
        bucket: String,
        /// What went wrong.
        detail: String,
    },
    /// The bucket, or the server that has it, is not set up as a store needs it.
    #[error("the bucket {bucket} cannot be used: {detail}")]
    BucketUnfit {
        /// Its name.
        bucket: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// Others wrote the same entities again and again.
    #[error(
        "the bucket {bucket} was changed by other replicas in each of {tries} tries: try again; if it stays so, let \
         each engine and cluster speak to one replica"
    )]
    BucketContended {
        /// Its name.
        bucket: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The store was closed.
    #[error("the metadata store {} is closed: the service is shutting down", path.display())]
    Closed {
        /// The store's file.
        path: PathBuf,
    },
    /// Anything else: a fault of ours.
    #[error("the metadata store {} failed: {detail}; please report this", path.display())]
    Internal {
        /// The store's file.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
}
