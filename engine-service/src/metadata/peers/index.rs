//! The objects of one cluster, by uid and by address.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use eyrie_proto::metadata::KubernetesObject;
use prost::Message as _;
use tokio::time::Instant;

/// Kinds that have addresses.
const NODE: &str = "Node";
const KINDS: [&str; 3] = [NODE, "Pod", "Service"];
/// Addresses of one object; pods and services have two at most, nodes a few.
const MAX_ADDRESSES: usize = 16;
/// What an object takes besides itself.
const OBJECT_BYTES: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_uid: HashMap<Arc<str>, Entry>,
    by_address: HashMap<IpAddr, Address>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    object: Arc<KubernetesObject>,
    addresses: Vec<IpAddr>,
    bytes: usize,
    is_node: bool,
    /// When it ended, nanoseconds since the epoch, and when we heard of it.
    ended: Option<(u64, Instant)>,
    /// The snapshot that is on its way has not named it so far.
    is_stale: bool,
}

/// Who has had an address.
#[derive(Debug, Default)]
struct Address {
    uids: Vec<Arc<str>>,
    /// Somebody who has it too did not fit: who has it is not known.
    is_disputed: bool,
}

/// Who had an address at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Holder {
    Nobody,
    One(Arc<KubernetesObject>),
    /// It is not known which of several.
    Disputed,
}

// === impl Index ===

impl Index {
    /// Who had the address at that moment; of a node and the pods that share its network the node.
    pub(super) fn find(&self, ip: IpAddr, at_ns: u64) -> Holder {
        let Some(address) = self.by_address.get(&ip) else { return Holder::Nobody };
        if address.is_disputed {
            return Holder::Disputed;
        }
        let there = || {
            address.uids.iter().filter_map(|uid| self.by_uid.get(uid)).filter(|entry| entry.was_there(at_ns))
        };
        let mut nodes = there().filter(|entry| entry.is_node);
        let mut all = there();
        let only = match (nodes.next(), nodes.next()) {
            (Some(node), None) => node,
            (Some(_), Some(_)) => return Holder::Disputed,
            (None, _) => match (all.next(), all.next()) {
                (Some(only), None) => only,
                (None, _) => return Holder::Nobody,
                (Some(_), Some(_)) => return Holder::Disputed,
            },
        };
        Holder::One(Arc::clone(&only.object))
    }

    /// Takes what is told of an object, if there is room or it is known already; gives whether it was taken. What has no
    /// addresses is none of ours.
    pub(super) fn insert(&mut self, mut object: KubernetesObject, has_room: bool) -> bool {
        let Some(uid) = object.key.as_ref().map(|key| Arc::<str>::from(&*key.object_uid)) else {
            return true;
        };
        let is_known = self.remove(&uid);
        if !KINDS.contains(&&*object.kind) {
            return true;
        }
        let mut addresses: Vec<IpAddr> = object.ips.iter().filter_map(|ip| ip.parse().ok()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return true;
        }
        if !has_room && !is_known {
            for ip in &addresses {
                if let Some(address) = self.by_address.get_mut(ip) {
                    address.is_disputed = true;
                }
            }
            return false;
        }
        // Nobody asks for the rest.
        object.annotations.clear();
        object.owners.clear();
        object.selector.clear();
        for ip in &addresses {
            self.by_address.entry(*ip).or_default().uids.push(Arc::clone(&uid));
        }
        let bytes = object.encoded_len() + OBJECT_BYTES;
        let ended_ns = object.validity.map_or(0, |validity| validity.until_ns);
        let ended = (ended_ns != 0).then(|| (ended_ns, Instant::now()));
        self.bytes += bytes;
        let is_node = object.kind == NODE;
        let entry = Entry { object: Arc::new(object), addresses, bytes, is_node, ended, is_stale: false };
        self.by_uid.insert(uid, entry);
        true
    }

    /// An object is gone. It stays for a while, for events from before.
    pub(super) fn end(&mut self, uid: &str, ended_ns: u64) {
        if let Some(entry) = self.by_uid.get_mut(uid) {
            entry.is_stale = false;
            entry.ended.get_or_insert((ended_ns.max(1), Instant::now()));
        }
    }

    pub(super) fn begin_snapshot(&mut self) {
        for entry in self.by_uid.values_mut() {
            // A snapshot names what holds; of what has ended it says nothing.
            entry.is_stale = entry.ended.is_none();
        }
    }

    pub(super) fn end_snapshot(&mut self) {
        self.remove_all(|entry| entry.is_stale);
    }

    pub(super) fn sweep(&mut self, now: Instant, keep_for: Duration) {
        let is_over = |heard: Instant| now.saturating_duration_since(heard) >= keep_for;
        self.remove_all(|entry| entry.ended.is_some_and(|(_, heard)| is_over(heard)));
    }

    pub(super) fn len(&self) -> usize {
        self.by_uid.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove_all(&mut self, is_over: impl Fn(&Entry) -> bool) {
        let over: Vec<Arc<str>> =
            self.by_uid.iter().filter(|(_, entry)| is_over(entry)).map(|(uid, _)| Arc::clone(uid)).collect();
        for uid in over {
            self.remove(&uid);
        }
    }

    fn remove(&mut self, uid: &str) -> bool {
        let Some(entry) = self.by_uid.remove(uid) else { return false };
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        for ip in entry.addresses {
            if let Some(address) = self.by_address.get_mut(&ip) {
                address.uids.retain(|other| **other != *uid);
                if address.uids.is_empty() {
                    self.by_address.remove(&ip);
                }
            }
        }
        true
    }
}

// === impl Entry ===

impl Entry {
    fn was_there(&self, at_ns: u64) -> bool {
        let from_ns = self.object.validity.map_or(0, |validity| validity.from_ns);
        from_ns <= at_ns && self.ended.is_none_or(|(ended_ns, _)| at_ns <= ended_ns)
    }
}
