//! Users, groups and interfaces.

use std::collections::BTreeMap;

use eyrie_proto::event::{
    Group, Interface, InterfaceAddress, InterfacesFact, User, UsersFact, ordered_fact::Kind,
};
use scap::Account;

use super::parameters::Parameters;

/// Users and groups of the host and of all containers together, of some 150 bytes each.
const MAX_ACCOUNTS: usize = 65_536;

/// Those of the host or of one container.
#[derive(Debug, Default)]
struct Names {
    users: BTreeMap<u32, User>,
    groups: BTreeMap<u32, Group>,
    is_changed: bool,
}

/// All of them, by the container's id; empty for the host.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    names: BTreeMap<String, Names>,
    count: usize,
    is_changed: bool,
    refused: u64,
}

// === impl Accounts ===

impl Accounts {
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// All users and groups of the host, in place of those before.
    pub(crate) fn replace(&mut self, accounts: Vec<Account>) {
        if let Some(before) = self.names.remove("") {
            self.count -= before.users.len() + before.groups.len();
        }
        self.names.entry(String::new()).or_default().is_changed = true;
        self.is_changed = true;
        for account in accounts {
            match account {
                Account::User { uid, gid, name, home, shell } => {
                    self.add_user("", User { uid, gid, name, home, shell });
                }
                Account::Group { gid, name } => self.add_group("", Group { gid, name }),
            }
        }
    }

    /// An event about one user or group; `container_id` is the whole one.
    pub(crate) fn change(&mut self, event_type: &str, container_id: &str, parameters: &Parameters<'_>) {
        let text = |name: &str| parameters.text(name).unwrap_or_default().to_vec();
        let (uid, gid) = (parameters.low("uid").unwrap_or(0), parameters.low("gid").unwrap_or(0));
        match event_type {
            "useradded" => {
                let user = User { uid, gid, name: text("name"), home: text("home"), shell: text("shell") };
                self.add_user(container_id, user);
            }
            "groupadded" => self.add_group(container_id, Group { gid, name: text("name") }),
            "userdeleted" => self.remove(container_id, |names| names.users.remove(&uid).is_some()),
            _ => self.remove(container_id, |names| names.groups.remove(&gid).is_some()),
        }
    }

    /// What changed since this was asked last, whole.
    pub(crate) fn take_changed(&mut self) -> Vec<Kind> {
        if !std::mem::take(&mut self.is_changed) {
            return Vec::new();
        }
        let changed = self.names.iter_mut().filter(|(_, names)| names.is_changed);
        changed
            .map(|(container_id, names)| {
                names.is_changed = false;
                Kind::Users(UsersFact {
                    container_id: container_id.clone(),
                    users: names.users.values().cloned().collect(),
                    groups: names.groups.values().cloned().collect(),
                })
            })
            .collect()
    }

    fn add_user(&mut self, container_id: &str, user: User) {
        self.add(container_id, |names| names.users.insert(user.uid, user).is_none());
    }

    fn add_group(&mut self, container_id: &str, group: Group) {
        self.add(container_id, |names| names.groups.insert(group.gid, group).is_none());
    }

    fn add(&mut self, container_id: &str, insert: impl FnOnce(&mut Names) -> bool) {
        if self.count >= MAX_ACCOUNTS {
            self.refused += 1;
            return;
        }
        let names = self.names.entry(container_id.to_owned()).or_default();
        self.count += usize::from(insert(names));
        (names.is_changed, self.is_changed) = (true, true);
    }

    fn remove(&mut self, container_id: &str, remove: impl FnOnce(&mut Names) -> bool) {
        let Some(names) = self.names.get_mut(container_id) else { return };
        self.count -= usize::from(remove(names));
        (names.is_changed, self.is_changed) = (true, true);
    }
}

/// The interfaces of a file: each has as many entries as addresses.
pub(crate) fn interfaces(entries: &[scap::Interface]) -> Kind {
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in entries {
        let name = String::from_utf8_lossy(&entry.name);
        let (ip, prefix_length) = match (entry.address, entry.netmask) {
            (std::net::IpAddr::V4(ip), std::net::IpAddr::V4(mask)) => {
                (ip.octets().to_vec(), u32::from(mask).leading_ones())
            }
            (std::net::IpAddr::V6(ip), std::net::IpAddr::V6(mask)) => {
                (ip.octets().to_vec(), u128::from(mask).leading_ones())
            }
            _ => continue,
        };
        let address = InterfaceAddress { ip, prefix_length };
        match interfaces.iter_mut().find(|interface| interface.name == name) {
            Some(interface) => interface.addresses.push(address),
            None => interfaces.push(Interface { name: name.into_owned(), addresses: vec![address] }),
        }
    }
    Kind::Interfaces(InterfacesFact { network_namespace: 0, interfaces })
}
