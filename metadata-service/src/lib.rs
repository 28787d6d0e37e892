//! Says what containers, hosts and Kubernetes objects were at a moment.
//!
//! Engines relay the facts that agents learned (`RelayFacts`); they are checked, merged into [`record`]s field by
//! field, and kept in the [`store`], durably, before they are acked. `Lookup` answers from the store by keys that cannot be
//! confused ([`keys`]), as of a moment of the origin's boot clock; what is not known yet is *pending*, and never
//! guessed. `List` reads pages for views. `Watch` reads the store's feed of changes, each watcher at its own pace.
//!
//! One binary has two roles: `central`, which is this, and `cluster`, which is yet to come. The crate knows nothing of
//! events, rules and alerts.
#![forbid(unsafe_code)]

mod config;
pub mod error;
pub mod keys;
mod list;
mod lookup;
mod metrics;
mod negatives;
mod permitted;
pub mod record;
mod relay;
mod rpc;
mod service;
pub mod store;
mod watch;

pub use self::{
    config::{Config, Role, Settings},
    service::{MetadataService, Running, StartError},
};
