//! containers/storage: where podman and CRI-O keep which containers and images there are.
//!
//! `ROOT/DRIVER-containers/containers.json`, `ROOT/DRIVER-containers/ID/userdata` (the bundle), and
//! `ROOT/DRIVER-images/images.json`. Both lists are replaced as a whole when they change, so that no half of one is read.

use std::path::{Path, PathBuf};

use eyrie_proto::metadata::{Container, Image};
use serde::Deserialize;

use super::{
    bundle::clipped,
    files::{FileError, first_of},
    images::image,
    missing::Missing,
};

/// A kilobyte for each container or image.
const MAX_BYTES: u64 = 16 << 20;
const MAX_TEXT: usize = 1_024;
/// The drivers that podman can be built with.
const DRIVERS: [&str; 5] = ["overlay", "vfs", "btrfs", "zfs", "aufs"];

/// The folder of one driver in a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    root: PathBuf,
    driver: String,
    /// The user whose files count; everybody's where it is the host's.
    owner: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct StoredContainer {
    id: String,
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    /// JSON once more.
    #[serde(default)]
    metadata: String,
    created: Option<jiff::Timestamp>,
}

/// What podman notes with a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Noted {
    #[serde(rename = "image-name")]
    image_name: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct StoredImage {
    id: String,
    #[serde(default)]
    digest: String,
    names: Option<Vec<String>>,
}

// === impl Storage ===

impl Storage {
    /// The storage that has a container, and the container's bundle.
    pub(super) fn of_container(roots: &[PathBuf], id: &str) -> Option<(Self, PathBuf)> {
        roots.iter().flat_map(|root| DRIVERS.iter().map(move |driver| (root, *driver))).find_map(
            |(root, driver)| {
                let bundle = root.join(format!("{driver}-containers")).join(id).join("userdata");
                let storage = || Self { root: root.clone(), driver: driver.to_owned(), owner: None };
                bundle.is_dir().then(|| (storage(), bundle))
            },
        )
    }

    /// The storage that a bundle is in, told by its path; if there is an `owner`, only what is his counts.
    pub(super) fn of_bundle(bundle: &Path, owner: Option<u32>) -> Option<Self> {
        let containers = bundle.parent()?.parent()?;
        let driver = containers.file_name()?.to_str()?.strip_suffix("-containers")?;
        let is_it = bundle.ends_with("userdata") && DRIVERS.contains(&driver);
        let root = containers.parent()?;
        is_it.then(|| Self { root: root.to_owned(), driver: driver.to_owned(), owner })
    }

    /// Puts name and image into `container`, and why something is not there into `missing`.
    pub(super) fn describe(&self, id: &str, container: &mut Container, missing: &mut Missing) {
        match self.container(id) {
            Ok(stored) => missing.image = self.describe_stored(stored, container).err(),
            Err(why) => {
                missing.image = Some(why.clone());
                missing.name = Some(why);
            }
        }
    }

    fn describe_stored(&self, stored: StoredContainer, container: &mut Container) -> Result<(), String> {
        let noted: Noted = serde_json::from_str(&stored.metadata).unwrap_or_default();
        let name = stored.names.into_iter().flatten().next().unwrap_or(noted.name);
        container.name = clipped(&name, MAX_TEXT);
        let created = stored.created.and_then(|created| u64::try_from(created.as_nanosecond()).ok());
        container.created_ns = created.unwrap_or(0);
        if stored.image.is_empty() {
            // Run from a folder (podman run --rootfs): there is no image, and that is all.
            return Ok(());
        }
        container.image = Some(image(&noted.image_name, &stored.image));
        let images = self.folder("images").join("images.json");
        let found = first_of(&images, MAX_BYTES, self.owner, |image: &StoredImage| image.id == stored.image);
        let found = found.map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| format!("{} is not in the storage", stored.image))?;
        let image_name = if noted.image_name.is_empty() {
            found.names.into_iter().flatten().next().unwrap_or_default()
        } else {
            noted.image_name
        };
        let named = image(&image_name, &found.id);
        let digest = if named.digest.is_empty() { clipped(&found.digest, MAX_TEXT) } else { named.digest };
        container.image = Some(Image { digest, ..named });
        Ok(())
    }

    /// Containers that do not outlive a boot are in a list of their own.
    fn container(&self, id: &str) -> Result<StoredContainer, String> {
        for list in ["containers.json", "volatile-containers.json"] {
            let path = self.folder("containers").join(list);
            let is_it = |stored: &StoredContainer| stored.id == id;
            let found: Result<_, FileError> = first_of(&path, MAX_BYTES, self.owner, is_it);
            match found {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("{} does not list the container", self.folder("containers").display()))
    }

    fn folder(&self, of: &str) -> PathBuf {
        self.root.join(format!("{}-{of}", self.driver))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: bundles in and outside of a storage. Guarantees: the storage is told by the path, and only there.
    #[test]
    fn a_bundle_tells_its_storage() {
        let at =
            |path: &str| Storage::of_bundle(Path::new(path), None).map(|storage| storage.folder("images"));
        let images = Some(PathBuf::from("/home/a/.local/share/containers/storage/vfs-images"));
        assert_eq!(at("/home/a/.local/share/containers/storage/vfs-containers/abc/userdata"), images);
        assert_eq!(at("/run/containerd/io.containerd.runtime.v2.task/moby/abc"), None);
        assert_eq!(at("/x/other-containers/abc/userdata"), None);
        assert_eq!(at("userdata"), None);
    }
}
