//! Puts changes into a message of a bounded size.

use cluster_watch::{Change, Picture, Uid};
use eyrie_proto::metadata::{ClusterDelta, KubernetesKey, Tombstone, tombstone};
use prost::Message as _;

/// Changes of one delta.
pub(super) const MAX_CHANGES: usize = 500;
/// Bytes of one delta, beyond which no further object is added; an object has at most some 100 KiB.
const MAX_DELTA_BYTES: usize = 1024 * 1024;

/// A delta of the first of the changes, and those that were left for the next.
pub(super) fn delta(
    picture: &Picture,
    cluster_uid: &str,
    changes: Vec<(Uid, Change)>,
) -> (ClusterDelta, Vec<(Uid, Change)>) {
    let key = |uid: &Uid| KubernetesKey { cluster_uid: cluster_uid.to_owned(), object_uid: uid.to_string() };
    let (mut delta, mut bytes) = (ClusterDelta::default(), 0_usize);
    let mut changes = changes.into_iter();
    while bytes < MAX_DELTA_BYTES
        && let Some((uid, change)) = changes.next()
    {
        match change {
            // What is gone since has a removal among the changes that follow.
            Change::Present => {
                let Some(mut object) = picture.get(&uid) else { continue };
                object.key = Some(key(&uid));
                bytes = bytes.saturating_add(object.encoded_len());
                delta.upserts.push(object);
            }
            Change::Removed { at_ns } => {
                let key = Some(tombstone::Key::Kubernetes(key(&uid)));
                delta.tombstones.push(Tombstone { key, version: 0, ended_ns: at_ns });
            }
        }
    }
    (delta, changes.collect())
}
