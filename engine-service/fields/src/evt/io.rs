//! What an event is about and which way it moves data, as Falco's table of events has it.

use eyrie_proto::event::{Event, event::Kind};

use crate::{
    descriptor::{Subject, subject},
    event_type::event_type,
    parameter::{Category, EventSchema, schema_of},
    value::{Extracted, Value},
    view::EventView,
};

/// Where syslog takes messages.
const SYSLOG: &[u8] = b"/dev/log";

/// What Falco's table has of the event.
pub(super) fn schema(view: &EventView<'_>) -> Option<&'static EventSchema> {
    schema_of(event_type(view.event, view.architecture)?)
}

/// `evt.category`; of calls that share the generic event by their message.
pub(super) fn category(view: &EventView<'_>) -> Option<&'static str> {
    let Some(schema) = schema(view) else { return category_of_message(view.event) };
    Some(match schema.category {
        Category::File => "file",
        Category::Ipc => "IPC",
        Category::Memory => "memory",
        Category::Net => "net",
        Category::Other => "other",
        Category::Process => "process",
        Category::Signal => "signal",
        Category::Sleep => "sleep",
        Category::System => "system",
        Category::Time => "time",
        Category::User => "user",
        Category::Wait => "wait",
        Category::IoRead | Category::IoWrite | Category::IoOther => {
            category_of_descriptor(subject(view.event).as_ref())
        }
    })
}

/// Falco writes `ipc` here and `IPC` elsewhere.
fn category_of_descriptor(subject: Option<&Subject<'_>>) -> &'static str {
    match subject.and_then(Subject::type_name) {
        Some("file" | "directory") => "file",
        Some("ipv4" | "ipv6") => "net",
        Some("pipe" | "unix" | "event" | "signalfd" | "inotify" | "userfaultfd") => "ipc",
        _ => "unknown",
    }
}

fn category_of_message(event: &Event) -> Option<&'static str> {
    Some(match event.kind.as_ref()? {
        Kind::Open(_)
        | Kind::PathCall(_)
        | Kind::TwoPathCall(_)
        | Kind::ChangeDirectory(_)
        | Kind::ChangeRoot(_) => "file",
        Kind::SocketCreate(_)
        | Kind::Connect(_)
        | Kind::Accept(_)
        | Kind::Bind(_)
        | Kind::SocketOption(_) => "net",
        Kind::Fork(_)
        | Kind::Exec(_)
        | Kind::Exit(_)
        | Kind::ChangeSession(_)
        | Kind::ProcessControl(_)
        | Kind::ChangeNamespace(_)
        | Kind::ResourceLimit(_)
        | Kind::ProcessAccess(_) => "process",
        Kind::ChangeCredentials(_) => "user",
        Kind::Signal(_) => "signal",
        Kind::MemoryCall(_) => "memory",
        Kind::ModuleCall(_) | Kind::KernelCall(_) => "system",
        _ => "other",
    })
}

/// Whether the event has this property in Falco's table.
pub(super) fn is<'a>(view: &EventView<'a>, holds: fn(&EventSchema) -> bool) -> Extracted<'a> {
    Value::Bool(schema(view).is_some_and(holds)).into()
}

/// `evt.io_dir`
pub(super) fn direction<'a>(view: &EventView<'a>) -> Extracted<'a> {
    match schema(view) {
        Some(schema) if schema.writes => Value::text("write").into(),
        Some(schema) if schema.reads => Value::text("read").into(),
        _ => Extracted::Absent,
    }
}

/// `evt.is_syslog`
pub(super) fn is_syslog<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let is_log =
        || subject(view.event)?.name(view).map(|name| name.windows(SYSLOG.len()).any(|part| part == SYSLOG));
    let writes = schema(view).is_some_and(|schema| schema.writes);
    Value::Bool(writes && is_log().unwrap_or(false)).into()
}

/// `evt.buflen` and its relatives: how many bytes the call says that it moved, of calls of this category whose descriptor is
/// of one of these types.
pub(super) fn moved<'a>(
    view: &EventView<'a>,
    is_of_category: fn(&EventSchema) -> bool,
    types: &[&str],
) -> Extracted<'a> {
    let moved = || {
        schema(view).filter(|schema| is_of_category(schema))?;
        let subject = subject(view.event).filter(|subject| subject.descriptor.is_some())?;
        let is_of_type = types.is_empty() || types.contains(&subject.type_name()?);
        let result = super::result(view.event).filter(|_| is_of_type)?;
        u64::try_from(result).ok().map(Value::Uint)
    };
    Extracted::from_option(moved())
}

pub(super) fn is_input(schema: &EventSchema) -> bool {
    schema.category == Category::IoRead
}

pub(super) fn is_output(schema: &EventSchema) -> bool {
    schema.category == Category::IoWrite
}
