//! Watches the Kubernetes API of one cluster, and keeps of its objects what metadata asks: names, labels, owners, nodes,
//! addresses, and what services select. Bodies of specs, status, annotations and managed fields are dropped as they are
//! read and never stored.
//!
//! One [`Watcher`] task a [`Kind`] lists in pages, then watches from the list's resource version, and goes on from the last
//! version it saw (bookmarks among them) whenever the watch ends. A version that the server has forgotten (410 Gone) is
//! answered by listing again, and what vanished meanwhile is removed. All of them write into one [`Picture`], which knows
//! what has changed since somebody took it. While the API server is away the picture keeps what it had, and [`Health`]
//! says so.
//!
//! The crate does not know whom the picture is for. Written on kube's client rather than on its `runtime`: pages, lines and
//! objects are bounded here as they come in, and what is not kept is never held as a whole object.
#![forbid(unsafe_code)]

mod api;
mod cut;
mod health;
mod kind;
mod picture;
mod slim;
mod watcher;

pub use self::{
    api::{ApiError, ApiServer},
    health::{Health, WatchMetrics},
    kind::Kind,
    picture::{Change, Picture, Uid},
    watcher::{WatchOptions, Watcher},
};
