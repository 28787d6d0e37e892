//! Which image a container is made of. Runtimes say it in several places, and in each by a name, a digest or an id.

use eyrie_proto::metadata::Image;

use super::info::Info;
use crate::containers::{
    api::{MAX_TEXT, cri},
    bundle::clipped,
    images::{image, image_of},
};

/// How ids and digests begin.
const SHA256: &str = "sha256:";

/// What the status, what is beside it, the image that the specification notes, and the image itself where it was asked for, tell.
pub(super) fn of_container(
    status: &cri::ContainerStatus,
    info: &Info,
    noted: Option<&Image>,
    found: Option<&cri::Image>,
) -> Image {
    let spec = status.image.as_ref();
    let told = [spec.map(|image| &image.image), spec.map(|image| &image.user_specified_image)];
    let named = told.into_iter().flatten().find(|name| !is_id(name)).cloned();
    let named = named.or_else(|| noted.map(name_of)).unwrap_or_default();
    let reference = status.image_ref.as_str();
    let known = found.map_or("", |image| image.id.as_str());
    let ids = [info.configured_image().unwrap_or_default(), &status.image_id, known, reference];
    let id = ids.into_iter().find(|id| is_id(id) && !id.is_empty()).unwrap_or_default();
    let names = found.iter().flat_map(|image| image.repo_tags.iter().chain(&image.repo_digests));
    let names: Vec<_> = std::iter::once(reference)
        .filter(|name| name.contains('@'))
        .map(str::to_owned)
        .chain(names.cloned())
        .collect();
    let mut image = image_of(&named, id, &names);
    if image.digest.is_empty()
        && let Some(hex) = reference.strip_prefix(SHA256)
        && hex != image.id
    {
        image.digest = clipped(reference, MAX_TEXT);
    }
    image
}

/// What an image is made of whose name, or id, is all that is told.
pub(super) fn of_sandbox(name: &str) -> Option<Image> {
    match is_id(name) {
        true if name.is_empty() => None,
        true => Some(image("", name)),
        false => Some(image(name, "")),
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

fn name_of(image: &Image) -> String {
    let after =
        |sign: &str, part: &str| if part.is_empty() { String::new() } else { format!("{sign}{part}") };
    format!("{}{}{}", image.repository, after(":", &image.tag), after("@", &image.digest))
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

    /// Scenario: what containerd and CRI-O, older and newer ones, say of images that have a digest, that were imported, and that were asked for
    /// by digest. Guarantees: repository, tag, digest and id are told apart; an id is no digest and no name.
    #[test]
    fn images_are_told_apart() {
        let configured = format!(r#"{{"config":{{"image":{{"image":"sha256:{ID}"}}}}}}"#);
        let (hex, sha) = (ID, &format!("sha256:{ID}"));
        let noted = Some(image("quay.io/app:3", ""));
        for (name, reference, info, noted, expected) in [
            ("io/app:2", "io/app@sha256:ab", configured.as_str(), None, ["io/app", "2", "sha256:ab", ID]),
            ("host:5000/app:2", sha, "{}", None, ["host:5000/app", "2", "", ID]),
            (sha, "quay.io/app@sha256:ab", "{}", noted.as_ref(), ["quay.io/app", "3", "sha256:ab", ""]),
            (hex, hex, "{}", noted.as_ref(), ["quay.io/app", "3", "", ID]),
            ("app@sha256:ab", "", "{}", None, ["app", "", "sha256:ab", ""]),
            ("app:1", "sha256:cd", &configured, None, ["app", "1", "sha256:cd", ID]),
            ("", "", "{}", None, ["", "", "", ""]),
        ] {
            let spec = Some(cri::ImageSpec { image: name.to_owned(), ..Default::default() });
            let status =
                cri::ContainerStatus { image: spec, image_ref: reference.to_owned(), ..Default::default() };
            let (info, _) = Info::read(&BTreeMap::from([("info".to_owned(), info.to_owned())]));
            assert_eq!(parts(&of_container(&status, &info, noted, None)), expected, "{name} {reference}");
        }
    }

    /// Scenario: an image by its name alone, and what the runtime knows of it under several names. Guarantees: what is missing is filled
    /// in, from names of the same repository.
    #[test]
    fn what_is_missing_is_filled_in() {
        let found = cri::Image {
            id: format!("sha256:{ID}"),
            repo_tags: vec!["other/app:9".into(), "app:2".into()],
            repo_digests: vec!["other/app@sha256:99".into(), "app@sha256:ab".into()],
        };
        let spec = Some(cri::ImageSpec { image: "app".to_owned(), ..Default::default() });
        let status = cri::ContainerStatus { image: spec, ..Default::default() };
        let image = of_container(&status, &Info::default(), None, Some(&found));
        assert_eq!(parts(&image), ["app", "2", "sha256:ab", ID]);
        assert!(is_whole(&image));
    }
}
