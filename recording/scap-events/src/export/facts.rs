//! Users and groups.

use std::collections::{BTreeMap, HashMap, HashSet};

use eyrie_proto::event::{Event, Group, User, UsersFact, event, ordered_fact};
use scap::{Account, EventDraft, value::Value};

use super::{ExportError, parameters::text, set};
use crate::extension::{NO_THREAD, STATE_ONLY};

const USER_ADDED: u16 = 354;
const USER_DELETED: u16 = 356;
const GROUP_ADDED: u16 = 358;
const GROUP_DELETED: u16 = 360;

/// The users and groups that readers were told of.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// By container, empty for the host; of containers until their control groups are removed.
    told: BTreeMap<String, UsersFact>,
}

// === impl Accounts ===

impl Accounts {
    /// Takes over a fact of the base state.
    pub(super) fn apply(&mut self, event: &Event) {
        if let Some(event::Kind::Fact(fact)) = &event.kind
            && let Some(ordered_fact::Kind::Users(users)) = &fact.kind
        {
            self.told.insert(users.container_id.clone(), users.clone());
        }
    }

    /// A control group of the container is gone, as a rule the only one. If it was not, its users are told again with the next change.
    pub(super) fn forget(&mut self, container_id: &str) {
        if !container_id.is_empty() {
            self.told.remove(container_id);
        }
    }

    /// Those of the host.
    pub(super) fn of_host(&self) -> Vec<Account> {
        let Some(fact) = self.told.get("") else { return Vec::new() };
        let users = fact.users.iter().map(|user| Account::User {
            uid: user.uid,
            gid: user.gid,
            name: user.name.clone(),
            home: user.home.clone(),
            shell: user.shell.clone(),
        });
        let groups =
            fact.groups.iter().map(|group| Account::Group { gid: group.gid, name: group.name.clone() });
        users.chain(groups).collect()
    }

    /// Those of containers, which only events can tell of.
    pub(super) fn of_containers(&self) -> Result<Vec<EventDraft>, ExportError> {
        let mut drafts = Vec::new();
        for (container, fact) in self.told.iter().filter(|(container, _)| !container.is_empty()) {
            add(&mut drafts, container, fact, &UsersFact::default())?;
        }
        Ok(drafts)
    }

    /// What changes by a fact in the middle of the stream.
    pub(super) fn change(&mut self, fact: &UsersFact) -> Result<Vec<EventDraft>, ExportError> {
        let before = self.told.insert(fact.container_id.clone(), fact.clone()).unwrap_or_default();
        let mut drafts = Vec::new();
        let container = &fact.container_id;
        let users: HashSet<u32> = fact.users.iter().map(|user| user.uid).collect();
        for user in before.users.iter().filter(|user| !users.contains(&user.uid)) {
            drafts.push(user_draft(USER_DELETED, container, user)?);
        }
        let groups: HashSet<u32> = fact.groups.iter().map(|group| group.gid).collect();
        for group in before.groups.iter().filter(|group| !groups.contains(&group.gid)) {
            drafts.push(group_draft(GROUP_DELETED, container, group)?);
        }
        add(&mut drafts, container, fact, &before)?;
        Ok(drafts)
    }
}

/// Those that were not told so before.
fn add(
    drafts: &mut Vec<EventDraft>,
    container: &str,
    fact: &UsersFact,
    before: &UsersFact,
) -> Result<(), ExportError> {
    let users: HashMap<u32, &User> = before.users.iter().map(|user| (user.uid, user)).collect();
    for user in fact.users.iter().filter(|user| users.get(&user.uid) != Some(user)) {
        drafts.push(user_draft(USER_ADDED, container, user)?);
    }
    let groups: HashMap<u32, &Group> = before.groups.iter().map(|group| (group.gid, group)).collect();
    for group in fact.groups.iter().filter(|group| groups.get(&group.gid) != Some(group)) {
        drafts.push(group_draft(GROUP_ADDED, container, group)?);
    }
    Ok(())
}

fn user_draft(code: u16, container: &str, user: &User) -> Result<EventDraft, ExportError> {
    let mut draft = state_draft(code);
    for (parameter, value) in [
        ("uid", Value::Unsigned(user.uid.into())),
        ("gid", Value::Unsigned(user.gid.into())),
        ("name", text(&user.name)),
        ("home", text(&user.home)),
        ("shell", text(&user.shell)),
        ("container_id", text(container.as_bytes())),
    ] {
        set(&mut draft, "useradded", parameter, &value)?;
    }
    Ok(draft)
}

fn group_draft(code: u16, container: &str, group: &Group) -> Result<EventDraft, ExportError> {
    let mut draft = state_draft(code);
    for (parameter, value) in [
        ("gid", Value::Unsigned(group.gid.into())),
        ("name", text(&group.name)),
        ("container_id", text(container.as_bytes())),
    ] {
        set(&mut draft, "groupadded", parameter, &value)?;
    }
    Ok(draft)
}

fn state_draft(code: u16) -> EventDraft {
    let mut draft = EventDraft::new(code, 0, NO_THREAD);
    (draft.flags, draft.time_ns) = (STATE_ONLY, None);
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: containers come and go, each with users; and the host's control groups. Guarantees: nothing is kept of containers that are gone, the
    /// host's users are; a change tells who is new, who is different and who is gone, and nobody else.
    #[test]
    fn what_is_gone_is_forgotten() {
        let user = |uid, name: &str| User { uid, name: name.into(), ..User::default() };
        let fact = |id: &str, users| UsersFact { container_id: id.to_owned(), users, ..UsersFact::default() };
        let mut accounts = Accounts::default();
        accounts.change(&fact("", vec![user(0, "root"), user(1, "a"), user(2, "b")])).unwrap();
        for number in 0..100 {
            let id = number.to_string();
            assert_eq!(accounts.change(&fact(&id, vec![user(0, "root")])).unwrap().len(), 1);
            accounts.forget(&id);
        }
        accounts.forget("");
        assert_eq!(accounts.told.len(), 1);
        let drafts =
            accounts.change(&fact("", vec![user(0, "root"), user(1, "other"), user(3, "c")])).unwrap();
        let codes: Vec<_> = drafts.iter().map(EventDraft::code).collect();
        assert_eq!(codes, [USER_DELETED, USER_ADDED, USER_ADDED]);
    }
}
