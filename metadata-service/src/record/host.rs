//! Hosts.

use eyrie_proto::metadata::{CloudInstance, FieldSource, Host, HostKey};

use super::stamp::{self, Merge, Stamp, earlier, merge_provenance};

/// The first bit beyond the field numbers of `Host`: what a cloud says comes from several sources.
const CLOUD: u32 = 32;
/// What the bits are called.
pub(super) const FIELD_NAMES: &[(u32, &str)] = &[
    (2, "hostname"),
    (3, "kernel_release"),
    (4, "operating_system"),
    (5, "architecture"),
    (6, "labels"),
    (7, "interfaces"),
    (15, "booted_epoch_ns"),
    (CLOUD, "cloud.provider"),
    (CLOUD + 1, "cloud.account"),
    (CLOUD + 2, "cloud.region"),
    (CLOUD + 3, "cloud.zone"),
    (CLOUD + 4, "cloud.instance_id"),
    (CLOUD + 5, "cloud.instance_type"),
    (CLOUD + 6, "cloud.tags"),
    (CLOUD + 7, "cloud.image_id"),
];

/// A host as it is stored.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StoredHost {
    /// Merged from all statements.
    #[prost(message, optional, tag = "1")]
    pub host: Option<Host>,
    /// Which statement each field is from.
    #[prost(message, repeated, tag = "2")]
    pub stamps: Vec<Stamp>,
}

// === impl StoredHost ===

impl StoredHost {
    /// A host of which only the key is known.
    pub fn new(key: HostKey) -> Self {
        Self { host: Some(Host { key: Some(key), ..Host::default() }), stamps: Vec::new() }
    }

    /// Merges a statement about this very host.
    pub fn merge(&mut self, stated: Host) {
        let known = self.host.get_or_insert_default();
        let mut merge = Merge::new(&mut self.stamps, &stated.provenance);
        merge.field(2, &mut known.hostname, stated.hostname);
        merge.field(3, &mut known.kernel_release, stated.kernel_release);
        merge.field(4, &mut known.operating_system, stated.operating_system);
        merge.field(5, &mut known.architecture, stated.architecture);
        merge.field(6, &mut known.labels, stated.labels);
        merge.field(7, &mut known.interfaces, stated.interfaces);
        merge.field(15, &mut known.booted_epoch_ns, stated.booted_epoch_ns);
        if let Some(cloud) = stated.cloud {
            merge_cloud(&mut merge, known.cloud.get_or_insert_default(), cloud);
        }
        merge.field(11, &mut known.completeness, stated.completeness);
        merge_provenance(&mut known.provenance, stated.provenance);
        if let Some(stated) = stated.validity {
            let validity = known.validity.get_or_insert_default();
            validity.from_ns = earlier(validity.from_ns, stated.from_ns);
            validity.until_ns = earlier(validity.until_ns, stated.until_ns);
        }
    }
}

/// The statements that a host's fields are from.
pub(super) fn field_sources(stamps: &[Stamp]) -> Vec<FieldSource> {
    stamp::field_sources(stamps, FIELD_NAMES)
}

fn merge_cloud(merge: &mut Merge<'_>, known: &mut CloudInstance, stated: CloudInstance) {
    merge.field(CLOUD, &mut known.provider, stated.provider);
    merge.field(CLOUD + 1, &mut known.account, stated.account);
    merge.field(CLOUD + 2, &mut known.region, stated.region);
    merge.field(CLOUD + 3, &mut known.zone, stated.zone);
    merge.field(CLOUD + 4, &mut known.instance_id, stated.instance_id);
    merge.field(CLOUD + 5, &mut known.instance_type, stated.instance_type);
    merge.field(CLOUD + 6, &mut known.tags, stated.tags);
    merge.field(CLOUD + 7, &mut known.image_id, stated.image_id);
}
