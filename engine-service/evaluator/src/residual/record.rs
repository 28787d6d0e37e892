//! Residuals as they are stored.
//!
//! Comparisons and fields are kept as the text of the rule language: that is what stays the same from version to version.

use prost::{Message, Oneof};

/// A stored residual.
#[derive(Clone, PartialEq, Message)]
pub struct ResidualRecord {
    /// What has still to hold; nothing if that is decided.
    #[prost(message, optional, tag = "1")]
    pub(super) condition: Option<NodeRecord>,
    /// The message in pieces.
    #[prost(message, repeated, tag = "2")]
    pub(super) parts: Vec<PartRecord>,
    /// Fields beside the message that have gaps.
    #[prost(message, repeated, tag = "3")]
    pub(super) extra: Vec<FieldRecord>,
}

/// A field beside the message.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldRecord {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) parts: Vec<PartRecord>,
    /// Whether it is the value of its only part, and not text.
    #[prost(bool, tag = "3")]
    pub(super) is_raw: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeRecord {
    #[prost(oneof = "node_record::Kind", tags = "1, 2, 3, 4")]
    pub(super) kind: Option<node_record::Kind>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Nodes {
    #[prost(message, repeated, tag = "1")]
    pub(super) nodes: Vec<NodeRecord>,
}

pub(super) mod node_record {
    use super::{NodeRecord, Nodes, Oneof};

    #[derive(Clone, PartialEq, Oneof)]
    pub(in crate::residual) enum Kind {
        #[prost(message, tag = "1")]
        And(Nodes),
        #[prost(message, tag = "2")]
        Or(Nodes),
        #[prost(message, tag = "3")]
        Not(Box<NodeRecord>),
        /// One comparison in its canonical form.
        #[prost(string, tag = "4")]
        Check(String),
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartRecord {
    #[prost(oneof = "part_record::Kind", tags = "1, 2")]
    pub(super) kind: Option<part_record::Kind>,
}

/// A value that is still to be put in.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Gap {
    /// What stands behind the `%`.
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(uint32, tag = "2")]
    pub(super) width: u32,
}

pub(super) mod part_record {
    use super::{Gap, Oneof};

    #[derive(Clone, PartialEq, Oneof)]
    pub(in crate::residual) enum Kind {
        #[prost(string, tag = "1")]
        Text(String),
        #[prost(message, tag = "2")]
        Gap(Gap),
    }
}

// === impl NodeRecord ===

impl NodeRecord {
    pub(super) fn of(kind: node_record::Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

// === impl PartRecord ===

impl PartRecord {
    pub(super) fn text(text: String) -> Self {
        Self { kind: Some(part_record::Kind::Text(text)) }
    }

    pub(super) fn gap(key: String, width: usize) -> Self {
        let gap = Gap { key, width: u32::try_from(width).unwrap_or_default() };
        Self { kind: Some(part_record::Kind::Gap(gap)) }
    }
}
