//! Leaving out events that do not meet a condition.
//!
//! The state that rules ask for has to be whole for who replays the recording, so what bears state is never left out, nor are facts
//! and losses. What is not known while recording, such as the name of a container that is still to be told, may turn out
//! true: such an event is kept.

use std::collections::BTreeSet;

use capture_agent::stream::class_of;
use engine_service::{
    RuleEvaluator, RuleOptions,
    evaluate::{Evaluate as _, HostFacts, Occurrence},
    rules::RulesError,
};
use eyrie_proto::{
    capture::ClockReading,
    event::{Event, EventClass, ProcessKey, event::Kind as EventKind},
    recording::{RecordedBatch, recording_entry::Kind},
};
use fields::{ContainerView, HostView, PeerView};
use host_model::HostModel;
use rule_language::Source;
use serde_json::json;

/// A condition with the state that it is asked about.
#[derive(Debug)]
pub(crate) struct Filter {
    evaluator: RuleEvaluator,
    model: HostModel,
    host: HostFacts,
    clock: ClockReading,
    /// The newest event that was applied.
    sequence: u64,
}

// === impl Filter ===

impl Filter {
    /// Compiles a condition, which is one of Falco's rules, without macros.
    pub(crate) fn new(condition: &str) -> Result<Self, RulesError> {
        let rule = json!([{
            "rule": "filter", "desc": "--filter", "condition": condition, "output": "kept", "priority": "DEBUG",
        }]);
        // JSON is YAML; so nothing in the condition can end the rule.
        let source = Source { name: "--filter".to_owned(), text: rule.to_string() };
        let evaluator = RuleEvaluator::compile(&[source], &RuleOptions::default())?.evaluator;
        let (model, host) = (HostModel::default(), HostFacts::default());
        Ok(Self { evaluator, model, host, clock: ClockReading::default(), sequence: 0 })
    }

    pub(crate) fn event_types(&self) -> &BTreeSet<String> {
        self.evaluator.event_types_needed()
    }

    pub(crate) fn host_names(&self) -> &BTreeSet<String> {
        self.evaluator.host_names_needed()
    }

    /// The processes whose state the stream has not told; each once.
    pub(crate) fn take_unknown(&mut self) -> Vec<ProcessKey> {
        self.model.take_unknown()
    }

    /// Follows the stream, and takes out of a batch what does not meet the condition; gives how many were left out. A batch of which
    /// nothing is left has no events.
    pub(crate) fn apply(&mut self, kind: &mut Kind) -> u64 {
        match kind {
            Kind::Header(header) => {
                let agent = header.agent.clone().unwrap_or_default();
                self.model = HostModel::default();
                self.clock = header.clock.unwrap_or_default();
                self.host = HostFacts::from(&agent);
                0
            }
            Kind::BaseState(part) => {
                self.model.restore(part.processes.iter().cloned(), part.facts.iter().cloned());
                self.sequence = part.as_of_sequence;
                0
            }
            Kind::Batch(recorded) => self.filter(recorded),
            Kind::LateFacts(_) | Kind::Trailer(_) => 0,
        }
    }

    fn filter(&mut self, recorded: &mut RecordedBatch) -> u64 {
        let Some(batch) = &recorded.batch else { return 0 };
        self.clock = batch.clock.unwrap_or(self.clock);
        self.sequence = batch.first_sequence.saturating_sub(1);
        recording::retain(recorded, |event| {
            self.sequence += 1;
            self.model.apply(event);
            self.is_kept(event)
        })
    }

    fn is_kept(&self, event: &Event) -> bool {
        class_of(event) == EventClass::StateBearing
            || matches!(event.kind, Some(EventKind::Loss(_)))
            || self.meets(event)
    }

    fn meets(&self, event: &Event) -> bool {
        let offset = self.clock.epoch_ns.wrapping_sub(self.clock.boot_ns).cast_signed();
        let occurrence = Occurrence {
            event,
            model: &self.model,
            sequence: self.sequence,
            time_ns: event.boot_ns.saturating_add_signed(offset),
            epoch_offset_ns: offset,
            host: &self.host,
            container: ContainerView::Unknown,
            machine: HostView { is_open: true, ..HostView::default() },
            peer: PeerView::Unknown,
        };
        let mut matches = Vec::new();
        self.evaluator.evaluate(&occurrence, &mut matches);
        !matches.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::{
        capture::{BaseState, Batch},
        event::{Exec, LossRecord, Open, OrderedFact, PathArgument, ProcessState, SystemCall, Task},
        recording::RecordingHeader,
    };

    use super::*;

    /// The name rides on every event, and the newest holds.
    fn task(pid: u32) -> Task {
        let comm = if pid == 10 { b"cat" } else { b"vim" }.to_vec();
        Task { process: Some(ProcessKey { pid, start_boot_ns: 1 }), tid: pid, comm, ..Task::default() }
    }

    /// openat is 257 on x86_64.
    fn open(pid: u32, path: &str) -> Event {
        let path = PathArgument { requested: path.into(), ..PathArgument::default() };
        Event {
            task: Some(task(pid)),
            call: Some(SystemCall { number: 257, ..SystemCall::default() }),
            kind: Some(EventKind::Open(Open { path: Some(path), ..Open::default() })),
            ..Event::default()
        }
    }

    fn process(pid: u32, comm: &str) -> ProcessState {
        let process = Some(ProcessKey { pid, start_boot_ns: 1 });
        ProcessState { process, comm: comm.into(), ..ProcessState::default() }
    }

    /// A batch from this sequence on.
    fn batch(first_sequence: u64, events: Vec<Event>) -> Kind {
        let batch = Batch { first_sequence, events, ..Batch::default() };
        Kind::Batch(RecordedBatch { batch: Some(batch), left_out_before: Vec::new() })
    }

    fn started(condition: &str) -> Filter {
        let mut filter = Filter::new(condition).unwrap();
        filter.apply(&mut Kind::Header(RecordingHeader::default()));
        let processes = vec![process(10, "cat"), process(11, "vim")];
        let part = BaseState { processes, is_last: true, ..BaseState::default() };
        filter.apply(&mut Kind::BaseState(part));
        filter
    }

    /// Scenario: a condition on the process and the path, over opens of two processes, an exec, a fact and a loss. Guarantees: of
    /// the opens only those that meet it are kept; the others stay; every event that is kept can be numbered.
    #[test]
    fn what_meets_the_condition_and_what_bears_state_is_kept() {
        let mut filter = started("proc.name = cat and fd.name startswith /etc");
        let of = |kind| Event { task: Some(task(11)), kind: Some(kind), ..Event::default() };
        let events = vec![
            open(11, "/etc/a"),
            open(10, "/etc/b"),
            open(10, "/tmp/c"),
            open(11, "/etc/d"),
            of(EventKind::Exec(Exec::default())),
            of(EventKind::Fact(OrderedFact::default())),
            of(EventKind::Loss(LossRecord::default())),
            open(10, "/tmp/e"),
        ];
        let expected = [&events[1], &events[4], &events[5], &events[6]].map(Clone::clone);
        let mut kind = batch(7, events);
        assert_eq!(filter.apply(&mut kind), 4);
        let Kind::Batch(recorded) = kind else { panic!("no batch") };
        let kept = recorded.batch.unwrap();
        assert_eq!(
            (kept.events.as_slice(), kept.event_count, kept.first_sequence),
            (expected.as_slice(), 4, 7)
        );
        assert_eq!(recorded.left_out_before, [1, 2, 0, 0]);
        assert_eq!(filter.sequence, 14);
    }

    /// Scenario: a condition on what only late facts tell, and one that is met by all. Guarantees: what is unknown is kept; a batch of
    /// which nothing is left out says nothing of gaps.
    #[test]
    fn what_may_turn_out_true_is_kept() {
        for condition in ["evt.type = openat", "evt.type = openat and container.name = web"] {
            let mut filter = started(condition);
            filter.apply(&mut batch(1, vec![cgroup("0123456789ab")]));
            let mut event = open(10, "/x");
            event.task.as_mut().unwrap().cgroup_id = 5;
            let mut kind = batch(2, vec![event]);
            assert_eq!(filter.apply(&mut kind), 0, "{condition}");
            let Kind::Batch(recorded) = kind else { panic!("no batch") };
            assert!(recorded.left_out_before.is_empty());
        }
    }

    fn cgroup(container_id: &str) -> Event {
        use eyrie_proto::event::{CgroupFact, CgroupKey, ordered_fact};
        let cgroup = Some(CgroupKey { cgroup_id: 5, ..CgroupKey::default() });
        let fact = CgroupFact { cgroup, container_id: container_id.to_owned(), ..CgroupFact::default() };
        let fact = OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() };
        Event { kind: Some(EventKind::Fact(fact)), ..Event::default() }
    }

    /// Scenario: conditions with a syntax error, an unknown field, and text that would end a YAML scalar. Guarantees: each is refused as a
    /// rules file would be, and none becomes another rule.
    #[test]
    fn wrong_conditions_are_refused() {
        for condition in
            ["proc.name =", "proc.nam = x", "evt.type = open\n- macro: m", "", "\" , enabled: false"]
        {
            assert!(matches!(Filter::new(condition), Err(RulesError::Invalid { .. })), "{condition}");
        }
    }
}
