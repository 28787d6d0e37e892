//! What an entity is listed by.

use super::Record;

/// Parts of an entity that the store finds it by, besides its key. Empty is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// Of a container, a Kubernetes object, or the host name.
    pub name: &'a str,
    /// Of the pod, or of the object itself.
    pub namespace: &'a str,
    /// The last part of the image's repository: `nginx` of `docker.io/library/nginx`.
    pub image_name: &'a str,
}

// === impl Record ===

impl Record {
    /// What it is listed by.
    pub fn names(&self) -> Names<'_> {
        match self {
            Self::Container(stored) => {
                stored.container.as_ref().map_or_else(Names::default, |container| Names {
                    name: &container.name,
                    namespace: &container.pod_namespace,
                    image_name: container.image.as_ref().map_or("", |image| last_part(&image.repository)),
                })
            }
            Self::Host(stored) => {
                let name = stored.host.as_ref().map_or("", |host| &host.hostname);
                Names { name, ..Names::default() }
            }
            Self::Kubernetes(object) => {
                Names { name: &object.name, namespace: &object.namespace, image_name: "" }
            }
        }
    }
}

fn last_part(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or_default()
}
