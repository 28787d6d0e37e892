//! What is stored of an entity: its merged fields, and which statement each of them is from.
//!
//! Every field is a register of its own that keeps the value of the latest statement that had one. Statements can
//! therefore come late, twice and in any order, and the outcome is the same; a statement that says nothing of a field
//! leaves it alone. `stamp` does the fields, `container` and `host` say which there are.

mod container;
mod host;
mod names;
mod stamp;

#[cfg(test)]
mod tests;

use eyrie_proto::metadata::{Entity, FieldSource, KubernetesObject, Tombstone, Validity, entity, tombstone};
use prost::Message as _;

pub use self::{container::StoredContainer, host::StoredHost, names::Names, stamp::Stamp};

/// Of all statements together. With Lookup's answers below 4 MiB, any entity can be answered.
pub const MAX_ENTITY_BYTES: usize = 1024 * 1024;

/// An entity as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A container.
    Container(Box<StoredContainer>),
    /// A host.
    Host(StoredHost),
    /// A Kubernetes object, as its cluster said it last.
    Kubernetes(KubernetesObject),
}

/// Which record a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A container.
    Container = 1,
    /// A host.
    Host = 2,
    /// A Kubernetes object.
    Kubernetes = 3,
}

// === impl RecordKind ===

impl RecordKind {
    /// The kind of a stored number.
    pub fn of_number(number: i64) -> Option<Self> {
        [Self::Container, Self::Host, Self::Kubernetes].into_iter().find(|kind| *kind as i64 == number)
    }
}

// === impl Record ===

impl Record {
    /// Which kind it is.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Container(_) => RecordKind::Container,
            Self::Host(_) => RecordKind::Host,
            Self::Kubernetes(_) => RecordKind::Kubernetes,
        }
    }

    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Container(stored) => stored.encode_to_vec(),
            Self::Host(stored) => stored.encode_to_vec(),
            Self::Kubernetes(object) => object.encode_to_vec(),
        }
    }

    /// How many bytes it has, encoded.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Container(stored) => stored.encoded_len(),
            Self::Host(stored) => stored.encoded_len(),
            Self::Kubernetes(object) => object.encoded_len(),
        }
    }

    /// The record of stored bytes.
    pub fn decode(kind: RecordKind, body: &[u8]) -> Result<Self, prost::DecodeError> {
        Ok(match kind {
            RecordKind::Container => Self::Container(Box::new(StoredContainer::decode(body)?)),
            RecordKind::Host => Self::Host(StoredHost::decode(body)?),
            RecordKind::Kubernetes => Self::Kubernetes(KubernetesObject::decode(body)?),
        })
    }

    /// When it was so.
    pub fn validity(&self) -> Validity {
        let validity = match self {
            Self::Container(stored) => stored.container.as_ref().and_then(|container| container.validity),
            Self::Host(stored) => stored.host.as_ref().and_then(|host| host.validity),
            Self::Kubernetes(object) => object.validity,
        };
        validity.unwrap_or_default()
    }

    /// uid of the pod that a container is of; empty for all else.
    pub fn pod_uid(&self) -> &str {
        match self {
            Self::Container(stored) => stored.container.as_ref().map_or("", |container| &container.pod_uid),
            Self::Host(_) | Self::Kubernetes(_) => "",
        }
    }

    /// The tenant of a container's origin; empty for all else, and for the default tenant.
    pub fn tenant(&self) -> &str {
        let key = match self {
            Self::Container(stored) => stored.container.as_ref().and_then(|container| container.key.as_ref()),
            Self::Host(_) | Self::Kubernetes(_) => None,
        };
        key.and_then(|key| key.origin.as_ref()).map_or("", |origin| &origin.tenant)
    }

    /// More will come.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Container(stored) if stored.is_pending())
    }

    /// The statements that its fields are from, the oldest first; none of what is always told as a whole.
    pub fn field_sources(&self) -> Vec<FieldSource> {
        match self {
            Self::Container(stored) => container::field_sources(&stored.stamps),
            Self::Host(stored) => host::field_sources(&stored.stamps),
            Self::Kubernetes(_) => Vec::new(),
        }
    }

    /// The entity for clients.
    pub fn into_entity(self, version: u64) -> Entity {
        let kind = match self {
            Self::Container(stored) => entity::Kind::Container(stored.container.unwrap_or_default()),
            Self::Host(stored) => entity::Kind::Host(stored.host.unwrap_or_default()),
            Self::Kubernetes(object) => entity::Kind::KubernetesObject(object),
        };
        Entity { version, kind: Some(kind) }
    }

    /// What says that it ended, if it has.
    pub fn tombstone(&self, version: u64) -> Option<Tombstone> {
        let ended_ns = self.validity().until_ns;
        let key = match self {
            Self::Container(stored) => tombstone::Key::Container(stored.container.as_ref()?.key.clone()?),
            Self::Host(stored) => tombstone::Key::Host(stored.host.as_ref()?.key.clone()?),
            Self::Kubernetes(object) => tombstone::Key::Kubernetes(object.key.clone()?),
        };
        (ended_ns != 0).then_some(Tombstone { key: Some(key), version, ended_ns })
    }
}

/// Whether something was so at a moment; 0 asks for now.
pub fn is_valid_at(validity: Validity, as_of_ns: u64) -> bool {
    match as_of_ns {
        0 => validity.until_ns == 0,
        _ => validity.from_ns <= as_of_ns && (validity.until_ns == 0 || as_of_ns < validity.until_ns),
    }
}
