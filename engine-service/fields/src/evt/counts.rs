//! `evt.count.*`: what Falco's tools add up.

use eyrie_proto::event::event::Kind;

use super::{io, result};
use crate::{
    descriptor::{Subject, subject},
    parameter::Category,
    value::{Extracted, Value},
    view::EventView,
};

/// What a call that failed is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorOf {
    File,
    Net,
    Memory,
    Other,
}

/// 1 if the call failed, 0 if not; missing for what returns nothing.
pub(super) fn failed<'a>(view: &EventView<'a>) -> Extracted<'a> {
    Extracted::from_option(result(view.event).map(|result| Value::Uint(u64::from(result < 0))))
}

/// The same of calls that are about `what`; missing for others. A call on memory may be about a file as well.
pub(super) fn failed_of<'a>(view: &EventView<'a>, what: ErrorOf) -> Extracted<'a> {
    let is_memory = io::schema(view).is_some_and(|schema| schema.category == Category::Memory);
    let of_descriptor = subject(view.event).as_ref().and_then(about_descriptor);
    let is_about = match (what, of_descriptor.or_else(|| about_call(view))) {
        (ErrorOf::Memory, _) => is_memory,
        (ErrorOf::Other, None) => !is_memory,
        (what, about) => about == Some(what),
    };
    if is_about { failed(view) } else { Extracted::Absent }
}

fn about_descriptor(subject: &Subject<'_>) -> Option<ErrorOf> {
    Some(match subject.type_name()? {
        "file" | "directory" => ErrorOf::File,
        "ipv4" | "ipv6" | "unix" => ErrorOf::Net,
        _ => ErrorOf::Other,
    })
}

/// What a call is about that has no descriptor because it failed to make one.
fn about_call(view: &EventView<'_>) -> Option<ErrorOf> {
    match view.event.kind.as_ref()? {
        Kind::Open(_) => Some(ErrorOf::File),
        Kind::Accept(_) | Kind::Connect(_) => Some(ErrorOf::Net),
        _ => None,
    }
}
