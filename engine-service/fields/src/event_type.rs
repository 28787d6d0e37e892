//! Names of events: what `evt.type` says.

use eyrie_proto::event::{Event, event};

use crate::{event_table, syscall_names, view::Architecture};

/// Calls whose event has another name in Falco than the kernel gives the call.
const RENAMED_CALLS: [(&str, &str); 3] =
    [("pread64", "pread"), ("prlimit64", "prlimit"), ("pwrite64", "pwrite")];

/// The event's `evt.type`; `None` for facts and losses, and for calls that no table has.
pub fn event_type(event: &Event, architecture: Architecture) -> Option<&'static str> {
    // An exit happens inside a call (exit_group, or whatever a fatal signal interrupted), but is an event of its own.
    match &event.kind {
        Some(event::Kind::Exit(_)) => return Some("procexit"),
        Some(event::Kind::SourceEvent(_)) => return Some("pluginevent"),
        Some(
            event::Kind::Fact(_)
            | event::Kind::Loss(_)
            | event::Kind::ProcessSnapshot(_)
            | event::Kind::PlanSwitch(_),
        )
        | None => return None,
        _ => {}
    }
    match event.call.as_ref().map(|call| syscall_names::native_name(call, architecture)) {
        // On 32 bits one call stands for all those on sockets.
        Some(Some("socketcall")) => without_call(event).or(Some("socketcall")),
        Some(name) => name.map(event_name),
        None => without_call(event),
    }
}

/// The event's `syscall.type`: what the kernel calls the call.
pub(crate) fn call_name(event: &Event, architecture: Architecture) -> Option<&'static str> {
    syscall_names::native_name(event.call.as_ref()?, architecture)
}

/// The `evt.type` of events whose `syscall.type` is `call`; `None` if it says nothing of them.
///
/// On 32 bits `socketcall` is the call of all events on sockets.
pub(crate) fn event_of_call(call: &str) -> Option<&str> {
    let renamed = RENAMED_CALLS.iter().find(|(kernel, _)| *kernel == call).map(|(_, event)| *event);
    Some(renamed.unwrap_or(call)).filter(|event| *event != "socketcall")
}

/// All names of events and calls, ascending: Falco's, and those of calls that are newer than its tables.
pub(crate) fn known_event_types() -> Vec<&'static str> {
    let of_falco = event_table::events().map(|(name, _)| name).chain(event_table::calls());
    let mut names: Vec<_> = of_falco.chain(syscall_names::all_native_names()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn event_name(call: &'static str) -> &'static str {
    RENAMED_CALLS.iter().find(|(kernel, _)| *kernel == call).map_or(call, |(_, event)| event)
}

/// What an event is called whose call does not say so, because a tracepoint of the scheduler or the kernel's socket code
/// reported it.
fn without_call(event: &Event) -> Option<&'static str> {
    match event.kind.as_ref()? {
        event::Kind::Exec(_) => Some("execve"),
        event::Kind::Fork(_) => Some("clone"),
        event::Kind::Open(_) => Some("openat"),
        event::Kind::Connect(_) => Some("connect"),
        event::Kind::Accept(_) => Some("accept"),
        event::Kind::SocketCreate(_) => Some("socket"),
        event::Kind::Signal(_) => Some("signaldeliver"),
        _ => None,
    }
}
