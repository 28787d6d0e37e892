//! One attempt to learn what a container is, from the files of its runtime.

use std::path::{Path, PathBuf};

use eyrie_proto::{
    event::{CgroupKey, Origin},
    metadata::{Container, ContainerKey, ContainerPart as Part, Provenance, Validity},
};

use super::{
    annotations::Annotator, bundle::Bundle, docker, lxc, merging::merge, missing::Missing, places::Places,
    runtime_state::RuntimeState, storage::Storage,
};
use crate::{cgroups::Maker, clock};

/// Attempts at files that are written before a container's first process: soon after it they are there, or not to be seen from here.
const EARLY_ATTEMPTS: usize = 4;
/// Characters of the id that stand for a name where containerd's client gave none; as many as Falco shows.
const SHORT_ID: usize = 12;

/// Labels that name a pod.
const POD_LABELS: [&str; 4] = [
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.pod.uid",
    "io.kubernetes.sandbox.id",
];

/// A container that was noticed by its control group.
#[derive(Clone, Debug)]
pub(super) struct Noticed {
    pub(super) id: String,
    pub(super) runtime: String,
    pub(super) cgroup: CgroupKey,
    /// Empty unless it is in a pod of Kubernetes.
    pub(super) pod_uid: String,
    /// Who made its control group, and so whose runtime's container it is.
    maker: Maker,
    /// When its control group was made, in nanoseconds since the epoch; 0 if nobody saw it.
    started_ns: u64,
}

/// What files said.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) container: Container,
    pub(super) missing: Missing,
}

// === impl Noticed ===

impl Noticed {
    pub(super) fn new(id: String, runtime: String, cgroup: CgroupKey, pod_uid: String) -> Self {
        // Once: the two clocks do not keep step to the nanosecond.
        let started_ns = epoch_ns(cgroup.birth_boot_ns);
        Self { id, runtime, cgroup, pod_uid, maker: Maker::Unknown, started_ns }
    }

    /// The same, made by `maker`. A user's group is in no pod, whatever he calls it.
    pub(super) fn made_by(mut self, maker: Maker) -> Self {
        if matches!(maker, Maker::User(_)) {
            self.pod_uid.clear();
        }
        self.maker = maker;
        self
    }

    /// It is of a user's own runtime.
    pub(super) fn is_users(&self) -> bool {
        matches!(self.maker, Maker::User(_))
    }

    /// The runtime whose interfaces may know it; those of the host know nothing of users'.
    pub(super) fn asked_runtime(&self) -> &str {
        if self.is_users() { "" } else { &self.runtime }
    }

    /// The state that its runtime keeps.
    pub(super) fn runtime_state(&self, places: &Places) -> Option<RuntimeState> {
        RuntimeState::find(&places.run, &self.id, &self.runtime, self.maker)
    }

    /// Takes out what makes it one of a pod that it is not in. The path of its control group is the kubelet's word, which stands above all others. Where it says nothing,
    /// labels of docker and podman say nothing either: images have some, too.
    pub(super) fn correct(&self, container: &mut Container) {
        let is_labelled = matches!(self.runtime.as_str(), "docker" | "podman") || self.is_users();
        let is_false = match self.pod_uid.as_str() {
            "" => is_labelled,
            uid => !container.pod_uid.is_empty() && container.pod_uid != uid,
        };
        if !is_false {
            return;
        }
        for part in [
            &mut container.pod_uid,
            &mut container.pod_name,
            &mut container.pod_namespace,
            &mut container.pod_sandbox_id,
        ] {
            part.clear();
        }
        container.pod_labels.clear();
        container.labels.retain(|name, _| !POD_LABELS.contains(&name.as_str()));
    }

    pub(super) fn key(&self, origin: &Origin) -> ContainerKey {
        let (origin, cgroup) = (Some(origin.clone()), Some(self.cgroup));
        ContainerKey { origin, cgroup, runtime_id: self.id.clone() }
    }

    /// Reads what there is.
    pub(super) fn read(&self, origin: &Origin, places: &Places) -> Read {
        let container = Container {
            key: Some(self.key(origin)),
            runtime: self.runtime.clone(),
            started_ns: self.started_ns,
            pod_uid: self.pod_uid.clone(),
            validity: Some(Validity { from_ns: self.cgroup.birth_boot_ns, until_ns: 0 }),
            ..Container::default()
        };
        let mut read = Read { container, missing: Missing::default() };
        match self.runtime.as_str() {
            _ if self.is_users() => self.read_users(places, &mut read),
            "podman" => self.read_podman(places, &mut read),
            "cri-o" => self.read_crio(places, &mut read),
            "docker" => self.read_docker(places, &mut read),
            "containerd" => self.read_containerd(places, &mut read),
            "lxc" => self.read_lxc(places, &mut read),
            other => {
                read.container.name.clone_from(&self.id);
                read.missing.details = Some(format!("those of {other} are not read"));
                read.missing.minor.insert(Part::Addresses);
            }
        }
        if read.container.started_ns == 0 {
            read.missing.minor.insert(Part::Times);
        }
        self.correct(&mut read.container);
        // The path of the control group is the kubelet's word.
        if !self.pod_uid.is_empty() {
            read.missing.minor.insert(Part::PodLabels);
            read.container.pod_uid.clone_from(&self.pod_uid);
            if read.container.pod_name.is_empty() {
                read.missing.pod = Some("the container's files do not name it".to_owned());
            }
        }
        read
    }

    /// Whether another attempt at the files, after so many, may tell more.
    pub(super) fn may_be_read(&self, attempts: usize) -> bool {
        match self.runtime.as_str() {
            "podman" => true,
            "docker" | "containerd" | "cri-o" => attempts < EARLY_ATTEMPTS,
            _ => false,
        }
    }

    fn read_podman(&self, places: &Places, read: &mut Read) {
        let Some((storage, bundle)) = Storage::of_container(&places.storage_roots, &self.id) else {
            return self.read_users(places, read);
        };
        self.read_state(places, read);
        self.read_bundle(Some(&bundle), None, read);
        self.read_storage(Some(storage), read);
    }

    /// By the runtime's state alone: of a user's own runtime, which keeps its files where it likes.
    fn read_users(&self, places: &Places, read: &mut Read) {
        let (bundle, owner) = self.read_state(places, read);
        self.read_bundle(bundle.as_deref(), owner, read);
        self.read_storage(bundle.and_then(|bundle| Storage::of_bundle(&bundle, owner)), read);
    }

    fn read_storage(&self, storage: Option<Storage>, read: &mut Read) {
        // They are in podman's database alone.
        read.missing.minor.extend([Part::Labels, Part::Addresses, Part::Probes]);
        let Some(storage) = storage else {
            read.missing.name = Some("no storage of podman has the container".to_owned());
            read.missing.image.clone_from(&read.missing.name);
            return;
        };
        storage.describe(&self.id, &mut read.container, &mut read.missing);
        if !read.container.name.is_empty() {
            read.container.provenance.push(provenance("podman-storage", clock::read().epoch_ns));
        }
    }

    /// Names are those of the bundle: of the storage's, CRI-O makes one of all parts.
    fn read_crio(&self, places: &Places, read: &mut Read) {
        let stored = Storage::of_container(&places.storage_roots, &self.id);
        let (storage, in_storage) = stored.unzip();
        let (of_runtime, _) = self.read_state(places, read);
        let bundle = places.crio_bundle(&self.id).or(of_runtime).or(in_storage);
        self.read_bundle(bundle.as_deref(), None, read);
        self.name_by_bundle(read);
        read.missing.minor.insert(Part::ImageDigest);
        if read.missing.details.is_some() {
            read.missing.minor.extend([Part::Labels, Part::Addresses, Part::Probes]);
        }
        let Some(storage) = storage else { return };
        let mut stored = Container::default();
        storage.describe(&self.id, &mut stored, &mut Missing::default());
        let Some(known) = &read.container.image else { return };
        let same = stored.image.filter(|image| image.repository == known.repository);
        if same.is_some() {
            read.missing.minor.remove(&Part::ImageDigest);
        }
        merge(
            &mut read.container,
            &Container { image: same, created_ns: stored.created_ns, ..Container::default() },
        );
        read.container.provenance.push(provenance("cri-o-storage", clock::read().epoch_ns));
    }

    fn read_docker(&self, places: &Places, read: &mut Read) {
        let (of_runtime, owner) = self.read_state(places, read);
        let bundle = of_runtime.or_else(|| places.task_bundle(&self.id));
        self.read_bundle(bundle.as_deref(), owner, read);
        match docker::stored(&places.docker_root, &self.id) {
            Ok(mut stored) => {
                self.correct(&mut stored);
                merge(&mut read.container, &stored);
                read.missing.strike_out(&stored);
                read.container.provenance.push(provenance("docker-storage", clock::read().epoch_ns));
                // The file may be as it was when the container was made.
                if stored.ips.is_empty() && stored.is_host_network != Some(true) {
                    read.missing.minor.insert(Part::Addresses);
                }
            }
            Err(error) => {
                read.missing.minor.extend([Part::Labels, Part::Addresses, Part::Probes]);
                read.missing.name = Some(error.to_string());
                read.missing.image = Some(error.to_string());
            }
        }
    }

    fn read_containerd(&self, places: &Places, read: &mut Read) {
        let (of_runtime, _) = self.read_state(places, read);
        let bundle = of_runtime.or_else(|| places.task_bundle(&self.id));
        self.read_bundle(bundle.as_deref(), None, read);
        if self.pod_uid.is_empty() && read.container.name.is_empty() && read.missing.details.is_none() {
            read.container.name = self.id.chars().take(SHORT_ID).collect();
        }
        self.name_by_bundle(read);
        // containerd has them, and for pods what speaks for it to Kubernetes.
        read.missing.minor.extend([Part::ImageDigest, Part::Labels, Part::Addresses]);
        if !self.pod_uid.is_empty() {
            read.missing.minor.insert(Part::Probes);
        }
    }

    fn read_lxc(&self, places: &Places, read: &mut Read) {
        read.container.name.clone_from(&self.id);
        match lxc::describe(&places.lxc, &self.id, &mut read.container) {
            Ok(()) => read.container.provenance.push(provenance("lxc-config", clock::read().epoch_ns)),
            Err(error) => read.missing.details = Some(error.to_string()),
        }
        if read.container.ips.is_empty() {
            // Mostly given by somebody else.
            read.missing.minor.insert(Part::Addresses);
        }
    }

    /// What only annotations would name.
    fn name_by_bundle(&self, read: &mut Read) {
        let why = || Some("the bundle does not tell it".to_owned());
        if read.container.name.is_empty() {
            read.missing.name = why();
        }
        if read.container.image.as_ref().is_none_or(|image| image.repository.is_empty()) {
            read.missing.image = why();
        }
    }

    /// Reads the runtime's state, and gives the bundle that it names, with the user who does.
    fn read_state(&self, places: &Places, read: &mut Read) -> (Option<PathBuf>, Option<u32>) {
        let Some(state) = self.runtime_state(places) else { return (None, None) };
        if read.container.started_ns == 0 {
            read.container.started_ns = state.started_ns;
        }
        read.container.provenance.push(provenance("runtime-state", clock::read().epoch_ns));
        (state.bundle, state.owner)
    }

    fn read_bundle(&self, folder: Option<&Path>, owner: Option<u32>, read: &mut Read) {
        let found = folder.ok_or_else(|| "the container's bundle is not found".to_owned());
        match found.and_then(|folder| Bundle::read(folder, owner).map_err(|error| error.to_string())) {
            Ok(bundle) => {
                bundle.describe(&self.id, Annotator::of(&self.runtime), &mut read.container);
                read.container.provenance.push(provenance("bundle", clock::read().epoch_ns));
            }
            Err(why) => read.missing.details = Some(why),
        }
    }
}

pub(super) fn provenance(source: &str, observed_ns: u64) -> Provenance {
    Provenance { source: source.to_owned(), observed_ns, observer: "capture-agent".to_owned() }
}

/// A moment of the boot clock on the wall clock; 0 stays 0.
fn epoch_ns(boot_ns: u64) -> u64 {
    if boot_ns == 0 {
        return 0;
    }
    let now = clock::read();
    now.epoch_ns.saturating_sub(now.boot_ns.saturating_sub(boot_ns))
}
