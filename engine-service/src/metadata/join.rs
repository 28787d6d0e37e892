//! Puts events and what is known of their containers together.

use std::sync::Arc;

use eyrie_proto::{
    event::{CgroupFact, Event, Origin},
    metadata::{Completeness, Container, ContainerKey},
};
use fields::ContainerView;
use host_model::{ContainerId, HostModel};
use prost::Message as _;

use super::{Answer, Metadata};

/// Bytes of a container as an alert shows it; labels and the like beyond are left out.
const MAX_SHOWN_BYTES: usize = 16 * 1024;

/// Finds the containers of the events of one stretch of one origin. Neighbouring events mostly have the same one.
pub(crate) struct ContainerJoin<'m> {
    metadata: &'m Arc<Metadata>,
    origin: &'m str,
    last: Option<(String, Answer)>,
}

// === impl ContainerJoin ===

impl<'m> ContainerJoin<'m> {
    pub(crate) fn new(metadata: &'m Arc<Metadata>, origin: &'m str) -> Self {
        Self { metadata, origin, last: None }
    }

    /// What is known of the container that an event happened in.
    pub(crate) fn container_of(&mut self, event: &Event, model: &HostModel) -> ContainerView<'_> {
        let process = event.task.as_ref().and_then(|task| model.process_of(task));
        let Some(ContainerId::Container(id)) = process.map(|process| model.container_id(process)) else {
            return ContainerView::NotAsked;
        };
        // What was unknown a moment ago may be known by now.
        let is_same = matches!(&self.last, Some((last, Answer::Known(_))) if last == id);
        if !is_same {
            let answer = self.metadata.container(self.origin, id, event.boot_ns);
            self.last = Some((id.to_owned(), answer));
        }
        let counters = &self.metadata.counters;
        match &self.last {
            Some((_, answer @ Answer::Known(_))) => {
                counters.hits.add(1);
                answer.view()
            }
            Some((_, answer)) => {
                counters.misses.add(1);
                answer.view()
            }
            None => ContainerView::NotAsked,
        }
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
}

/// The container as an alert shows it: its id at least, whatever metadata knows of it.
pub(crate) fn shown(view: ContainerView<'_>, fact: &CgroupFact, origin: &Origin) -> Container {
    let ContainerView::Known(container) = view else {
        let key = ContainerKey {
            origin: Some(origin.clone()),
            cgroup: fact.cgroup,
            runtime_id: fact.container_id.clone(),
        };
        return Container {
            key: Some(key),
            runtime: fact.runtime.clone(),
            completeness: Completeness::Pending.into(),
            ..Container::default()
        };
    };
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
