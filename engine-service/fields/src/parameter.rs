//! The parameters of events: `evt.args`, `evt.arg`, `evt.rawarg`.
//!
//! Names, order and types are Falco's (`schema`); `of_event` says where each value comes from; `text` shows it as Falco does:
//! every parameter has a raw text, and some have a resolved one besides, such as the names of flags.

mod backwards;
mod errno;
mod falco_value;
mod flags;
mod number_texts;
mod numbers;
mod of_event;
mod schema;
mod text;

pub(crate) use self::backwards::LAST_ERRNO;
pub use self::backwards::{ParameterError, parameter_number};
pub use self::errno::errors;
pub(crate) use self::errno::name as errno_name;
pub use self::falco_value::{FalcoValue, falco_value};
pub(crate) use self::flags::{CREATE, TEMPORARY, access};
pub use self::number_texts::{NumberTexts, number_texts};
pub use self::numbers::{falco_number, kernel_number};
pub use self::schema::parameters_of;
pub(crate) use self::schema::{Category, EventSchema, schema_of};

use std::borrow::Cow;

use eyrie_proto::event::PathArgument;

use self::schema::{Column, Shape};
use crate::{
    argument::Argument,
    descriptor::{Subject, name_of},
    event_type::event_type,
    path::relative_to,
    value::Value,
    view::EventView,
};

/// What stands where a parameter has no value: Falco's text for a parameter of no length.
const EMPTY: &[u8] = b"NULL";

/// One parameter of an event.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    shape: Shape,
    raw: Raw<'a>,
}

/// A parameter's value as the event has it.
#[derive(Debug)]
enum Raw<'a> {
    /// Falco's parameter of no length.
    Empty,
    Signed(i64),
    /// Flags and the like in the kernel's numbering.
    Unsigned(u64),
    /// Flags and the like in Falco's numbering.
    Falco(u64),
    /// A descriptor's number, with what it is if that is known.
    Descriptor(i64, Option<Subject<'a>>),
    /// The descriptor of the directory that this path starts at.
    Directory(&'a PathArgument),
    Path(&'a PathArgument),
    Bytes(Cow<'a, [u8]>),
    /// Several texts with blanks between.
    Texts(&'a [Vec<u8>]),
}

/// A path that an event names.
#[derive(Debug)]
pub(crate) struct NamedPath<'a> {
    /// As the program gave it.
    pub(crate) given: Cow<'a, [u8]>,
    /// Made absolute.
    pub(crate) meant: Cow<'a, [u8]>,
}

/// The parameter that an argument names, by its name or its place.
pub(crate) fn parameter<'a>(view: &EventView<'a>, argument: &Argument) -> Option<Parameter<'a>> {
    let event = event_type(view.event, view.architecture)?;
    let columns = columns(view, event)?;
    let column = match argument {
        Argument::Index(index) => columns.get(*index)?,
        Argument::Key(name) => columns.iter().find(|column| column.name == name)?,
        Argument::None => return None,
    };
    Parameter::of(view, event, column)
}

/// `evt.args`: every parameter as `name=raw(resolved)`. Those of the generic event are for Falco's own use, and not shown.
pub(crate) fn all_as_text(view: &EventView<'_>) -> Option<Vec<u8>> {
    let event = event_type(view.event, view.architecture)?;
    let columns = columns(view, event)?;
    let mut text = Vec::new();
    for column in columns.iter().filter(|_| schema_of(event).is_some()) {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(column.name.as_bytes());
        text.push(b'=');
        let Some(parameter) = Parameter::of(view, event, column) else {
            text.extend_from_slice(EMPTY);
            continue;
        };
        text.extend_from_slice(&parameter.raw_text());
        if let Some(resolved) = parameter.resolved_text(view) {
            text.push(b'(');
            text.extend_from_slice(&resolved);
            text.push(b')');
        }
    }
    Some(text)
}

/// The event's parameters; those of the generic event for calls that have none of their own.
fn columns(view: &EventView<'_>, event: &str) -> Option<&'static [Column]> {
    match schema_of(event) {
        Some(schema) => Some(schema.columns),
        None => view.event.call.as_ref().map(|_| schema::GENERIC),
    }
}

/// The path that is this parameter of the event. `None` where there is none to be read.
pub(crate) fn path<'a>(view: &EventView<'a>, name: &str) -> Option<NamedPath<'a>> {
    let event = event_type(view.event, view.architecture)?;
    match of_event::value(view, event, name)? {
        Raw::Path(path) if !path.is_unreadable => {
            let given = Cow::Borrowed(&*path.requested);
            Some(NamedPath { given, meant: name_of(path, view)? })
        }
        Raw::Bytes(given) => {
            let meant = relative_to(working_directory(view), &given).into_owned().into();
            Some(NamedPath { given, meant })
        }
        Raw::Descriptor(_, subject) => {
            let name = subject?.name(view)?;
            Some(NamedPath { given: name.clone(), meant: name })
        }
        _ => None,
    }
}

fn working_directory<'a>(view: &EventView<'a>) -> &'a [u8] {
    view.process().map_or(&[], |process| process.working_directory())
}

// === impl Parameter ===

impl<'a> Parameter<'a> {
    fn of(view: &EventView<'a>, event: &str, column: &'static Column) -> Option<Self> {
        let raw = of_event::value(view, event, column.name)?;
        Some(Self { shape: column.shape, raw })
    }

    /// `evt.arg`: the resolved text, or the raw one where there is no other.
    pub(crate) fn text(self, view: &EventView<'a>) -> Cow<'a, [u8]> {
        self.resolved_text(view).unwrap_or_else(|| self.raw_text())
    }

    /// `evt.rawarg`
    pub(crate) fn raw_value(self) -> Option<Value<'a>> {
        if let Some(number) = self.number() {
            let unsigned = || u64::try_from(number).map(Value::Uint).ok();
            return i64::try_from(number).map(Value::Int).ok().or_else(unsigned);
        }
        match self.raw {
            Raw::Empty => None,
            Raw::Bytes(bytes) => Some(Value::Bytes(bytes)),
            _ => Some(Value::Bytes(self.raw_text())),
        }
    }
}
