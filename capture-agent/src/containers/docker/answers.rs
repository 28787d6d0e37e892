//! What there is to know of one container, from several answers.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use eyrie_proto::metadata::Container;
use serde::Deserialize;

use super::{
    client::{Client, ClientError},
    container::DockerContainer,
};

/// Some 10 KiB are usual, most of it labels and mounts.
const MAX_BYTES: usize = 1 << 20;
/// Running containers, with their labels once more.
const MAX_LIST_BYTES: usize = 8 << 20;
/// Characters of what an id may be put into a path as.
const MAX_ID: usize = 128;
/// Images whose names are remembered, of some hundred bytes each.
const MAX_IMAGES: usize = 256;
/// Names of one image that are looked at.
const MAX_NAMES: usize = 64;
/// For so long an image's names are not asked for again: a pull may move a tag.
const NAMES_HOLD: Duration = Duration::from_secs(60);

/// Asks.
#[derive(Debug)]
pub(super) struct Answers {
    client: Client,
    image_names: Mutex<HashMap<String, (Instant, Vec<String>)>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Listed {
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DockerImage {
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

// === impl Answers ===

impl Answers {
    pub(super) fn new(client: Client) -> Self {
        Self { client, image_names: Mutex::default() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The ids of all containers that run.
    pub(super) async fn running(&self) -> Result<Vec<String>, ClientError> {
        let listed: Vec<Listed> = self.client.get_json("/containers/json?all=false", MAX_LIST_BYTES).await?;
        Ok(listed.into_iter().map(|container| container.id).collect())
    }

    /// A container by its whole id. Empty if there is none.
    pub(super) async fn container(&self, id: &str) -> Result<Container, ClientError> {
        let answered = match self.inspect(id).await {
            Ok(answered) => answered,
            Err(error) if error.is_not_found() => return Ok(Container::default()),
            Err(error) => return Err(error),
        };
        if answered.id != id {
            let path = format!("/containers/{id}/json");
            return Err(ClientError::AnotherContainer {
                path,
                found: answered.id.chars().take(MAX_ID).collect(),
            });
        }
        let names = self.names_of_image(&answered.image).await;
        let mut container = answered.described(&names, None);
        // Like Falco: it has the addresses of the one whose network it is in.
        if let Some(other) = answered.network_of().filter(|other| is_id(other))
            && let Ok(other) = self.inspect(other).await
        {
            container.ips = other.described(&[], None).ips;
        }
        Ok(container)
    }

    async fn inspect(&self, id: &str) -> Result<DockerContainer, ClientError> {
        self.client.get_json(&format!("/containers/{id}/json"), MAX_BYTES).await
    }

    /// All names of an image; none if they cannot be had, as the container's own name for it does.
    async fn names_of_image(&self, id: &str) -> Vec<String> {
        if !is_id(id) {
            return Vec::new();
        }
        if let Some(names) = self.remembered(id) {
            return names;
        }
        let answered = self.client.get_json::<DockerImage>(&format!("/images/{id}/json"), MAX_BYTES).await;
        let Ok(image) = answered else { return Vec::new() };
        let all = image.repo_tags.into_iter().flatten().chain(image.repo_digests.into_iter().flatten());
        let names: Vec<_> = all.take(MAX_NAMES).collect();
        let mut known = self.image_names.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_IMAGES {
            known.clear();
        }
        known.insert(id.to_owned(), (Instant::now(), names.clone()));
        names
    }

    fn remembered(&self, id: &str) -> Option<Vec<String>> {
        let known = self.image_names.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, names) = known.get(id)?;
        (at.elapsed() < NAMES_HOLD).then(|| names.clone())
    }
}

/// Whether it can stand in a path as one part of it: ids, names, and digests with their algorithm.
pub(super) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('.')
}
