//! docker's own files: `containers/ID/{config.v2.json,hostconfig.json}` and `image/DRIVER/repositories.json` below its root.
//!
//! They are written when a container is made, before it is started. Each is replaced as a whole.

use std::{collections::BTreeMap, path::Path};

use eyrie_proto::metadata::Container;
use serde::Deserialize;

use super::{
    super::files::{FileError, read_json},
    container::DockerContainer,
};

/// Labels may be documents; they are a few KiB otherwise.
const MAX_BYTES: u64 = 1 << 20;
/// Some 200 bytes for each name of an image.
const MAX_REPOSITORIES_BYTES: u64 = 4 << 20;
/// Names of one image that are looked at.
const MAX_NAMES: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Repositories {
    /// By repository, then by whole name: the image's id.
    repositories: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

/// What docker's files say of a container. `id` names a folder: it is one of those that [`crate::cgroups::container_of`] gives.
pub(in super::super) fn read(root: &Path, id: &str) -> Result<Container, FileError> {
    let folder = root.join("containers").join(id);
    let mut stored: DockerContainer = read_json(&folder.join("config.v2.json"), MAX_BYTES)?;
    stored.host_config = Some(read_json(&folder.join("hostconfig.json"), MAX_BYTES)?);
    let names = image_names(root, &stored);
    Ok(stored.described(&names, Some(&root.join("volumes"))))
}

/// The names of its image; none where docker keeps images with containerd, which knows them.
fn image_names(root: &Path, stored: &DockerContainer) -> Vec<String> {
    let driver = stored.driver();
    if driver.is_empty() || driver.contains('/') || driver == ".." {
        return Vec::new();
    }
    let path = root.join("image").join(driver).join("repositories.json");
    let known: Repositories = read_json(&path, MAX_REPOSITORIES_BYTES).unwrap_or_default();
    let all = known.repositories.into_iter().flat_map(BTreeMap::into_values).flatten();
    all.filter(|(_, id)| *id == stored.image).map(|(name, _)| name).take(MAX_NAMES).collect()
}
