//! Paths as text.

use std::borrow::Cow;

pub(crate) use host_model::paths::relative_to;
pub use host_model::paths::{asked_for, normalise};

/// The part of a path after its last slash.
pub(crate) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The part of a path before its last slash; `/` for what lies in the root, empty for a path without a slash.
pub(crate) fn directory(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(slash) => path.get(..slash).unwrap_or(path),
        None => b"",
    }
}

/// The path with one slash in place of several.
pub(crate) fn without_double_slashes(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.windows(2).any(|pair| pair == b"//") {
        return Cow::Borrowed(path);
    }
    let mut single = path.to_vec();
    single.dedup_by(|byte, before| *byte == b'/' && *before == b'/');
    Cow::Owned(single)
}
