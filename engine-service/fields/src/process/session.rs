//! `proc.sid`, `proc.tty`, `proc.pgid`…: session, process group and terminal.

use eyrie_proto::event::Session;
use host_model::Process;
use rule_language::FieldType::{Bool, CharBuf, Int64, Uint32};

use super::{executable, field, known};
use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("proc.sid", Int64, "the session's id in the process's own pid namespace", |view, _| number(view, |session| session.namespace_session_id)),
    field!("proc.sname", CharBuf, "the name of the session's leader, or of the oldest ancestor in the session", |view, _| leader(view, |session| session.session_id, |leader| known(leader, leader.comm()))),
    field!("proc.sid.exe", CharBuf, "the first argument of the session's leader, or of the oldest ancestor in the session", |view, _| leader(view, |session| session.session_id, |leader| known(leader, leader.exe()))),
    field!("proc.sid.exepath", CharBuf, "the executable's path of the session's leader, or of the oldest ancestor in the session", |view, _| leader(view, |session| session.session_id, executable::path)),
    field!("proc.pgid", Int64, "the process group's id", |view, _| number(view, |session| session.process_group_id)),
    field!("proc.pgid.name", CharBuf, "the name of the process group's leader, or of the oldest ancestor in the group", |view, _| leader(view, |session| session.process_group_id, |leader| known(leader, leader.comm()))),
    field!("proc.pgid.exe", CharBuf, "the first argument of the process group's leader, or of the oldest ancestor in the group", |view, _| leader(view, |session| session.process_group_id, |leader| known(leader, leader.exe()))),
    field!("proc.pgid.exepath", CharBuf, "the executable's path of the process group's leader, or of the oldest ancestor in the group", |view, _| leader(view, |session| session.process_group_id, executable::path)),
    field!("proc.vpgid", Int64, "the process group's id in the process's own pid namespace", |view, _| number(view, |session| session.namespace_process_group_id)),
    field!("proc.vpgid.name", CharBuf, "the name of the process group's leader, or of the oldest ancestor in the group", |view, _| leader(view, |session| session.process_group_id, |leader| known(leader, leader.comm()))),
    field!("proc.vpgid.exe", CharBuf, "the first argument of the process group's leader, or of the oldest ancestor in the group", |view, _| leader(view, |session| session.process_group_id, |leader| known(leader, leader.exe()))),
    field!("proc.vpgid.exepath", CharBuf, "the executable's path of the process group's leader, or of the oldest ancestor in the group", |view, _| leader(view, |session| session.process_group_id, executable::path)),
    field!("proc.is_sid_leader", Bool, "whether the process leads its session", |view, _| is_leader(view, |session| session.namespace_session_id, |process| process.namespace_pid())),
    field!("proc.is_pgid_leader", Bool, "whether the process leads its process group", |view, _| is_leader(view, |session| session.process_group_id, |process| process.key().pid)),
    field!("proc.is_vpgid_leader", Bool, "whether the process leads its process group in its own pid namespace", |view, _| is_leader(view, |session| session.namespace_process_group_id, |process| process.namespace_pid())),
    field!("proc.tty", Uint32, "the device number of the controlling terminal, 0 for none", |view, _| Extracted::from_option(session(view).map(|session| Value::Uint(session.tty.into())))),
    field!("proc.loginshellid", Int64, "the process id of the oldest shell above", |view, _| login_shell(view)),
];

/// As the event itself says, or else as the process was last seen.
fn session<'a>(view: &EventView<'a>) -> Option<&'a Session> {
    let of_task = view.task().and_then(|task| task.session.as_ref());
    of_task.or_else(|| view.process().map(|process| process.session()))
}

fn number<'a>(view: &EventView<'a>, get: fn(&Session) -> u32) -> Extracted<'a> {
    Extracted::from_option(session(view).map(|session| Value::Int(get(session).into())))
}

fn is_leader<'a>(view: &EventView<'a>, id: fn(&Session) -> u32, pid: fn(&Process) -> u32) -> Extracted<'a> {
    let ids = session(view).zip(view.process());
    Extracted::from_option(ids.map(|(session, process)| Value::Bool(id(session) == pid(process))))
}

/// Something of the process that an id is named after. If that one has ended, the oldest one in an unbroken line of
/// ancestors with the same id stands for it.
fn leader<'a>(
    view: &EventView<'a>,
    id: fn(&Session) -> u32,
    get: fn(&'a Process) -> Option<Value<'a>>,
) -> Extracted<'a> {
    let Some((wanted, process)) = session(view).map(id).zip(view.process()) else { return Extracted::Absent };
    let leader = view.host.process(wanted).filter(|leader| id(leader.session()) == wanted).or_else(|| {
        let ancestors = view.host.ancestors(process).take_while(|ancestor| id(ancestor.session()) == wanted);
        Some(ancestors.last().unwrap_or(process))
    });
    Extracted::from_option(leader.and_then(get))
}

fn login_shell<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(process) = view.process() else { return Extracted::Absent };
    let line = std::iter::once(process).chain(view.host.ancestors(process));
    let shell = line.filter(|process| process.comm().ends_with(b"sh")).last();
    Extracted::from_option(shell.map(|shell| Value::Int(shell.key().pid.into())))
}
