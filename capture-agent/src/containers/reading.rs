//! One attempt to learn what a container is, from the files of its runtime.

use std::path::PathBuf;

use eyrie_proto::{
    event::{CgroupKey, Origin},
    metadata::{Completeness, Container, ContainerKey, Provenance, Validity},
};

use super::{bundle::Bundle, runtime_state::RuntimeState, storage::Storage};
use crate::clock;

/// Where runtimes keep their files.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Storages of podman for the whole host; those of users are found by their runtimes' state.
    pub(crate) storage_roots: Vec<PathBuf>,
    /// `/run`
    pub(crate) run: PathBuf,
}

/// A container that was noticed by its control group.
#[derive(Clone, Debug)]
pub(super) struct Noticed {
    pub(super) id: String,
    pub(super) runtime: String,
    pub(super) cgroup: CgroupKey,
}

// === impl Noticed ===

impl Noticed {
    pub(super) fn key(&self, origin: &Origin) -> ContainerKey {
        let (origin, cgroup) = (Some(origin.clone()), Some(self.cgroup));
        ContainerKey { origin, cgroup, runtime_id: self.id.clone() }
    }

    /// Reads what there is. Pending, with the reasons, if anything is missing that may still come.
    pub(super) fn read(&self, origin: &Origin, places: &Places) -> Container {
        let mut container = Container {
            key: Some(self.key(origin)),
            runtime: self.runtime.clone(),
            started_ns: epoch_ns(self.cgroup.birth_boot_ns),
            validity: Some(Validity { from_ns: self.cgroup.birth_boot_ns, until_ns: 0 }),
            ..Container::default()
        };
        let state = RuntimeState::find(&places.run, &self.id);
        let stored = Storage::of_container(&places.storage_roots, &self.id);
        let (mut storage, mut bundle) = stored.unzip();
        if let Some(state) = state {
            if container.started_ns == 0 {
                container.started_ns = state.started_ns;
            }
            bundle = bundle.or(state.bundle);
            storage = storage.or_else(|| Storage::of_bundle(bundle.as_deref()?));
            container.provenance.push(provenance("runtime-state"));
        }
        let missing = [
            self.read_bundle(bundle, &mut container).err(),
            self.read_storage(storage, &mut container).err(),
        ];
        container.reasons = missing.into_iter().flatten().collect();
        let completeness = if container.reasons.is_empty() {
            // It does not keep the container from being complete: nothing that is read would tell them.
            container.reasons.push("labels: podman keeps them in its database, which is not read".to_owned());
            Completeness::Complete
        } else {
            Completeness::Pending
        };
        container.set_completeness(completeness);
        container
    }

    /// Whether another attempt may tell more.
    pub(super) fn may_be_read(&self) -> bool {
        self.runtime == "podman"
    }

    fn read_bundle(&self, folder: Option<PathBuf>, container: &mut Container) -> Result<(), String> {
        let folder = folder.ok_or("mounts, capabilities, namespaces: the container's bundle is not found")?;
        let bundle =
            Bundle::read(&folder).map_err(|error| format!("mounts, capabilities, namespaces: {error}"))?;
        bundle.describe(container);
        container.provenance.push(provenance("bundle"));
        Ok(())
    }

    fn read_storage(&self, storage: Option<Storage>, container: &mut Container) -> Result<(), String> {
        if !self.may_be_read() {
            return Err(format!("name, image: of {} they are not read yet", self.runtime));
        }
        let storage = storage.ok_or("name, image: no storage of podman has the container")?;
        let described = storage.describe(&self.id, container);
        if !container.name.is_empty() {
            container.provenance.push(provenance("podman-storage"));
        }
        described
    }
}

fn provenance(source: &str) -> Provenance {
    let observer = "capture-agent".to_owned();
    Provenance { source: source.to_owned(), observed_ns: clock::read().epoch_ns, observer }
}

/// A moment of the boot clock on the wall clock; 0 stays 0.
fn epoch_ns(boot_ns: u64) -> u64 {
    if boot_ns == 0 {
        return 0;
    }
    let now = clock::read();
    now.epoch_ns.saturating_sub(now.boot_ns.saturating_sub(boot_ns))
}
