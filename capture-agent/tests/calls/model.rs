//! The engine's picture of processes against what /proc has of them.
//!
//! Programs made by hand fork, make threads, execute and change what they are, and then wait. At that moment three pictures of them have to
//! agree with /proc: that of an engine that has followed all events, that of another which took over from it, and that which an agent
//! has from a snapshot alone.

mod acts;
mod oracle;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use capture_agent::{Agent, Config};
use eyrie_bpf::Object;
use eyrie_proto::{
    capture::{MoveTo, capture_response::Kind as Down},
    event::event::Kind,
};
use host_model::{HostModel, Limits};
use test_requirements::{Requirement, requires};

use self::acts::{Act, Waiting};
use super::scene::{ALONE, folder, started};
use crate::fake_engine::{FakeEngine, Policy, Seen};

/// By which a thread says that it has done what it does.
const GETPPID: u32 = syscalls::x86_64::Sysno::getppid as u32;

/// Programs that wait; ended when dropped, with all that they made.
struct Cast {
    folder: PathBuf,
    children: Vec<(&'static str, Child)>,
}

// === impl Cast ===

impl Cast {
    fn start(acts: Vec<Act>, folder: &Path) -> Self {
        let start = |mut act: Act| {
            let child = act.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            (act.name, child.unwrap())
        };
        Self { folder: folder.to_owned(), children: acts.into_iter().map(start).collect() }
    }

    fn pids(&self) -> BTreeSet<u32> {
        self.children.iter().map(|(_, child)| child.id()).collect()
    }

    fn name(&self, pid: u32) -> &'static str {
        self.children.iter().find(|(_, child)| child.id() == pid).map_or("a child", |(name, _)| name)
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        // Orphans are no longer below this process: all are known by what they execute.
        oracle::kill_all_of(&self.folder);
        for (_, child) in &mut self.children {
            let _ = child.wait();
        }
    }
}

/// The processes that were made by these, as the events tell, and they themselves; how many of them have ended; and how many of their threads
/// have said that they wait, or ended as the main one of others.
fn family(seen: &Seen, roots: &BTreeSet<u32>) -> (BTreeSet<u32>, usize, Waiting) {
    let (mut pids, mut ended, mut waiting) = (roots.clone(), 0, Waiting::default());
    for event in seen.events.values() {
        let Some(task) = event.task.as_ref() else { continue };
        let pid = task.process.unwrap_or_default().pid;
        if !pids.contains(&pid) {
            continue;
        }
        match &event.kind {
            Some(Kind::Fork(fork)) => pids.extend(fork.child_process.map(|child| child.pid)),
            Some(Kind::Exit(exit)) if exit.is_process_end => ended += 1,
            Some(Kind::Exit(_)) if task.tid == pid => waiting.dead_leaders += 1,
            _ if event.call.is_some_and(|call| call.number == GETPPID) => waiting.threads += 1,
            _ => {}
        }
    }
    (pids, ended, waiting)
}

/// The model of an engine that has seen this.
fn model(seen: &Seen) -> HostModel {
    let mut model = HostModel::new(Limits::default());
    for part in &seen.bases[0] {
        model.restore(part.processes.clone(), part.facts.clone());
    }
    seen.events.values().for_each(|event| model.apply(event));
    model
}

fn config(engine: &FakeEngine) -> Config {
    let machine_id = Some("0123456789abcdef0123456789abcdef".to_owned());
    Config { machine_id, ..Config::new(&engine.url()).unwrap() }
}

/// Scenario: a cast of programs that fork once and twice, leave orphans with and without a subreaper, make threads, lose their main thread, execute
/// from the main thread, another one and a vforked child, fail to execute, lead sessions and groups, change ids, capabilities, user and
/// pid namespaces, roots, directories (deep and removed ones), names and limits. Guarantees: once they wait, /proc has of each process what an
/// engine has from the events, what another engine has that takes over, and what a new agent has from its snapshot.
#[test]
fn the_model_is_what_proc_says() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (_keep, folder) = folder();
    let acts = acts::all(&folder);
    let expected = acts.iter().fold(Waiting::default(), |sum, act| sum + act.waiting);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let engine = FakeEngine::start(Policy::default()).await;
        let running = started(&engine, &[]).await;
        // So that who takes over gets a base and what came after it.
        engine.change(|policy| policy.acks = false);
        let cast = Cast::start(acts, &folder);
        let roots = cast.pids();
        let mut pids = BTreeSet::new();
        let mut is_settled = |seen: &Seen| {
            let (all, ended, waiting) = family(seen, &roots);
            pids = all;
            // Who makes orphans may end after they have said that they wait.
            waiting == expected && pids.len() - ended == acts::LIVING
        };
        engine.until("all that wait, and the ends of the others", &mut is_settled).await;
        let names = |pid| cast.name(pid);
        let living = oracle::living(&pids);
        assert_eq!(living.len(), acts::LIVING, "{living:?}");
        let followed = model(&engine.seen());
        oracle::check("events", &followed, &living, names);
        assert!(pids.difference(&living).all(|pid| followed.process(*pid).is_none()), "who ended is gone");

        let second = FakeEngine::start(Policy::default()).await;
        let endpoint = second.url();
        engine.send(Down::MoveTo(MoveTo { endpoint, ..MoveTo::default() })).await;
        second
            .until("a base", |seen| seen.bases.first().is_some_and(|base| base.last().unwrap().is_last))
            .await;
        let last = *engine.seen().events.keys().next_back().unwrap();
        second
            .until("what was not acked", |seen| seen.bases[0][0].as_of_sequence.max(seen.through) >= last)
            .await;
        let taken_over = model(&second.seen());
        oracle::check("a handover", &taken_over, &living, names);
        for pid in &living {
            let state = |model: &HostModel| model.process(*pid).unwrap().to_state();
            assert_eq!(state(&taken_over), state(&followed), "{}", names(*pid));
        }
        running.shutdown().await;

        for object in [Object::Full, Object::Baseline] {
            let another = FakeEngine::start(Policy::default()).await;
            let config = Config { object: Some(object), ..config(&another) };
            let running = Agent::start(config, Default::default()).await.unwrap();
            another
                .until("a base", |seen| seen.bases.first().is_some_and(|base| base.last().unwrap().is_last))
                .await;
            oracle::check(&format!("a snapshot of {object:?}"), &model(&another.seen()), &living, names);
            running.shutdown().await;
        }
        drop(cast);
    });
}
