//! Facts about the host, each as it was told last.

mod last_values;

use eyrie_proto::event::{
    CgroupFact, Event, Group, HostIdentityFact, InterfacesFact, MountsFact, NamesFact, OrderedFact, User,
    UsersFact, event::Kind as EventKind, ordered_fact::Kind,
};

use self::last_values::LastValues;
use crate::Limits;

/// The facts that hold.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Facts {
    /// By hierarchy and id.
    cgroups: LastValues<(u32, u64), CgroupFact>,
    cgroup_changes: Changes,
    /// By container id; empty for the host.
    users: LastValues<String, UsersFact>,
    /// By network namespace.
    interfaces: LastValues<u64, InterfacesFact>,
    /// By mount namespace.
    mounts: LastValues<u64, MountsFact>,
    names: LastValues<String, NamesFact>,
    host: LastValues<(), HostIdentityFact>,
}

/// How often something changed; says nothing of what holds.
#[derive(Clone, Debug, Default)]
struct Changes(u64);

// === impl Facts ===

impl Facts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            cgroups: LastValues::new(limits),
            cgroup_changes: Changes::default(),
            users: LastValues::new(limits),
            interfaces: LastValues::new(limits),
            mounts: LastValues::new(limits),
            names: LastValues::new(limits),
            host: LastValues::new(limits),
        }
    }

    pub(crate) fn apply(&mut self, fact: &OrderedFact) {
        let since = fact.since_boot_ns;
        match &fact.kind {
            Some(Kind::Cgroup(fact)) => self.apply_cgroup(since, fact),
            Some(Kind::Users(fact)) => {
                self.users.insert(fact.container_id.clone(), since, sorted(fact.clone()))
            }
            Some(Kind::Interfaces(fact)) => {
                self.interfaces.insert(fact.network_namespace, since, fact.clone())
            }
            Some(Kind::Mounts(fact)) => self.mounts.insert(fact.mount_namespace, since, fact.clone()),
            Some(Kind::Names(fact)) => self.names.insert(fact.name.clone(), since, fact.clone()),
            Some(Kind::Host(fact)) => self.host.insert((), since, fact.clone()),
            // No fact about the host, and told in base states alone.
            Some(Kind::Timeline(_)) | None => {}
        }
    }

    /// Ids are used again: the end of an older control group must not take away the newer one of its id.
    fn apply_cgroup(&mut self, since: u64, fact: &CgroupFact) {
        let cgroup = fact.cgroup.unwrap_or_default();
        let key = (cgroup.hierarchy, cgroup.cgroup_id);
        self.cgroup_changes.0 += 1;
        if cgroup.cgroup_id == 0 {
            return;
        }
        if !fact.is_removed {
            return self.cgroups.insert(key, since, fact.clone());
        }
        let birth = self.cgroups.get(&key).and_then(|known| known.cgroup).map(|known| known.birth_boot_ns);
        if birth.is_some_and(|birth| birth <= cgroup.birth_boot_ns || cgroup.birth_boot_ns == 0) {
            self.cgroups.remove(&key);
        }
    }

    pub(crate) fn cgroup(&self, hierarchy: u32, id: u64) -> Option<&CgroupFact> {
        self.cgroups.get(&(hierarchy, id))
    }

    pub(crate) fn cgroup_changes(&self) -> u64 {
        self.cgroup_changes.0
    }

    pub(crate) fn has_cgroups(&self) -> bool {
        self.cgroups.iter().next().is_some()
    }

    pub(crate) fn user(&self, container_id: &str, uid: u32) -> Option<&User> {
        let users = &self.users.get(container_id)?.users;
        users.get(users.partition_point(|user| user.uid < uid)).filter(|user| user.uid == uid)
    }

    pub(crate) fn group(&self, container_id: &str, gid: u32) -> Option<&Group> {
        let groups = &self.users.get(container_id)?.groups;
        groups.get(groups.partition_point(|group| group.gid < gid)).filter(|group| group.gid == gid)
    }

    pub(crate) fn has_users(&self, container_id: &str) -> bool {
        self.users.get(container_id).is_some()
    }

    pub(crate) fn interfaces(&self, network_namespace: u64) -> Option<&InterfacesFact> {
        self.interfaces.get(&network_namespace)
    }

    pub(crate) fn all_interfaces(&self) -> impl Iterator<Item = &InterfacesFact> {
        self.interfaces.iter().map(|(_, fact)| fact)
    }

    pub(crate) fn mounts(&self, mount_namespace: u64) -> Option<&MountsFact> {
        self.mounts.get(&mount_namespace)
    }

    pub(crate) fn names(&self, name: &str) -> Option<&NamesFact> {
        self.names.get(name)
    }

    pub(crate) fn all_names(&self) -> impl Iterator<Item = &NamesFact> {
        self.names.iter().map(|(_, fact)| fact)
    }

    pub(crate) fn host(&self) -> Option<&HostIdentityFact> {
        self.host.get(&())
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.cgroups.evicted()
            + self.users.evicted()
            + self.interfaces.evicted()
            + self.mounts.evicted()
            + self.names.evicted()
    }

    /// Every fact as the event that would tell it again.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let host = self.host.iter().map(|(since, fact)| event(since, Kind::Host(fact.clone())));
        let cgroups = self.cgroups.iter().map(|(since, fact)| event(since, Kind::Cgroup(fact.clone())));
        let users = self.users.iter().map(|(since, fact)| event(since, Kind::Users(fact.clone())));
        let interfaces =
            self.interfaces.iter().map(|(since, fact)| event(since, Kind::Interfaces(fact.clone())));
        let mounts = self.mounts.iter().map(|(since, fact)| event(since, Kind::Mounts(fact.clone())));
        let names = self.names.iter().map(|(since, fact)| event(since, Kind::Names(fact.clone())));
        host.chain(cgroups).chain(users).chain(interfaces).chain(mounts).chain(names)
    }
}

// === impl Changes ===

#[cfg(test)]
impl PartialEq for Changes {
    /// Two ways to the same facts are the same.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

fn event(since_boot_ns: u64, kind: Kind) -> Event {
    let fact = OrderedFact { since_boot_ns, kind: Some(kind) };
    Event { boot_ns: since_boot_ns, kind: Some(EventKind::Fact(fact)), ..Event::default() }
}

/// By id; of several with one id the first stays first, which is the one that getpwuid(3) finds.
fn sorted(mut fact: UsersFact) -> UsersFact {
    fact.users.sort_by_key(|user| user.uid);
    fact.groups.sort_by_key(|group| group.gid);
    fact
}
