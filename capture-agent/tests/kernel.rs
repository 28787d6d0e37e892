//! The agent on the real kernel, against a real server in this process. Needs root and BTF.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is a test"
)]

#[path = "support/fake_engine.rs"]
mod fake_engine;

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
    time::Duration,
};

use capture_agent::{Agent, Config, RingLimits};
use eyrie_bpf::Object;
use eyrie_proto::{
    capture::{CallPlan, CapturePlan, StateRequest, capture_response::Kind as Down},
    event::{Event, LossPlace, LossReason, ProcessKey, ProcessState, descriptor, event::Kind},
};
use fake_engine::{FakeEngine, Policy, Seen};
use test_bpf::Ids;
use test_requirements::{Requirement, requires};

fn config(engine: &FakeEngine) -> Config {
    Config {
        machine_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        ..Config::new(&engine.url()).unwrap()
    }
}

/// Agents of this process one at a time: what one leaves behind is looked for by what the process holds.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The events of one process, in order.
fn events_of(seen: &Seen, pid: u32) -> Vec<Event> {
    let is_of =
        |event: &&Event| event.task.as_ref().and_then(|task| task.process).is_some_and(|key| key.pid == pid);
    seen.events.values().filter(is_of).cloned().collect()
}

/// The BPF programs that this process holds. Other agents on this machine, and other tests, have theirs in processes of their own.
fn own_programs() -> BTreeSet<u32> {
    Ids::of(std::process::id()).unwrap().programs
}

/// Scenario: a child of this test runs `cat` on a file, while a process from before the agent sleeps. Guarantees: fork, exec, open and
/// exit arrive in that order with the right fields; the sleeper is in the base state; this process's own calls
/// are not captured; afterwards the kernel has none of the agent's programs any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_followed_from_fork_to_exit() {
    requires!(Requirement::Kernel);
    follow_a_child(Object::Full).await;
}

/// Scenario: the same with the object for older kernels. Guarantees: the same, with the sleeper read from /proc; and the agent says what it
/// does without.
#[tokio::test(flavor = "multi_thread")]
async fn the_baseline_follows_a_child_as_well() {
    requires!(Requirement::Kernel);
    let missing = follow_a_child(Object::Baseline).await;
    assert!(missing.iter().any(|name| name == "task_snapshot"), "{missing:?}");
}

/// Returns the names of what cannot be captured.
async fn follow_a_child(object: Object) -> Vec<String> {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("secret");
    std::fs::write(&path, "content").unwrap();
    let mut sleeper = Command::new("sleep").arg("600").env("MARK", "here").spawn().unwrap();
    let engine = FakeEngine::start(Policy::default()).await;
    let before = own_programs();
    // Room for whatever else the machine does meanwhile: plain records are refused where a ring fills up.
    let rings = RingLimits { bytes: 32 << 20, ..RingLimits::default() };
    let config = Config { object: Some(object), rings, ..config(&engine) };
    let running = Agent::start(config, Default::default()).await.unwrap();
    let missing = running.status().missing_abilities.into_iter().map(|missing| missing.name).collect();
    let mut ids: Vec<_> = own_programs().difference(&before).copied().collect();
    assert!(ids.len() >= 4, "programs are loaded: {ids:?}");

    let cat = Command::new("cat").arg(&path).stdout(Stdio::null()).spawn().unwrap();
    let pid = cat.id();
    let status = tokio::task::spawn_blocking(move || cat.wait_with_output()).await.unwrap().unwrap().status;
    assert!(status.success());
    std::fs::read(&path).unwrap();
    let is_end = |event: &Event| matches!(&event.kind, Some(Kind::Exit(exit)) if exit.is_process_end);
    engine.until("the exit of cat", |seen| events_of(seen, pid).iter().any(is_end)).await;
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let summary = running.shutdown().await;
    assert_eq!(summary.unacked_events, 0, "{summary:?}");

    check_life(&engine.seen(), pid, path.to_str().unwrap());
    check_sleeper(&engine.seen(), sleeper.id());
    let own = events_of(&engine.seen(), std::process::id());
    assert!(!own.iter().any(|event| matches!(event.kind, Some(Kind::Open(_)))), "own opens are left out");
    assert!(own_programs().is_subset(&before), "no program of ours is held");
    // The kernel lets go of them a grace period after the last descriptor is closed.
    for _ in 0..500 {
        let loaded = Ids::loaded().unwrap().programs;
        ids.retain(|id| loaded.contains(id));
        if ids.is_empty() {
            return missing;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("programs are still there: {ids:?}");
}

fn check_life(seen: &Seen, pid: u32, path: &str) {
    let is_fork = |event: &&Event| matches!(&event.kind, Some(Kind::Fork(fork)) if fork.child_process.unwrap().pid == pid);
    let fork = seen.events.values().find(is_fork).expect("a fork");
    let Some(Kind::Fork(forked)) = &fork.kind else { unreachable!() };
    let events = events_of(seen, pid);
    let key = forked.child_process;
    assert!(events.iter().all(|event| event.task.as_ref().unwrap().process == key), "one key throughout");
    let position = |is_it: &dyn Fn(&Kind) -> bool| {
        events.iter().position(|event| event.kind.as_ref().is_some_and(is_it))
    };
    // The test's own environment decides how many directories are searched before cat is found.
    let exec = position(&|kind| matches!(kind, Kind::Exec(exec) if exec.exe == b"cat")).expect("an exec");
    let open = position(&|kind| matches!(kind, Kind::Open(open) if is_open_of(open, path))).expect("an open");
    let exit = position(&|kind| matches!(kind, Kind::Exit(_))).expect("an exit");
    assert!(exec < open && open < exit);

    let Some(Kind::Exec(executed)) = &events[exec].kind else { unreachable!() };
    assert_eq!(executed.arguments, [path.as_bytes().to_vec()]);
    assert!(executed.executable.as_ref().unwrap().path.ends_with(b"/cat"));
    assert_eq!(events[exec].call.unwrap().result, 0);
    let task = events[open].task.as_ref().unwrap();
    assert_eq!((task.comm.as_slice(), task.parent_pid), (&b"cat"[..], std::process::id()));
    assert_eq!(task.credentials.as_ref().unwrap().effective_uid, 0);
    let Some(Kind::Exit(exited)) = &events[exit].kind else { unreachable!() };
    assert_eq!((exited.status, exited.signal, exited.is_process_end), (0, 0, true));
}

fn is_open_of(open: &eyrie_proto::event::Open, path: &str) -> bool {
    let is_requested = open.path.as_ref().is_some_and(|asked| asked.requested == path.as_bytes());
    is_requested
        && open.descriptor.as_ref().is_some_and(|descriptor| match &descriptor.kind {
            Some(descriptor::Kind::File(file)) => file.path == path.as_bytes() && file.inode != 0,
            _ => false,
        })
}

fn check_sleeper(seen: &Seen, pid: u32) {
    let is_it = |state: &&ProcessState| state.process.unwrap().pid == pid;
    let state = seen.bases[0].iter().flat_map(|part| &part.processes).find(is_it).expect("the sleeper");
    assert_eq!((state.exe.as_slice(), state.parent_pid), (&b"sleep"[..], std::process::id()));
    assert_eq!(state.arguments, [b"600".to_vec()]);
    assert!(state.environment.contains(&b"MARK=here".to_vec()));
    assert!(state.as_of_boot_ns > 0 && !state.working_directory.is_empty());
}

/// Scenario: the engine plans to see connections only, and asks for the state of a process. Guarantees: the plan is carried out and
/// answered with what cannot be captured; opens end and state goes on; the process's state comes in the stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_a_state_request_are_carried_out() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let engine = FakeEngine::start(Policy::default()).await;
    let running = Agent::start(config(&engine), Default::default()).await.unwrap();
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    let call = |name: &str| CallPlan { event_type: name.to_owned(), ..CallPlan::default() };
    let calls = vec![call("connect"), call("poll"), call("no_such_call")];
    engine.send(Down::CapturePlan(CapturePlan { generation: 1, calls, ..CapturePlan::default() })).await;
    engine.until("an answer", |seen| !seen.plan_answers.is_empty()).await;
    let mut child = Command::new("sh").args(["-c", "cat /dev/null; exec sleep 600"]).spawn().unwrap();
    let pid = child.id();
    let is_sleep = |event: &Event| matches!(&event.kind, Some(Kind::Exec(exec)) if exec.exe == b"sleep");
    engine.until("the last exec", |seen| events_of(seen, pid).iter().any(is_sleep)).await;
    let process = events_of(&engine.seen(), pid)[0].task.as_ref().unwrap().process.unwrap();
    let absent = ProcessKey { pid: process.pid, start_boot_ns: 1 };
    let processes = vec![process, absent];
    engine.send(Down::StateRequest(StateRequest { request_id: 9, processes, reason: String::new() })).await;
    let snapshots = |seen: &Seen| {
        let of = |event: &Event| match &event.kind {
            Some(Kind::ProcessSnapshot(snapshot)) if snapshot.request_id == 9 => Some(snapshot.clone()),
            _ => None,
        };
        seen.events.values().filter_map(of).collect::<Vec<_>>()
    };
    engine.until("two answers", |seen| snapshots(seen).len() == 2).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(running.shutdown().await.unacked_events, 0);
    let seen = engine.seen();
    let answer = &seen.plan_answers[0];
    let uncaptured: Vec<_> = answer.uncaptured.iter().map(|call| call.event_type.as_str()).collect();
    assert_eq!((answer.failure.as_str(), uncaptured), ("", vec!["poll", "no_such_call"]));
    let opens = |event: &Event| matches!(event.kind, Some(Kind::Open(_))) && event.plan_generation == 1;
    assert!(!seen.events.values().any(opens), "no opens under the plan");
    let snapshots = snapshots(&seen);
    let state = snapshots[0].state.as_ref().unwrap();
    assert_eq!((state.process, state.exe.as_slice()), (Some(process), &b"sleep"[..]));
    assert_eq!(snapshots[1].absent, Some(absent));
}

/// Scenario: a ring that is far too small for a burst of opens. Guarantees: what was lost in the ring is told, by class, with its
/// time range; metrics have what the programs count; the stream goes on.
#[tokio::test(flavor = "multi_thread")]
async fn losses_of_the_ring_are_told() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let engine = FakeEngine::start(Policy { acks: false, ..Policy::default() }).await;
    let metrics = telemetry::Metrics::local().unwrap();
    let instruments = telemetry::Instruments { meter: metrics.meter(), ..Default::default() };
    let running = Agent::start(
        Config {
            rings: RingLimits { bytes: 4096, max_bytes: 4096, ..RingLimits::default() },
            ..config(&engine)
        },
        instruments,
    )
    .await
    .unwrap();
    let script = "i=0; while [ $i -lt 3000 ]; do : < /dev/null; i=$((i+1)); done";
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
    engine.change(|policy| policy.acks = true);
    let losses = |seen: &Seen| {
        let of = |event: &Event| match &event.kind {
            Some(Kind::Loss(loss)) => Some(loss.clone()),
            _ => None,
        };
        seen.events.values().filter_map(of).collect::<Vec<_>>()
    };
    engine.until("a loss", |seen| !losses(seen).is_empty()).await;
    let loss = losses(&engine.seen()).remove(0);
    assert_eq!((loss.place(), loss.reason()), (LossPlace::Ring, LossReason::Full));
    assert!(loss.count > 0 && 0 < loss.first_boot_ns && loss.first_boot_ns <= loss.last_boot_ns, "{loss:?}");
    let text = metrics.text().unwrap();
    for outcome in ["lost_full", "lost_refused", "produced"] {
        let name = "eyrie_agent_ring_records_total";
        let line = format!("{name}{{class=\"PLAIN\",outcome=\"{outcome}\"}} ");
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    running.shutdown().await;
}

/// Scenario: the binary is run by a user without privileges, and with a wrong address. Guarantees: it ends with one sentence that says what is
/// needed and the documented exit code, and captures nothing.
#[test]
fn without_privileges_it_says_what_is_needed() {
    requires!(Requirement::Kernel);
    // The user cannot reach the build's folder, so that the binary is put where anyone can.
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("capture-agent");
    std::fs::copy(env!("CARGO_BIN_EXE_capture-agent"), &binary).unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary)
        .args(["--admin-listen", "none"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(77), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("needs root") && text.contains("CAP_BPF"), "{text}");

    let wrong = Command::new(&binary).args(["--engine", "http://192.0.2.1:7443"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--insecure"));
}

/// Scenario: the binary runs and is told to end by SIGTERM. Guarantees: it delivers what it captured, says that all of it was acked, and
/// ends with success.
#[tokio::test(flavor = "multi_thread")]
async fn the_binary_ends_by_sigterm() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let engine = FakeEngine::start(Policy::default()).await;
    let agent = Command::new(env!("CARGO_BIN_EXE_capture-agent"))
        .args(["--engine", &engine.url(), "--label", "site=test", "--admin-listen", "none"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    assert_eq!(engine.seen().hellos[0].agent.as_ref().unwrap().labels["site"], "test");
    assert!(Command::new("kill").args(["-TERM", &agent.id().to_string()]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || agent.wait_with_output());
    let output = tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("everything is acked"), "{text}");
}
