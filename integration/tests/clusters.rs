//! Kubernetes as programs: an API server in this process, the role `cluster`, the central metadata service and the engine as
//! processes that speak TLS with each other, and a host whose events and containers are told by hand.
//!
//! What one part does by itself is tested beside it (`metadata-service/tests/cluster`, `engine-service/tests`); here alerts are looked at,
//! and what becomes of them while parts are killed and come back.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

#[path = "clusters/faults.rs"]
mod faults;
#[path = "clusters/fields.rs"]
mod fields;
#[path = "clusters/host.rs"]
mod host;
#[path = "clusters/stage.rs"]
mod stage;
