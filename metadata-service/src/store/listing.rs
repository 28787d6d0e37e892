//! What can be listed, and what a page of it is.

use std::collections::HashSet;

use eyrie_proto::metadata::{Image, ListedEntity};

use crate::record::RecordKind;

/// Which entities are asked for. What is empty or `None` asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Of which kind.
    pub kind: RecordKind,
    /// Of one of these tenants.
    pub tenants: Option<HashSet<String>>,
    /// Of one of these origins, by name.
    pub origins: Option<HashSet<String>>,
    /// Of one of these hosts: host name, machine id, boot id.
    pub hosts: HashSet<String>,
    /// The runtime's or the object's id begins so.
    pub id_prefix: String,
    /// The name.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The image.
    pub image: Option<ImagePattern>,
    /// The kind of the Kubernetes object.
    pub object_kind: String,
    /// Also what has ended.
    pub is_ended_wanted: bool,
    /// Only what was so at this moment, nanoseconds since the epoch; 0 for now.
    pub as_of_epoch_ns: u64,
    /// Where the page before ended.
    pub after: Option<PagePosition>,
    /// Entities of the page at the most.
    pub limit: usize,
}

/// A repository or its last parts, and maybe a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePattern {
    repository: String,
    tag: String,
}

/// The last entity that was told. Entities are listed by origin, then by id, then by age.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PagePosition {
    /// The stored number of the origin or cluster.
    #[prost(int64, tag = "1")]
    pub scope: i64,
    /// The runtime's or the object's id.
    #[prost(string, tag = "2")]
    pub object_id: String,
    /// Of the entity. One that changes gets a later one, and is told again rather than not at all.
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// A stretch of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// In the order of the listing.
    pub entities: Vec<ListedEntity>,
    /// Where to go on; `None` at the end.
    pub next: Option<PagePosition>,
    /// Entities that cannot be placed in time, for want of their host's boot time.
    pub undated: u64,
    /// Entities of the origins of this page that had to go although they were not known to have ended.
    pub forgotten_entities: u64,
    /// Of what ended at the asked moment some may be forgotten: until then (nanoseconds since the epoch) of some origin of the page.
    pub forgotten_until_epoch_ns: u64,
}

// === impl ImagePattern ===

impl ImagePattern {
    /// Reads `repository[:tag]`; a digest behind `@` is not looked at.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.split('@').next().unwrap_or_default();
        // The port of a registry is before a slash, a tag behind the last one.
        let (repository, tag) = match text.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (text, ""),
        };
        let has_name = !repository.is_empty() && !repository.ends_with('/');
        has_name.then(|| Self { repository: repository.to_owned(), tag: tag.to_owned() })
    }

    /// The last part of the repository, which is what the store looks for.
    pub fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }

    /// Whether an image is one of those that are meant.
    pub fn matches(&self, image: &Image) -> bool {
        let is_repository = image
            .repository
            .strip_suffix(&*self.repository)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'));
        is_repository && (self.tag.is_empty() || self.tag == image.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: images as people name them, against one of a registry with a port. Guarantees: whole parts of the repository match from
    /// its end, a tag only itself; what names no image is none.
    #[test]
    fn images_are_named_from_their_end() {
        let image = Image {
            repository: "registry.example.org:5000/team/nginx".into(),
            tag: "1.27".into(),
            ..Image::default()
        };
        for (text, expected) in [
            ("nginx", true),
            ("team/nginx", true),
            ("nginx:1.27", true),
            ("nginx:1.27@sha256:00", true),
            ("registry.example.org:5000/team/nginx", true),
            ("registry.example.org:5000/team/nginx:1.27", true),
            ("nginx:1.2", false),
            ("inx", false),
            ("eam/nginx", false),
            ("other/team/nginx", false),
            ("team", false),
        ] {
            assert_eq!(ImagePattern::new(text).unwrap().matches(&image), expected, "{text}");
        }
        for none in ["", ":1.27", "team/", "@sha256:00"] {
            assert_eq!(ImagePattern::new(none), None, "{none}");
        }
    }
}
