//! `OpenStack`: its own document, and what only its imitation of EC2 tells (type and image).

use std::collections::BTreeMap;

use eyrie_proto::metadata::CloudInstance;
use serde::Deserialize;
use serde_json::Value;
use tracing::debug;

use super::http::{Ask, CloudError, Metadata};

const DOCUMENT: &str = "/openstack/latest/meta_data.json";
const TYPE: &str = "/latest/meta-data/instance-type";
const IMAGE: &str = "/latest/meta-data/ami-id";

#[derive(Deserialize)]
struct Document {
    uuid: String,
    #[serde(default)]
    availability_zone: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    /// What whoever made the server set; texts by the API's rules.
    #[serde(default)]
    meta: BTreeMap<String, Value>,
}

pub(super) async fn ask(
    metadata: &Metadata<'_>,
    known: Option<&CloudInstance>,
) -> Result<CloudInstance, CloudError> {
    let document: Document = metadata.json(Ask::get(DOCUMENT, &[])).await?;
    let tag = |(name, value): (String, Value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    };
    Ok(CloudInstance {
        provider: "openstack".to_owned(),
        account: document.project_id.unwrap_or_default(),
        // It is not told which region this is.
        region: String::new(),
        zone: document.availability_zone.unwrap_or_default(),
        instance_id: document.uuid,
        instance_type: of_ec2(metadata, TYPE, known.map(|known| &known.instance_type)).await,
        tags: document.meta.into_iter().map(tag).collect(),
        image_id: of_ec2(metadata, IMAGE, known.map(|known| &known.image_id)).await,
    })
}

/// The imitation may be switched off, or fail now and have told before.
async fn of_ec2(metadata: &Metadata<'_>, path: &str, known: Option<&String>) -> String {
    match metadata.text_if_any(Ask::get(path, &[])).await {
        Ok(text) => text.unwrap_or_default(),
        Err(error) => {
            debug!("as it was before, or left out: {error}");
            known.cloned().unwrap_or_default()
        }
    }
}
