//! A process that makes one call as fast as it can, and the agent that watches.

use std::{
    env,
    process::{Command, Stdio},
    thread,
};

use capture_agent::{Agent, Config, Running};
use eyrie_proto::{
    capture::{CallPlan, CapturePlan, capture_response::Kind as Down},
    event::{Event, LossRecord, LossSource, LossSourceKind, event::Kind},
};
use rustix::process::getpriority_process;
use telemetry::{Instruments, Metrics};

use crate::fake_engine::{FakeEngine, Policy, Seen};

/// The call: hardly anything else makes it.
#[cfg(target_arch = "x86_64")]
pub(crate) const CALL: u32 = 140;
#[cfg(target_arch = "aarch64")]
pub(crate) const CALL: u32 = 141;
pub(crate) const CALL_NAME: &str = "getpriority";
/// What the threads that make it are called.
pub(crate) const NAME: &str = "eyrie-flooder";
const ACT: &str = "EYRIE_TEST_FLOOD";

/// Agents of this process one at a time, and nobody else who makes the call.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A copy of this program whose threads make that many calls together. The test that it is started with calls [`has_flooded`] first.
pub(crate) fn flooder(test: &str, threads: u64, calls: u64) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--test-threads=1"]).env(ACT, format!("{threads} {calls}"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Whether this process was started to flood, and has done so.
pub(crate) fn has_flooded() -> bool {
    let Ok(wanted) = env::var(ACT) else { return false };
    let (threads, calls) = wanted.split_once(' ').unwrap();
    let (threads, calls): (u64, u64) = (threads.parse().unwrap(), calls.parse().unwrap());
    let flood = move || (0..calls / threads).for_each(|_| assert!(getpriority_process(None).is_ok()));
    let start = |_| thread::Builder::new().name(NAME.to_owned()).spawn(flood).unwrap();
    let started: Vec<_> = (0..threads).map(start).collect();
    started.into_iter().for_each(|thread| thread.join().unwrap());
    true
}

pub(crate) fn config(engine: &FakeEngine) -> Config {
    Config {
        machine_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        ..Config::new(&engine.url()).unwrap()
    }
}

/// Metrics that can be read here, and what an agent needs to count in them.
pub(crate) fn metered() -> (Metrics, Instruments) {
    let metrics = Metrics::local().unwrap();
    let instruments = Instruments { meter: metrics.meter(), ..Default::default() };
    (metrics, instruments)
}

/// Whether it names the flooder and its call.
pub(crate) fn is_of_flooder(source: &LossSource) -> bool {
    let call = (source.kind(), source.syscall_number);
    source.comm == NAME.as_bytes() && call == (LossSourceKind::SystemCall, CALL)
}

/// An agent that captures the call, and the engine that counts it.
pub(crate) async fn watching(
    configure: impl FnOnce(Config) -> Config,
    instruments: Instruments,
) -> (FakeEngine, Running) {
    let engine = FakeEngine::start(Policy { only_counts: Some(CALL), ..Policy::default() }).await;
    let running = Agent::start(configure(config(&engine)), instruments).await.unwrap();
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    let call = CallPlan { event_type: CALL_NAME.to_owned(), ..CallPlan::default() };
    let plan = CapturePlan { generation: 1, calls: vec![call], ..CapturePlan::default() };
    engine.send(Down::CapturePlan(plan)).await;
    engine.until("an answer", |seen| !seen.plan_answers.is_empty()).await;
    // What the plan before it lost is told by now.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    (engine, running)
}

/// What was told to be lost, from an event on.
pub(crate) fn losses(seen: &Seen, after: u64) -> Vec<LossRecord> {
    let loss = |event: &Event| match &event.kind {
        Some(Kind::Loss(record)) => Some(record.clone()),
        _ => None,
    };
    seen.events.range(after + 1..).filter_map(|(_, event)| loss(event)).collect()
}
