//! Sessions and process groups, with their leaders.

use eyrie_proto::event::{ProcessKey, ProcessState, Session};

use super::World;
use crate::{
    given::{Problem, Setting},
    world::{
        SECOND,
        primitives::Primitives,
        process::{self, set},
    },
};

/// What sessions and groups are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Session,
    Group,
}

impl World<'_> {
    /// `proc.sid`, `proc.sname`, `proc.vpgid` and their relatives.
    pub(super) fn describe_session(
        &mut self,
        states: &mut [ProcessState],
        is_new: bool,
        primitives: &mut Primitives,
    ) -> Result<(), Problem> {
        if is_new {
            let parent = states.get(1).map(ids);
            if let Some(state) = states.first_mut() {
                let own = ids(state);
                join(state, Kind::Group, own);
                join(state, Kind::Session, parent.unwrap_or(own));
            }
            if let (Some(parent), Some(state)) = (parent, states.get_mut(1)) {
                join(state, Kind::Session, parent);
                join(state, Kind::Group, parent);
            }
        }
        for (kind, leads) in [
            (Kind::Session, "proc.is_sid_leader"),
            (Kind::Group, "proc.is_vpgid_leader"),
            (Kind::Group, "proc.is_pgid_leader"),
        ] {
            let Some(setting) = primitives.take(leads) else { continue };
            let parent =
                states.get(1).map(ids).ok_or_else(|| setting.problem("there is no parent to lead instead"));
            let Some(state) = states.first_mut() else { continue };
            let leader = if setting.flag()? { ids(state) } else { parent? };
            join(state, kind, leader);
        }
        for (kind, names) in [
            (Kind::Session, ["proc.sname", "proc.sid.exe", "proc.sid.exepath"]),
            (Kind::Group, ["proc.vpgid.name", "proc.vpgid.exe", "proc.vpgid.exepath"]),
            (Kind::Group, ["proc.pgid.name", "proc.pgid.exe", "proc.pgid.exepath"]),
        ] {
            let [name, exe, path] = names.map(|name| primitives.take(name));
            if name.is_some() || exe.is_some() || path.is_some() {
                self.lead(states, kind, name.as_ref(), &[("exe", exe), ("exepath", path)])?;
            }
        }
        for (field, kind) in
            [("proc.sid", Kind::Session), ("proc.vpgid", Kind::Group), ("proc.pgid", Kind::Group)]
        {
            let Some(setting) = primitives.take(field) else { continue };
            let Some(state) = states.first_mut() else { continue };
            let session = state.session.get_or_insert_default();
            let number = setting.number()?;
            match (kind, field) {
                (Kind::Session, _) => session.namespace_session_id = number,
                (_, "proc.vpgid") => session.namespace_process_group_id = number,
                _ => session.process_group_id = number,
            }
        }
        Ok(())
    }

    /// Makes the leader one that is called so: whoever of the line is, or else a process of its own.
    fn lead(
        &mut self,
        states: &mut [ProcessState],
        kind: Kind,
        name: Option<&Setting>,
        properties: &[(&str, Option<Setting>)],
    ) -> Result<(), Problem> {
        let wanted = name.map(Setting::bytes).transpose()?;
        let is_wanted = |state: &ProcessState| wanted.as_ref().is_none_or(|name| state.comm == *name);
        let among = match properties.iter().any(|(_, setting)| setting.is_some()) {
            true => None,
            false => states.iter().position(is_wanted),
        };
        let leader = match among.and_then(|place| states.get_mut(place)) {
            Some(leader) => {
                let own = ids(leader);
                join(leader, kind, own);
                own
            }
            None => {
                let pid = self.free_pid();
                let mut leader =
                    self.new_process(pid, wanted.as_deref().unwrap_or(b"bash"), 3_600 * SECOND, false);
                process::run(&mut leader, wanted.as_deref().unwrap_or(b"bash"), self.epoch_ns());
                for (property, setting) in properties {
                    if let Some(setting) = setting {
                        set(&mut leader, property, setting)?;
                    }
                }
                let own = ids(&leader);
                join(&mut leader, kind, own);
                self.tell_process(leader);
                own
            }
        };
        if let Some(state) = states.first_mut() {
            join(state, kind, leader);
        }
        Ok(())
    }
}

/// A process's id on the host, and in its own namespace.
fn ids(state: &ProcessState) -> (u32, u32) {
    let ProcessKey { pid, .. } = state.process.unwrap_or_default();
    (pid, state.namespace_pid)
}

fn join(state: &mut ProcessState, kind: Kind, (id, namespace_id): (u32, u32)) {
    let session: &mut Session = state.session.get_or_insert_default();
    match kind {
        Kind::Session => (session.session_id, session.namespace_session_id) = (id, namespace_id),
        Kind::Group => (session.process_group_id, session.namespace_process_group_id) = (id, namespace_id),
    }
}
