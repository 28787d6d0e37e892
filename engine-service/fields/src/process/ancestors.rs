//! `proc.a*`: the processes above.
//!
//! With a number these mean one process (0 itself, 1 its parent); without one any process above it, itself excluded.

use host_model::Process;
use rule_language::{
    ArgumentKind::{Index, IndexOrKey},
    FieldType::{CharBuf, Int64},
};

use super::{command_line, environment, executable, joined, known};
use crate::{
    argument::Argument,
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

macro_rules! ancestor {
    ($name:literal, $type:expr, $description:literal, $get:expr) => {
        Declaration::new(
            classes::PROCESS,
            $name,
            $type,
            Scope::Process,
            |view, argument| above(view, argument, $get),
            $description,
        )
        .optional(Index)
        .not_on_rhs()
        .not_in_transformer()
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    ancestor!("proc.aname", CharBuf, "the name of the ancestor of that number, or of any ancestor", |process| known(process, process.comm())),
    ancestor!("proc.aexe", CharBuf, "the first argument of the ancestor of that number, or of any ancestor", |process| known(process, process.exe())),
    ancestor!("proc.aexepath", CharBuf, "the executable's path of the ancestor of that number, or of any ancestor", executable::path),
    ancestor!("proc.apid", Int64, "the process id of the ancestor of that number, or of any ancestor", |process| Some(Value::Int(process.key().pid.into()))),
    ancestor!("proc.acmdline", CharBuf, "the name and arguments of the ancestor of that number, or of any ancestor", command_line),
    ancestor!("proc.aargs", CharBuf, "the arguments of the ancestor of that number, or of any ancestor", |process| (!process.is_incomplete()).then(|| Value::Bytes(joined(process.arguments())))),
    Declaration::new(classes::PROCESS, "proc.aenv", CharBuf, Scope::Process, environment_above, "the environment of the ancestor of that number, or of any ancestor; or the value of that name in the environment of the nearest ancestor that has it").optional(IndexOrKey).not_on_rhs().not_in_transformer(),
];

fn above<'a>(
    view: &EventView<'a>,
    argument: &Argument,
    get: fn(&'a Process) -> Option<Value<'a>>,
) -> Extracted<'a> {
    let Some(process) = view.process() else { return Extracted::Absent };
    let mut ancestors = view.host.ancestors(process);
    let value = match argument.index() {
        Some(0) => get(process),
        Some(number) => ancestors.nth(number - 1).and_then(get),
        None => {
            let values: Vec<_> = ancestors.filter_map(get).collect();
            (!values.is_empty()).then_some(Value::AnyOf(values))
        }
    };
    Extracted::from_option(value)
}

/// `proc.aenv`: a name looks for the nearest process above that has a value for it.
fn environment_above<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let Argument::Key(_) = argument else {
        return above(view, argument, |process| environment(process, &Argument::None));
    };
    let Some(process) = view.process() else { return Extracted::Absent };
    let mut values = view.host.ancestors(process).filter_map(|ancestor| environment(ancestor, argument));
    Extracted::from_option(values.find(|value| !matches!(value, Value::Bytes(text) if text.is_empty())))
}
