//! The seam between the engine and whatever evaluates rules.
//!
//! The one implementation for use is made of the `evaluator` crate; protocol tests put their own behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use evaluator::{Residual, RulePlans};
use eyrie_proto::{
    alert::{Priority, Value},
    capture::{AgentInfo, CallPlan},
    event::Event,
};
use fields::{Architecture, ContainerView, HostView, PeerView};
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
    /// What its agent says of the host beyond its Hello.
    pub machine: HostView<'a>,
    /// What metadata says of who has its remote address.
    pub peer: PeerView<'a>,
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
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// Where fields are unknown: what is left of the match, if it can wait for them.
    pub residual: Option<Residual>,
    /// It counts only if the uncertain matches before it, back to the last one that is not held back, turn out false.
    pub is_held_back: bool,
}

// === impl HostFacts ===

impl From<&AgentInfo> for HostFacts {
    fn from(agent: &AgentInfo) -> Self {
        Self {
            hostname: agent.hostname.clone(),
            architecture: agent.architecture.clone(),
            kernel_release: agent.kernel_release.clone(),
        }
    }
}

impl HostFacts {
    /// Whose numbers its system calls have. An agent that does not say runs on what most machines are.
    pub(crate) fn numbering(&self) -> Architecture {
        Architecture::from_machine(&self.architecture).unwrap_or(Architecture::X86_64)
    }
}

// === impl RuleMatch ===

impl RuleMatch {
    /// What is left of the match; `None` if it cannot wait for what is unknown.
    pub(crate) fn take_residual(&mut self) -> Option<Residual> {
        let is_decided = self.is_certain && self.unknown_fields.is_empty();
        self.residual.take().or_else(|| is_decided.then(|| Residual::decided(self.message.clone())))
    }
}

/// What operators see of a rule that was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFacts {
    /// The rule's name.
    pub name: String,
    /// Whether it is evaluated.
    pub is_enabled: bool,
    /// `syscall`, or the source that a plugin declares.
    pub source: String,
    /// The event types that it can hold on; `None` for all.
    pub event_types: Option<Vec<String>>,
    /// The names of hosts that it compares addresses with.
    pub host_names: BTreeSet<String>,
    /// Whether it compares something of containers.
    pub asks_of_containers: bool,
}

/// A rule needed an event that the capture plan's filters would have dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// Whether the rule matched; otherwise it may have, as something was still unknown.
    pub is_certain: bool,
}

/// A compiled rule set.
pub trait Evaluate: Send + Sync + 'static {
    /// The digest of the rule set.
    fn rule_set_digest(&self) -> &str;

    /// The event types, as Falco names them, without which some rule could miss a match or the model its state.
    fn event_types_needed(&self) -> &BTreeSet<String>;

    /// Those of them without which the model could miss its state: every event of them is needed.
    fn state_event_types(&self) -> &BTreeSet<String> {
        self.event_types_needed()
    }

    /// What the rules for system calls need of hosts, rule by rule: conditions that are necessary for a match.
    fn plans(&self) -> &RulePlans;

    /// What the rules need together, by event type.
    fn calls(&self) -> Vec<CallPlan> {
        self.plans().calls()
    }

    /// All rules that were loaded, in load order.
    fn rules(&self) -> &[RuleFacts] {
        &[]
    }

    /// The rules that an event which filters marked may match. No match is made of it.
    fn violations(&self, occurrence: &Occurrence<'_>) -> Vec<Violation>;

    /// Adds the places in [`RulePlans::rules`] of the rules whose own filters let the event through.
    fn admitting(&self, _occurrence: &Occurrence<'_>, _rules: &mut Vec<u32>) {}

    /// The names of hosts that rules compare addresses with, which agents are to resolve.
    fn host_names_needed(&self) -> &BTreeSet<String>;

    /// Whether an alert of this rule should make a recording begin, and how long that goes on after its event; zero leaves that to
    /// the configuration.
    fn capture(&self, _rule: &str) -> Option<Duration> {
        None
    }

    /// Whether [`Self::capture`] says so of any rule.
    fn has_captures(&self) -> bool {
        false
    }

    /// Adds the matches of one event, in the order in which they are to be reported. Does not wait for anything.
    fn evaluate(&self, occurrence: &Occurrence<'_>, matches: &mut Vec<RuleMatch>);
}
