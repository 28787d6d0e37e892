//! Users and groups of the host and of its containers.

use eyrie_proto::event::{Group, User, UsersFact};

use super::{ById, parameter::Ids};
use crate::{
    cases::{Entry, HostSettings},
    given::{Problem, Setting},
};

/// What extraction says of an id that nobody has.
const NO_NAME: &[u8] = b"<NA>";

/// What passwd and group say, by container; the host's under an empty name.
pub(super) struct Users {
    by_container: ById<UsersFact>,
}

/// The ids of one container or of the host.
pub(super) struct NamesOf<'users> {
    fact: Option<&'users UsersFact>,
}

// === impl Users ===

impl Users {
    /// Of the host what the case says, and besides root and the user that acts by default.
    pub(super) fn new(host: &HostSettings) -> Result<Self, Problem> {
        let mut fact = defaults("");
        for entry in &host.users {
            let user = user(entry)?;
            fact.users.retain(|known| known.uid != user.uid);
            fact.users.push(user);
        }
        for entry in &host.groups {
            let group = Group { gid: number(entry, "gid")?, name: text(entry, "name")? };
            fact.groups.retain(|known| known.gid != group.gid);
            fact.groups.push(group);
        }
        Ok(Self { by_container: ById::from([(String::new(), fact)]) })
    }

    /// What a container, or the host, has: as the agent tells of it.
    pub(super) fn of(&mut self, container: &str) -> &mut UsersFact {
        self.by_container.entry(container.to_owned()).or_insert_with(|| defaults(container))
    }

    pub(super) fn ids(&self, container: &str) -> NamesOf<'_> {
        NamesOf { fact: self.by_container.get(container) }
    }

    /// The id of the user of this name, made for it if there is none: `id` if that is said.
    pub(super) fn uid_of(&mut self, container: &str, name: &[u8], id: Option<u32>) -> u32 {
        let fact = self.of(container);
        let known = fact.users.iter().find(|user| user.name == name).map(|user| user.uid);
        let id =
            id.or(known).unwrap_or_else(|| new_id(name, |id| fact.users.iter().any(|user| user.uid == id)));
        if known != Some(id) {
            fact.users.retain(|user| user.uid != id);
            if name != NO_NAME {
                fact.users.push(new_user(id, name));
            }
        }
        id
    }

    /// The same of a group.
    pub(super) fn gid_of(&mut self, container: &str, name: &[u8], id: Option<u32>) -> u32 {
        let fact = self.of(container);
        let known = fact.groups.iter().find(|group| group.name == name).map(|group| group.gid);
        let id = id
            .or(known)
            .unwrap_or_else(|| new_id(name, |id| fact.groups.iter().any(|group| group.gid == id)));
        if known != Some(id) {
            fact.groups.retain(|group| group.gid != id);
            if name != NO_NAME {
                fact.groups.push(Group { gid: id, name: name.to_vec() });
            }
        }
        id
    }
}

fn defaults(container: &str) -> UsersFact {
    let group = |gid, name: &[u8]| Group { gid, name: name.to_vec() };
    UsersFact {
        container_id: container.to_owned(),
        users: vec![new_user(0, b"root"), new_user(1000, b"user")],
        groups: vec![group(0, b"root"), group(1000, b"user")],
    }
}

/// An id for a user or group of this name that nobody has.
fn new_id(name: &[u8], is_taken: impl Fn(u32) -> bool) -> u32 {
    if name == NO_NAME {
        return 1_500;
    }
    (1_000..).find(|id| !is_taken(*id)).unwrap_or(u32::MAX - 1)
}

fn new_user(uid: u32, name: &[u8]) -> User {
    let home = if uid == 0 { b"/root".to_vec() } else { [b"/home/", name].concat() };
    User { uid, gid: uid, name: name.to_vec(), home, shell: b"/bin/bash".to_vec() }
}

fn user(entry: &Entry) -> Result<User, Problem> {
    let mut user = new_user(number(entry, "uid")?, &text(entry, "name")?);
    for setting in &entry.values {
        match setting.field.as_str() {
            "gid" => user.gid = setting.number()?,
            "home" => user.home = setting.bytes()?,
            "shell" => user.shell = setting.bytes()?,
            _ => {}
        }
    }
    Ok(user)
}

fn value<'e>(entry: &'e Entry, key: &str) -> Result<&'e Setting, Problem> {
    let missing = || Problem::new(&entry.span, format!("`{key}` is missing"));
    entry.values.iter().find(|setting| setting.field == key).ok_or_else(missing)
}

fn number(entry: &Entry, key: &str) -> Result<u32, Problem> {
    value(entry, key)?.number()
}

fn text(entry: &Entry, key: &str) -> Result<Vec<u8>, Problem> {
    value(entry, key)?.bytes()
}

// === impl NamesOf ===

impl Ids for NamesOf<'_> {
    fn uid(&self, name: &str) -> Option<u32> {
        self.fact?.users.iter().find(|user| user.name == name.as_bytes()).map(|user| user.uid)
    }

    fn gid(&self, name: &str) -> Option<u32> {
        self.fact?.groups.iter().find(|group| group.name == name.as_bytes()).map(|group| group.gid)
    }
}
