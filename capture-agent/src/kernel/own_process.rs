//! Which process the agent is, for programs that know processes by their ids in the initial pid namespace.
//!
//! Its calls are left out of the capture: to send an event takes calls, which would be events.

use std::path::Path;

use eyrie_proto::{capture::MissingAbility, event::ProcessState};

/// The inode of the initial pid namespace, which linux/proc_ns.h fixes.
const INITIAL_NAMESPACE: u64 = 0xEFFF_FFFC;

/// What this process knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnProcess {
    /// As its own pid namespace numbers it.
    pid: u32,
    /// The namespace's inode; nothing without /proc.
    namespace: Option<u64>,
}

// === impl OwnProcess ===

impl OwnProcess {
    pub(super) fn of_this() -> Self {
        Self { pid: std::process::id(), namespace: namespace(Path::new("/proc/self/ns/pid")) }
    }

    fn is_outermost(&self) -> bool {
        self.namespace == Some(INITIAL_NAMESPACE)
    }

    /// Its id in the initial namespace. Within another it does not see that itself: then it is looked for in what `processes`
    /// yields, among which it is the one with its id within that namespace.
    pub(super) fn outermost_pid(&self, processes: impl FnOnce() -> Option<Vec<ProcessState>>) -> Option<u32> {
        if self.is_outermost() {
            return Some(self.pid);
        }
        let namespace = self.namespace?;
        let is_own =
            |state: &ProcessState| state.namespace_pid == self.pid && state.pid_namespace == namespace;
        processes()?.into_iter().find(is_own)?.process.map(|key| key.pid)
    }

    /// Iterators as well as /proc show those of the reader's namespace only.
    pub(super) fn missing_processes(&self) -> Option<MissingAbility> {
        (!self.is_outermost()).then(|| MissingAbility {
            name: "host_processes".to_owned(),
            reason: "the agent runs in a pid namespace of its own (in Kubernetes: without hostPID)".to_owned(),
            consequence: "processes that started before the agent, outside its namespace, and their descendants' ancestors".to_owned(),
        })
    }
}

/// That the agent's calls cannot be told from others.
pub(super) fn missing_exclusion() -> MissingAbility {
    MissingAbility {
        name: "own_calls_excluded".to_owned(),
        reason: "the agent runs in a pid namespace of its own, and does not know its process id outside"
            .to_owned(),
        consequence: "the agent's own calls are captured as well, and sending them makes more of them"
            .to_owned(),
    }
}

/// Where the link of a namespace points: `pid:[4026531836]`.
fn namespace(link: &Path) -> Option<u64> {
    let target = std::fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use eyrie_proto::event::ProcessKey;

    use super::*;

    fn process(pid: u32, namespace_pid: u32, pid_namespace: u64) -> ProcessState {
        ProcessState {
            process: Some(ProcessKey { pid, ..ProcessKey::default() }),
            namespace_pid,
            pid_namespace,
            ..ProcessState::default()
        }
    }

    /// Scenario: the agent as process 1 of a namespace, among another namespace's process 1, its neighbour, and an outer process
    /// with its number. Guarantees: it finds itself, and nobody else where it is not told of.
    #[test]
    fn it_finds_itself_by_its_namespace() {
        let own = OwnProcess { pid: 1, namespace: Some(4_026_532_000) };
        let mut all = vec![
            process(1, 1, INITIAL_NAMESPACE),
            process(700, 1, 4_026_532_001),
            process(801, 2, 4_026_532_000),
        ];
        assert_eq!(own.outermost_pid(|| Some(all.clone())), None);
        all.push(process(800, 1, 4_026_532_000));
        assert_eq!(own.outermost_pid(|| Some(all)), Some(800));
        assert_eq!(own.outermost_pid(|| None), None);
        assert!(own.missing_processes().is_some());
    }

    /// Scenario: the agent outside of all namespaces. Guarantees: it knows its number without looking.
    #[test]
    fn outermost_it_is_what_it_is() {
        let own = OwnProcess { pid: 5, namespace: Some(INITIAL_NAMESPACE) };
        assert_eq!(own.outermost_pid(|| unreachable!("nobody needs to look")), Some(5));
        assert_eq!(own.missing_processes(), None);
    }

    /// Scenario: this process's own link, and one that is missing. Guarantees: the namespace's inode is read, or nothing is.
    #[test]
    fn namespaces_are_read_of_proc() {
        let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata("/proc/self/ns/pid").unwrap());
        assert_eq!(namespace(Path::new("/proc/self/ns/pid")), Some(inode));
        assert_eq!(namespace(Path::new("/nowhere")), None);
    }
}
