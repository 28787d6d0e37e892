//! Paths that calls are given.
//!
//! Programs test the path that a call was given as an absolute path without `.`, `..` and empty components; that is `fd.name` of an open.
//! `evt.arg.path` and its like are the text as it was given where that is absolute, and fields with `raw` behind them always: what is
//! known of such a text is turned into what is known of the path, or else into "it has `..` somewhere".
//!
//! Nothing follows from a negated comparison: it holds where there is no path.

mod given;
mod literal;
mod normal;

use eyrie_proto::capture::{CallFilter, CallOutcome, PathSubject, path_filter::Kind};
use rule_language::condition::{Literal, Operator};

use super::{
    super::{need::Need, path_test},
    leaf::Leaf,
    outcome::ended,
};

/// Event types of opens that are given a path.
const OPENS: [&str; 4] = ["open", "openat", "openat2", "creat"];

/// What of a path a field shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The path as programs test it.
    Normal,
    /// Its directory, or the whole of it where it is a directory.
    Directory,
    /// Its last component.
    FileName,
    /// As it was given, where that is absolute; otherwise as programs test it.
    Argument,
    /// As it was given, absolute or not.
    Text,
    /// The same, and some slashes may be left out of several.
    Raw,
}

/// Calls with paths, by event type: the parameters that they are, first and second.
#[rustfmt::skip]
const PARAMETERS: &[(&str, &str, PathSubject)] = &[
    ("open", "name", FIRST), ("openat", "name", FIRST), ("openat2", "name", FIRST), ("creat", "name", FIRST),
    ("unlink", "path", FIRST), ("unlinkat", "name", FIRST), ("rmdir", "path", FIRST),
    ("mkdir", "path", FIRST), ("mkdirat", "path", FIRST), ("mknod", "path", FIRST), ("mknodat", "path", FIRST),
    ("chmod", "filename", FIRST), ("fchmodat", "filename", FIRST),
    ("chown", "path", FIRST), ("lchown", "path", FIRST), ("fchownat", "pathname", FIRST),
    ("access", "name", FIRST), ("stat", "path", FIRST), ("lstat", "path", FIRST), ("newfstatat", "path", FIRST),
    ("umount", "name", FIRST), ("umount2", "name", FIRST), ("chroot", "path", FIRST),
    ("rename", "oldpath", FIRST), ("rename", "newpath", SECOND),
    ("renameat", "oldpath", FIRST), ("renameat", "newpath", SECOND),
    ("renameat2", "oldpath", FIRST), ("renameat2", "newpath", SECOND),
    ("link", "oldpath", FIRST), ("link", "newpath", SECOND),
    ("linkat", "oldpath", FIRST), ("linkat", "newpath", SECOND),
    ("symlink", "linkpath", SECOND), ("symlinkat", "linkpath", SECOND),
    ("mount", "dir", SECOND),
];
/// Those that are shown as they were given even where they are relative.
const TEXTS: &[(&str, &str, PathSubject)] = &[("chdir", "path", FIRST), ("mount", "dev", FIRST)];

const FIRST: PathSubject = PathSubject::Unspecified;
const SECOND: PathSubject = PathSubject::Second;

pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    if leaf.is_negated {
        return None;
    }
    let is_open = OPENS.contains(&leaf.event_type());
    match leaf.field.name.as_str() {
        "fd.name" if is_open => of_path(leaf, Shown::Normal, FIRST),
        "fd.directory" if is_open => of_path(leaf, Shown::Directory, FIRST),
        "fd.filename" if is_open => of_path(leaf, Shown::FileName, FIRST),
        "fd.nameraw" if is_open => of_path(leaf, Shown::Raw, FIRST),
        "evt.arg" => of_argument(leaf),
        "fs.path.name" | "fs.path.source" | "fs.path.target" => of_successful(leaf, Shown::Normal),
        "fs.path.nameraw" | "fs.path.sourceraw" | "fs.path.targetraw" => of_successful(leaf, Shown::Raw),
        _ => None,
    }
}

fn find(parameters: &[(&str, &str, PathSubject)], leaf: &Leaf<'_>, parameter: &str) -> Option<PathSubject> {
    parameters
        .iter()
        .find(|(event_type, name, _)| *event_type == leaf.event_type() && *name == parameter)
        .map(|(.., subject)| *subject)
}

fn of_argument(leaf: &Leaf<'_>) -> Option<Need> {
    let parameter = leaf.parameter()?;
    if let Some(subject) = find(PARAMETERS, leaf, parameter) {
        return of_path(leaf, Shown::Argument, subject);
    }
    of_path(leaf, Shown::Text, find(TEXTS, leaf, parameter)?)
}

/// Calls that failed have no such path.
fn of_successful(leaf: &Leaf<'_>, shown: Shown) -> Option<Need> {
    let Some(parameter) = fields::path_parameter(&leaf.field.name, leaf.event_type()) else {
        return Some(Need::impossible());
    };
    let succeeded = Need::of(ended(CallOutcome::Succeeded));
    let path = find(PARAMETERS, leaf, parameter).and_then(|subject| of_path(leaf, shown, subject));
    Some(path.unwrap_or_else(Need::nothing).and(succeeded))
}

/// `None` if no test of the path follows.
fn of_path(leaf: &Leaf<'_>, shown: Shown, subject: PathSubject) -> Option<Need> {
    // The kernel's path is known to the programs only of what was opened.
    if leaf.calls.is_match_resolved && !OPENS.contains(&leaf.event_type()) {
        return None;
    }
    let mut paths = Vec::new();
    for literal in leaf.alternatives()? {
        for kind in tests(leaf.operator, literal, shown)? {
            path_test::add(&mut paths, path_test::test(kind, subject));
        }
    }
    Some(Need::of(CallFilter {
        paths,
        tries_resolved_path: leaf.calls.is_match_resolved,
        ..CallFilter::default()
    }))
}

/// Tests of which one holds if the operator holds between what is shown and the literal; never none.
fn tests(operator: Operator, literal: &Literal, shown: Shown) -> Option<Vec<Kind>> {
    let text = &*literal.text;
    match shown {
        Shown::Normal => normal::of_path(operator, text),
        Shown::Directory => normal::of_directory(operator, text),
        Shown::FileName => normal::of_file_name(operator, text),
        Shown::Argument => given::of_argument(operator, text),
        Shown::Text => given::of_text(operator, text),
        Shown::Raw => given::of_raw(operator, text),
    }
}
