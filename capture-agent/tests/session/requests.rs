//! What an engine asks for.

use eyrie_proto::{
    capture::{CallPlan, CapturePlan, MoveTo, StateRequest, capture_response::Kind as Down},
    event::{NamesFact, OrderedFact, ProcessKey, event::Kind, ordered_fact},
};

use crate::{
    execs,
    fake_engine::{FakeEngine, Policy},
    names, run,
    scripted_source::Script,
    start,
};

fn plan(generation: u64) -> Down {
    let calls = vec![CallPlan { event_type: "openat".to_owned(), ..CallPlan::default() }];
    Down::CapturePlan(CapturePlan { generation, calls, ..CapturePlan::default() })
}

/// Scenario: a plan, events of its generation, then an older plan. Guarantees: the plan is answered, its switch is in the stream
/// before the first event of its generation, and the older one is refused with a reason.
#[tokio::test(flavor = "multi_thread")]
async fn plans_are_answered_and_announced() {
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let running = start(&engine, &script).await;
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    engine.send(plan(5)).await;
    engine.until("an answer", |seen| seen.plan_answers.len() == 1).await;
    run(&script, 0..10);
    engine.until("the events", |seen| execs(seen).len() == 10).await;
    engine.send(plan(4)).await;
    engine.until("another answer", |seen| seen.plan_answers.len() == 2).await;
    assert_eq!(running.status().plan_generation, 5);
    running.shutdown().await;
    let seen = engine.seen();
    assert!(seen.plan_answers[0].failure.is_empty());
    assert_eq!(seen.plan_answers[0].effective.as_ref().unwrap().calls[0].event_type, "openat");
    assert!(seen.plan_answers[1].failure.contains("older"), "{:?}", seen.plan_answers[1]);
    let position = |is_it: fn(&Kind) -> bool| {
        seen.events.iter().find(|(_, event)| event.kind.as_ref().is_some_and(is_it)).map(|(at, _)| *at)
    };
    let switch = position(|kind| matches!(kind, Kind::PlanSwitch(switch) if switch.plan_generation == 5));
    assert!(switch.unwrap() < position(|kind| matches!(kind, Kind::Exec(_))).unwrap());
}

/// Scenario: the engine lacks the state of a process that lives and of one that does not, and asks for far too many. Guarantees: the
/// first two are answered in the stream, with the number of the request; the last is refused with a reason.
#[tokio::test(flavor = "multi_thread")]
async fn state_requests_are_answered_in_the_stream() {
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    script.set_processes([10, 11]);
    let running = start(&engine, &script).await;
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    let key = |pid: u32| ProcessKey { pid, start_boot_ns: u64::from(pid) };
    let request = |request_id, processes| {
        Down::StateRequest(StateRequest { request_id, processes, reason: String::new() })
    };
    engine.send(request(77, vec![key(11), key(99)])).await;
    let answers = |seen: &crate::fake_engine::Seen| {
        let of = |event: &eyrie_proto::event::Event| match &event.kind {
            Some(Kind::ProcessSnapshot(snapshot)) => Some((
                snapshot.request_id,
                snapshot.state.as_ref().map(|state| state.process.unwrap().pid),
                snapshot.absent.map(|key| key.pid),
            )),
            _ => None,
        };
        seen.events.values().filter_map(of).collect::<Vec<_>>()
    };
    engine.until("answers", |seen| answers(seen) == [(77, Some(11), None), (77, None, Some(99))]).await;
    engine.send(request(78, vec![key(1); 5_000])).await;
    engine.until("a refusal", |seen| seen.state_answers.iter().any(|answer| answer.request_id == 78)).await;
    assert!(engine.seen().state_answers[0].failure.contains("ask for all"));
    running.shutdown().await;
}

/// Scenario: an engine sends the agent to another one, and the other one to a place where plain text may not go. Guarantees: the stream goes on
/// at the second engine with base state and everything that was not acked; the third address is not used.
#[tokio::test(flavor = "multi_thread")]
async fn the_agent_moves() {
    let first = FakeEngine::start(Policy { acks: false, ..Policy::default() }).await;
    let second = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let running = start(&first, &script).await;
    run(&script, 0..500);
    first.until("all events", |seen| execs(seen).len() == 500).await;
    let move_to =
        |endpoint: &str| Down::MoveTo(MoveTo { endpoint: endpoint.to_owned(), ..MoveTo::default() });
    first.send(move_to(&second.url())).await;
    second.until("all events again", |seen| execs(seen).len() == 500).await;
    assert_eq!(second.seen().bases.len(), 1);
    second.send(move_to("http://192.0.2.1:7443")).await;
    run(&script, 500..600);
    second.until("more events", |seen| execs(seen).len() == 600).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    assert_eq!(execs(&second.seen()), names(0..600));
    assert_eq!(second.seen().hellos.len(), 1);
}

/// What the agent told of names, in order.
fn told_names(seen: &crate::fake_engine::Seen) -> Vec<NamesFact> {
    let of = |event: &eyrie_proto::event::Event| match event.kind.as_ref()? {
        Kind::Fact(OrderedFact { kind: Some(ordered_fact::Kind::Names(names)), .. }) => Some(names.clone()),
        _ => None,
    };
    seen.events.values().filter_map(of).collect()
}

/// Scenario: a plan with a name of this host, an address as a name, and one that nobody can have; then another engine that holds
/// nothing. Guarantees: the answer says which are looked up and why the last is not; the answers are told as facts that end later;
/// the second engine has them before it has asked for anything.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_plan_are_resolved_and_told() {
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let running = start(&engine, &script).await;
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    let names = ["localhost", "192.0.2.7", "two words"].map(str::to_owned).to_vec();
    let before = capture_agent::clock::boot_ns();
    engine
        .send(Down::CapturePlan(CapturePlan {
            generation: 5,
            names_to_resolve: names,
            ..CapturePlan::default()
        }))
        .await;
    engine.until("names", |seen| told_names(seen).len() == 2).await;
    {
        let seen = engine.seen();
        let answer = seen.plan_answers[0].clone();
        assert_eq!(answer.effective.unwrap().names_to_resolve, ["192.0.2.7", "localhost"]);
        let refused = &answer.unresolvable_names[..];
        assert!(
            refused.len() == 1 && refused[0].name == "two words" && refused[0].reason.contains("letters")
        );
        let mut told = told_names(&seen);
        told.sort_by(|one, two| one.name.cmp(&two.name));
        assert_eq!((&*told[0].name, &told[0].ips), ("192.0.2.7", &vec![vec![192, 0, 2, 7]]));
        assert_eq!(told[1].name, "localhost");
        assert!(
            told[1].ips.contains(&vec![127, 0, 0, 1]) || told[1].ips.contains(&[&[0; 15][..], &[1]].concat())
        );
        assert!(told.iter().all(|names| names.valid_until_boot_ns > before));
    }

    let second = FakeEngine::start(Policy::default()).await;
    let endpoint = second.url();
    engine.send(Down::MoveTo(MoveTo { endpoint, ..MoveTo::default() })).await;
    second.until("a base", |seen| !seen.bases.is_empty()).await;
    {
        let seen = second.seen();
        let of_base = |part: &eyrie_proto::capture::BaseState| part.facts.clone();
        let facts = seen.bases[0].iter().flat_map(of_base).filter_map(|event| event.kind);
        let known = facts.filter(|kind| {
            matches!(kind, Kind::Fact(OrderedFact { kind: Some(ordered_fact::Kind::Names(_)), .. }))
        });
        // What was not acked yet comes after the base instead.
        assert_eq!(known.count() + told_names(&seen).len(), 2);
    }
    running.shutdown().await;
}
