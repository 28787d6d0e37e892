//! Reading files that others write, none of which is trusted.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Read},
    marker::PhantomData,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;
use serde::{
    Deserializer as _,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use thiserror::Error;

/// Why a file could not be read or understood.
#[derive(Debug, Error)]
pub(super) enum FileError {
    #[error("{path}: {cause}")]
    Read { path: String, cause: io::Error },
    #[error("{path} is no regular file")]
    NoFile { path: String },
    #[error("{path} belongs to user {found} and not to {owner}, whose container it is to describe")]
    Owner { path: String, found: u32, owner: u32 },
    #[error("{path} has more than the {max_bytes} bytes that are read")]
    TooLarge { path: String, max_bytes: u64 },
    #[error("{path} cannot be understood: {cause}")]
    Json { path: String, cause: serde_json::Error },
}

/// A JSON file of at most `max_bytes`.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> Result<T, FileError> {
    read_json_of(path, max_bytes, None)
}

/// The same, of a user's own files only, if there is an `owner`: what a user says where his files are may be anybody's.
pub(super) fn read_json_of<T: DeserializeOwned>(
    path: &Path,
    max_bytes: u64,
    owner: Option<u32>,
) -> Result<T, FileError> {
    let bytes = read(path, max_bytes, owner)?;
    serde_json::from_slice(&bytes)
        .map_err(|cause| FileError::Json { path: path.display().to_string(), cause })
}

/// The first of a JSON list that `is_it`. The others are let go of one by one: of entries that say nothing some hundred times the file's bytes would
/// be in memory otherwise, and the file may be a user's.
pub(super) fn first_of<T: DeserializeOwned>(
    path: &Path,
    max_bytes: u64,
    owner: Option<u32>,
    is_it: impl Fn(&T) -> bool,
) -> Result<Option<T>, FileError> {
    let bytes = read(path, max_bytes, owner)?;
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    let found = deserializer.deserialize_seq(First { is_it, found: PhantomData });
    let found = found.and_then(|found| deserializer.end().map(|()| found));
    found.map_err(|cause| FileError::Json { path: path.display().to_string(), cause })
}

/// Looks for one in a list.
struct First<T, F> {
    is_it: F,
    found: PhantomData<T>,
}

/// A text of at most `max_bytes`, with what is no UTF-8 in it replaced.
pub(super) fn read_text(path: &Path, max_bytes: u64) -> Result<String, FileError> {
    let bytes = read(path, max_bytes, None)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A link at its place is not followed, and a pipe not waited for.
fn read(path: &Path, max_bytes: u64, owner: Option<u32>) -> Result<Vec<u8>, FileError> {
    let name = || path.display().to_string();
    let failed = |cause| FileError::Read { path: name(), cause };
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileError::NoFile { path: name() });
    }
    if let Some(owner) = owner.filter(|&owner| owner != metadata.uid()) {
        return Err(FileError::Owner { path: name(), found: metadata.uid(), owner });
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max_bytes {
        return Err(FileError::TooLarge { path: name(), max_bytes });
    }
    Ok(bytes)
}

// === impl First ===

impl<'de, T: DeserializeOwned, F: Fn(&T) -> bool> Visitor<'de> for First<T, F> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<T>, A::Error> {
        let mut found = None;
        while let Some(one) = list.next_element::<T>()? {
            if found.is_none() && (self.is_it)(&one) {
                found = Some(one);
            }
        }
        Ok(found)
    }
}

// === impl FileError ===

impl FileError {
    /// The file is not there (yet).
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a file that is missing, too large, a pipe, a link, no JSON, endlessly nested, or of another shape. Guarantees: each is
    /// an error at once, which names the file.
    #[test]
    fn hostile_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("large"), vec![b' '; 101]).unwrap();
        std::fs::write(at("good"), "{\"a\": \"b\"}").unwrap();
        std::os::unix::fs::symlink(at("good"), at("link")).unwrap();
        std::fs::write(at("text"), "hello").unwrap();
        std::fs::write(at("nested"), "[".repeat(100)).unwrap();
        std::fs::write(at("other"), "{\"a\": 1}").unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let read = |name: &str| read_json::<std::collections::BTreeMap<String, String>>(&at(name), 100);
        assert_eq!(read("good").unwrap()["a"], "b");
        assert!(read("missing").unwrap_err().is_missing());
        let of =
            |owner| read_json_of::<std::collections::BTreeMap<String, String>>(&at("good"), 100, Some(owner));
        let own = std::fs::metadata(at("good")).unwrap().uid();
        assert!(of(own).is_ok());
        assert!(matches!(of(own + 1), Err(FileError::Owner { .. })));
        for name in ["large", "link", "text", "nested", "other", "pipe"] {
            let error = read(name).unwrap_err();
            assert!(!error.is_missing() && error.to_string().contains(name), "{error}");
        }
    }
}
