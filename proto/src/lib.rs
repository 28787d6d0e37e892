//! The contract between Eyrie's services: generated messages and services.
//!
//! The `.proto` files under `proto/eyrie` are the source and carry the documentation; this crate compiles them and adds
//! nothing but names for what several services spell the same way, and a codec that reads messages faster. What is released there is never renumbered.
//! This crate is not the place for behaviour.
#![forbid(unsafe_code)]
// Generated code: the protocol files are documented, prost carries their comments over where it can.
// Their comments are text, neither Markdown nor HTML.
#![allow(
    missing_docs,
    clippy::doc_overindented_list_items,
    clippy::large_enum_variant,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags
)]

mod origin;
mod slice_codec;
mod spelling;

pub use slice_codec::{SliceCodec, SliceDecoder};
pub use spelling::SPELLINGS_OF_32_BITS;

/// Eyrie's messages and services by area and version.
pub mod eyrie {
    pub mod alert {
        pub mod v1 {
            tonic::include_proto!("eyrie.alert.v1");
        }
    }
    pub mod capture {
        pub mod v1 {
            tonic::include_proto!("eyrie.capture.v1");
        }
    }
    pub mod event {
        pub mod v1 {
            tonic::include_proto!("eyrie.event.v1");
        }
    }
    pub mod metadata {
        pub mod v1 {
            tonic::include_proto!("eyrie.metadata.v1");
        }
    }
    pub mod recording {
        pub mod v1 {
            tonic::include_proto!("eyrie.recording.v1");
        }
    }
    pub mod rules {
        pub mod v1 {
            tonic::include_proto!("eyrie.rules.v1");
        }
    }
}

pub use eyrie::{
    alert::v1 as alert, capture::v1 as capture, event::v1 as event, metadata::v1 as metadata,
    recording::v1 as recording, rules::v1 as rules,
};

/// The serialised `FileDescriptorSet` of all areas, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/eyrie.binpb"));
