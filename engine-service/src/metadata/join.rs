//! Puts events and what is known of their containers together.

use std::sync::Arc;

use eyrie_proto::{
    alert::MetadataState,
    event::{CgroupFact, CgroupKey, Event, Origin},
    metadata::{Completeness, Container, ContainerKey, KubernetesContext},
};
use fields::ContainerView;
use host_model::HostModel;
use prost::Message as _;

use super::{Answer, Metadata};

/// Bytes of a container as an alert shows it; labels and the like beyond are left out.
const MAX_SHOWN_BYTES: usize = 16 * 1024;

/// Containers that are remembered within a stretch: some 50 bytes each while it lasts. A host has some ten that are busy at a time.
const SLOTS: usize = 32;

/// Finds the containers of the events of one stretch of one origin. Neighbouring events mostly have one of a few.
pub(crate) struct ContainerJoin<'m> {
    metadata: &'m Arc<Metadata>,
    origin: &'m str,
    /// What the containers of late events were, each in the slot of its control group.
    known: [Option<(String, Answer)>; SLOTS],
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
    Container(&'a CgroupFact, &'a Answer),
}

// === impl ContainerJoin ===

impl<'m> ContainerJoin<'m> {
    pub(crate) fn new(metadata: &'m Arc<Metadata>, origin: &'m str) -> Self {
        Self { metadata, origin, known: [const { None }; SLOTS], hits: 0, partial: 0, misses: 0 }
    }

    /// The container that an event happened in.
    pub(crate) fn container_of<'a>(&'a mut self, event: &Event, model: &'a HostModel) -> Joined<'a> {
        let Some(process) = event.task.as_ref().and_then(|task| model.process_of(task)) else {
            return Joined::None;
        };
        let Some(fact) = model.cgroup(process) else {
            let (hierarchy, cgroup_id) = (process.cgroup_hierarchy(), process.cgroup_id());
            let untold = CgroupKey { hierarchy, cgroup_id, birth_boot_ns: 0 };
            return if model.has_cgroups() { Joined::Untold(untold) } else { Joined::None };
        };
        if fact.container_id.is_empty() {
            return Joined::None;
        }
        let slot = usize::try_from(process.cgroup_id()).unwrap_or_default() % SLOTS;
        let Some(slot) = self.known.get_mut(slot) else { return Joined::None };
        // What was unknown a moment ago may be known by now.
        let is_same = matches!(slot, Some((last, Answer::Known(_))) if *last == fact.container_id);
        if !is_same {
            let answer = self.metadata.container(self.origin, &fact.container_id, event.boot_ns);
            *slot = Some((fact.container_id.clone(), answer));
        }
        let Some((_, answer)) = slot else { return Joined::None };
        match answer {
            Answer::Known(container) => {
                self.hits += 1;
                self.partial += u64::from(container.completeness() == Completeness::FinalPartial);
            }
            Answer::Unknown | Answer::Absent => self.misses += 1,
        }
        Joined::Container(fact, answer)
    }
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

    /// Nothing more will come, of its pod's cluster either.
    fn is_final(&self) -> bool {
        let context = match self {
            Self::Known(container) => container.kubernetes.as_deref(),
            Self::Unknown | Self::Absent => None,
        };
        let is_final = |context: &KubernetesContext| {
            matches!(context.completeness(), Completeness::Complete | Completeness::FinalPartial)
        };
        self.is_whole() && context.is_none_or(is_final)
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
        let Self::Container(fact, answer) = self else { return None };
        let Answer::Known(container) = answer else {
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
