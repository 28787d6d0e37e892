//! Microsoft Azure: the instance metadata service.

use eyrie_proto::metadata::CloudInstance;
use serde::Deserialize;

use super::http::{Ask, CloudError, Metadata};

/// A version that is everywhere: answers have the shape of the version that is asked for.
const COMPUTE: &str = "/metadata/instance/compute?api-version=2021-02-01";
const METADATA: (&str, &str) = ("metadata", "true");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Compute {
    subscription_id: String,
    location: String,
    #[serde(default)]
    zone: String,
    vm_id: String,
    vm_size: String,
    #[serde(default)]
    tags_list: Vec<Tag>,
    #[serde(default)]
    storage_profile: StorageProfile,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageProfile {
    #[serde(default)]
    image_reference: ImageReference,
}

/// An image of one's own by its id, one of the marketplace by its four names.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ImageReference {
    id: Option<String>,
    publisher: Option<String>,
    offer: Option<String>,
    sku: Option<String>,
    version: Option<String>,
}

pub(super) async fn ask(metadata: &Metadata<'_>) -> Result<CloudInstance, CloudError> {
    let compute: Compute = metadata.json(Ask::get(COMPUTE, &[METADATA])).await?;
    Ok(CloudInstance {
        provider: "azure".to_owned(),
        account: compute.subscription_id,
        region: compute.location,
        zone: compute.zone,
        instance_id: compute.vm_id,
        instance_type: compute.vm_size,
        tags: compute.tags_list.into_iter().map(|tag| (tag.name, tag.value)).collect(),
        image_id: compute.storage_profile.image_reference.name(),
    })
}

// === impl ImageReference ===

impl ImageReference {
    fn name(self) -> String {
        let names = [self.publisher, self.offer, self.sku, self.version].map(Option::unwrap_or_default);
        match self.id.filter(|id| !id.is_empty()) {
            Some(id) => id,
            None if names.iter().all(String::is_empty) => String::new(),
            None => names.join(":"),
        }
    }
}
