//! Google Compute Engine. Every request says that it means the metadata service, and every answer that it is from it.

use std::collections::BTreeMap;

use eyrie_proto::metadata::CloudInstance;
use http::StatusCode;

use super::http::{Ask, CloudError, Metadata};

const ROOT: &str = "/computeMetadata/v1";
const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");

pub(super) async fn ask(metadata: &Metadata<'_>) -> Result<CloudInstance, CloudError> {
    let instance_id = required(metadata, "instance/id").await?;
    // projects/NUMBER/zones/ZONE, and the same of types.
    let zone = last(&required(metadata, "instance/zone").await?).to_owned();
    let instance_type = optional(metadata, "instance/machine-type").await?;
    let tags = optional(metadata, "instance/tags").await?;
    let tags = match &*tags {
        "" => Vec::new(),
        text => serde_json::from_str::<Vec<String>>(text)
            .map_err(|error| metadata.shape(&format!("{ROOT}/instance/tags"), &error.to_string()))?,
    };
    Ok(CloudInstance {
        provider: "gcp".to_owned(),
        account: required(metadata, "project/project-id").await?,
        // us-central1-a is of us-central1.
        region: zone.rsplit_once('-').map(|(region, _)| region.to_owned()).unwrap_or_default(),
        zone,
        instance_id,
        instance_type: last(&instance_type).to_owned(),
        // Network tags have no values.
        tags: tags.into_iter().map(|tag| (tag, String::new())).collect::<BTreeMap<_, _>>(),
        image_id: optional(metadata, "instance/image").await?,
    })
}

/// A value that every instance has.
async fn required(metadata: &Metadata<'_>, name: &str) -> Result<String, CloudError> {
    let path = format!("{ROOT}/{name}");
    let answer = metadata.ask(Ask::get(&path, &[FLAVOR])).await?;
    if answer.headers.get(FLAVOR.0).is_none_or(|flavor| flavor != FLAVOR.1) {
        return Err(metadata.shape(&path, "its Metadata-Flavor is not Google"));
    }
    match str::from_utf8(&answer.body).map(str::trim) {
        Ok(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(metadata.shape(&path, "it is no text")),
    }
}

async fn optional(metadata: &Metadata<'_>, name: &str) -> Result<String, CloudError> {
    match required(metadata, name).await {
        Err(CloudError::Status { status: StatusCode::NOT_FOUND, .. }) => Ok(String::new()),
        answer => answer,
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
