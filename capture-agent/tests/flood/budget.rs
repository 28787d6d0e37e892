use std::time::Duration;

use capture_agent::{Config, CpuBudget};
use eyrie_proto::event::{EventClass, LossPlace, LossReason};
use test_requirements::{Requirement, requires};

use crate::{
    fake_engine::Seen,
    flooder::{ALONE, CALL_NAME, flooder, has_flooded, is_of_flooder, losses, metered, watching},
};

/// More than the agent takes when nothing happens, less than it takes for a flood.
const PERCENT: u32 = 12;

fn is_left_out(seen: &Seen) -> bool {
    let answer = seen.plan_answers.last().unwrap();
    let is_it = |reason: &str| reason.contains(&format!("below {PERCENT} %"));
    answer.uncaptured.iter().any(|call| call.event_type == CALL_NAME && is_it(&call.reason))
}

/// Calls that were counted as lost for the budget's sake.
fn degraded(seen: &Seen) -> u64 {
    let told = losses(seen, 0);
    let shed = told.iter().filter(|loss| loss.reason() == LossReason::Degraded);
    shed.inspect(|loss| assert_eq!((loss.place(), loss.event_class()), (LossPlace::Ring, EventClass::Plain)))
        .map(|loss| loss.count)
        .sum()
}

/// Scenario: an agent with a budget, and a process that makes more calls than that is enough for, until it is ended. Guarantees: the call is
/// left out and nothing else, which the engine is told by an answer to the running plan; what is left out is counted as lost under
/// that reason, by the caller's name; once the flood is over and use low, the call is captured again and the engine told so;
/// calls made are received or lost.
#[tokio::test(flavor = "multi_thread")]
async fn above_its_budget_the_agent_leaves_out_what_costs_most() {
    const TEST: &str = "budget::above_its_budget_the_agent_leaves_out_what_costs_most";
    const CALLS: u64 = 12_000_000;
    if has_flooded() {
        return;
    }
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let (metrics, instruments) = metered();
    // The engine and its clients are part of this process, so that the windows are shorter than those of a real agent and not its share.
    let window = Duration::from_millis(500);
    let cpu_budget = CpuBudget { percent: PERCENT, window, calm: 3 * window };
    let (engine, running) = watching(|config| Config { cpu_budget, ..config }, instruments).await;
    assert!(!is_left_out(&engine.seen()), "no need yet");

    let flood = tokio::task::spawn_blocking(|| flooder(TEST, 2, CALLS).status().unwrap());
    engine.until("an answer that leaves the call out", is_left_out).await;
    engine.until("losses by shedding", |seen| degraded(seen) > 0).await;
    let shed = "eyrie_agent_calls_shed 1";
    assert!(metrics.text().unwrap().lines().any(|line| line == shed) || !is_left_out(&engine.seen()));
    assert!(flood.await.unwrap().success());
    engine.until("an answer that has the call again", |seen| !is_left_out(seen)).await;

    let accounted = |seen: &Seen| {
        let plain = losses(seen, 0).into_iter().filter(|loss| loss.event_class() == EventClass::Plain);
        seen.counted + plain.map(|loss| loss.count).sum::<u64>()
    };
    engine.until("all calls, received or lost", |seen| accounted(seen) >= CALLS).await;
    assert_eq!(accounted(&engine.seen()), CALLS);
    let told = losses(&engine.seen(), 0);
    let by_budget = told.iter().filter(|loss| loss.reason() == LossReason::Degraded);
    for loss in by_budget {
        assert!(is_of_flooder(&loss.top_sources[0]), "{loss:?}");
    }
    let answers = engine.seen().plan_answers.clone();
    assert!(answers.iter().all(|answer| answer.generation == 1 && answer.failure.is_empty()), "{answers:?}");
    running.shutdown().await;
}
