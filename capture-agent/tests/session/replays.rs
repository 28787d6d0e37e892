//! Recordings that are sent in place of a host's events.

use std::{fs::File, io::Write as _, path::Path, time::Duration};

use capture_agent::{Agent, Config, ReplayError, Replayed, Replaying};
use eyrie_proto::{
    capture::{
        AgentInfo, BaseState, Batch, CapturePlan, ClockReading, LateFacts, StateRequest,
        capture_response::Kind as Down,
    },
    event::{
        Connect, Event, Exec, HostBoot, HostIdentityFact, OrderedFact, Origin, ProcessKey, ProcessState,
        SystemCall, event::Kind, ordered_fact, origin,
    },
    metadata::{Container, ContainerKey, Host, HostKey, LateFact, late_fact},
    recording::{RecordedBatch, RecordingHeader, RecordingTrailer, recording_entry::Kind as Piece},
};
use recording::{RecordingError, Writer};

use super::{FakeEngine, Policy, config, execs, names};

/// Of the recorded host: it was booted long ago, and not for long.
const CLOCK: ClockReading = ClockReading { boot_ns: 5_000_000_000, epoch_ns: 1_534_527_348_000_000_000 };

fn recorded_origin() -> Origin {
    let host = HostBoot { machine_id: "1".repeat(32), boot_id: "a-b".to_owned() };
    Origin { tenant: "theirs".to_owned(), kind: Some(origin::Kind::Host(host)) }
}

fn header() -> Piece {
    Piece::Header(RecordingHeader {
        version: 1,
        origin: Some(recorded_origin()),
        epoch: 7,
        agent: Some(AgentInfo {
            version: "0.0.7".to_owned(),
            hostname: "recorded".to_owned(),
            labels: [("site".to_owned(), "there".to_owned())].into(),
            ..AgentInfo::default()
        }),
        clock: Some(CLOCK),
        ..RecordingHeader::default()
    })
}

fn host_fact() -> Event {
    let host = HostIdentityFact { hostname: "recorded".to_owned(), ..HostIdentityFact::default() };
    let fact = OrderedFact { kind: Some(ordered_fact::Kind::Host(host)), ..OrderedFact::default() };
    Event { kind: Some(Kind::Fact(fact)), ..Event::default() }
}

fn base(as_of_sequence: u64) -> Piece {
    let process = |pid| ProcessState {
        process: Some(ProcessKey { pid, start_boot_ns: u64::from(pid) }),
        ..ProcessState::default()
    };
    let processes = (1..=3).map(process).collect();
    Piece::BaseState(BaseState { processes, facts: vec![host_fact()], is_last: true, as_of_sequence })
}

fn exec(number: u32) -> Event {
    let exe = format!("exec-{number}").into_bytes();
    Event {
        boot_ns: 1_000 + u64::from(number),
        plan_generation: 9,
        kind: Some(Kind::Exec(Exec { exe, ..Exec::default() })),
        ..Event::default()
    }
}

fn batch(first_sequence: u64, events: Vec<Event>, left_out_before: Vec<u32>) -> Piece {
    let event_count = u32::try_from(events.len()).unwrap();
    let batch =
        Batch { epoch: 7, first_sequence, events, event_count, clock: Some(CLOCK), ..Batch::default() };
    Piece::Batch(RecordedBatch { batch: Some(batch), left_out_before })
}

fn late_facts() -> Piece {
    let origin = Some(recorded_origin());
    let key = ContainerKey { origin: origin.clone(), runtime_id: "c1".to_owned(), ..ContainerKey::default() };
    let container = Container { key: Some(key), name: "web".to_owned(), ..Container::default() };
    let host = Host { key: Some(HostKey { origin }), hostname: "recorded".to_owned(), ..Host::default() };
    let kinds = [late_fact::Kind::Container(container), late_fact::Kind::Host(host)];
    let facts = kinds.map(|kind| LateFact { kind: Some(kind) }).into();
    Piece::LateFacts(LateFacts { first_fact_sequence: 1, facts })
}

fn write(path: &Path, pieces: &[Piece]) {
    let mut writer = Writer::new(File::create(path).unwrap()).unwrap();
    pieces.iter().for_each(|piece| writer.write(piece).unwrap());
    writer.finish().unwrap();
}

async fn replay(config: Config, path: &Path) -> Replaying {
    Agent::replay(config, path, Default::default()).await.unwrap()
}

/// Scenario: a recording with a base state, gaps where a filter left events out, a call whose start was told before, and late facts is
/// sent.
/// Guarantees: the engine gets all of it under an origin of its own with the recorded names, clock and state; numbers have no gaps, and what names
/// an event's number names that under which it was sent; late facts are of the new origin; the end comes by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_becomes_a_host_of_its_own() {
    let engine = FakeEngine::start(Policy::default()).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("case-7.eyrie");
    let started = Event { kind: Some(Kind::Connect(Connect::default())), ..Event::default() };
    let ended = |started_sequence| Event {
        call: Some(SystemCall { started_sequence, ..SystemCall::default() }),
        ..started.clone()
    };
    // Numbers 41, 45, 46, then 47 and 49: of the last three the first ends what 45 began, the others what was left out or never was.
    let first = vec![exec(0), started.clone(), ended(45)];
    let second = vec![ended(43), ended(9_999)];
    let pieces = [
        header(),
        base(40),
        batch(41, first, vec![0, 3, 0]),
        late_facts(),
        batch(47, second, vec![0, 1]),
        Piece::Trailer(RecordingTrailer::default()),
    ];
    write(&path, &pieces);

    let config = Config { tenant: "ours".to_owned(), machine_id: None, ..config(&engine.url()) };
    let replayed = replay(config, &path).await.finished().await.unwrap();
    let expected =
        Replayed { streams: 1, processes: 3, acked_events: 5, late_facts: 2, ..Replayed::default() };
    assert_eq!(replayed, expected);

    let seen = engine.seen();
    let hello = &seen.hellos[0];
    let origin = hello.origin.clone().unwrap();
    assert_eq!(origin.tenant, "ours");
    assert_ne!(origin.kind, recorded_origin().kind);
    assert_eq!((hello.clock, hello.first_sequence), (Some(CLOCK), 1));
    assert_ne!(hello.epoch, 7);
    let agent = hello.agent.as_ref().unwrap();
    assert_eq!(agent.hostname, "recorded");
    let labels: Vec<_> = agent.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("eyrie.replay", "case-7.eyrie"), ("site", "there")]);
    assert!(agent.missing_abilities.iter().any(|missing| missing.reason.contains("case-7.eyrie")));

    let base = &seen.bases[0];
    assert_eq!(base.iter().map(|part| part.processes.len()).sum::<usize>(), 3);
    let facts = base.iter().flat_map(|part| &part.facts);
    let label = facts.filter_map(|fact| match &fact.kind {
        Some(Kind::Fact(OrderedFact { kind: Some(ordered_fact::Kind::Host(host)), .. })) => {
            host.labels.get("eyrie.replay")
        }
        _ => None,
    });
    assert_eq!(label.collect::<Vec<_>>(), ["case-7.eyrie"]);
    assert_eq!(seen.events.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let began = |number| seen.events[&number].call.as_ref().unwrap().started_sequence;
    assert_eq!([3, 4, 5].map(began), [2, 0, 0]);
    assert_eq!((seen.events[&1].boot_ns, seen.events[&1].plan_generation), (1_000, 0));

    for fact in seen.late_facts.values() {
        let of = match fact.kind.as_ref().unwrap() {
            late_fact::Kind::Container(container) => container.key.as_ref().unwrap().origin.clone(),
            late_fact::Kind::Host(host) => host.key.as_ref().unwrap().origin.clone(),
            late_fact::Kind::ContainerRemoval(_) => panic!("nothing was removed"),
        };
        assert_eq!(of, Some(origin.clone()));
    }
    assert_eq!(seen.late_facts.len(), 2);
}

/// Scenario: a recording with a batch that is there twice and a gap that nothing explains.
/// Guarantees: the batch is sent once, and the engine is told of the gap as a loss, in its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told() {
    let engine = FakeEngine::start(Policy::default()).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("damaged");
    let twice = batch(1, vec![exec(0), exec(1)], Vec::new());
    write(&path, &[header(), base(0), twice.clone(), twice, batch(6, vec![exec(2)], Vec::new())]);
    let replayed = replay(config(&engine.url()), &path).await.finished().await.unwrap();
    assert_eq!((replayed.missing_events, replayed.skipped_batches, replayed.acked_events), (3, 1, 3));
    let seen = engine.seen();
    assert_eq!(execs(&seen), names(0..3));
    let Some(Kind::Loss(loss)) = &seen.events[&3].kind else { panic!("{:?}", seen.events) };
    assert_eq!((loss.count, loss.first_boot_ns), (3, 1_002));
}

/// Scenario: many more events than the queue has room for, to an engine that refuses batches for a while and breaks connections.
/// Guarantees: every event arrives, in order and unchanged, once; none is given up for want of room.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_for_want_of_room() {
    const EVENTS: u32 = 20_000;
    let policy = Policy { refuse: 3, break_after_batches: Some(7), ..Policy::default() };
    let engine = FakeEngine::start(policy).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("long");
    let numbers: Vec<u32> = (0..EVENTS).collect();
    let batches = numbers
        .chunks(100)
        .map(|chunk| batch(u64::from(chunk[0]) + 1, chunk.iter().copied().map(exec).collect(), Vec::new()));
    let pieces: Vec<_> = [header(), base(0)].into_iter().chain(batches).collect();
    write(&path, &pieces);

    let mut config = config(&engine.url());
    config.limits.queue_bytes = 64 << 10;
    config.limits.reserve_bytes = 0;
    config.limits.batch_bytes = 8 << 10;
    let replayed = replay(config, &path).await.finished().await.unwrap();
    assert_eq!((replayed.acked_events, replayed.refused_events), (EVENTS.into(), 0));
    let seen = engine.seen();
    assert_eq!(execs(&seen), names(0..EVENTS));
    assert_eq!(seen.changed, 0);
    assert!(seen.hellos.len() > 1 && seen.hellos.iter().all(|hello| hello.epoch == seen.hellos[0].epoch));
}

/// Scenario: the engine refuses the last batch of a recording for good.
/// Guarantees: it is told of the loss all the same, before the end; what was refused does not count as acked.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_last_is_told_as_lost() {
    let engine = FakeEngine::start(Policy { refuse_for_good: 1, ..Policy::default() }).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("refused");
    write(&path, &[header(), base(0), batch(1, vec![exec(0), exec(1)], Vec::new())]);
    let replayed = replay(config(&engine.url()), &path).await.finished().await.unwrap();
    assert_eq!(replayed.acked_events + replayed.refused_events, 2);
    assert!(replayed.refused_events > 0 && replayed.unacked_events == 0, "{replayed:?}");
    let seen = engine.seen();
    let losses = seen.events.values().filter_map(|event| match &event.kind {
        Some(Kind::Loss(loss)) => Some(loss.count),
        _ => None,
    });
    assert_eq!(losses.sum::<u64>(), replayed.refused_events);
    assert_eq!(execs(&seen).len() as u64, replayed.acked_events);
}

/// Scenario: a recording has more late facts than may wait, and those take more bytes than may wait, with an event behind them; an engine acks no late
/// facts, another one all.
/// Guarantees: the first gets the event all the same, and what was not sent or not acked is said; the second gets every fact.
#[tokio::test(flavor = "multi_thread")]
async fn late_facts_hold_nothing_up_and_are_not_given_up() {
    const FACTS: u64 = 1_500;
    let fact = |number: u64| {
        let origin = Some(recorded_origin());
        let key = ContainerKey { origin, runtime_id: format!("c{number}"), ..ContainerKey::default() };
        let container = Container { key: Some(key), name: "x".repeat(10_000), ..Container::default() };
        let facts = vec![LateFact { kind: Some(late_fact::Kind::Container(container)) }];
        Piece::LateFacts(LateFacts { first_fact_sequence: number + 1, facts })
    };
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("facts");
    let facts = (0..FACTS).map(fact);
    let pieces = [header(), base(0)].into_iter().chain(facts);
    write(&path, &pieces.chain([batch(1, vec![exec(0)], Vec::new())]).collect::<Vec<_>>());

    let engine = FakeEngine::start(Policy { acks_late_facts: false, ..Policy::default() }).await;
    let mut config = config(&engine.url());
    config.drain_timeout = Duration::from_millis(500);
    let replayed = replay(config.clone(), &path).await.finished().await.unwrap();
    assert_eq!((replayed.acked_events, replayed.late_facts), (1, FACTS));
    assert_eq!(replayed.unacked_late_facts + replayed.lost_late_facts, FACTS);
    assert!(replayed.lost_late_facts > FACTS / 2, "{replayed:?}");

    let engine = FakeEngine::start(Policy::default()).await;
    let config = Config { drain_timeout: Duration::from_secs(60), ..self::config(&engine.url()) };
    let replayed = replay(config, &path).await.finished().await.unwrap();
    assert_eq!((replayed.unacked_late_facts, replayed.lost_late_facts), (0, 0));
    assert_eq!(engine.seen().late_facts.len() as u64, FACTS);
}

/// Scenario: a recording that was cut off within a block is sent; another file is none; a third does not exist.
/// Guarantees: what is whole of the first arrives and is acked before the error, which tells how much that was; the others are errors at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_of_a_broken_recording_is_sent() {
    let engine = FakeEngine::start(Policy::default()).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("cut");
    let mut file = File::create(&path).unwrap();
    let mut writer = Writer::new(&mut file).unwrap();
    for piece in [header(), base(0), batch(1, vec![exec(0), exec(1)], Vec::new())] {
        writer.write(&piece).unwrap();
    }
    writer.flush().unwrap();
    writer.write(&batch(3, vec![exec(2)], Vec::new())).unwrap();
    writer.finish().unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 3).unwrap();

    let error = replay(config(&engine.url()), &path).await.finished().await.unwrap_err();
    assert!(
        matches!(&error, ReplayError::Recording { replayed, source: RecordingError::Truncated { .. }, .. }
            if replayed.acked_events == 2 && replayed.unacked_events == 0),
        "{error}"
    );
    assert!(
        error.to_string().contains("of the recording cut, 1 streams with 3 processes, 2 events"),
        "{error}"
    );
    assert_eq!(execs(&engine.seen()), names(0..2));

    let other = folder.path().join("other");
    File::create(&other).unwrap().write_all(b"hello, world").unwrap();
    for path in [other, folder.path().join("nothing")] {
        let error = Agent::replay(config(&engine.url()), &path, Default::default()).await.unwrap_err();
        assert!(error.to_string().contains("recording"), "{error}");
    }
}

/// Scenario: the engine asks for a plan and for processes while a recording is sent; it does not ack, and the agent is told to end.
/// Guarantees: the plan counts as carried out, the processes are not to be had, with a reason; the end waits no longer than configured and
/// tells what was not acked.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_and_the_end_is_bounded() {
    let engine = FakeEngine::start(Policy { acks: false, ..Policy::default() }).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().join("held");
    write(&path, &[header(), base(0), batch(1, vec![exec(0), exec(1)], Vec::new())]);
    let config = Config { drain_timeout: std::time::Duration::from_millis(200), ..config(&engine.url()) };
    let replaying = replay(config, &path).await;
    engine.until("all events", |seen| seen.events.len() == 2).await;
    engine.send(Down::CapturePlan(CapturePlan { generation: 4, ..CapturePlan::default() })).await;
    engine.send(Down::StateRequest(StateRequest { request_id: 5, ..StateRequest::default() })).await;
    engine
        .until("both answers", |seen| !seen.plan_answers.is_empty() && !seen.state_answers.is_empty())
        .await;
    let replayed = replaying.shutdown().await;
    assert_eq!((replayed.acked_events, replayed.unacked_events), (0, 2));
    let seen = engine.seen();
    assert_eq!((seen.plan_answers[0].generation, seen.plan_answers[0].failure.as_str()), (4, ""));
    let answer = &seen.state_answers[0];
    assert!(answer.request_id == 5 && !answer.is_complete && answer.failure.contains("a recording is sent"));
}
