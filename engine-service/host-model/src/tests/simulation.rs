//! Against a host that is simulated as the kernel does it, with its own and plainer bookkeeping.

use std::collections::BTreeMap;

use eyrie_proto::event::ProcessControl;
use proptest::{collection::vec, prelude::*};

use super::*;

/// A process of the simulated host.
#[derive(Clone, Debug)]
struct Simulated {
    key: ProcessKey,
    parent: u32,
    exe: String,
    is_subreaper: bool,
}

/// The simulated host, and what its agent reports.
struct Host {
    processes: BTreeMap<u32, Simulated>,
    now: u64,
}

impl Host {
    fn new() -> (Self, Event) {
        let init = Simulated { key: key(1), parent: 0, exe: "/sbin/init".into(), is_subreaper: false };
        let host = Self { processes: BTreeMap::from([(1, init)]), now: 20_000_000 };
        (host, exec(20_000_000, task(1, 0), "/sbin/init"))
    }

    fn task(&self, pid: u32) -> Task {
        let process = &self.processes[&pid];
        Task { process: Some(process.key), ..task(pid, process.parent) }
    }

    /// Does one thing by one of the living; `tells_reaper` is whether the kernel says who takes orphans.
    fn step(&mut self, who: prop::sample::Index, what: u8, tells_reaper: bool) -> Event {
        self.now += 1_000_003;
        let living: Vec<u32> = self.processes.keys().copied().collect();
        let pid = *who.get(&living);
        let task = self.task(pid);
        match what {
            // The lowest free pid: pids are used again at once.
            0..=3 if living.len() < 12 => {
                let child = (2..).find(|pid| !self.processes.contains_key(pid)).unwrap();
                let key = ProcessKey { pid: child, start_boot_ns: self.now };
                let exe = self.processes[&pid].exe.clone();
                self.processes.insert(child, Simulated { key, parent: pid, exe, is_subreaper: false });
                fork(self.now, task, key)
            }
            4..=5 => {
                let exe = format!("/bin/{}", self.now);
                self.processes.get_mut(&pid).unwrap().exe.clone_from(&exe);
                exec(self.now, task, &exe)
            }
            6 => {
                let process = self.processes.get_mut(&pid).unwrap();
                process.is_subreaper = !process.is_subreaper;
                let arguments = vec![u64::from(process.is_subreaper)];
                let control = ProcessControl { option: 36, arguments, text: Vec::new() };
                event(self.now, task, Kind::ProcessControl(control))
            }
            7..=9 if pid != 1 => {
                let reaper = self.reaper(pid);
                self.processes.remove(&pid);
                self.processes
                    .values_mut()
                    .filter(|child| child.parent == pid)
                    .for_each(|c| c.parent = reaper);
                exit(self.now, task, if tells_reaper { reaper } else { 0 })
            }
            _ => plain(self.now, task),
        }
    }

    fn reaper(&self, pid: u32) -> u32 {
        let mut above = self.processes[&pid].parent;
        while above != 1 && !self.processes[&above].is_subreaper {
            above = self.processes[&above].parent;
        }
        above
    }

    fn chain(&self, pid: u32) -> Vec<u32> {
        let parent = |pid: &u32| Some(self.processes[pid].parent).filter(|parent| *parent != 0);
        std::iter::successors(parent(&pid), parent).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Scenario: a host forks, executes, asks for orphans and ends processes, with pids used again at once; all is
    /// reported. Guarantees: after every event the model has the living processes and no others, each with its start,
    /// program, parent and chain; it asks for nothing.
    #[test]
    fn the_model_is_the_host(steps in vec((any::<prop::sample::Index>(), 0..12u8, any::<bool>()), 1..200)) {
        let (mut host, boot) = Host::new();
        let mut model = after([boot]);
        for (who, what, tells_reaper) in steps {
            let event = host.step(who, what, tells_reaper);
            let acting = event.task.clone().unwrap();
            model.apply(&event);
            prop_assert!(model.process_of(&acting).is_some(), "who acted is there for the evaluation");
            let acting = acting.process.unwrap();
            let living = model.processes().filter(|process| {
                process.key() != acting || host.processes.contains_key(&acting.pid)
            });
            let living: Vec<_> = living.collect();
            prop_assert_eq!(living.len(), host.processes.len());
            for (process, simulated) in living.into_iter().zip(host.processes.values()) {
                prop_assert_eq!(process.key(), simulated.key);
                prop_assert_eq!(process.parent_pid(), simulated.parent);
                prop_assert_eq!(process.exe(), simulated.exe.as_bytes());
                let chain: Vec<u32> = model.ancestors(process).map(|ancestor| ancestor.key().pid).collect();
                prop_assert_eq!(chain, host.chain(process.key().pid));
                prop_assert!(!process.is_incomplete());
            }
            prop_assert!(model.take_unknown().is_empty());
        }
    }
}
