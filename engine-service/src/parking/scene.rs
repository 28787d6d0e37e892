//! What the rest of a condition is evaluated on.

use eyrie_proto::event::{
    CgroupFact, CgroupKey, Event, OrderedFact, ProcessKey, ProcessSnapshot, ProcessState, Task, event::Kind,
    ordered_fact,
};
use fields::{Architecture, ContainerView, EventView, FieldSettings, HostView, PathNames, PeerView};
use host_model::HostModel;

/// The only process of a scene.
const PROCESS: ProcessKey = ProcessKey { pid: 1, start_boot_ns: 1 };

/// A host with one process in one control group: what is left of a condition asks for nothing else.
#[derive(Debug)]
pub(super) struct Scene {
    event: Event,
    host: HostModel,
}

// === impl Scene ===

impl Scene {
    /// The process is in the control group that `fact` is about; without a fact, in one that was not told of yet.
    pub(super) fn new(fact: Option<&CgroupFact>) -> Self {
        let cgroup = fact.and_then(|fact| fact.cgroup).unwrap_or_default();
        let mut host = HostModel::default();
        let state = ProcessState {
            process: Some(PROCESS),
            cgroup_id: cgroup.cgroup_id,
            cgroup_hierarchy: cgroup.hierarchy,
            ..ProcessState::default()
        };
        let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
        host.apply(&Event { kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() });
        // Some control group has to be told of, for others to be still to come.
        let elsewhere = CgroupKey { cgroup_id: u64::MAX, ..CgroupKey::default() };
        let elsewhere = CgroupFact { cgroup: Some(elsewhere), ..CgroupFact::default() };
        for fact in [Some(&elsewhere), fact].into_iter().flatten() {
            let fact = OrderedFact {
                kind: Some(ordered_fact::Kind::Cgroup(fact.clone())),
                ..OrderedFact::default()
            };
            host.apply(&Event { kind: Some(Kind::Fact(fact)), ..Event::default() });
        }
        let task = Task { process: Some(PROCESS), ..Task::default() };
        Self { event: Event { task: Some(task), ..Event::default() }, host }
    }

    pub(super) fn view<'a>(&'a self, container: ContainerView<'a>, machine: HostView<'a>) -> EventView<'a> {
        EventView {
            event: &self.event,
            host: &self.host,
            sequence: 0,
            epoch_offset_ns: 0,
            hostname: "",
            architecture: Architecture::X86_64,
            source: "",
            container,
            machine,
            // A match that asks for a peer does not wait.
            peer: PeerView::Absent,
            settings: FieldSettings::unset(),
            paths: PathNames::AskedFor,
        }
    }
}
