//! Says what containers, hosts and Kubernetes objects were at a moment.
//!
//! Engines relay the facts that agents learned (`RelayFacts`); they are checked, merged into [`record`]s field by
//! field, and kept in the [`store`], durably, before they are acked. `Lookup` answers from the store by keys that cannot be
//! confused ([`keys`]), as of a moment of the origin's boot clock; what is not known yet is *pending*, and never
//! guessed. `List` reads pages for views. `Watch` reads the store's feed of changes, each watcher at its own pace.
//!
//! `PushCluster` takes what the metadata services of clusters see of Kubernetes; containers are joined with their pods and
//! what those belong to when they are read.
//!
//! One binary has two roles: `central`, which is all this, and `cluster`, which watches the Kubernetes API of one cluster
//! and pushes to a central one ([`ClusterService`]). The crate knows nothing of events, rules and alerts.
#![forbid(unsafe_code)]

mod cluster;
mod config;
pub mod error;
pub mod keys;
mod list;
mod lookup;
mod metrics;
mod negatives;
mod permitted;
mod push;
pub mod record;
mod relay;
mod rpc;
mod service;
pub mod store;
mod watch;

pub use self::{
    cluster::{ClusterConfig, ClusterRunning, ClusterService},
    config::{Config, Role, Settings},
    service::{MetadataService, RoleRunning, Running, StartError},
};
