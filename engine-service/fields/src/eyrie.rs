//! Fields that Falco does not have.

use std::time::Duration;

use eyrie_proto::event::ProcessKey;
use rule_language::FieldType::{Bool, CharBuf};

use crate::{
    classes,
    declaration::{Declaration, Scope},
    fd,
    process::executable,
    value::{Extracted, Value},
    view::EventView,
};

/// How far from an event a loss may lie and still put it in doubt.
pub const LOSS_WINDOW: Duration = Duration::from_secs(10);

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    fd::RESOLVED,
    Declaration::new(classes::EYRIE, "fd.is_disputed", Bool, Scope::Event, |view, _| is_disputed(view), "whether the kernel reached another path than the one that was asked for, as text: a link was followed, or somebody changed the path while the call ran; missing where that is not told"),
    Declaration::new(classes::EYRIE, "proc.exec_id", CharBuf, Scope::Process, |view, _| exec_id(view), "the execution within its host's boot: pid, start and exec time"),
    Declaration::new(classes::EYRIE, "proc.pexec_id", CharBuf, Scope::Process, |view, _| parent_exec_id(view), "the parent's execution, as proc.exec_id"),
    Declaration::new(classes::EYRIE, "proc.is_truncated", Bool, Scope::Process, |view, _| is_truncated(view), "whether the process has more arguments or environment than is kept, so that comparisons may have missed something"),
    executable::IS_DELETED,
    Declaration::new(classes::EYRIE, "evt.is_io_uring", Bool, Scope::Event, |view, _| Extracted::from_option(is_io_uring(view)), "whether the call was not made but submitted to io_uring"),
    Declaration::new(classes::EYRIE, "evt.loss", Bool, Scope::Event, |view, _| Value::Bool(is_evidence_lost(view)).into(), "whether events were lost within ten seconds of this one"),
];

/// `pid-start-exec`: the same for every event of one execution, and for no other one of the host's boot.
fn exec_id<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(key) = view.task().and_then(|task| task.process) else { return Extracted::Absent };
    let executed = view.process().map_or(0, |process| process.exec_boot_ns());
    execution(key, executed)
}

fn parent_exec_id<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(parent) = view.parent() else { return Extracted::Absent };
    execution(parent.key(), parent.exec_boot_ns())
}

fn execution<'a>(key: ProcessKey, executed: u64) -> Extracted<'a> {
    Extracted::owned(format!("{}-{:x}-{executed:x}", key.pid, key.start_boot_ns))
}

fn is_truncated<'a>(view: &EventView<'a>) -> Extracted<'a> {
    Extracted::from_option(view.process().map(|process| Value::Bool(process.is_truncated())))
}

fn is_disputed<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let is_told = view.path().is_some_and(|path| !path.resolved.is_empty());
    Extracted::from_option(is_told.then(|| Value::Bool(view.resolved().is_some())))
}

fn is_io_uring<'a>(view: &EventView<'a>) -> Option<Value<'a>> {
    view.event.call.map(|call| Value::Bool(call.is_io_uring))
}

fn is_evidence_lost(view: &EventView<'_>) -> bool {
    view.host.recent_loss(view.event.boot_ns, LOSS_WINDOW).next().is_some()
}
