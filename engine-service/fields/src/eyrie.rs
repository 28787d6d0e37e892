//! Fields that Falco does not have.

use rule_language::FieldType::{Bool, CharBuf};

use crate::{
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    Declaration::new("proc.exec_id", CharBuf, Scope::Process, |view, _| exec_id(view), "the execution within its host's boot: pid, start and exec time"),
    Declaration::new("evt.loss", Bool, Scope::Event, |view, _| Value::Bool(view.is_evidence_lost).into(), "whether events around this one were lost"),
];

/// `pid-start-exec`: the same for every event of one execution, and for no other one of the host's boot.
fn exec_id<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(key) = view.task().and_then(|task| task.process) else { return Extracted::Absent };
    let executed = view.process().map_or(0, |process| process.exec_boot_ns());
    Extracted::owned(format!("{}-{:x}-{executed:x}", key.pid, key.start_boot_ns))
}
