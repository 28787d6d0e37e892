//! One event of the stream as events of Falco's table.

use eyrie_proto::event::{Event, Fork, LossRecord, Task, event::Kind, ordered_fact};
use fields::{Architecture, EventView, call_of_event_type, event_type};
use scap::{EventDraft, table, value::Value};

use super::{
    Drafts, ExportError, Stream,
    parameters::{cgroup_lines, fill, strings, text},
    set,
};
use crate::{
    extension::{NO_THREAD, STATE_ONLY},
    flags::{CLONE_CHILD_IN_PIDNS, CLONE_THREAD, clone_flags},
};

/// `GENERIC_X`: a call without an event of its own.
const GENERIC: u16 = 1;
/// `DROP_E` and `DROP_X`: dropping begins and ends.
const DROPS: [u16; 2] = [148, 149];

/// Adds what tells of the event, which the stream's model has had.
pub(super) fn translate(stream: &mut Stream, event: &Event, drafts: &mut Drafts) -> Result<(), ExportError> {
    match &event.kind {
        Some(Kind::Fact(fact)) => {
            match &fact.kind {
                Some(ordered_fact::Kind::Users(users)) => {
                    drafts.events.extend(stream.accounts.change(users)?);
                }
                Some(ordered_fact::Kind::Cgroup(cgroup)) if cgroup.is_removed => {
                    stream.accounts.forget(&cgroup.container_id);
                }
                _ => {}
            }
            return Ok(());
        }
        Some(Kind::Loss(loss)) => return losses(stream, loss, drafts),
        _ => {}
    }
    let Some(name) = event_type(event, stream.architecture).filter(|_| event.task.is_some()) else {
        return Ok(());
    };
    for before in stream.known.before(event, name, stream.architecture) {
        let mut draft = draft_of(&stream.view(&before), &before)?;
        draft.iter_mut().for_each(|draft| draft.flags = STATE_ONLY);
        drafts.events.extend(draft);
    }
    let view = stream.view(event);
    match &event.kind {
        Some(Kind::Fork(fork)) => drafts.events.extend(both_sides(&view, event, fork)?),
        _ => drafts.events.extend(draft_of(&view, event)?),
    }
    let working_directory = stream.working_directory(event);
    stream.known.after(event, name, &working_directory);
    Ok(())
}

/// The event of the table, with its parameters.
fn draft_of(view: &EventView<'_>, event: &Event) -> Result<Option<EventDraft>, ExportError> {
    let Some((name, task)) = event_type(event, view.architecture).zip(event.task.as_ref()) else {
        return Ok(None);
    };
    let Some(table) = table::exit_event(name) else {
        return generic(view, event, name, task).map(Some);
    };
    let mut draft = draft(view, event, table.code, task.tid.into());
    fill(&mut draft, table, view)?;
    Ok(Some(draft))
}

fn draft(view: &EventView<'_>, event: &Event, code: u16, tid: i64) -> EventDraft {
    let mut draft = EventDraft::new(code, view.epoch_ns(), tid);
    draft.cpu = u16::try_from(event.cpu).unwrap_or(u16::MAX);
    draft
}

/// A call that the table has no event for: its name, and its number in x86-64's numbering, as readers take it to be.
fn generic(
    view: &EventView<'_>,
    event: &Event,
    name: &'static str,
    task: &Task,
) -> Result<EventDraft, ExportError> {
    let mut draft = draft(view, event, GENERIC, task.tid.into());
    let id = u64::from(table::system_call_code(name).unwrap_or(0));
    let own = event.call.as_ref().map_or(0, |call| call.number);
    let number = call_of_event_type(name, Architecture::X86_64).map_or(own, |call| call.number);
    set(&mut draft, name, "ID", &Value::Unsigned(id))?;
    set(&mut draft, name, "nativeID", &Value::Unsigned(u64::from(number) & 0xffff))?;
    Ok(draft)
}

/// A clone as both sides see it return: readers make the child from either, and where it is in a pid namespace of its own
/// from the child's alone. Live there is one event, the parent's, so the child's only changes state.
fn both_sides(view: &EventView<'_>, event: &Event, fork: &Fork) -> Result<Vec<EventDraft>, ExportError> {
    let Some(mut parent) = draft_of(view, event)? else { return Ok(Vec::new()) };
    let Some((name, task)) = event_type(event, view.architecture).zip(event.task.as_ref()) else {
        return Ok(vec![parent]);
    };
    let Some(process) = fork.child_process.filter(|_| parent.code() != GENERIC) else {
        return Ok(vec![parent]);
    };
    let tid = or(fork.child_tid, process.pid);
    let in_namespace = or(fork.child_namespace_tid, tid);
    let flags = clone_flags(fork.flags) | if in_namespace == tid { 0 } else { CLONE_CHILD_IN_PIDNS };
    set(&mut parent, name, "flags", &Value::Unsigned(flags.into()))?;
    let mut child = parent.clone();
    (child.tid, child.flags) = (tid.into(), STATE_ONLY);
    let caller = task.process.map_or(0, |key| key.pid);
    let parent_pid =
        if flags & CLONE_THREAD == 0 { or(fork.child_parent_pid, caller) } else { task.parent_pid };
    let number = |number: u32| Value::Signed(number.into());
    for (parameter, value) in [
        ("res", Value::Signed(0)),
        ("tid", number(tid)),
        ("pid", number(process.pid)),
        ("ptid", number(parent_pid)),
        ("vtid", number(in_namespace)),
        ("vpid", number(or(fork.child_namespace_pid, process.pid))),
    ] {
        set(&mut child, name, parameter, &value)?;
    }
    if !fork.child_comm.is_empty() {
        set(&mut child, name, "comm", &text(&fork.child_comm))?;
    }
    if let Some(fact) = view.host.cgroup_fact(task.cgroup_hierarchy, fork.child_cgroup_id) {
        set(&mut child, name, "cgroups", &strings(&cgroup_lines(fact)))?;
    }
    Ok(vec![parent, child])
}

/// An id; another one where it was not told.
fn or(told: u32, otherwise: u32) -> u32 {
    if told == 0 { otherwise } else { told }
}

/// Readers are told that events are missing here; how many and whose, the format has no place for.
fn losses(stream: &Stream, loss: &LossRecord, drafts: &mut Drafts) -> Result<(), ExportError> {
    for code in DROPS {
        let mut draft = EventDraft::new(code, stream.epoch_ns(loss.last_boot_ns), NO_THREAD);
        set(&mut draft, "drop", "ratio", &Value::Unsigned(1))?;
        drafts.events.push(draft);
    }
    Ok(())
}
