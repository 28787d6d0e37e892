//! The store by itself: bounds, retention, and intervals against a plain model.

mod bounds;
mod joining;
mod listing;
mod model;

use std::sync::Arc;

use eyrie_proto::{
    event::CgroupKey,
    metadata::{Completeness, Container, ContainerKey},
};

use super::*;
use crate::{
    keys::ContainerName,
    store::{Numbering, Statement},
};

fn name(cgroup_id: u64, birth_ns: u64, runtime_id: &str) -> ContainerName {
    ContainerName { hierarchy: 0, cgroup_id, birth_ns, runtime_id: runtime_id.to_owned() }
}

fn container(name: &ContainerName, text: &str) -> Box<Container> {
    let cgroup =
        CgroupKey { hierarchy: name.hierarchy, cgroup_id: name.cgroup_id, birth_boot_ns: name.birth_ns };
    let key = ContainerKey { origin: None, cgroup: Some(cgroup), runtime_id: name.runtime_id.clone() };
    Box::new(Container {
        key: Some(key),
        name: text.to_owned(),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    })
}

fn stated(name: &ContainerName, text: &str) -> Statement {
    Statement::Container(name.clone(), container(name, text))
}

fn removed(name: &ContainerName, until_ns: u64) -> Statement {
    Statement::ContainerRemoval(name.clone(), container(name, ""), until_ns)
}

fn origin(text: &str) -> Scope {
    Scope::Origin(text.to_owned())
}

/// Applies statements as the next of an origin.
async fn apply(store: &SqliteStore, scope: &Scope, statements: Vec<Statement>) {
    static NEXT_EPOCH: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let epoch = NEXT_EPOCH.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let batch =
        Batch { scope: scope.clone(), epoch, first_sequence: 1, numbering: Numbering::Each, statements };
    store.apply(Arc::new(batch)).await.unwrap();
}

async fn find(store: &SqliteStore, scope: &Scope, name: &ContainerName, as_of_ns: u64) -> Finding {
    let origin = scope.name().to_owned();
    let question = Sought::Container { origin, name: name.clone(), as_of_ns };
    store.find(Arc::new([question])).await.unwrap().remove(0)
}

/// The name of what was found.
fn found(finding: &Finding) -> Option<String> {
    match finding {
        Finding::Found { entity, .. } => match &entity.kind {
            Some(eyrie_proto::metadata::entity::Kind::Container(container)) => Some(container.name.clone()),
            _ => None,
        },
        _ => None,
    }
}
