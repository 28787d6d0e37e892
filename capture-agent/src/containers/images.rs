//! Names of images.

use eyrie_proto::metadata::Image;

use super::bundle::clipped;

const MAX_TEXT: usize = 1_024;

/// Takes `REPOSITORY:TAG@DIGEST` apart. A colon before the last slash belongs to the registry's port.
pub(super) fn image(name: &str, id: &str) -> Image {
    let (name, digest) = name.split_once('@').unwrap_or((name, ""));
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    };
    Image {
        id: clipped(id.strip_prefix("sha256:").unwrap_or(id), MAX_TEXT),
        repository: clipped(repository, MAX_TEXT),
        tag: clipped(tag, MAX_TEXT),
        digest: clipped(digest, MAX_TEXT),
    }
}

/// An image as its container names it, with what is missing of that taken from all names that the image has: `REPOSITORY:TAG` and
/// `REPOSITORY@DIGEST`. Those of the same repository come first.
pub(super) fn image_of(named: &str, id: &str, names: &[String]) -> Image {
    let is_id =
        named.starts_with("sha256:") || id.strip_prefix("sha256:").is_some_and(|hex| hex.starts_with(named));
    let mut found = image(if is_id { "" } else { named }, id);
    let names: Vec<_> = names.iter().map(|name| image(name, id)).collect();
    if found.repository.is_empty() {
        // Its tags first: they are what people call it by.
        let first = names.iter().find(|name| !name.tag.is_empty()).or(names.first());
        found.repository = first.map(|name| name.repository.clone()).unwrap_or_default();
    }
    let same = || names.iter().filter(|name| name.repository == found.repository);
    let tag = same().map(|name| &name.tag).find(|tag| !tag.is_empty()).cloned();
    let digest = same().chain(&names).map(|name| &name.digest).find(|digest| !digest.is_empty()).cloned();
    // What was run by its digest need not be what the tag is now.
    if found.tag.is_empty() && found.digest.is_empty() {
        found.tag = tag.unwrap_or_default();
    }
    if found.digest.is_empty() {
        found.digest = digest.unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(image: &Image) -> (&str, &str, &str) {
        (&image.repository, &image.tag, &image.digest)
    }

    /// Scenario: names as people write them. Guarantees: repository, tag and digest are told apart.
    #[test]
    fn image_names_are_taken_apart() {
        for (name, expected) in [
            ("localhost/eyrie-probe:1", ("localhost/eyrie-probe", "1", "")),
            ("registry.example:5000/team/app", ("registry.example:5000/team/app", "", "")),
            ("registry.example:5000/app:v2", ("registry.example:5000/app", "v2", "")),
            ("docker.io/library/web@sha256:ab", ("docker.io/library/web", "", "sha256:ab")),
            ("docker.io/library/web:3@sha256:ab", ("docker.io/library/web", "3", "sha256:ab")),
            ("", ("", "", "")),
        ] {
            assert_eq!(parts(&image(name, "id")), expected, "{name}");
        }
        assert_eq!(image("a", "sha256:0f").id, "0f");
    }

    /// Scenario: an image with two tags in two repositories and digests in both, whose container names it in full, without a tag, by digest, by id, or by a name that
    /// it has no more. Guarantees: what the container names stays; the rest is of the same repository where there is any.
    #[test]
    fn what_a_container_does_not_name_its_image_does() {
        let names = ["a:1", "b:2", "a@sha256:aa", "b@sha256:bb"].map(str::to_owned);
        for (named, expected) in [
            ("b:2", ("b", "2", "sha256:bb")),
            ("b", ("b", "2", "sha256:bb")),
            ("b@sha256:cc", ("b", "", "sha256:cc")),
            ("sha256:0f1e", ("a", "1", "sha256:aa")),
            ("0f1e", ("a", "1", "sha256:aa")),
            ("gone:3", ("gone", "3", "sha256:aa")),
        ] {
            assert_eq!(parts(&image_of(named, "sha256:0f1e", &names)), expected, "{named}");
        }
        assert_eq!(parts(&image_of("local:1", "sha256:0f", &[])), ("local", "1", ""));
        assert_eq!(
            parts(&image_of("sha256:0f", "sha256:0f", &["x@sha256:dd".into()])),
            ("x", "", "sha256:dd")
        );
    }
}
