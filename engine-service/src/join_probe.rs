//! The join of events with what is known of their containers, by itself, for its benchmark. Nothing else uses it.

use std::sync::Arc;

use eyrie_proto::{
    event::{
        CgroupFact, CgroupKey, Event, HostBoot, OrderedFact, Origin, ProcessKey, ProcessSnapshot,
        ProcessState, Task, event::Kind, ordered_fact, origin,
    },
    metadata::{Completeness, Container, ContainerKey, LateFact, late_fact},
};
use host_model::HostModel;
use telemetry::PipelineTracer;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metadata::{Attendance, ContainerJoin, JoinMemory, Joined, Metadata, MetadataOptions};

/// A host with some containers, each with a process, of which all is known.
#[derive(Debug)]
pub struct JoinProbe {
    metadata: Arc<Metadata>,
    name: Arc<str>,
    model: HostModel,
    memory: JoinMemory,
    _attendance: Attendance,
}

// === impl JoinProbe ===

impl JoinProbe {
    /// With so many containers.
    pub fn new(containers: u32) -> Self {
        let boot = HostBoot { machine_id: "0".repeat(32), boot_id: "0".repeat(36) };
        let origin = Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) };
        let name: Arc<str> = origin.to_string().into();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let metadata = Metadata::start(&MetadataOptions::default(), PipelineTracer::default(), &stop, &tasks);
        let attendance = metadata.attend(&name, &origin);
        let mut model = HostModel::default();
        for number in 1..=containers {
            let runtime_id = format!("{number:064x}");
            let cgroup = CgroupKey { cgroup_id: u64::from(number), ..CgroupKey::default() };
            let fact = CgroupFact {
                cgroup: Some(cgroup),
                container_id: runtime_id.clone(),
                ..CgroupFact::default()
            };
            let fact = OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() };
            model.apply(&Event { kind: Some(Kind::Fact(fact)), ..Event::default() });
            let state = ProcessState {
                process: Some(process(number)),
                cgroup_id: u64::from(number),
                ..ProcessState::default()
            };
            let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
            model.apply(&Event { kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() });
            let key = ContainerKey { origin: Some(origin.clone()), runtime_id, ..ContainerKey::default() };
            let container = Container {
                key: Some(key),
                name: format!("container-{number}"),
                completeness: Completeness::Complete.into(),
                ..Container::default()
            };
            metadata.learn(&name, &LateFact { kind: Some(late_fact::Kind::Container(container)) });
        }
        let memory = JoinMemory::default();
        Self { metadata, name, model, memory, _attendance: attendance }
    }

    /// An event of the process of each container in turn.
    pub fn events(containers: u32, count: u32) -> Vec<Event> {
        let event = |number: u32| Event {
            boot_ns: u64::from(number),
            task: Some(Task { process: Some(process(number % containers + 1)), ..Task::default() }),
            ..Event::default()
        };
        (0..count).map(event).collect()
    }

    /// Joins a stretch of events; gives how many have a container that is known.
    pub fn join(&mut self, events: &[Event]) -> usize {
        let mut join = ContainerJoin::new(&self.metadata, &self.name, &mut self.memory);
        let mut is_known = |event: &&Event| match join.container_of(event, &self.model) {
            Joined::Container(_, answer) => answer.is_whole(),
            Joined::None | Joined::Untold(_) => false,
        };
        events.iter().filter(&mut is_known).count()
    }
}

fn process(number: u32) -> ProcessKey {
    ProcessKey { pid: 1_000 + number, start_boot_ns: 1 }
}
