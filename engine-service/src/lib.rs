//! Evaluates the streams of many hosts, keeps the alerts, and streams them to whoever subscribes.
//!
//! An agent's stream comes in by [`listener`] and belongs to one *session*, which owns the state of its origin. Batches
//! are evaluated in order on a bounded number of threads ([`evaluate`] is the seam to the rules); their alerts go into
//! the [`alert_log`], durably, and only then are the batches acked. Subscribers and the printer ([`outputs`]) read the
//! log, each at its own pace and from a position of its own: nothing between the log and a reader can lose an alert.
//!
//! What containers are called comes from the agents' own late facts and from a metadata service, where one is configured.
//!
//! The crate holds no rule language, no fields and no process model: those are crates of their own.
#![forbid(unsafe_code)]

pub mod alert;
pub mod alert_log;
mod base_state;
mod batch_trace;
mod config;
mod engine;
pub mod error;
pub mod evaluate;
pub mod falco_format;
mod host_status;
mod intake;
#[doc(hidden)]
pub mod join_probe;
mod losses;
mod metadata;
mod metrics;
mod origin_state;
mod origins;
pub mod outputs;
mod parking;
mod plans;
mod recordings;
pub mod replay;
mod rule_evaluator;
pub mod rules;
mod session;
mod subscriptions;

pub use evaluator::Matching;
pub use grpc_transport as listener;
use grpc_transport::log_limit;

pub use self::{
    config::{Config, Printing, RuleSwitch, Settings, StaticField, static_fields},
    engine::{Engine, EngineError, EngineOptions, Running},
    intake::SessionLimits,
    metadata::{CacheLimits, MetadataCounters, MetadataOptions, PeerLimits},
    parking::ParkingLimits,
    plans::PlanOptions,
    recordings::{CaptureMode, RecordingOptions, StoreError},
    rule_evaluator::{LoadedRules, RuleEvaluator, RuleOptions},
    session::BatchPacking,
    subscriptions::matches as name_matches,
};
