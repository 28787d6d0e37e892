//! Containers.

use eyrie_proto::metadata::{Completeness, Container, ContainerKey, FieldSource, Image, Validity};

use super::stamp::{self, Merge, Stamp, earlier, merge_provenance};
use crate::keys::ContainerName;

/// Bits beyond the field numbers of `Container`: an image is often told of by several sources, each with a part of it.
const IMAGE_ID: u32 = 32;
const IMAGE_REPOSITORY: u32 = 33;
const IMAGE_TAG: u32 = 34;
const IMAGE_DIGEST: u32 = 35;
/// Somebody has said what is missing, or that nothing is: of whom that is from.
const REASONS_SAID: u32 = 36;
const MISSING_SAID: u32 = 37;
/// What the bits are called.
pub(super) const FIELD_NAMES: &[(u32, &str)] = &[
    (2, "runtime"),
    (3, "name"),
    (5, "labels"),
    (6, "mounts"),
    (7, "is_privileged"),
    (8, "capabilities"),
    (9, "is_host_network"),
    (10, "is_host_pid"),
    (11, "is_host_ipc"),
    (12, "created_ns"),
    (13, "started_ns"),
    (14, "environment_names"),
    (15, "ips"),
    (16, "pod_uid"),
    (17, "pod_sandbox_id"),
    (18, "probes"),
    (22, "reasons"),
    (23, "pod_name"),
    (24, "pod_namespace"),
    (25, "cni_result"),
    (26, "user"),
    (27, "pod_labels"),
    (29, "missing"),
    (IMAGE_ID, "image.id"),
    (IMAGE_REPOSITORY, "image.repository"),
    (IMAGE_TAG, "image.tag"),
    (IMAGE_DIGEST, "image.digest"),
];

/// A container as it is stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StoredContainer {
    /// Merged from all statements.
    #[prost(message, optional, tag = "1")]
    pub container: Option<Container>,
    /// Which statement each field is from.
    #[prost(message, repeated, tag = "2")]
    pub stamps: Vec<Stamp>,
}

// === impl StoredContainer ===

impl StoredContainer {
    /// A container of which only the key is known.
    pub fn new(key: ContainerKey) -> Self {
        let birth_ns = key.cgroup.map_or(0, |cgroup| cgroup.birth_boot_ns);
        let container = Container {
            key: Some(key),
            validity: Some(Validity { from_ns: birth_ns, until_ns: 0 }),
            completeness: Completeness::Pending.into(),
            ..Container::default()
        };
        Self { container: Some(container), stamps: Vec::new() }
    }

    /// Its key in a form to compare.
    pub fn name(&self) -> ContainerName {
        let key = self.container.as_ref().and_then(|container| container.key.as_ref());
        key.and_then(|key| ContainerName::of(key).ok()).unwrap_or_default()
    }

    /// More will come.
    pub fn is_pending(&self) -> bool {
        let completeness = self.container.as_ref().map(Container::completeness).unwrap_or_default();
        !matches!(completeness, Completeness::Complete | Completeness::FinalPartial)
    }

    /// Ends it at a moment of its origin's boot clock, unless it ended before.
    pub fn end(&mut self, until_ns: u64) {
        let container = self.container.get_or_insert_default();
        let validity = container.validity.get_or_insert_default();
        validity.until_ns = earlier(validity.until_ns, until_ns);
    }

    /// Takes over the parts of the key that are not known yet.
    pub fn learn_key(&mut self, name: &ContainerName) {
        let mut mine = self.name();
        mine.learn(name);
        let container = self.container.get_or_insert_default();
        let key = container.key.get_or_insert_default();
        if mine.cgroup_id != 0 {
            let cgroup = key.cgroup.get_or_insert_default();
            cgroup.hierarchy = mine.hierarchy;
            cgroup.cgroup_id = mine.cgroup_id;
            cgroup.birth_boot_ns = mine.birth_ns;
        }
        if mine.birth_ns != 0 {
            container.validity.get_or_insert_default().from_ns = mine.birth_ns;
        }
        key.runtime_id = mine.runtime_id;
    }

    /// Merges a statement about this very container.
    pub fn merge(&mut self, stated: Container) {
        let has_birth = self.name().birth_ns != 0;
        let known = self.container.get_or_insert_default();
        let completeness = stated.completeness();
        let standing = rank(completeness).cmp(&rank(known.completeness()));
        let mut merge = Merge::new(&mut self.stamps, &stated.provenance);
        merge.field(2, &mut known.runtime, stated.runtime);
        merge.field(3, &mut known.name, stated.name);
        if let Some(image) = stated.image {
            merge_image(&mut merge, known.image.get_or_insert_default(), image);
        }
        merge.field(5, &mut known.labels, stated.labels);
        merge.field(6, &mut known.mounts, stated.mounts);
        merge.field(7, &mut known.is_privileged, stated.is_privileged);
        merge.field(8, &mut known.capabilities, stated.capabilities);
        merge.field(9, &mut known.is_host_network, stated.is_host_network);
        merge.field(10, &mut known.is_host_pid, stated.is_host_pid);
        merge.field(11, &mut known.is_host_ipc, stated.is_host_ipc);
        merge.field(12, &mut known.created_ns, stated.created_ns);
        merge.field(13, &mut known.started_ns, stated.started_ns);
        merge.field(14, &mut known.environment_names, stated.environment_names);
        merge.field(15, &mut known.ips, stated.ips);
        merge.field(16, &mut known.pod_uid, stated.pod_uid);
        merge.field(17, &mut known.pod_sandbox_id, stated.pod_sandbox_id);
        merge.field(18, &mut known.probes, stated.probes);
        // They say what is missing: of those who know as much as anybody the latest counts, also where nothing is missing any more.
        merge.standing((22, REASONS_SAID), standing, &mut known.reasons, stated.reasons);
        merge.standing((29, MISSING_SAID), standing, &mut known.missing, stated.missing);
        merge.field(23, &mut known.pod_name, stated.pod_name);
        merge.field(24, &mut known.pod_namespace, stated.pod_namespace);
        merge.field(25, &mut known.cni_result, stated.cni_result);
        merge.field(26, &mut known.user, stated.user);
        merge.field(27, &mut known.pod_labels, stated.pod_labels);
        known.completeness = greater(known.completeness(), completeness).into();
        merge_provenance(&mut known.provenance, stated.provenance);
        if let Some(stated) = stated.validity {
            let validity = known.validity.get_or_insert_default();
            if !has_birth {
                validity.from_ns = earlier(validity.from_ns, stated.from_ns);
            }
            validity.until_ns = earlier(validity.until_ns, stated.until_ns);
        }
    }
}

/// The statements that a container's fields are from.
pub(super) fn field_sources(stamps: &[Stamp]) -> Vec<FieldSource> {
    stamp::field_sources(stamps, FIELD_NAMES)
}

fn merge_image(merge: &mut Merge<'_>, known: &mut Image, stated: Image) {
    merge.field(IMAGE_ID, &mut known.id, stated.id);
    merge.field(IMAGE_REPOSITORY, &mut known.repository, stated.repository);
    merge.field(IMAGE_TAG, &mut known.tag, stated.tag);
    merge.field(IMAGE_DIGEST, &mut known.digest, stated.digest);
}

/// Once one source has told everything, another that only begins takes nothing back. A number of a newer version of the
/// contract counts as pending.
fn greater(known: Completeness, stated: Completeness) -> Completeness {
    match rank(stated) > rank(known) {
        true => stated,
        false if known == Completeness::Unspecified => Completeness::Pending,
        false => known,
    }
}

fn rank(completeness: Completeness) -> u8 {
    match completeness {
        Completeness::Unspecified | Completeness::Pending => 0,
        Completeness::FinalPartial => 1,
        Completeness::Complete => 2,
    }
}
