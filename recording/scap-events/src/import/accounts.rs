//! Users, groups and interfaces.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use eyrie_proto::event::{
    Group, Interface, InterfaceAddress, InterfacesFact, User, UsersFact, ordered_fact::Kind,
};
use scap::Account;

use super::parameters::Parameters;

/// Users and groups of the host and of all containers together, with the ids of these.
const MAX_BYTES: usize = 16 << 20;
/// Those of the host or of one container: they are told in one message, and as often as one of them changes. 25,000 of some 80 bytes.
const MAX_OWNER_BYTES: usize = 2 << 20;
/// Bytes of a name or path: readers of such files take no more.
const MAX_TEXT_BYTES: usize = 255;
/// Bytes that facts about users may have in a section, all together. A file of single changes among many accounts would be told for hours.
const MAX_TOLD_BYTES: usize = 1 << 30;
/// What an account or an owner takes besides its texts.
const ENTRY_BYTES: usize = 48;
/// Interfaces of a host; each may have many addresses.
const MAX_INTERFACES: usize = 4096;
/// Addresses of all of them, of some 80 bytes each.
const MAX_ADDRESSES: usize = 16_384;

/// Those of the host or of one container.
#[derive(Debug, Default)]
struct Names {
    users: BTreeMap<u32, User>,
    groups: BTreeMap<u32, Group>,
    bytes: usize,
    is_changed: bool,
}

/// All of them, by the container's id; empty for the host.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    names: BTreeMap<String, Names>,
    bytes: usize,
    told_bytes: usize,
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
        let names = self.names.entry(String::new()).or_default();
        self.bytes -= names.bytes;
        *names = Names { is_changed: true, ..Names::default() };
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
            "userdeleted" => {
                self.remove(container_id, |names| names.users.remove(&uid).map(|user| size_of_user(&user)))
            }
            _ => self
                .remove(container_id, |names| names.groups.remove(&gid).map(|group| size_of_group(&group))),
        }
    }

    /// What changed since this was asked last, whole.
    pub(crate) fn take_changed(&mut self) -> Vec<Kind> {
        if !std::mem::take(&mut self.is_changed) {
            return Vec::new();
        }
        let mut facts = Vec::new();
        for (container_id, names) in self.names.iter_mut().filter(|(_, names)| names.is_changed) {
            names.is_changed = false;
            if self.told_bytes + names.bytes > MAX_TOLD_BYTES {
                self.refused += 1;
                continue;
            }
            self.told_bytes += names.bytes;
            facts.push(Kind::Users(UsersFact {
                container_id: container_id.clone(),
                users: names.users.values().cloned().collect(),
                groups: names.groups.values().cloned().collect(),
            }));
        }
        // Who has none left was told so just now.
        let bytes = &mut self.bytes;
        self.names.retain(|container_id, names| {
            let is_kept = container_id.is_empty() || names.users.len() + names.groups.len() > 0;
            *bytes -= if is_kept { 0 } else { names.bytes };
            is_kept
        });
        facts
    }

    fn add_user(&mut self, container_id: &str, mut user: User) {
        for text in [&mut user.name, &mut user.home, &mut user.shell] {
            text.truncate(MAX_TEXT_BYTES);
        }
        let size = size_of_user(&user);
        self.add(container_id, size, |names| {
            names.users.insert(user.uid, user).map(|user| size_of_user(&user))
        });
    }

    fn add_group(&mut self, container_id: &str, mut group: Group) {
        group.name.truncate(MAX_TEXT_BYTES);
        let size = size_of_group(&group);
        let insert =
            |names: &mut Names| names.groups.insert(group.gid, group).map(|group| size_of_group(&group));
        self.add(container_id, size, insert);
    }

    /// `insert` says what whoever had the place before took.
    fn add(&mut self, container_id: &str, size: usize, insert: impl FnOnce(&mut Names) -> Option<usize>) {
        let known = self.names.get(container_id).map(|names| names.bytes);
        let owner = if known.is_none() { container_id.len() + size_of::<Names>() + ENTRY_BYTES } else { 0 };
        let is_full =
            known.unwrap_or(owner) + size > MAX_OWNER_BYTES || self.bytes + owner + size > MAX_BYTES;
        if is_full {
            self.refused += 1;
            return;
        }
        let names = self.names.entry(container_id.to_owned()).or_default();
        let before = insert(names).unwrap_or(0);
        names.bytes = names.bytes + owner + size - before;
        self.bytes = self.bytes + owner + size - before;
        (names.is_changed, self.is_changed) = (true, true);
    }

    /// `remove` says what was removed took.
    fn remove(&mut self, container_id: &str, remove: impl FnOnce(&mut Names) -> Option<usize>) {
        let Some(names) = self.names.get_mut(container_id) else { return };
        let Some(size) = remove(names) else { return };
        names.bytes -= size;
        self.bytes -= size;
        (names.is_changed, self.is_changed) = (true, true);
    }
}

fn size_of_user(user: &User) -> usize {
    size_of::<User>() + ENTRY_BYTES + user.name.len() + user.home.len() + user.shell.len()
}

fn size_of_group(group: &Group) -> usize {
    size_of::<Group>() + ENTRY_BYTES + group.name.len()
}

/// The interfaces of a file: each has as many entries as addresses. What is beyond the limits is left out.
pub(crate) fn interfaces(entries: &[scap::Interface]) -> Kind {
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    for entry in entries.iter().take(MAX_ADDRESSES) {
        let (ip, prefix_length) = match (entry.address, entry.netmask) {
            (IpAddr::V4(ip), IpAddr::V4(mask)) => (ip.octets().to_vec(), u32::from(mask).leading_ones()),
            (IpAddr::V6(ip), IpAddr::V6(mask)) => (ip.octets().to_vec(), u128::from(mask).leading_ones()),
            _ => continue,
        };
        let address = InterfaceAddress { ip, prefix_length };
        if let Some(interface) = places.get(&*entry.name).and_then(|place| interfaces.get_mut(*place)) {
            interface.addresses.push(address);
        } else if interfaces.len() < MAX_INTERFACES {
            places.insert(&entry.name, interfaces.len());
            let name = String::from_utf8_lossy(clipped(&entry.name)).into_owned();
            interfaces.push(Interface { name, addresses: vec![address] });
        }
    }
    Kind::Interfaces(InterfacesFact { network_namespace: 0, interfaces })
}

fn clipped(name: &[u8]) -> &[u8] {
    name.get(..MAX_TEXT_BYTES).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32, bytes: usize) -> Account {
        let name = vec![b'x'; bytes];
        Account::User { uid, gid: 0, name: name.clone(), home: name.clone(), shell: name }
    }

    fn told(facts: &[Kind]) -> Vec<usize> {
        facts
            .iter()
            .map(|fact| match fact {
                Kind::Users(fact) => fact.users.len(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// Scenario: a host and containers without end have as many users as they can, with names of 64 KiB; then the host has one only; then every
    /// second user of a container goes, and the rest. Guarantees: names are cut off, what there is no room for is counted, no fact is larger than
    /// its owner's room, what was given back can be used again, and an owner without users is told once and then forgotten.
    #[test]
    fn there_is_an_end_to_them() {
        let mut accounts = Accounts::default();
        accounts.replace((0..30_000).map(|uid| user(uid, 65_535)).collect());
        let of_host = told(&accounts.take_changed());
        let (each, bytes) = (accounts.bytes / of_host[0], accounts.bytes);
        assert!(each > 3 * MAX_TEXT_BYTES && bytes <= MAX_OWNER_BYTES && bytes > MAX_OWNER_BYTES - 2 * each);
        assert_eq!(accounts.refused(), 30_000 - of_host[0] as u64);
        for number in 0..30_000 {
            accounts.add_user(&format!("{number:064}"), User { uid: 1, ..User::default() });
        }
        let containers = accounts.names.len() - 1;
        assert!(accounts.bytes <= MAX_BYTES && containers > 10_000, "{containers}");
        assert_eq!(told(&accounts.take_changed()), vec![1; containers]);
        accounts.replace(vec![user(0, 4)]);
        assert_eq!(told(&accounts.take_changed()), [1]);
        for number in 0..30_000 {
            let id = format!("{number:064}");
            accounts.remove(&id, |names| names.users.remove(&1).map(|user| size_of_user(&user)));
        }
        assert_eq!(told(&accounts.take_changed()), vec![0; containers]);
        assert_eq!((accounts.names.len(), accounts.bytes), (1, accounts.names[""].bytes));
    }

    /// Scenario: one user of many changes, again and again. Guarantees: there is an end to what is told of it.
    #[test]
    fn changes_are_told_as_long_as_there_is_room() {
        let mut accounts = Accounts::default();
        accounts.replace((0..10_000).map(|uid| user(uid, 255)).collect());
        accounts.take_changed();
        let refused = accounts.refused();
        // Almost all of it was told before.
        accounts.told_bytes = MAX_TOLD_BYTES - 5 * accounts.bytes;
        let mut facts = 0;
        for gid in 0..20 {
            accounts.add_user("", User { uid: 1, gid, ..User::default() });
            facts += accounts.take_changed().len();
        }
        assert_eq!((facts, accounts.refused()), (5, refused + 15));
        assert!(accounts.told_bytes <= MAX_TOLD_BYTES);
    }

    /// Scenario: a block with as many interfaces as are read, each of another name. Guarantees: the first ones are told, and it takes no comparison of
    /// each with each.
    #[test]
    fn interfaces_are_bounded() {
        let entry = |number: u32| scap::Interface {
            name: (number / 2).to_string().into_bytes(),
            address: IpAddr::from([127, 0, 0, 1]),
            netmask: IpAddr::from([255, 0, 0, 0]),
            broadcast: IpAddr::from([0; 4]),
            link_speed: 0,
        };
        let entries: Vec<_> = (0..262_144).map(entry).collect();
        let Kind::Interfaces(fact) = interfaces(&entries) else { panic!("no interfaces") };
        assert_eq!(fact.interfaces.len(), MAX_INTERFACES);
        assert!(fact.interfaces.iter().all(|interface| interface.addresses.len() == 2));
    }
}
