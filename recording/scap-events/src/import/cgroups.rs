//! Control groups. A file has paths and no ids: each path gets an id of its own, in the order in which they come.

use std::collections::HashMap;

use cgroup_layout::container_of;
use eyrie_proto::event::{CgroupFact, CgroupKey};

/// Paths that get an id: as many as a host model keeps facts.
const MAX_CGROUPS: usize = 16_384;
/// Bytes of a path: more the kernel has for none (PATH_MAX).
const MAX_PATH_BYTES: usize = 4096;
/// Bytes of all paths and ids of containers, which are kept once here and wait a second time until they are told: those of as many paths
/// of 1 KiB.
const MAX_BYTES: usize = 16 << 20;
/// Characters of an id by which Falco calls a container.
pub(crate) const SHORT_ID: usize = 12;

/// The control groups that were told.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    ids: HashMap<Vec<u8>, u64>,
    /// By the first characters of a container's id, the whole id and the control group that it was first seen in.
    containers: HashMap<String, (String, CgroupKey)>,
    bytes: usize,
    refused: u64,
}

// === impl Cgroups ===

impl Cgroups {
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// The id of the control group that a task is in by a list of `subsystem=path`, and the fact about it if it is new. 0 if
    /// there is none, or no room for it.
    ///
    /// Of the hierarchies of version 1 the one counts whose path names a container, or else the one with the longest path: that is
    /// where somebody sorted tasks into groups.
    pub(crate) fn id_of(&mut self, list: &[u8]) -> (u64, Option<CgroupFact>) {
        let path_of = |line: &'_ [u8]| line.iter().position(|byte| *byte == b'=').map(|at| at + 1);
        let lines = || list.split(|byte| *byte == 0);
        let paths = || {
            lines().filter_map(|line| line.get(path_of(line)?..)).filter(|path| path.first() == Some(&b'/'))
        };
        let longest = paths().reduce(|longest, path| if path.len() > longest.len() { path } else { longest });
        let Some(longest) = longest else { return (0, None) };
        if let Some(id) = self.ids.get(longest) {
            return (*id, None);
        }
        let named = paths().find_map(|path| Some((path, container_of(path)?)));
        let path = named.as_ref().map_or(longest, |(path, _)| path);
        if let Some(id) = self.ids.get(path) {
            return (*id, None);
        }
        let bytes = path.len() + named.as_ref().map_or(0, |(_, named)| named.id.len() + SHORT_ID);
        let has_room = path.len() <= MAX_PATH_BYTES && self.bytes + bytes <= MAX_BYTES;
        if !has_room || self.ids.len() >= MAX_CGROUPS {
            self.refused += 1;
            return (0, None);
        }
        self.bytes += bytes;
        let id = self.ids.len() as u64 + 1;
        self.ids.insert(path.to_vec(), id);
        let key = CgroupKey { hierarchy: 0, cgroup_id: id, birth_boot_ns: 0 };
        let (container_id, runtime) = match named {
            Some((_, named)) => (named.id, named.runtime),
            None => (String::new(), ""),
        };
        if !container_id.is_empty() {
            let entry = self.containers.entry(shortened(&container_id).to_owned());
            entry.or_insert_with(|| (container_id.clone(), key));
        }
        let fact = CgroupFact {
            cgroup: Some(key),
            path: path.to_vec(),
            container_id,
            runtime: runtime.to_owned(),
            is_removed: false,
        };
        (id, Some(fact))
    }

    /// The whole id of a container and its control group, by the id that Falco calls it by, as far as a task in it was seen.
    pub(crate) fn container(&self, id: &str) -> Option<&(String, CgroupKey)> {
        self.containers.get(shortened(id))
    }
}

/// The part of an id by which Falco calls a container.
pub(crate) fn shortened(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";

    /// Scenario: tasks of the host, of a container by one of its hierarchies, the same again, and lists without a path. Guarantees: one id
    /// for a path, told once, with the container of the path that names one.
    #[test]
    fn paths_have_ids() {
        let mut cgroups = Cgroups::default();
        let (host, fact) = cgroups.id_of(b"cpuset=/\0cpu=/user.slice\0io=/user.slice\0");
        let fact = fact.unwrap();
        assert_eq!((host, &*fact.path, &*fact.container_id), (1, &b"/user.slice"[..], ""));
        assert_eq!(cgroups.id_of(b"cpu=/user.slice"), (1, None));
        let list = format!(
            "cpuset=/docker/{ID}\0cpu=/a/longer/path/that/somebody/chose/for/this/one/task/and/its/children/in/some/slice\0"
        );
        let (id, fact) = cgroups.id_of(list.as_bytes());
        let fact = fact.unwrap();
        assert_eq!((id, &*fact.container_id, &*fact.runtime), (2, ID, "docker"));
        assert_eq!(cgroups.container(&ID[..12]).unwrap().0, ID);
        assert_eq!(cgroups.id_of(list.as_bytes()), (2, None));
        assert_eq!((cgroups.id_of(b""), cgroups.id_of(b"cpu")), ((0, None), (0, None)));
    }

    /// Scenario: more paths than there is room for. Guarantees: no ids for those, and their number.
    #[test]
    fn there_is_an_end_to_them() {
        let mut cgroups = Cgroups::default();
        for number in 0..=MAX_CGROUPS {
            cgroups.id_of(format!("cpu=/{number}").as_bytes());
        }
        assert_eq!((cgroups.ids.len(), cgroups.refused()), (MAX_CGROUPS, 1));
    }

    /// Scenario: paths as long as they may be, as many as there may be; and one that is longer. Guarantees: all of them together take no more
    /// than there is room for, and the rest has no ids.
    #[test]
    fn long_paths_have_less_room() {
        let mut cgroups = Cgroups::default();
        let path = |number: usize| format!("cpu=/{number:0>width$}", width = MAX_PATH_BYTES - 1);
        (0..MAX_CGROUPS).for_each(|number| drop(cgroups.id_of(path(number).as_bytes())));
        let bytes: usize = cgroups.ids.keys().map(Vec::len).sum();
        assert_eq!((bytes, cgroups.ids.len()), (MAX_BYTES, MAX_BYTES / MAX_PATH_BYTES));
        assert_eq!(cgroups.refused(), (MAX_CGROUPS - MAX_BYTES / MAX_PATH_BYTES) as u64);
        assert_eq!(Cgroups::default().id_of(format!("{}x", path(1)).as_bytes()), (0, None));
    }
}
