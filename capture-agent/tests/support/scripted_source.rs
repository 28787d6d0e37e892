//! A source of events whose events a test makes up.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use capture_agent::{Drained, EventSource};
use eyrie_proto::{
    capture::{CapturePlan, MissingAbility, PlanAnswer},
    event::{Event, Exec, LossRecord, ProcessKey, ProcessState, Task, event::Kind},
};

/// A handle to the source, for the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Event>,
    losses: Vec<LossRecord>,
    processes: Vec<ProcessState>,
    generation: u64,
    is_stopped: bool,
}

/// The source itself.
pub(crate) struct ScriptedSource(Script);

// === impl Script ===

impl Script {
    pub(crate) fn source(&self) -> Box<dyn EventSource> {
        Box::new(ScriptedSource(self.clone()))
    }

    /// The source will tell of this execution.
    pub(crate) fn exec(&self, pid: u32, exe: &str) {
        let mut inner = self.0.lock().unwrap();
        let key = ProcessKey { pid, start_boot_ns: u64::from(pid) };
        let event = Event {
            boot_ns: capture_agent::clock::boot_ns(),
            task: Some(Task { process: Some(key), tid: pid, ..Task::default() }),
            plan_generation: inner.generation,
            kind: Some(Kind::Exec(Exec { exe: exe.into(), ..Exec::default() })),
            ..Event::default()
        };
        inner.events.push_back(event);
    }

    /// The source will tell this.
    pub(crate) fn tell(&self, event: Event) {
        self.0.lock().unwrap().events.push_back(event);
    }

    pub(crate) fn lose(&self, record: LossRecord) {
        self.0.lock().unwrap().losses.push(record);
    }

    /// The host has these processes from now on.
    pub(crate) fn set_processes(&self, pids: impl IntoIterator<Item = u32>) {
        let state = |pid: u32| ProcessState {
            process: Some(ProcessKey { pid, start_boot_ns: u64::from(pid) }),
            exe: format!("process-{pid}").into(),
            as_of_boot_ns: capture_agent::clock::boot_ns(),
            ..ProcessState::default()
        };
        self.0.lock().unwrap().processes = pids.into_iter().map(state).collect();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.lock().unwrap().is_stopped
    }
}

// === impl ScriptedSource ===

impl EventSource for ScriptedSource {
    fn drain(&mut self, sink: &mut dyn FnMut(Event) -> Option<u64>) -> Drained {
        let mut inner = self.0.0.lock().unwrap();
        let count = inner.events.len().min(512);
        let events: Vec<_> = inner.events.drain(..count).collect();
        let is_more = !inner.events.is_empty();
        drop(inner);
        for event in events {
            sink(event);
        }
        Drained { records: count, is_more }
    }

    fn take_losses(&mut self) -> Vec<LossRecord> {
        std::mem::take(&mut self.0.0.lock().unwrap().losses)
    }

    fn snapshot(&mut self, pids: &[u32]) -> Option<Vec<ProcessState>> {
        let inner = self.0.0.lock().unwrap();
        let is_wanted = |state: &&ProcessState| pids.is_empty() || pids.contains(&state.process.unwrap().pid);
        Some(inner.processes.iter().filter(is_wanted).cloned().collect())
    }

    fn carry_out(&mut self, plan: CapturePlan) -> PlanAnswer {
        self.0.0.lock().unwrap().generation = plan.generation;
        PlanAnswer { generation: plan.generation, effective: Some(plan), ..PlanAnswer::default() }
    }

    fn missing_abilities(&self) -> Vec<MissingAbility> {
        Vec::new()
    }

    fn stop(&mut self) {
        self.0.0.lock().unwrap().is_stopped = true;
    }
}
