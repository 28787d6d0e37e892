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
use eyrie_proto::{
    capture::{MoveTo, capture_response::Kind as Down},
    event::{Event, event::Kind},
};
use host_model::{HostModel, Limits};
use test_requirements::{Requirement, requires};

use self::acts::{Act, Waiting};
use super::scene::{ALONE, folder, is_of, started};
use crate::fake_engine::{FakeEngine, Policy, Seen};

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

/// The processes that were made by these, as the events tell, and they themselves.
fn family(seen: &Seen, roots: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut pids = roots.clone();
    for event in seen.events.values() {
        if let Some(Kind::Fork(fork)) = &event.kind
            && let Some(child) = fork.child_process
            && pids.iter().any(|pid| is_of(event, *pid))
        {
            pids.insert(child.pid);
        }
    }
    pids
}

/// How many of these processes' threads have said that they wait, or ended as the main one of others.
fn settled(seen: &Seen, pids: &BTreeSet<u32>) -> Waiting {
    let of_them = seen.events.values().filter(|event| pids.iter().any(|pid| is_of(event, *pid)));
    of_them.fold(Waiting::default(), |waiting, event| waiting + mark(event))
}

fn mark(event: &Event) -> Waiting {
    let getppid = syscalls::x86_64::Sysno::getppid.id() as u32;
    let task = event.task.as_ref().unwrap();
    let is_main = task.process.is_some_and(|key| key.pid == task.tid);
    match &event.kind {
        Some(Kind::Exit(exit)) if is_main && !exit.is_process_end => Waiting { threads: 0, dead_leaders: 1 },
        Some(Kind::Exit(_)) => Waiting::default(),
        _ if event.call.is_some_and(|call| call.number == getppid) => Waiting { threads: 1, dead_leaders: 0 },
        _ => Waiting::default(),
    }
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
        let cast = Cast::start(acts, &folder);
        let roots = cast.pids();
        engine.until("all that wait", |seen| settled(seen, &family(seen, &roots)) == expected).await;
        let pids = family(&engine.seen(), &roots);
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

        let third = FakeEngine::start(Policy::default()).await;
        let running = Agent::start(config(&third), Default::default()).await.unwrap();
        third
            .until("a base", |seen| seen.bases.first().is_some_and(|base| base.last().unwrap().is_last))
            .await;
        oracle::check("a snapshot", &model(&third.seen()), &living, names);
        running.shutdown().await;
        drop(cast);
    });
}
