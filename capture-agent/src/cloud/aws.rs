//! Amazon EC2: the instance metadata service, version 2.
//!
//! A token is asked for first (PUT), and shown with every request. Version 1, without tokens, is never used. The answer to the PUT goes
//! `HttpPutResponseHopLimit` hops far: an agent in a container with a network of its own needs a limit of 2.

use std::collections::BTreeMap;

use eyrie_proto::metadata::CloudInstance;
use serde::Deserialize;
use tracing::debug;

use super::{
    MAX_TAGS,
    http::{Ask, CloudError, Metadata, Verb},
};

const TOKEN: &str = "/latest/api/token";
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
const TAGS: &str = "/latest/meta-data/tags/instance";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
/// Longer than an attempt takes.
const TOKEN_SECONDS: (&str, &str) = ("x-aws-ec2-metadata-token-ttl-seconds", "60");

/// The instance identity document, as far as we ask.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    account_id: String,
    region: String,
    availability_zone: String,
    instance_id: String,
    instance_type: String,
    #[serde(default)]
    image_id: Option<String>,
}

pub(super) async fn ask(
    metadata: &Metadata<'_>,
    known: Option<&CloudInstance>,
) -> Result<CloudInstance, CloudError> {
    let put = Ask { method: Verb::Put, path: TOKEN, headers: &[TOKEN_SECONDS] };
    let token = metadata.text(put).await?;
    if token.is_empty() || token.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(metadata.shape(TOKEN, "it is no token"));
    }
    let headers = [(TOKEN_HEADER, token.as_str())];
    let document: Document = metadata.json(Ask::get(DOCUMENT, &headers)).await?;
    let tags = tags(metadata, &headers).await.unwrap_or_else(|error| {
        debug!("tags are as they were before, or left out: {error}");
        known.map(|known| known.tags.clone()).unwrap_or_default()
    });
    Ok(CloudInstance {
        provider: "aws".to_owned(),
        account: document.account_id,
        region: document.region,
        zone: document.availability_zone,
        instance_id: document.instance_id,
        instance_type: document.instance_type,
        tags,
        image_id: document.image_id.unwrap_or_default(),
    })
}

/// The tags, where the instance has them in its metadata (it is off unless somebody sets it).
async fn tags(
    metadata: &Metadata<'_>,
    headers: &[(&'static str, &str)],
) -> Result<BTreeMap<String, String>, CloudError> {
    let mut tags = BTreeMap::new();
    let names = metadata.text_if_any(Ask::get(TAGS, headers)).await?.unwrap_or_default();
    // Others cannot be in a tag that is allowed in metadata, and would make another path.
    let is_name = |name: &&str| {
        !name.is_empty()
            && !matches!(*name, "." | "..")
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-=.,_:@".contains(&byte))
    };
    for name in names.lines().filter(is_name).take(MAX_TAGS) {
        let path = format!("{TAGS}/{name}");
        if let Some(value) = metadata.text_if_any(Ask::get(&path, headers)).await? {
            tags.insert(name.to_owned(), value);
        }
    }
    Ok(tags)
}
