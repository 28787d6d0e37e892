//! The capture thread: drains the source into the outbox, and does on the side what has to be in order with events.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use eyrie_proto::{
    capture::{CaptureRequest, PlanAnswer, StateAnswer, StateRequest, capture_request},
    event::{
        Event, OrderedFact, PlanSwitch, ProcessKey, ProcessSnapshot, ProcessState, event::Kind, ordered_fact,
    },
    metadata::{Host, Validity, late_fact},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock,
    cloud::CloudNews,
    containers::Containers,
    facts::FactReader,
    late_facts::LateFacts,
    names::Names,
    session::Requests,
    source::{CgroupReading, Drained, EventSource},
    stream::Stream,
};

/// How often the source's losses are read.
const LOSS_INTERVAL: Duration = Duration::from_millis(100);
/// How often files that facts come from are looked at.
const FACT_INTERVAL: Duration = Duration::from_secs(3);
/// At most so often are facts told again that found no room.
const LOST_FACT_INTERVAL: Duration = Duration::from_millis(500);
/// At most so often are all processes read anew, whatever asks for it.
const FULL_SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);
/// Start times that are this close are the same: `/proc` tells them in hundredths of a second.
const START_TOLERANCE_NS: u64 = 10_000_000;

/// What the capture thread works with.
pub(crate) struct Capture {
    source: Box<dyn EventSource>,
    facts: FactReader,
    late: LateSources,
    names: Arc<Names>,
    stream: Arc<Stream>,
    requests: Arc<Requests>,
    /// A plan that is carried out but was not announced in the stream yet.
    unannounced_generation: Option<u64>,
    last_full_snapshot: Option<Instant>,
    /// Once everything up to here is acked, the base is compared with the host once more.
    reconcile_at_sequence: Option<u64>,
}

/// What becomes late facts of the ordered ones.
pub(crate) struct LateSources {
    pub(crate) containers: Containers,
    /// As it was told last.
    pub(crate) host: Host,
    pub(crate) facts: Arc<LateFacts>,
    /// What the host's cloud says.
    pub(crate) cloud: Arc<CloudNews>,
}

// === impl LateSources ===

impl LateSources {
    /// Takes notice of a fact that goes into the stream.
    fn observe(&mut self, fact: &OrderedFact) {
        match &fact.kind {
            Some(ordered_fact::Kind::Cgroup(cgroup)) => self.containers.observe(cgroup, fact.since_boot_ns),
            Some(ordered_fact::Kind::Interfaces(fact)) => self.host.interfaces = fact.interfaces.clone(),
            _ => {}
        }
    }

    fn tell_host(&mut self, now_boot_ns: u64) {
        self.host.validity = Some(Validity { from_ns: now_boot_ns, until_ns: 0 });
        self.facts.push(late_fact::Kind::Host(self.host.clone()));
    }
}

// === impl Capture ===

impl Capture {
    pub(crate) fn new(
        source: Box<dyn EventSource>,
        facts: FactReader,
        late: LateSources,
        names: Arc<Names>,
        stream: Arc<Stream>,
        requests: Arc<Requests>,
    ) -> Self {
        Self {
            source,
            facts,
            late,
            names,
            stream,
            requests,
            unannounced_generation: None,
            last_full_snapshot: None,
            reconcile_at_sequence: None,
        }
    }

    /// Captures until `stop`, then takes what is left.
    pub(crate) fn run(mut self, stop: &CancellationToken) {
        self.push_facts();
        let (mut losses_read, mut facts_read) = (Instant::now(), Instant::now());
        while !stop.is_cancelled() {
            let drained = self.drain();
            if losses_read.elapsed() >= LOSS_INTERVAL {
                losses_read = Instant::now();
                self.report_losses();
                self.repair();
                self.push_found();
                self.catch_up();
                self.keep_within_budget();
            }
            if facts_read.elapsed() >= LOST_FACT_INTERVAL && self.stream.outbox().take_facts_wanted() {
                facts_read = Instant::now();
                self.push_facts();
            } else if facts_read.elapsed() >= FACT_INTERVAL {
                facts_read = Instant::now();
                self.push_changed_facts(CgroupReading::Routine);
            }
            self.serve_requests();
            if !drained.is_more {
                self.source.wait();
            }
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.source.stop();
        while self.drain().is_more {}
        self.report_losses();
        let now = clock::boot_ns();
        let mut outbox = self.stream.outbox();
        outbox.place_losses(now);
        outbox.seal(now);
        drop(outbox);
        self.stream.notify();
    }

    fn drain(&mut self) -> Drained {
        let now = clock::boot_ns();
        let mut outbox = self.stream.outbox();
        let switch = &mut self.unannounced_generation;
        let late = &mut self.late;
        let mut pushed = false;
        let drained = self.source.drain(&mut |event| {
            if let Some(generation) = switch.take_if(|generation| event.plan_generation >= *generation) {
                let _ = outbox.push(&plan_switch(generation, now), now);
            }
            if let Some(Kind::Fact(fact)) = &event.kind {
                late.observe(fact);
            }
            pushed = true;
            // A refusal is counted by the outbox.
            outbox.push_owned(event, now).ok()
        });
        if let Some(generation) = switch.take_if(|_| !drained.is_more) {
            let _ = outbox.push(&plan_switch(generation, now), now);
            pushed = true;
        }
        if !drained.is_more {
            outbox.is_drained();
        }
        drop(outbox);
        if pushed {
            self.stream.notify();
        }
        drained
    }

    fn report_losses(&mut self) {
        let losses = self.source.take_losses();
        let mut outbox = self.stream.outbox();
        for record in losses {
            outbox.report_loss(record);
        }
        outbox.place_losses(clock::boot_ns());
    }

    fn push_facts(&mut self) {
        self.facts.forget();
        self.names.forget_told();
        self.late.containers.accounts().forget_told();
        self.push_changed_facts(CgroupReading::All);
        self.push_found();
    }

    /// Tells what others have found out: what the names of rules stand for, and who the users of containers are.
    fn push_found(&mut self) {
        let now = clock::boot_ns();
        let mut news = self.names.take_news(now);
        news.extend(self.late.containers.accounts().take_news(now));
        self.push_each_fact(news, now);
        if self.late.cloud.take(&mut self.late.host) {
            self.late.tell_host(now);
        }
    }

    /// Tells who reads of containers which there are, if it has missed some.
    fn catch_up(&mut self) {
        if self.late.containers.is_behind() {
            let known = self.source.cgroup_facts(CgroupReading::Known);
            self.late.containers.catch_up(known, clock::boot_ns());
        }
    }

    fn push_changed_facts(&mut self, cgroups: CgroupReading) {
        let now = clock::boot_ns();
        let mut facts = self.facts.changed(now);
        let is_host_changed = facts.iter().any(|fact| {
            matches!(fact.kind, Some(ordered_fact::Kind::Host(_) | ordered_fact::Kind::Interfaces(_)))
        });
        facts.extend(self.source.cgroup_facts(cgroups));
        self.push_each_fact(facts, now);
        if is_host_changed {
            self.late.tell_host(now);
        }
    }

    fn push_each_fact(&mut self, facts: Vec<OrderedFact>, now: u64) {
        if facts.is_empty() {
            return;
        }
        let mut outbox = self.stream.outbox();
        for fact in facts {
            self.late.observe(&fact);
            let event = Event { boot_ns: now, kind: Some(Kind::Fact(fact)), ..Event::default() };
            let _ = outbox.push(&event, now);
        }
        drop(outbox);
        self.stream.notify();
    }

    fn serve_requests(&mut self) {
        if let Some(mut plan) = self.requests.take_plan() {
            let names = std::mem::take(&mut plan.names_to_resolve);
            let current = self.requests.generation();
            let generation = plan.generation;
            let answer = if generation < current {
                let failure =
                    format!("generation {generation} is older than {current}, which is carried out");
                PlanAnswer { generation, failure, ..PlanAnswer::default() }
            } else {
                self.source.carry_out(plan)
            };
            if answer.failure.is_empty() {
                self.requests.set_generation(generation);
                self.unannounced_generation = (generation > current).then_some(generation);
                self.names.want(names);
                info!(generation, uncaptured = answer.uncaptured.len(), "capture plan carried out");
            } else {
                warn!(generation, "capture plan refused: {}", answer.failure);
            }
            self.answer_plan(answer);
        }
        if let Some(request) = self.requests.take_state() {
            let request_id = request.request_id;
            if let Err(failure) = self.answer_state(request) {
                let answer = StateAnswer { request_id, is_complete: false, failure };
                self.answer(capture_request::Kind::StateAnswer(answer));
            }
        }
    }

    /// What is captured changes without a plan: the engine is told as if it had asked again.
    fn keep_within_budget(&mut self) {
        if let Some(answer) = self.source.keep_within_budget() {
            self.answer_plan(answer);
        }
    }

    fn answer_plan(&self, mut answer: PlanAnswer) {
        if answer.failure.is_empty() {
            self.names.describe(&mut answer);
        }
        self.answer(capture_request::Kind::PlanAnswer(answer));
    }

    fn answer(&self, kind: capture_request::Kind) {
        self.requests.answer(CaptureRequest { kind: Some(kind) });
    }

    fn answer_state(&mut self, request: StateRequest) -> Result<(), String> {
        let StateRequest { request_id, processes, .. } = request;
        if processes.is_empty() && !self.may_snapshot_all() {
            return Err(format!("all processes were read less than {FULL_SNAPSHOT_INTERVAL:?} ago"));
        }
        let pids: Vec<_> = processes.iter().map(|key| key.pid).collect();
        let states = self.source.snapshot(&pids).ok_or("the host's processes cannot be read")?;
        let mut absent = processes;
        retain_absent(&mut absent, &states);
        match self.push_snapshots(request_id, states, absent) {
            0 => Ok(()),
            refused => Err(format!("{refused} answers found no room in the agent's queue")),
        }
    }

    /// Puts fresh state into the stream after some was lost.
    ///
    /// All processes are sent anew, and those that are gone as absent. A process whose fork is not acked yet and whose end
    /// was lost is not known here; once everything sent so far is acked, the base is compared with the host once more.
    fn repair(&mut self) {
        let (acked_through, is_repair_due) = {
            let outbox = self.stream.outbox();
            (outbox.acked_through(), outbox.is_repair_due())
        };
        let is_reconcile_due = self.reconcile_at_sequence.is_some_and(|at| acked_through >= at);
        if !(is_repair_due || is_reconcile_due) || !self.may_snapshot_all() {
            return;
        }
        // Read before the snapshot: what is known here and not there has ended.
        let known = self.stream.base().processes();
        let Some(mut states) = self.source.snapshot(&[]) else {
            warn!("state was lost and the host's processes cannot be read; trying again");
            return;
        };
        let lost_ends = self.stream.outbox().take_repair();
        if lost_ends.is_some() {
            // Before the processes, whose control groups may be among what was lost.
            let facts = self.source.cgroup_facts(CgroupReading::Repair);
            self.push_each_fact(facts, clock::boot_ns());
        }
        self.reconcile_at_sequence = None;
        let mut absent: Vec<_> = known.into_iter().chain(lost_ends.iter().flatten().copied()).collect();
        retain_absent(&mut absent, &states);
        if lost_ends.is_some() {
            info!(
                processes = states.len(),
                ended = absent.len(),
                "state was lost; sending all processes anew"
            );
            self.reconcile_at_sequence = Some(self.stream.outbox().last_sequence());
        } else {
            states.clear();
        }
        self.push_snapshots(0, states, absent);
    }

    fn may_snapshot_all(&mut self) -> bool {
        if self.last_full_snapshot.is_some_and(|last| last.elapsed() < FULL_SNAPSHOT_INTERVAL) {
            return false;
        }
        self.last_full_snapshot = Some(Instant::now());
        true
    }

    /// Returns how many found no room; those are counted as lost and repaired later.
    fn push_snapshots(&self, request_id: u64, states: Vec<ProcessState>, absent: Vec<ProcessKey>) -> usize {
        let now = clock::boot_ns();
        let present = states.into_iter().map(|state| (state.as_of_boot_ns, Some(state), None));
        let absent = absent.into_iter().map(|key| (now, None, Some(key)));
        let mut outbox = self.stream.outbox();
        let refused = present
            .chain(absent)
            .filter(|(boot_ns, state, absent)| {
                let snapshot = ProcessSnapshot { request_id, state: state.clone(), absent: *absent };
                let kind = Some(Kind::ProcessSnapshot(snapshot));
                outbox.push(&Event { boot_ns: *boot_ns, kind, ..Event::default() }, now).is_err()
            })
            .count();
        drop(outbox);
        self.stream.notify();
        refused
    }
}

fn plan_switch(plan_generation: u64, now_boot_ns: u64) -> Event {
    let kind = Some(Kind::PlanSwitch(PlanSwitch { plan_generation }));
    Event { boot_ns: now_boot_ns, plan_generation, kind, ..Event::default() }
}

/// Leaves only the processes that are not among `states`, each once.
fn retain_absent(keys: &mut Vec<ProcessKey>, states: &[ProcessState]) {
    let starts: HashMap<_, _> =
        states.iter().filter_map(|state| state.process).map(|key| (key.pid, key.start_boot_ns)).collect();
    keys.retain(|key| {
        starts.get(&key.pid).is_none_or(|start| start.abs_diff(key.start_boot_ns) > START_TOLERANCE_NS)
    });
    keys.sort_unstable_by_key(|key| (key.pid, key.start_boot_ns));
    keys.dedup();
}
