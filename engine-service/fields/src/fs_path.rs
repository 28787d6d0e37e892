//! `fs.path.*` and `evt.abspath`: the paths that calls name, whether or not there is a descriptor.
//!
//! They are parameters under other names; which ones, Falco says for each event (sinsp_filtercheck_fspath.cpp,
//! `extract_abspath` of sinsp_filtercheck_event.cpp).

use rule_language::FieldType::CharBuf;

use crate::{
    argument::Argument,
    classes,
    declaration::{Declaration, Scope},
    event_type::event_type,
    evt,
    parameter::{self, NamedPath},
    value::{Extracted, Value},
    view::EventView,
};

macro_rules! field {
    ($name:literal, $description:literal, $extract:expr) => {
        Declaration::new(classes::FS_PATH, $name, CharBuf, Scope::Event, $extract, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("fs.path.name", "the path that the call works on, made absolute; of calls that succeed and have one path", |view, _| meant(view, one)),
    field!("fs.path.nameraw", "as fs.path.name, but as the program gave it", |view, _| given(view, one)),
    field!("fs.path.source", "what a call with two paths starts from, made absolute: the old name, the link, what is mounted", |view, _| meant(view, source)),
    field!("fs.path.sourceraw", "as fs.path.source, but as the program gave it", |view, _| given(view, source)),
    field!("fs.path.target", "what a call with two paths leads to, made absolute: the new name, what is linked to, where something is mounted", |view, _| meant(view, target)),
    field!("fs.path.targetraw", "as fs.path.target, but as the program gave it", |view, _| given(view, target)),
];

/// The parameter that has the path of an event with one.
fn one(event: &str) -> Option<&'static str> {
    Some(match event {
        "mkdir" | "mkdirat" | "rmdir" | "unlink" | "chown" | "lchown" => "path",
        "unlinkat" | "open" | "openat" | "openat2" | "umount" | "umount2" => "name",
        "chmod" | "fchmodat" => "filename",
        "fchmod" | "fchown" => "fd",
        "fchownat" => "pathname",
        "quotactl" => "special",
        _ => return None,
    })
}

/// Falco takes a link for the source, and what it leads to for the target.
fn source(event: &str) -> Option<&'static str> {
    Some(match event {
        "rename" | "renameat" | "renameat2" => "oldpath",
        "link" | "linkat" => "newpath",
        "symlink" | "symlinkat" => "linkpath",
        "mount" => "dev",
        _ => return None,
    })
}

fn target(event: &str) -> Option<&'static str> {
    Some(match event {
        "rename" | "renameat" | "renameat2" => "newpath",
        "link" | "linkat" => "oldpath",
        "symlink" | "symlinkat" => "target",
        "mount" => "dir",
        _ => return None,
    })
}

/// The parameter that `evt.abspath` means: only of events with a path relative to a descriptor.
fn relative(event: &str, is_second: bool) -> Option<&'static str> {
    Some(match event {
        "renameat" | "renameat2" | "linkat" if is_second => "newpath",
        "renameat" | "renameat2" | "linkat" => "oldpath",
        "symlinkat" => "linkpath",
        "openat" | "openat2" | "unlinkat" => "name",
        "open_by_handle_at" | "mkdirat" => "path",
        "fchmodat" => "filename",
        "fchownat" => "pathname",
        _ => return None,
    })
}

/// The parameter that a field of this family, or `evt.abspath`, means.
pub(crate) fn parameter_of(field: &str, event: &str) -> Option<&'static str> {
    match field.strip_suffix("raw").unwrap_or(field) {
        "fs.path.name" => one(event),
        "fs.path.source" => source(event),
        "fs.path.target" => target(event),
        "evt.abspath" | "evt.abspath.src" => relative(event, false),
        "evt.abspath.dst" => relative(event, true),
        _ => None,
    }
}

fn path<'a>(view: &EventView<'a>, parameter_of: fn(&str) -> Option<&'static str>) -> Option<NamedPath<'a>> {
    evt::result(view.event).filter(|result| *result >= 0)?;
    let name = parameter_of(event_type(view.event, view.architecture)?)?;
    parameter::path(view, name)
}

fn given<'a>(view: &EventView<'a>, parameter_of: fn(&str) -> Option<&'static str>) -> Extracted<'a> {
    Extracted::from_option(path(view, parameter_of).map(|path| Value::Bytes(path.given)))
}

fn meant<'a>(view: &EventView<'a>, parameter_of: fn(&str) -> Option<&'static str>) -> Extracted<'a> {
    Extracted::from_option(path(view, parameter_of).map(|path| Value::Bytes(path.meant)))
}

/// `evt.abspath`, of failed calls too.
pub(crate) fn absolute<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let is_second = matches!(argument, Argument::Key(word) if word == "dst");
    let path = || {
        let name = relative(event_type(view.event, view.architecture)?, is_second)?;
        parameter::path(view, name)
    };
    Extracted::from_option(path().map(|path| Value::Bytes(path.meant)))
}
