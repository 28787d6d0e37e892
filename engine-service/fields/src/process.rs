//! `proc.*`: the process that caused the event.

mod ancestors;
pub(crate) mod cgroups;
pub(crate) mod executable;
mod resources;
mod session;
mod streams;

use std::borrow::Cow;

use host_model::Process;
use rule_language::{
    ArgumentKind::{Index, Key},
    FieldType::{CharBuf, Int64, RelTime, Uint64},
};

pub(crate) use self::ancestors::FIELDS as ANCESTORS;
pub(crate) use self::executable::FIELDS as EXECUTABLE;
pub(crate) use self::resources::FIELDS as RESOURCES;
pub(crate) use self::session::FIELDS as SESSION;
pub(crate) use self::streams::FIELDS as STREAMS;
use crate::{
    argument::Argument,
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

macro_rules! field {
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::PROCESS, $name, $type, Scope::Process, $extract, $description)
    };
}
use field;

/// The process itself, and its parent.
#[rustfmt::skip]
pub(crate) const SELF: &[Declaration] = &[
    field!("proc.name", CharBuf, "the process's name: at most 15 characters of the program's", |view, _| name(view)),
    field!("proc.pid", Int64, "the process's id", |view, _| Extracted::from_option(view.pid().map(|pid| Value::Int(pid.into())))),
    field!("proc.vpid", Int64, "the process's id in its own pid namespace", |view, _| Extracted::from_option(view.task().map(|task| Value::Int(task.namespace_pid.into())))),
    field!("proc.ppid", Int64, "the parent's process id", |view, _| parent_pid(view)),
    field!("proc.pvpid", Int64, "the parent's process id in its own pid namespace", |view, _| of_parent(view, |parent| Some(Value::Int(parent.namespace_pid().into())))),
    field!("proc.exe", CharBuf, "the first argument, as the program was called", |view, _| of_self(view, |process| known(process, process.exe()))),
    field!("proc.args", CharBuf, "the arguments after the first, with blanks between them; or the one of that number, from 0", |view, argument| of_self(view, |process| arguments(process, argument))).optional(Index),
    field!("proc.cmdline", CharBuf, "the process's name and its arguments", |view, _| of_self(view, command_line)),
    field!("proc.exeline", CharBuf, "the first argument and the others", |view, _| of_self(view, exe_line)),
    field!("proc.cmdnargs", Uint64, "how many arguments there are after the first", |view, _| of_self(view, |process| Some(Value::Uint(process.arguments().len() as u64)))),
    field!("proc.cmdlenargs", Uint64, "how many bytes the arguments after the first have together", |view, _| of_self(view, |process| Some(Value::Uint(process.arguments().iter().map(|argument| argument.len() as u64).sum())))),
    field!("proc.cwd", CharBuf, "the working directory, with a slash at its end", |view, _| of_self(view, working_directory)),
    field!("proc.env", CharBuf, "the environment as NAME=value with blanks between; or the value of that name", |view, argument| of_self(view, |process| environment(process, argument))).optional(Key),
    field!("proc.pid.ts", RelTime, "when the process started, nanoseconds since the epoch", |view, _| of_self(view, |process| started(process, view))),
    field!("proc.ppid.ts", RelTime, "when the parent started, nanoseconds since the epoch", |view, _| of_parent(view, |parent| started(parent, view))),
    field!("proc.duration", RelTime, "for how many nanoseconds the process has been running", |view, _| duration(view, view.process())),
    field!("proc.ppid.duration", RelTime, "for how many nanoseconds the parent has been running", |view, _| duration(view, view.parent())),
    field!("proc.pname", CharBuf, "the parent's name", |view, _| of_parent(view, |parent| known(parent, parent.comm()))),
    field!("proc.pexe", CharBuf, "the parent's first argument", |view, _| of_parent(view, |parent| known(parent, parent.exe()))),
    field!("proc.pexepath", CharBuf, "the path of the parent's executable", |view, _| of_parent(view, executable::path)),
    field!("proc.pcmdline", CharBuf, "the parent's name and its arguments", |view, _| of_parent(view, command_line)),
];

fn of_self<'a>(view: &EventView<'a>, get: impl FnOnce(&'a Process) -> Option<Value<'a>>) -> Extracted<'a> {
    Extracted::from_option(view.process().and_then(get))
}

fn of_parent<'a>(view: &EventView<'a>, get: impl FnOnce(&'a Process) -> Option<Value<'a>>) -> Extracted<'a> {
    Extracted::from_option(view.parent().and_then(get))
}

/// Text of a process; what is empty is missing only where the process is not wholly known.
fn known<'a>(process: &'a Process, text: &'a [u8]) -> Option<Value<'a>> {
    (!text.is_empty() || !process.is_incomplete()).then(|| Value::bytes(text))
}

/// The main thread's name as the model has it; the event's own where the model has none.
fn name<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let of_process = view.process().map(|process| process.comm()).filter(|name| !name.is_empty());
    let of_task = view.task().map(|task| &*task.comm);
    of_process.or(of_task).map_or(Extracted::Absent, Extracted::bytes_unless_empty)
}

fn parent_pid<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let of_task = view.task().map(|task| task.parent_pid).filter(|pid| *pid != 0);
    let pid = of_task.or_else(|| view.process().map(|process| process.parent_pid()));
    Extracted::from_option(pid.map(|pid| Value::Int(pid.into())))
}

fn arguments<'a>(process: &'a Process, argument: &Argument) -> Option<Value<'a>> {
    if let Some(index) = argument.index() {
        return process.arguments().get(index).map(|argument| Value::bytes(&**argument));
    }
    (!process.is_incomplete()).then(|| Value::Bytes(joined(process.arguments())))
}

/// Everything with blanks between, without copying a single one.
fn joined(parts: &[Vec<u8>]) -> Cow<'_, [u8]> {
    match parts {
        [] => Cow::Borrowed(b""),
        [only] => Cow::Borrowed(only),
        parts => Cow::Owned(parts.join(&b' ')),
    }
}

fn command_line<'a>(process: &'a Process) -> Option<Value<'a>> {
    line(process.comm(), process)
}

fn exe_line<'a>(process: &'a Process) -> Option<Value<'a>> {
    line(process.exe(), process)
}

fn line<'a>(first: &'a [u8], process: &'a Process) -> Option<Value<'a>> {
    if process.arguments().is_empty() {
        return known(process, first);
    }
    let length = process.arguments().iter().map(|argument| argument.len() + 1).sum::<usize>() + first.len();
    let mut line = Vec::with_capacity(length);
    line.extend_from_slice(first);
    for argument in process.arguments() {
        line.push(b' ');
        line.extend_from_slice(argument);
    }
    Some(Value::bytes(line))
}

/// Falco's working directories end in a slash, and rules rely on it.
fn working_directory<'a>(process: &'a Process) -> Option<Value<'a>> {
    match process.working_directory() {
        [] => None,
        directory if directory.ends_with(b"/") => Some(Value::bytes(directory)),
        directory => Some(Value::bytes([directory, b"/"].concat())),
    }
}

fn environment<'a>(process: &'a Process, argument: &Argument) -> Option<Value<'a>> {
    let Argument::Key(name) = argument else {
        return (!process.is_incomplete()).then(|| Value::Bytes(joined(process.environment())));
    };
    let values = process
        .environment()
        .iter()
        .filter_map(|entry| entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")));
    values.map(Value::bytes).next()
}

fn started<'a>(process: &'a Process, view: &EventView<'a>) -> Option<Value<'a>> {
    let start = process.key().start_boot_ns;
    (start != 0).then(|| Value::Uint(view.boot_to_epoch_ns(start)))
}

fn duration<'a>(view: &EventView<'a>, process: Option<&'a Process>) -> Extracted<'a> {
    let start = process.map(|process| process.key().start_boot_ns).filter(|start| *start != 0);
    Extracted::from_option(start.map(|start| Value::Uint(view.event.boot_ns.saturating_sub(start))))
}
