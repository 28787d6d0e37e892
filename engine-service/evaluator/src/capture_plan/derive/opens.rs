//! What opens are for: `evt.is_open_*`, and the names of their flags.

use eyrie_proto::capture::{ArgumentFilter, CallFilter, FlagFilter};
use fields::{NumberTexts, Value};

use super::{super::need::Need, leaf::Leaf, names::pieces};

/// Event types of opens whose flags are known.
const OPENS: [&str; 5] = ["open", "openat", "openat2", "creat", "open_by_handle_at"];
/// O_ACCMODE of linux/fcntl.h. It is a number: 0 reads, 1 writes, what is above does both.
const ACCESS_MODE: u64 = 0o3;
/// O_CREAT, and __O_TMPFILE without the O_DIRECTORY that belongs to it.
const MAY_CREATE: u64 = 0o100 | 0o20_000_000;
/// Execution by owner, group or others.
const EXECUTABLE_MODE: u64 = 0o111;
/// Bits that one architecture calls O_DIRECT, O_DIRECTORY or O_LARGEFILE, and another one something else of these: a plan is for hosts of all.
const NUMBERED_BY_ARCHITECTURE: u64 = 0o40_000 | 0o100_000 | 0o200_000 | 0o400_000;

pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    if !OPENS.contains(&leaf.event_type()) {
        return None;
    }
    let is_creat = leaf.event_type() == "creat";
    match leaf.field.name.as_str() {
        // Nothing of the sort is said about creat.
        "evt.is_open_read" | "evt.is_open_write" if is_creat => {
            Some(Need::of_constant(leaf.may_hold(&Value::Bool(false))))
        }
        "evt.is_open_read" => of_access(leaf, &[0, 2, 3], &[1]),
        "evt.is_open_write" => of_access(leaf, &[1, 2, 3], &[0]),
        "evt.is_open_exec" if is_only_true(leaf) => {
            Some(Need::of(with_mode(leaf.event_type(), creating(is_creat))))
        }
        // With either flag files are created; of creat it goes without saying.
        "evt.is_open_create" if is_only_true(leaf) => Some(Need::of(creating(is_creat))),
        "evt.arg" if leaf.parameter() == Some("flags") && !leaf.is_negated => of_names(leaf),
        _ => None,
    }
}

/// Whether the field's being false is not enough.
fn is_only_true(leaf: &Leaf<'_>) -> bool {
    leaf.may_hold(&Value::Bool(true)) && !leaf.may_hold(&Value::Bool(false))
}

fn of_access(leaf: &Leaf<'_>, modes_if_true: &[u64], modes_if_false: &[u64]) -> Option<Need> {
    let values = match (leaf.may_hold(&Value::Bool(true)), leaf.may_hold(&Value::Bool(false))) {
        (true, false) => modes_if_true,
        (false, true) => modes_if_false,
        _ => return None,
    };
    Some(Need::of(flags(ACCESS_MODE, values)))
}

fn flags(mask: u64, values: &[u64]) -> CallFilter {
    CallFilter { open_flags: vec![FlagFilter { mask, values: values.to_vec() }], ..CallFilter::default() }
}

fn creating(is_creat: bool) -> CallFilter {
    if is_creat { CallFilter::default() } else { flags(MAY_CREATE, &[]) }
}

/// With permission to execute, where a register has the mode.
fn with_mode(event_type: &str, filter: CallFilter) -> CallFilter {
    let index = match event_type {
        "creat" => 1,
        "open" => 2,
        "openat" => 3,
        _ => return filter,
    };
    CallFilter {
        arguments: vec![ArgumentFilter { index, mask: EXECUTABLE_MODE, values: Vec::new() }],
        ..filter
    }
}

/// `evt.arg.flags`: every piece of a text has to be part of a name, and a name shows only where its bits are set.
fn of_names(leaf: &Leaf<'_>) -> Option<Need> {
    let Some(NumberTexts::Set(names)) = fields::number_texts(leaf.event_type(), "flags") else { return None };
    let mut all = Need::impossible();
    for pieces in pieces(leaf)? {
        let mut text = Need::nothing();
        for piece in pieces {
            let fitting = names.iter().filter(|(name, _)| name.contains(piece));
            let need = fitting.fold(Need::impossible(), |need, (name, bits)| need.or(of_name(name, *bits)));
            text = text.and(need);
        }
        all = all.or(text);
    }
    Some(all)
}

fn of_name(name: &str, bits: u64) -> Need {
    let filter = match name {
        "O_RDONLY" => flags(ACCESS_MODE, &[0]),
        "O_WRONLY" => flags(ACCESS_MODE, &[1]),
        "O_RDWR" => flags(ACCESS_MODE, &[2, 3]),
        // The kernel creates a file only if it is told to.
        "O_F_CREATED" => flags(MAY_CREATE, &[]),
        _ if bits == 0 => CallFilter::default(),
        _ if bits & NUMBERED_BY_ARCHITECTURE != 0 => flags(NUMBERED_BY_ARCHITECTURE, &[]),
        _ => flags(bits, &[bits]),
    };
    Need::of(filter)
}
