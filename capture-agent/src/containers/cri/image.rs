//! Which image a container is made of. Runtimes say it in several places, and in each by a name, a digest or an id.

use eyrie_proto::metadata::Image;

use super::{
    super::{bundle::clipped, storage},
    info::Info,
};
use crate::containers::api::{MAX_TEXT, cri};

/// How ids and digests begin.
const SHA256: &str = "sha256:";

/// What the status and what is beside it tell.
pub(super) fn of_container(status: &cri::ContainerStatus, info: &Info) -> Image {
    let reference = status.image_ref.as_str();
    let named = status.image.as_ref().map(|image| image.image.as_str()).filter(|name| !is_id(name));
    let asked_for = status.image.as_ref().map(|image| image.user_specified_image.as_str());
    let named = named.or_else(|| asked_for.filter(|name| !is_id(name)));
    let named = named.or_else(|| info.noted_image().filter(|name| !is_id(name)));
    let ids = [info.configured_image(), Some(status.image_id.as_str()), Some(reference)];
    let id = ids.into_iter().flatten().find(|id| is_id(id) && !id.is_empty()).unwrap_or_default();
    let mut image = storage::image(named.unwrap_or_default(), id.strip_prefix(SHA256).unwrap_or(id));
    if let Some((repository, digest)) = reference.split_once('@') {
        image.repository = clipped(repository, MAX_TEXT);
        image.digest = clipped(digest, MAX_TEXT);
    } else if reference.starts_with(SHA256) && reference.strip_prefix(SHA256) != Some(image.id.as_str()) {
        image.digest = clipped(reference, MAX_TEXT);
    }
    image
}

/// What an image is made of whose name, or id, is all that is told.
pub(super) fn of_sandbox(name: &str) -> Option<Image> {
    match is_id(name) {
        true if name.is_empty() => None,
        true => Some(storage::image("", name.strip_prefix(SHA256).unwrap_or(name))),
        false => Some(storage::image(name, "")),
    }
}

/// What to ask the runtime by for what is missing.
pub(super) fn reference(status: &cri::ContainerStatus) -> Option<&str> {
    let named = status.image.as_ref().map(|image| image.image.as_str());
    [Some(status.image_ref.as_str()), named].into_iter().flatten().find(|name| !name.is_empty())
}

/// Whether nothing is left to ask for.
pub(super) fn is_whole(image: &Image) -> bool {
    [&image.id, &image.repository, &image.tag, &image.digest].into_iter().all(|part| !part.is_empty())
}

/// Puts in what is missing.
pub(super) fn complete(image: &mut Image, found: &cri::Image) {
    let named = found.repo_tags.iter().map(|tag| storage::image(tag, ""));
    let digests = found.repo_digests.iter().map(|digest| storage::image(digest, ""));
    let known: Vec<_> = named.chain(digests).collect();
    if image.id.is_empty() {
        image.id = clipped(found.id.strip_prefix(SHA256).unwrap_or(&found.id), MAX_TEXT);
    }
    if image.repository.is_empty() {
        image.repository = known.first().map(|known| known.repository.clone()).unwrap_or_default();
    }
    // Of the same repository: the image may have other names.
    let of_it = |known: &&Image| known.repository == image.repository;
    let missing = |part: fn(&Image) -> &String| {
        known.iter().filter(of_it).map(part).find(|part| !part.is_empty()).cloned().unwrap_or_default()
    };
    let (tag, digest) = (missing(|known| &known.tag), missing(|known| &known.digest));
    // One that was asked for by its digest has no tag, whatever others call it.
    if image.tag.is_empty() && image.digest.is_empty() {
        image.tag = tag;
    }
    if image.digest.is_empty() {
        image.digest = digest;
    }
}

/// Whether it is no name, but what identifies an image by its content.
fn is_id(name: &str) -> bool {
    let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.is_empty() || name.starts_with(SHA256) || is_hex(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn parts(image: &Image) -> [&str; 4] {
        [&image.repository, &image.tag, &image.digest, &image.id].map(String::as_str)
    }

    fn of(image: &str, reference: &str, info: &str) -> Image {
        let image = Some(cri::ImageSpec { image: image.to_owned(), ..Default::default() });
        let status = cri::ContainerStatus { image, image_ref: reference.to_owned(), ..Default::default() };
        let info = info.replace("{ID}", ID);
        of_container(&status, &Info::read(&BTreeMap::from([("info".to_owned(), info)])).0)
    }

    /// Scenario: what containerd and CRI-O, older and newer ones, say of images that have a digest, that were imported, and that were asked for
    /// by digest. Guarantees: repository, tag, digest and id are told apart; an id is no digest and no name.
    #[test]
    fn images_are_told_apart() {
        let configured = r#"{"config":{"image":{"image":"sha256:{ID}"}}}"#;
        let noted = r#"{"runtimeSpec":{"annotations":{"io.kubernetes.cri-o.ImageName":"quay.io/app:3"}}}"#;
        for (image, reference, info, expected) in [
            (
                "docker.io/app:2",
                "docker.io/app@sha256:ab",
                configured,
                ["docker.io/app", "2", "sha256:ab", ID],
            ),
            ("localhost:5000/app:2", &format!("sha256:{ID}"), "{}", ["localhost:5000/app", "2", "", ID]),
            (&format!("sha256:{ID}"), "quay.io/app@sha256:ab", noted, ["quay.io/app", "3", "sha256:ab", ""]),
            (ID, ID, noted, ["quay.io/app", "3", "", ID]),
            ("app@sha256:ab", "", "{}", ["app", "", "sha256:ab", ""]),
            ("", "", "{}", ["", "", "", ""]),
        ] {
            assert_eq!(parts(&of(image, reference, info)), expected, "{image} {reference}");
        }
    }

    /// Scenario: an image of which a part is missing, and what the runtime knows of it under several names. Guarantees: what is missing
    /// is filled in, from names of the same repository only.
    #[test]
    fn what_is_missing_is_filled_in() {
        let found = cri::Image {
            id: format!("sha256:{ID}"),
            repo_tags: vec!["other/app:9".into(), "app:2".into()],
            repo_digests: vec!["other/app@sha256:99".into(), "app@sha256:ab".into()],
        };
        let mut image = storage::image("app", "");
        complete(&mut image, &found);
        assert_eq!(parts(&image), ["app", "2", "sha256:ab", ID]);
        let mut image = storage::image("app@sha256:cd", "");
        complete(&mut image, &found);
        assert_eq!(parts(&image), ["app", "", "sha256:cd", ID]);
        let mut image = Image::default();
        complete(&mut image, &found);
        assert_eq!(parts(&image), ["other/app", "9", "sha256:99", ID]);
    }
}
