//! The parameters of events: `evt.args`, `evt.arg`, `evt.rawarg`.
//!
//! Names, order and text are Falco's (driver/event_table.c): every parameter has a raw text, and some have a resolved one
//! besides, such as the names of flags.

mod errno;
mod flags;
mod of_event;

use std::borrow::Cow;

pub(crate) use self::errno::name as errno_name;
pub(crate) use self::flags::{CREATE, TEMPORARY, access};
use self::of_event::parameters;
use crate::{argument::Argument, descriptor::Subject, user, value::Value, view::EventView};

/// AT_FDCWD of linux/fcntl.h.
const AT_FDCWD: i64 = -100;

/// One parameter of an event.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    pub(crate) name: &'static str,
    value: ParameterValue<'a>,
}

/// A parameter's value, by how it becomes text.
#[derive(Debug)]
enum ParameterValue<'a> {
    /// A result: 0 or more, or a negative errno.
    Errno(i64),
    /// A descriptor of which nothing is known but the number.
    FdNumber(i64),
    /// The descriptor that the event is about.
    Fd(Subject<'a>),
    /// A path as asked for; what it means if that is another one.
    Path(Cow<'a, [u8]>, Option<Cow<'a, [u8]>>),
    /// A set of bits in Falco's numbering, with their names.
    Flags(u64, &'static [(&'static str, u64)]),
    /// Permissions.
    Mode(u32),
    Uint(u64),
    Int(i64),
    /// A process id, with the name of who has it.
    Pid(u32),
    Uid(u32),
    Signal(u32),
    Text(Cow<'a, [u8]>),
    /// Several texts with blanks between.
    Texts(&'a [Vec<u8>]),
}

/// The parameter that an argument names, by its name or its place.
pub(crate) fn parameter<'a>(view: &EventView<'a>, argument: &Argument) -> Option<Parameter<'a>> {
    let mut parameters = parameters(view)?.into_iter();
    match argument {
        Argument::Index(index) => parameters.nth(*index),
        Argument::Key(name) => parameters.find(|parameter| parameter.name == name),
        Argument::None => None,
    }
}

/// `evt.args`: every parameter as `name=raw(resolved)`.
pub(crate) fn all_as_text(view: &EventView<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    for parameter in parameters(view)? {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(parameter.name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(&parameter.raw_text(view));
        if let Some(resolved) = parameter.resolved_text(view) {
            text.push(b'(');
            text.extend_from_slice(&resolved);
            text.push(b')');
        }
    }
    Some(text)
}

// === impl Parameter ===

impl<'a> Parameter<'a> {
    /// `evt.arg`: the resolved text, or the raw one where there is no other.
    pub(crate) fn text(self, view: &EventView<'a>) -> Cow<'a, [u8]> {
        self.resolved_text(view).unwrap_or_else(|| self.raw_text(view))
    }

    /// `evt.rawarg`
    pub(crate) fn raw_value(self, view: &EventView<'a>) -> Value<'a> {
        match self.value {
            ParameterValue::Errno(number)
            | ParameterValue::FdNumber(number)
            | ParameterValue::Int(number) => Value::Int(number),
            ParameterValue::Fd(subject) => Value::Int(subject.number().unwrap_or(-1)),
            ParameterValue::Flags(number, _) | ParameterValue::Uint(number) => {
                Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
            }
            ParameterValue::Mode(number)
            | ParameterValue::Pid(number)
            | ParameterValue::Uid(number)
            | ParameterValue::Signal(number) => Value::Int(number.into()),
            ParameterValue::Path(..) | ParameterValue::Text(_) | ParameterValue::Texts(_) => {
                Value::Bytes(self.raw_text(view))
            }
        }
    }

    fn raw_text(&self, view: &EventView<'a>) -> Cow<'a, [u8]> {
        let number = |number: &dyn ToString| Cow::Owned(number.to_string().into_bytes());
        match &self.value {
            ParameterValue::Errno(value) | ParameterValue::FdNumber(value) | ParameterValue::Int(value) => {
                number(value)
            }
            ParameterValue::Fd(subject) => number(&subject.number().unwrap_or_else(|| result(view))),
            ParameterValue::Path(path, _) | ParameterValue::Text(path) => path.clone(),
            ParameterValue::Flags(value, _) | ParameterValue::Uint(value) => number(value),
            ParameterValue::Mode(0) => Cow::Borrowed(b"0"),
            ParameterValue::Mode(mode) => Cow::Owned(format!("0{mode:o}").into_bytes()),
            ParameterValue::Pid(value) | ParameterValue::Uid(value) | ParameterValue::Signal(value) => {
                number(value)
            }
            ParameterValue::Texts(texts) => Cow::Owned(texts.join(&b' ')),
        }
    }

    fn resolved_text(&self, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
        let named = |name: &'static str| Cow::Borrowed(name.as_bytes());
        match &self.value {
            ParameterValue::Errno(value) => errno_name(*value).map(named),
            ParameterValue::FdNumber(AT_FDCWD) => Some(named("AT_FDCWD")),
            ParameterValue::FdNumber(value) => errno_name(*value).map(named),
            ParameterValue::Fd(subject) => fd_text(subject, view),
            ParameterValue::Path(_, resolved) => resolved.clone(),
            ParameterValue::Flags(value, table) => Some(flags::names(*value, table))
                .filter(|names| !names.is_empty())
                .map(|names| names.into_bytes().into()),
            ParameterValue::Mode(mode) => Some(flags::names((*mode).into(), flags::MODE))
                .filter(|names| !names.is_empty())
                .map(|names| names.into_bytes().into()),
            ParameterValue::Pid(pid) => {
                let name = view.host.process(*pid).map(|process| process.comm());
                name.filter(|name| !name.is_empty()).map(Cow::Borrowed)
            }
            ParameterValue::Uid(u32::MAX) => Some(named("<NONE>")),
            ParameterValue::Uid(uid) => Some(Cow::Borrowed(user::name_of(view, *uid))),
            ParameterValue::Signal(number) => flags::signal(*number).map(named),
            ParameterValue::Uint(_)
            | ParameterValue::Int(_)
            | ParameterValue::Text(_)
            | ParameterValue::Texts(_) => None,
        }
    }
}

fn result(view: &EventView<'_>) -> i64 {
    view.event.call.as_ref().map_or(0, |call| call.result)
}

/// `<f>/path`, `<4t>client->server`; the errno's name for a descriptor that was not made.
fn fd_text<'a>(subject: &Subject<'a>, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
    if subject.descriptor.is_none() {
        return errno_name(result(view)).map(|name| Cow::Borrowed(name.as_bytes()));
    }
    let mut text = vec![b'<'];
    text.extend_from_slice(subject.type_character()?.as_bytes());
    // The transport by its first letter.
    text.extend(subject.transport().and_then(|transport| transport.bytes().next()));
    text.push(b'>');
    text.extend_from_slice(&subject.name(view).unwrap_or_default());
    Some(Cow::Owned(text))
}
