//! `fd.types`, `fd.uid`, `fd.container*`: the descriptor beside the process that has it.

use std::borrow::Cow;

use host_model::ContainerId;

use super::from;
use crate::{
    argument::Argument,
    container::without_fact,
    descriptor::{Subject, subject},
    value::{Extracted, Value},
    view::EventView,
};

/// `fd.uid`
pub(super) fn uid<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(task) = view.task() else { return Extracted::Absent };
    from(view, |fd| Some(Value::bytes(format!("{}{}", task.tid, fd.number()?).into_bytes())))
}

/// A name with the container's id before it. Which container it is may still have to be told.
pub(super) fn in_container<'a>(
    view: &EventView<'a>,
    name: impl FnOnce(&Subject<'a>) -> Option<Cow<'a, [u8]>>,
) -> Extracted<'a> {
    let Some(name) = subject(view.event).and_then(|fd| name(&fd)) else { return Extracted::Absent };
    let id = match view.container_id() {
        ContainerId::Container(id) => crate::container::shortened(id),
        ContainerId::Host => "",
        ContainerId::Unknown => return without_fact(view),
    };
    Extracted::owned([id.as_bytes(), b":", &name].concat())
}

/// `fd.types`. There is no table of descriptors: what is known of a process's are the one of this event and the standard
/// streams that it was given when it executed its program.
pub(super) fn types<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let Some(own) = subject(view.event) else { return Extracted::Absent };
    let own_number = own.descriptor.map(|descriptor| i64::from(descriptor.fd));
    let mut known: Vec<(i64, &'a str)> = own_number.zip(own.type_name()).into_iter().collect();
    let streams = view.process().into_iter().flat_map(|process| process.standard_streams());
    known.extend(
        streams
            .map(|stream| (i64::from(stream.fd), stream.r#type.as_str()))
            .filter(|(fd, kind)| Some(*fd) != own_number && !kind.is_empty()),
    );
    if let Some(wanted) = argument.index() {
        known.retain(|(fd, _)| usize::try_from(*fd) == Ok(wanted));
    }
    let mut kinds: Vec<&str> = Vec::new();
    for (_, kind) in known {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let kinds: Vec<_> = kinds.into_iter().map(|kind| Value::bytes(kind.as_bytes())).collect();
    if kinds.is_empty() { Extracted::Absent } else { Value::List(kinds).into() }
}
