//! Captures one host: loads the BPF programs, drains their ring and streams events to an engine.
//!
//! What it is not for: it evaluates nothing, and it does not know what rules say; the engine tells it what to capture.
//!
//! ```text
//!  kernel ── ring ──▶ capture thread ──▶ Outbox ──▶ session ═▶ engine
//!   (bpf)             record → event     (bytes)       │
//!                     snapshots, facts      ▲          │ acks
//!                                           └── Base ◀─┘
//! ```
//!
//! Control groups are told in order with events (`cgroups`), so that the container of an event is known with it. What may be late, names
//! and images of containers and what the host is, goes up on a sequence of its own (`late_facts`); a thread reads the files of
//! runtimes for it (`containers`), apart from capture.
//!
//! One thread (`capture`) owns the [`EventSource`]: it drains records, makes events of them and pushes those into the
//! [`stream::Outbox`], which is the only queue and bounded in bytes. One task (`session`) carries batches to an engine and
//! folds what was acked into the [`stream::Base`], a host model at the acked position. When a connection breaks,
//! the next engine is given that base and then everything that was not acked, so that the state before each event is the
//! state that was. Whatever is dropped is counted where it happens and told in the stream.
//!
//! In place of the host's events a recording can be sent (`replay`): the same stream and session, another feeder.
#![forbid(unsafe_code)]

mod agent;
mod batch_spans;
mod budget;
mod capture;
mod cgroups;
pub mod clock;
mod cloud;
mod config;
mod containers;
mod described;
mod facts;
mod identity;
mod kernel;
mod late_facts;
mod metrics;
mod names;
mod plan;
mod privileges;
mod probe;
mod record_to_event;
mod replay;
mod session;
mod snapshot;
mod source;
pub mod stream;

pub use self::{
    agent::{Agent, Running, StartError, Status, Summary},
    budget::CpuBudget,
    cloud::{CloudChoice, CloudConfig, MetadataUrl, MetadataUrlError},
    config::{Config, Label, Settings},
    containers::Sockets,
    described::{CapturedCall, Source, captured_calls},
    identity::IdentityError,
    kernel::{KernelError, RingLimits},
    privileges::{PrivilegeError, give_up as give_up_privileges},
    replay::{ReplayError, Replayed, Replaying},
    session::ConnectionStatus,
    source::{CgroupReading, Drained, EventSource},
};
