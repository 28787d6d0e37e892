//! Tests of paths: what follows from what, and which of two says more.

use eyrie_proto::capture::{PathFilter, PathSubject, path_filter::Kind};

/// From this many tests on a list is not searched for each new one: the time would grow with its square.
const LONG_LIST: usize = 1_024;
/// From this many bytes on a prefix is of few files, as `/etc/shadow` and `/root/.ssh/` are.
const LONG_PREFIX: usize = 10;
/// A suffix with fewer bytes than this is hardly a test.
const SHORT_SUFFIX: usize = 4;
/// Nor are so few bytes anywhere in a path, as `/.` and `.so`.
const SHORT_PART: usize = 4;

/// Which tests of paths a call is asked for where one of several is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Preference {
    /// Those that few paths hold.
    #[default]
    Narrow,
    /// The same, but bytes anywhere in a path only where nothing else is to be had.
    FewParts,
}

/// A test of one of the two paths of a call.
pub(super) fn test(kind: Kind, subject: PathSubject) -> PathFilter {
    PathFilter { kind: Some(kind), subject: subject.into() }
}

/// Whether every path that holds the one holds the other.
pub(super) fn implies(strong: &PathFilter, weak: &PathFilter) -> bool {
    if strong == weak {
        return true;
    }
    let (Some(own), Some(other)) = (&strong.kind, &weak.kind) else { return false };
    strong.subject == weak.subject
        && match (own, other) {
            (Kind::Exact(path) | Kind::Prefix(path), Kind::Prefix(prefix)) => path.starts_with(prefix),
            (Kind::Exact(path) | Kind::Suffix(path) | Kind::Name(path), Kind::Suffix(suffix)) => {
                path.ends_with(suffix)
            }
            (Kind::Exact(path) | Kind::Suffix(path), Kind::Name(name)) => has_name(path, name),
            (Kind::Exact(path), Kind::Directory(directory)) => is_directly_in(path, directory),
            (Kind::Directory(directory), Kind::Prefix(prefix)) => below(directory).starts_with(prefix),
            (Kind::Directory(directory), Kind::Contains(part)) => has_part(&below(directory), part),
            (Kind::Name(name), Kind::Contains(part)) => has_part(&[b"/", &**name].concat(), part),
            (
                Kind::Exact(bytes) | Kind::Prefix(bytes) | Kind::Suffix(bytes) | Kind::Contains(bytes),
                Kind::Contains(part),
            )
            | (Kind::RawContains(bytes), Kind::RawContains(part)) => has_part(bytes, part),
            _ => false,
        }
}

/// Whether it is the last component of the path.
pub(super) fn has_name(path: &[u8], name: &[u8]) -> bool {
    path.strip_suffix(name).is_some_and(|rest| rest.ends_with(b"/"))
}

/// Whether the bytes are somewhere in the path.
pub(super) fn has_part(path: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(path, part).is_some()
}

/// Whether the path, which is absolute and normal, is the directory and one more component.
pub(super) fn is_directly_in(path: &[u8], directory: &[u8]) -> bool {
    let name = path.strip_prefix(&*below(directory));
    name.is_some_and(|name| !name.is_empty() && !name.contains(&b'/'))
}

/// What all paths in a directory begin with.
fn below(directory: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
    [directory, slash].concat()
}

/// Whether each test of `strong` implies one of `weak`. Of very long lists it says no.
pub(super) fn all_imply(strong: &[PathFilter], weak: &[PathFilter]) -> bool {
    strong.len().saturating_mul(weak.len()) <= LONG_LIST * LONG_LIST
        && strong.iter().all(|own| weak.iter().any(|other| implies(own, other)))
}

/// Tests of which one has to hold, in the place of two lists of which one has to; none if one of them is empty, since that is everything. Both are as
/// [`add`] leaves them, so that only what is new is looked at.
pub(super) fn union(first: Vec<PathFilter>, second: &[PathFilter]) -> Vec<PathFilter> {
    if first.is_empty() || second.is_empty() {
        return Vec::new();
    }
    let mut all = first;
    for path in second {
        add(&mut all, path.clone());
    }
    all
}

/// Adds a test to others of which one has to hold, unless it says nothing new, which is looked at in short lists only.
pub(super) fn add(paths: &mut Vec<PathFilter>, path: PathFilter) {
    if paths.len() >= LONG_LIST {
        paths.push(path);
    } else if paths.iter().all(|other| !implies(&path, other)) {
        paths.retain(|other| !implies(other, &path));
        paths.push(path);
    }
}

/// How little a list of tests of which one has to hold says: the least that one of them says, then how many there are.
pub(super) fn weakness(paths: &[PathFilter], preference: Preference) -> (u8, usize) {
    let weakest = paths.iter().map(|path| weakness_of_one(path, preference)).max();
    (weakest.unwrap_or(u8::MAX), paths.len())
}

fn weakness_of_one(path: &PathFilter, preference: Preference) -> u8 {
    match &path.kind {
        Some(Kind::Exact(_)) => 0,
        Some(Kind::Name(_)) => 1,
        Some(Kind::Directory(_)) => 2,
        Some(Kind::RawContains(_)) => 3,
        Some(Kind::Prefix(prefix)) if prefix.len() >= LONG_PREFIX => 4,
        Some(Kind::Suffix(suffix)) if suffix.len() >= SHORT_SUFFIX => 5,
        Some(Kind::Contains(part)) if part.len() >= SHORT_PART && preference == Preference::Narrow => 6,
        Some(Kind::Prefix(_)) => 7,
        Some(Kind::Contains(_)) => 8,
        Some(Kind::Suffix(_)) => 9,
        None => u8::MAX,
    }
}
