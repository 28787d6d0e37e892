//! `evt.*` and `syscall.type`: the event itself.

mod counts;
mod derived;
mod io;
mod timing;

use eyrie_proto::event::{Event, Open, event::Kind};
use rule_language::{
    ArgumentKind::{IndexOrKey, Key},
    FieldType::{AbsTime, Bool, ByteBuf, CharBuf, Dyn, Int16, Int64, RelTime, Uint32, Uint64},
};

pub(crate) use self::derived::FIELDS as DERIVED;
use crate::{
    argument::Argument,
    classes,
    declaration::{Declaration, Scope},
    event_type::{call_name, event_type},
    parameter::{self, EventSchema, errno_name},
    time,
    value::{Extracted, Value},
    view::EventView,
};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// Execution by owner, group or others.
const EXECUTABLE_MODE: u32 = 0o111;

macro_rules! field {
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::EVT, $name, $type, Scope::Event, $extract, $description)
    };
}
use field;

/// What no event has a value of, because…
macro_rules! absent {
    ($name:literal, $type:expr, $because:expr, $description:literal) => {
        Declaration::absent(classes::EVT, $name, $type, $because, $description)
    };
}
use absent;

macro_rules! of_any_source {
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::EVT_OF_ANY_SOURCE, $name, $type, Scope::Event, $extract, $description)
    };
}

/// Why system calls have nothing that plugins' events have.
const NO_PLUGIN: &str = "system calls come from no plugin, and no other source is there yet";

macro_rules! of_plugins {
    ($name:literal, $description:literal) => {
        Declaration::absent(classes::EVT_OF_ANY_SOURCE, $name, CharBuf, NO_PLUGIN, $description)
    };
}

/// What events of every source have.
#[rustfmt::skip]
pub(crate) const GENERIC: &[Declaration] = &[
    of_any_source!("evt.num", Uint64, "the event's place in its origin's stream", |view, _| Value::Uint(view.sequence).into()),
    of_any_source!("evt.time", CharBuf, "the time of day with nanoseconds, in the engine's time zone", |view, _| time_field(view, time::time_of_day)),
    of_any_source!("evt.time.s", CharBuf, "the time of day in seconds, in the engine's time zone", |view, _| time_field(view, time::time_of_day_seconds)),
    of_any_source!("evt.time.iso8601", CharBuf, "date and time in ISO 8601 with nanoseconds, in UTC", |view, _| time_field(view, time::iso8601)),
    of_any_source!("evt.datetime", CharBuf, "date and time with nanoseconds, in the engine's time zone", |view, _| time_field(view, time::date_time)),
    of_any_source!("evt.datetime.s", CharBuf, "date and time in seconds, in the engine's time zone", |view, _| time_field(view, time::date_time_seconds)),
    of_any_source!("evt.rawtime", AbsTime, "nanoseconds since the epoch", |view, _| Value::Uint(view.epoch_ns()).into()),
    of_any_source!("evt.rawtime.s", AbsTime, "whole seconds since the epoch", |view, _| Value::Uint(view.epoch_ns() / SECOND).into()),
    of_any_source!("evt.rawtime.ns", AbsTime, "the nanoseconds of the event's time that are no whole second", |view, _| Value::Uint(view.epoch_ns() % SECOND).into()),
    of_any_source!("evt.reltime", RelTime, "nanoseconds since the first event of the host's stream, which begins anew with its agent", |view, _| timing::since_start(view, |ns| ns)),
    of_any_source!("evt.reltime.s", RelTime, "whole seconds since the first event of the host's stream", |view, _| timing::since_start(view, |ns| ns / SECOND)),
    of_any_source!("evt.reltime.ns", RelTime, "the nanoseconds of evt.reltime that are no whole second", |view, _| timing::since_start(view, |ns| ns % SECOND)),
    of_plugins!("evt.pluginname", "the name of the plugin that the event comes from"),
    of_plugins!("evt.plugininfo", "the event in one line, as its plugin writes it"),
    of_any_source!("evt.source", CharBuf, "where the event comes from: syscall, or what a plugin declares", |view, _| Extracted::bytes(view.source.as_bytes())),
    of_any_source!("evt.is_async", Bool, "whether the event was reported beside the stream of its source; no system call is", |_, _| Value::Bool(false).into()),
    of_plugins!("evt.asynctype", "the name of an event that was reported beside the stream of its source"),
    Declaration::new(classes::EVT_OF_ANY_SOURCE, "evt.hostname", CharBuf, Scope::Host, |view, _| Extracted::bytes(view.hostname.as_bytes()), "the name of the host that the event happened on"),
];

/// What system calls have.
#[rustfmt::skip]
pub(crate) const CALL: &[Declaration] = &[
    field!("evt.type", CharBuf, "the event's name, which is the call's for most", |view, _| name(event_type(view.event, view.architecture))),
    field!("evt.type.is", Uint32, "1 if the event has that name", type_is).required(Key).dotted(),
    field!("syscall.type", CharBuf, "the system call's name", |view, _| name(call_name(view.event, view.architecture))),
    field!("evt.category", CharBuf, "what the event is about: file, net, IPC, process, memory, signal, user, time, sleep, wait, system or other; of calls that move data what the descriptor is: file, net, ipc or unknown", |view, _| name(io::category(view))),
    field!("evt.cpu", Int16, "the number of the processor that it happened on", |view, _| Value::Int(view.event.cpu.into()).into()),
    field!("evt.dir", CharBuf, "always <: events are reported when their call ends", |_, _| Value::text("<").into()).deprecated(),
    field!("evt.res", CharBuf, "SUCCESS, or the name of the error", |view, _| result_name(view)),
    field!("evt.rawres", Int64, "what the call returned; below zero if it failed", |view, _| Extracted::from_option(result(view.event).map(Value::Int))),
    field!("evt.buffer", ByteBuf, "the first bytes that the call moved, as many as the capture plan says", |view, _| buffer(view)),
    field!("evt.buflen", Uint64, "how many bytes the call moved", |view, _| io::moved(view, EventSchema::is_io, &[])),
    field!("evt.failed", Bool, "whether the call failed", |view, _| Extracted::from_option(result(view.event).map(|result| Value::Bool(result < 0)))),
    field!("evt.is_open_read", Bool, "whether the event opens a file for reading", |view, _| of_open(view, |open| parameter::access(open.flags.into()).0)),
    field!("evt.is_open_write", Bool, "whether the event opens a file for writing", |view, _| of_open(view, |open| parameter::access(open.flags.into()).1)),
    field!("evt.is_open_exec", Bool, "whether the event creates an executable file", |view, _| Value::Bool(creates_executable(view)).into()),
    field!("evt.is_open_create", Bool, "whether the event created a file", |view, _| Value::Bool(creates(view.event)).into()),
];

/// Parameters.
#[rustfmt::skip]
pub(crate) const ARGUMENTS: &[Declaration] = &[
    field!("evt.args", CharBuf, "all parameters as name=value, with names for numbers in parentheses", |view, _| parameter::all_as_text(view).map_or(Extracted::Absent, Extracted::owned)),
    field!("evt.info", CharBuf, "the same as evt.args", |view, _| parameter::all_as_text(view).map_or(Extracted::Absent, Extracted::owned)),
    field!("evt.arg", CharBuf, "the parameter of that name or number, with names in place of numbers where there are any", |view, argument| Extracted::from_option(parameter::parameter(view, argument).map(|parameter| Value::Bytes(parameter.text(view))))).required(IndexOrKey).dotted(),
    field!("evt.rawarg", Dyn, "the parameter of that name as it is; it compares as what the parameter is: a number, text, an address", |view, argument| Extracted::from_option(parameter::parameter(view, argument).and_then(parameter::Parameter::raw_value))).required(Key).dotted().not_on_rhs().not_in_transformer(),
];

fn name<'a>(name: Option<&'static str>) -> Extracted<'a> {
    Extracted::from_option(name.map(Value::text))
}

fn time_field<'a>(view: &EventView<'a>, format: fn(u64) -> Option<String>) -> Extracted<'a> {
    let epoch_ns = view.epoch_ns();
    Extracted::from_option(format(epoch_ns).map(|text| Value::Time { epoch_ns, text }))
}

fn type_is<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let Argument::Key(wanted) = argument else { return Extracted::Absent };
    let holds = event_type(view.event, view.architecture).is_some_and(|name| name == wanted);
    Value::Uint(holds.into()).into()
}

/// What the call returned. An exec or fork that the scheduler reported has taken place.
pub(crate) fn result(event: &Event) -> Option<i64> {
    match (&event.call, event.kind.as_ref()?) {
        (_, Kind::Exit(_)) => None,
        (Some(call), _) => Some(call.result),
        (None, Kind::Exec(_)) => Some(0),
        (None, Kind::Fork(fork)) => Some(fork.child_tid.into()),
        (None, _) => None,
    }
}

fn result_name<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(result) = result(view.event) else { return Extracted::Absent };
    match errno_name(result) {
        None if result >= 0 => Value::text("SUCCESS").into(),
        None => Extracted::owned(result.to_string()),
        Some(name) => Value::text(name).into(),
    }
}

fn data<'a>(view: &EventView<'a>) -> Option<&'a [u8]> {
    match view.event.kind.as_ref()? {
        Kind::Transfer(transfer) => Some(&transfer.data),
        _ => None,
    }
}

fn buffer<'a>(view: &EventView<'a>) -> Extracted<'a> {
    data(view).map_or(Extracted::Absent, Extracted::bytes)
}

/// Falco says nothing of the sort about creat.
fn of_open<'a>(view: &EventView<'a>, holds: fn(&Open) -> bool) -> Extracted<'a> {
    let holds = match &view.event.kind {
        Some(Kind::Open(open)) => event_type(view.event, view.architecture) != Some("creat") && holds(open),
        _ => false,
    };
    Value::Bool(holds).into()
}

fn creates_executable(view: &EventView<'_>) -> bool {
    let Some(Kind::Open(open)) = &view.event.kind else { return false };
    let flags = u64::from(open.flags);
    let may_create = flags & (parameter::CREATE | parameter::TEMPORARY) != 0
        || event_type(view.event, view.architecture) == Some("creat");
    may_create && open.mode & EXECUTABLE_MODE != 0
}

fn creates(event: &Event) -> bool {
    let Some(Kind::Open(open)) = &event.kind else { return false };
    let is_temporary = u64::from(open.flags) & parameter::TEMPORARY != 0;
    open.is_created || (is_temporary && result(event).is_some_and(|result| result >= 0))
}
