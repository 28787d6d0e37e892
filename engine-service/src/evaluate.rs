//! The seam between the engine and whatever evaluates rules.
//!
//! The one implementation for use is made of the `evaluator` crate; protocol tests put their own behind it.

use std::collections::{BTreeMap, BTreeSet};

use eyrie_proto::{
    alert::{Priority, Value},
    event::Event,
};
use fields::ContainerView;
use host_model::HostModel;

/// An event with what an evaluation may look at. The model is as the event left it.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The origin's state.
    pub model: &'a HostModel,
    /// The event's place in its origin's stream.
    pub sequence: u64,
    /// When it happened, nanoseconds since the epoch.
    pub time_ns: u64,
    /// Wall clock minus the host's boot clock, in nanoseconds.
    pub epoch_offset_ns: i64,
    /// What the agent says of its host.
    pub host: &'a HostFacts,
    /// What metadata says of the container that it happened in.
    pub container: ContainerView<'a>,
}

/// What is the same for all events of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// The host's name.
    pub hostname: String,
    /// Whose numbering native system calls are in: x86_64, aarch64.
    pub architecture: String,
    /// As `uname -r` says it.
    pub kernel_release: String,
}

/// A rule matched an event.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleMatch {
    /// The rule's name.
    pub rule: String,
    /// How grave it is.
    pub priority: Priority,
    /// `syscall`, or the source that a plugin declares.
    pub source: String,
    /// Sorted.
    pub tags: Vec<String>,
    /// As Falco names it: openat, execve.
    pub event_type: String,
    /// The rule's output with its fields put in.
    pub message: String,
    /// The fields of the output.
    pub output_fields: BTreeMap<String, Value>,
    /// Whether the rule matches whatever the unknown fields turn out to be.
    pub is_certain: bool,
    /// Fields of condition and output whose value metadata has still to bring.
    pub unknown_fields: Vec<String>,
}

/// A compiled rule set.
pub trait Evaluate: Send + Sync + 'static {
    /// The digest of the rule set.
    fn rule_set_digest(&self) -> &str;

    /// The event types, as Falco names them, without which some rule could miss a match or the model its state.
    fn event_types_needed(&self) -> &BTreeSet<String>;

    /// Adds the matches of one event, in the order in which they are to be reported. Does not wait for anything.
    fn evaluate(&self, occurrence: &Occurrence<'_>, matches: &mut Vec<RuleMatch>);
}
