//! Puts events and what is known of their containers together.

mod memory;

use std::sync::Arc;

use eyrie_proto::{
    alert::MetadataState,
    event::{CgroupFact, CgroupKey, Event, Origin},
    metadata::{Completeness, Container, ContainerKey, KubernetesContext},
};
use fields::ContainerView;
use host_model::HostModel;
use prost::Message as _;

pub(crate) use self::memory::JoinMemory;
use self::memory::{AsOf, GroupId};
use super::{Answer, Metadata};

/// Bytes of a container as an alert shows it; labels and the like beyond are left out.
const MAX_SHOWN_BYTES: usize = 16 * 1024;

/// Finds the containers of the events of one stretch of one origin. Neighbouring events mostly have one of a few.
pub(crate) struct ContainerJoin<'m> {
    metadata: &'m Arc<Metadata>,
    origin: &'m str,
    memory: &'m mut JoinMemory,
    /// What is still to be counted.
    hits: u64,
    partial: u64,
    misses: u64,
}

/// The container of an event, as far as it is known by now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Joined<'a> {
    /// It happened in none, or nothing will ever say in which.
    None,
    /// A fact about this control group will tell which.
    Untold(CgroupKey),
    /// In the one that the fact names.
    Container(InGroup<'a>, &'a Answer),
}

/// The fact about the control group that an event happened in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum InGroup<'a> {
    /// This one.
    Of(&'a CgroupFact),
    /// The one that the model has. It is looked up when somebody asks: most events match nothing.
    Within(&'a HostModel, GroupId),
}

// === impl ContainerJoin ===

impl<'m> ContainerJoin<'m> {
    /// `memory` is what was remembered of the same origin and model before.
    pub(crate) fn new(metadata: &'m Arc<Metadata>, origin: &'m str, memory: &'m mut JoinMemory) -> Self {
        memory.begin(metadata.news(origin));
        Self { metadata, origin, memory, hits: 0, partial: 0, misses: 0 }
    }

    /// The container that an event happened in.
    pub(crate) fn container_of<'a>(&'a mut self, event: &Event, model: &'a HostModel) -> Joined<'a> {
        let Some(process) = event.task.as_ref().and_then(|task| model.process_of(task)) else {
            return Joined::None;
        };
        let group = GroupId { hierarchy: process.cgroup_hierarchy(), cgroup_id: process.cgroup_id() };
        let as_of = self.memory.as_of(model);
        let place = match self.memory.place(group, as_of, event.boot_ns) {
            Some(place) => place,
            None => match model.cgroup(process) {
                Some(fact) => self.look_up(fact, group, as_of, event.boot_ns),
                None => return untold(group, model),
            },
        };
        let Some(answer) = self.memory.get(place).and_then(|slot| slot.answer.as_ref()) else {
            return Joined::None;
        };
        match answer {
            Answer::Known(container) => {
                self.hits += 1;
                self.partial += u64::from(container.completeness() == Completeness::FinalPartial);
            }
            Answer::Unknown | Answer::Absent => self.misses += 1,
        }
        Joined::Container(InGroup::Within(model, group), answer)
    }

    /// Asks, and remembers what is known; what is unknown may be known a moment later.
    fn look_up(&mut self, fact: &CgroupFact, group: GroupId, as_of: AsOf, at_boot_ns: u64) -> usize {
        let is_container = !fact.container_id.is_empty();
        let found =
            is_container.then(|| self.metadata.container(self.origin, &fact.container_id, at_boot_ns));
        self.memory.put(group, as_of, found)
    }
}

fn untold(GroupId { hierarchy, cgroup_id }: GroupId, model: &HostModel) -> Joined<'static> {
    let untold = CgroupKey { hierarchy, cgroup_id, birth_boot_ns: 0 };
    if model.has_cgroups() { Joined::Untold(untold) } else { Joined::None }
}

impl Drop for ContainerJoin<'_> {
    fn drop(&mut self) {
        self.metadata.counters.hits.add(self.hits);
        self.metadata.counters.partial.add(self.partial);
        self.metadata.counters.misses.add(self.misses);
    }
}

// === impl Answer ===

impl Answer {
    /// What fields see of it.
    pub(crate) fn view(&self) -> ContainerView<'_> {
        match self {
            Self::Known(container) => ContainerView::Known(container),
            Self::Unknown => ContainerView::Unknown,
            Self::Absent => ContainerView::Absent,
        }
    }

    /// Nothing more will come.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Known(container) => {
                matches!(container.completeness(), Completeness::Complete | Completeness::FinalPartial)
            }
            Self::Absent => true,
            Self::Unknown => false,
        }
    }

    /// Nothing more will come, of its pod's cluster either. What is complete but for some part may be told the rest by its runtime.
    fn is_final(&self) -> bool {
        let is_final = |context: &KubernetesContext| {
            matches!(context.completeness(), Completeness::Complete | Completeness::FinalPartial)
        };
        match self {
            Self::Known(container) => {
                let is_whole = match container.completeness() {
                    Completeness::Complete => container.missing.is_empty(),
                    Completeness::FinalPartial => true,
                    Completeness::Pending | Completeness::Unspecified => false,
                };
                is_whole && container.kubernetes.as_deref().is_none_or(is_final)
            }
            Self::Unknown => false,
            Self::Absent => true,
        }
    }

    /// What an alert says of it that hangs on nothing else.
    fn state(&self) -> MetadataState {
        match self {
            Self::Absent => MetadataState::Absent,
            _ if self.is_whole() => MetadataState::Complete,
            _ => MetadataState::Partial,
        }
    }
}

// === impl Joined ===

impl Joined<'_> {
    /// What fields see of the container.
    pub(crate) fn view(&self) -> ContainerView<'_> {
        match self {
            Self::None => ContainerView::NotAsked,
            Self::Untold(_) => ContainerView::Unknown,
            Self::Container(_, answer) => answer.view(),
        }
    }

    /// Nothing more will come.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::None => true,
            Self::Untold(_) => false,
            Self::Container(_, answer) => answer.is_whole(),
        }
    }

    /// Nothing more will come, of its pod's cluster either: what is unknown then stays so.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::None => true,
            Self::Untold(_) => false,
            Self::Container(_, answer) => answer.is_final(),
        }
    }

    /// What an alert says of it that hangs on nothing else.
    pub(crate) fn state(&self) -> MetadataState {
        match self {
            Self::None => MetadataState::Unspecified,
            Self::Untold(_) => MetadataState::Partial,
            Self::Container(_, answer) => answer.state(),
        }
    }

    /// The container as an alert shows it: its id at least, whatever metadata knows of it.
    pub(crate) fn shown(&self, origin: &Origin) -> Option<Container> {
        let Self::Container(group, answer) = self else { return None };
        let Answer::Known(container) = answer else {
            let fact = group.fact()?;
            let key = ContainerKey {
                origin: Some(origin.clone()),
                cgroup: fact.cgroup,
                runtime_id: fact.container_id.clone(),
            };
            return Some(Container {
                key: Some(key),
                runtime: fact.runtime.clone(),
                completeness: Completeness::Pending.into(),
                ..Container::default()
            });
        };
        Some(within_bounds(container))
    }
}

// === impl InGroup ===

impl<'a> InGroup<'a> {
    /// The fact. It is there for as long as the model is borrowed.
    pub(crate) fn fact(self) -> Option<&'a CgroupFact> {
        match self {
            Self::Of(fact) => Some(fact),
            Self::Within(model, group) => model.cgroup_fact(group.hierarchy, group.cgroup_id),
        }
    }
}

fn within_bounds(container: &Container) -> Container {
    if container.encoded_len() <= MAX_SHOWN_BYTES {
        return container.clone();
    }
    Container {
        key: container.key.clone(),
        runtime: container.runtime.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        pod_uid: container.pod_uid.clone(),
        pod_name: container.pod_name.clone(),
        pod_namespace: container.pod_namespace.clone(),
        completeness: Completeness::FinalPartial.into(),
        reasons: vec!["labels, mounts and the like are left out of the alert: too large".to_owned()],
        ..Container::default()
    }
}
