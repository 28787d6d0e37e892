//! Users, groups and capabilities.

use eyrie_proto::event::ordered_fact;

use super::{ALL_CAPABILITIES, CONTAINER_CAPABILITIES, Line, World};
use crate::{
    given::{Given, Problem, Setting},
    world::{
        primitives::Primitives,
        process::{NO_LOGIN, capabilities},
    },
};

impl World<'_> {
    /// `user.*`, `group.*`, `thread.cap_*`.
    pub(super) fn describe_user(
        &mut self,
        line: &mut Line,
        primitives: &mut Primitives,
        container: Option<&str>,
    ) -> Result<(), Problem> {
        let Some(state) = line.states.first_mut() else { return Ok(()) };
        let whose = container.unwrap_or_default();
        let credentials = state.credentials.get_or_insert_default();
        let mut ids = |name: &str| primitives.take(name).map(|setting| login_or_id(&setting)).transpose();
        let (uid, gid, login) = (ids("user.uid")?, ids("group.gid")?, ids("user.loginuid")?);
        let uid = match primitives.take("user.name") {
            Some(name) => Some(self.users.uid_of(whose, &name.bytes()?, uid)),
            None => uid,
        };
        let gid = match primitives.take("group.name") {
            Some(name) => Some(self.users.gid_of(whose, &name.bytes()?, gid)),
            None => gid,
        };
        if let Some(uid) = uid {
            (credentials.uid, credentials.effective_uid) = (uid, uid);
        }
        if let Some(gid) = gid {
            (credentials.gid, credentials.effective_gid) = (gid, gid);
        } else if uid == Some(0) && line.is_new {
            (credentials.gid, credentials.effective_gid) = (0, 0);
        }
        if let Some(login) = login {
            credentials.login_uid = login;
        }
        if let Some(name) = primitives.take("user.loginname") {
            let id = Some(credentials.login_uid).filter(|id| *id != NO_LOGIN);
            if name.value != Given::of("<NA>") {
                credentials.login_uid = self.users.uid_of(whose, &name.bytes()?, id);
            }
        }
        for (field, is_home) in [("user.homedir", true), ("user.shell", false)] {
            let Some(setting) = primitives.take(field) else { continue };
            let text = setting.bytes()?;
            let uid = credentials.effective_uid;
            if let Some(user) = self.users.of(whose).users.iter_mut().find(|user| user.uid == uid) {
                *(if is_home { &mut user.home } else { &mut user.shell }) = text;
            }
        }
        let sets = credentials.capabilities.get_or_insert_default();
        if line.is_new || uid.is_some() {
            let set = match (credentials.effective_uid, container) {
                (0, None) => ALL_CAPABILITIES,
                (0, Some(_)) => CONTAINER_CAPABILITIES,
                _ => 0,
            };
            (sets.effective, sets.permitted, sets.inheritable) = (set, set, 0);
        }
        for (field, set) in [
            ("thread.cap_effective", &mut sets.effective),
            ("thread.cap_permitted", &mut sets.permitted),
            ("thread.cap_inheritable", &mut sets.inheritable),
        ] {
            if let Some(setting) = primitives.take(field) {
                *set = capabilities(&setting)?;
            }
        }
        let fact = self.users.of(whose).clone();
        self.tell(ordered_fact::Kind::Users(fact));
        Ok(())
    }
}

/// An id; -1 for that of nobody.
fn login_or_id(setting: &Setting) -> Result<u32, Problem> {
    match setting.number::<i64>()? {
        -1 => Ok(NO_LOGIN),
        _ => setting.number(),
    }
}
