//! Checks what a cluster pushes, before any of it is stored.

use std::collections::BTreeMap;

use eyrie_proto::metadata::{
    ClusterDelta, ClusterHello, KubernetesKey, KubernetesObject, Tombstone, tombstone::Key,
};
use prost::Message as _;

use crate::{
    error::RpcError,
    keys::check_length,
    store::{ClusterSpeaker, Statement},
};

/// Objects and tombstones of one delta.
const MAX_CHANGES: usize = 1_024;
/// Of one object.
const MAX_OBJECT_BYTES: usize = 128 * 1024;
/// Entries of a map or a list of an object.
const MAX_MEMBERS: usize = 512;

/// A delta that was checked.
#[derive(Debug)]
pub(super) struct Delta {
    pub(super) ordinal: u64,
    pub(super) statements: Vec<Statement>,
}

/// Checks a hello; whether its sender may say that is another question.
pub(super) fn hello(hello: &ClusterHello) -> Result<(), RpcError> {
    let invalid = |detail: String| RpcError::PushInvalid { detail };
    if hello.cluster_uid.is_empty() {
        return Err(invalid(
            "ClusterHello.cluster_uid is empty: send the uid of the namespace kube-system".into(),
        ));
    }
    if hello.epoch == 0 {
        return Err(invalid("ClusterHello.epoch is 0, and an epoch is a random number".into()));
    }
    let parts = [
        ("cluster_uid", &hello.cluster_uid),
        ("cluster_name", &hello.cluster_name),
        ("tenant", &hello.tenant),
        ("version", &hello.version),
    ];
    parts.iter().try_for_each(|(part, text)| {
        check_length(part, text).map_err(|error| invalid(format!("of ClusterHello, {error}")))
    })
}

/// Ordinals are counted from 1.
pub(super) fn ordinal(ordinal: u64) -> Result<(), RpcError> {
    match ordinal == 0 || ordinal >= i64::MAX.cast_unsigned() {
        true => {
            let detail = format!("its ordinal is {ordinal}, and deltas are counted from 1");
            Err(RpcError::PushInvalid { detail })
        }
        false => Ok(()),
    }
}

/// Reads a whole delta; the first object that is wrong refuses it.
pub(super) fn delta(speaker: &ClusterSpeaker, delta: ClusterDelta) -> Result<Delta, RpcError> {
    let ClusterDelta { ordinal: number, upserts, tombstones } = delta;
    ordinal(number)?;
    let found = upserts.len().saturating_add(tombstones.len());
    if found > MAX_CHANGES {
        return Err(RpcError::TooManyInMessage { found, limit: MAX_CHANGES, what: "objects and tombstones" });
    }
    let at = |index| Place { speaker, ordinal: number, index };
    let present = upserts.into_iter().enumerate().map(|(index, object)| at(index).object(object));
    let gone = tombstones.into_iter().enumerate().map(|(index, tombstone)| at(index).tombstone(tombstone));
    let statements = present.chain(gone).collect::<Result<_, _>>()?;
    Ok(Delta { ordinal: number, statements })
}

/// Where something is, for errors.
struct Place<'a> {
    speaker: &'a ClusterSpeaker,
    ordinal: u64,
    index: usize,
}

// === impl Place ===

impl Place<'_> {
    fn object(&self, mut object: KubernetesObject) -> Result<Statement, RpcError> {
        let size = object.encoded_len();
        if size > MAX_OBJECT_BYTES {
            return Err(
                self.invalid(format!("it has {size} bytes, more than {MAX_OBJECT_BYTES}: shorten it"))
            );
        }
        self.key(object.key.as_ref())?;
        let names = [
            ("kind", &object.kind),
            ("namespace", &object.namespace),
            ("name", &object.name),
            ("node_name", &object.node_name),
            ("resource_version", &object.resource_version),
        ];
        for (part, text) in names {
            check_length(part, text).map_err(|error| self.invalid(error.to_string()))?;
        }
        if object.kind.is_empty() {
            return Err(self.invalid("its kind is empty".into()));
        }
        self.members("labels", &object.labels)?;
        self.members("annotations", &object.annotations)?;
        self.members("selector", &object.selector)?;
        self.few("owners", object.owners.len())?;
        self.few("ips", object.ips.len())?;
        for owner in &object.owners {
            for (part, text) in
                [("owner's kind", &owner.kind), ("owner's name", &owner.name), ("owner's uid", &owner.uid)]
            {
                check_length(part, text).map_err(|error| self.invalid(error.to_string()))?;
            }
        }
        // One that is told of is there: it ends by a tombstone.
        object.validity.get_or_insert_default().until_ns = 0;
        object.cluster_name.clone_from(&self.speaker.name);
        Ok(Statement::Kubernetes(Box::new(object)))
    }

    fn tombstone(&self, tombstone: Tombstone) -> Result<Statement, RpcError> {
        let Some(Key::Kubernetes(key)) = tombstone.key else {
            return Err(self.invalid("the tombstone is of no Kubernetes object".into()));
        };
        self.key(Some(&key))?;
        if tombstone.ended_ns == 0 {
            return Err(self.invalid("the tombstone's ended_ns is 0: say when the object ended".into()));
        }
        Ok(Statement::KubernetesRemoval(key, tombstone.ended_ns))
    }

    fn key(&self, key: Option<&KubernetesKey>) -> Result<(), RpcError> {
        let key = key.filter(|key| !key.object_uid.is_empty());
        let key = key.ok_or_else(|| self.invalid("its key has no object_uid".into()))?;
        check_length("object_uid", &key.object_uid).map_err(|error| self.invalid(error.to_string()))?;
        match key.cluster_uid == self.speaker.cluster_uid {
            true => Ok(()),
            false => Err(self.invalid("it is of another cluster than the hello".into())),
        }
    }

    fn members(&self, part: &str, members: &BTreeMap<String, String>) -> Result<(), RpcError> {
        self.few(part, members.len())
    }

    fn few(&self, part: &str, found: usize) -> Result<(), RpcError> {
        match found > MAX_MEMBERS {
            true => Err(self.invalid(format!("its {part} are {found}, more than {MAX_MEMBERS}"))),
            false => Ok(()),
        }
    }

    fn invalid(&self, detail: String) -> RpcError {
        RpcError::ObjectInvalid { ordinal: self.ordinal, index: self.index, detail }
    }
}
