//! Recorded streams, evaluated without an engine: what an engine says of the same stream is the measure.

mod bounds;

use std::sync::Arc;

use engine_service::{
    RuleEvaluator, RuleOptions,
    alert_log::AlertLog as _,
    replay::{Replay, ReplayError, ReplayOptions, StreamEnd},
};
use eyrie_proto::{
    alert::{Alert, MetadataState},
    capture::{AgentInfo, BaseState, Batch, LateFacts},
    event::{Event, OrderedFact, ProcessKey, ProcessState, SystemCall, origin},
    metadata::{LateFact, late_fact},
    recording::{
        RecordedBatch, RecordingEnd, RecordingHeader, RecordingTrailer, recording_entry::Kind as Piece,
    },
};
use proptest::prelude::*;

use crate::{metadata_service::*, parking::*, support::*};

fn replay_with(rules: &str) -> Replay {
    let source = rule_language::Source { name: "r.yaml".into(), text: rules.into() };
    let evaluator = RuleEvaluator::compile(&[source], &RuleOptions::default()).unwrap().evaluator;
    Replay::new(Arc::new(evaluator), ReplayOptions::default())
}

fn replay() -> Replay {
    replay_with(RULES)
}

/// What `begin` says as an agent.
fn header() -> Piece {
    let hello = hello();
    let agent = AgentInfo { architecture: "x86_64".into(), ..hello.agent.unwrap() };
    Piece::Header(RecordingHeader {
        version: 1,
        origin: hello.origin,
        epoch: EPOCH,
        agent: Some(agent),
        clock: hello.clock,
        ..RecordingHeader::default()
    })
}

fn base(facts: Vec<OrderedFact>) -> Piece {
    let process = ProcessState {
        process: Some(ProcessKey { pid: 100, start_boot_ns: 1 }),
        comm: b"cat".to_vec(),
        cgroup_id: 30,
        ..ProcessState::default()
    };
    let facts = facts.into_iter().map(fact_event).collect();
    Piece::BaseState(BaseState { processes: vec![process], facts, is_last: true, ..BaseState::default() })
}

fn events(first_sequence: u64, events: Vec<Event>) -> Piece {
    recorded(Batch { epoch: EPOCH, first_sequence, events, ..Batch::default() }, &[])
}

fn recorded(batch: Batch, left_out_before: &[u32]) -> Piece {
    Piece::Batch(RecordedBatch { batch: Some(batch), left_out_before: left_out_before.to_vec() })
}

fn late_piece(fact: late_fact::Kind) -> Piece {
    let facts = vec![LateFact { kind: Some(fact) }];
    Piece::LateFacts(LateFacts { first_fact_sequence: 1, facts })
}

fn web() -> Piece {
    late_piece(late_fact::Kind::Container(of_image("nginx")))
}

fn trailer() -> Piece {
    Piece::Trailer(RecordingTrailer { end: RecordingEnd::Complete.into(), ..RecordingTrailer::default() })
}

/// In one pass or in two.
fn play(mut replay: Replay, pieces: &[Piece], is_known: bool) -> Vec<Alert> {
    if is_known {
        pieces.iter().for_each(|piece| replay.learn(piece));
    }
    let mut alerts: Vec<Alert> =
        pieces.iter().flat_map(|piece| replay.feed(piece.clone()).unwrap()).collect();
    alerts.extend(replay.finish().0);
    alerts
}

fn sequences(alerts: &[Alert]) -> Vec<u64> {
    alerts.iter().map(|alert| alert.sequence).collect()
}

/// Scenario: an agent streams files that are read, in a container whose name and image come late; the same stream is
/// replayed from its pieces, in one pass and in two. Guarantees: a replay gives the engine's alerts, equal in every field, ids included.
#[tokio::test]
async fn a_replay_gives_the_engines_alerts() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), patient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    let first = || vec![open(1, "/secret"), open(2, "/other"), event(3, b"cat")];
    let second = || vec![open(4, "/secret")];
    deliver(&mut agent, 1, first()).await;
    let fact = late_fact::Kind::Container(of_image("nginx"));
    agent.send(crate::metadata::late(1, fact)).await;
    deliver(&mut agent, 4, second()).await;
    let mut live = entries(&*log, 3).await;
    live.sort_by_key(|alert| alert.sequence);
    agent.leave_at_the_engines_end(engine).await;

    let base = base(vec![cgroup_fact(CONTAINER)]);
    let pieces = [header(), base, events(1, first()), web(), events(4, second()), trailer()];
    assert_eq!(sequences(&live), [1, 2, 4]);
    assert_eq!(play(replay(), &pieces, false), live);
    assert_eq!(play(replay(), &pieces, true), live);
    let bounds = log.bounds();
    assert_eq!(bounds.borrow().last, 3);
}

/// Scenario: in one pass, a match that hangs on its container, decided ones after it, then the fact. Guarantees: nothing overtakes it;
/// with the fact all go out in the order of their events, unmarked.
#[test]
fn what_waits_is_not_overtaken() {
    let mut replay = replay();
    replay.feed(header()).unwrap();
    replay.feed(base(vec![cgroup_fact(CONTAINER)])).unwrap();
    assert_eq!(replay.feed(events(1, vec![open(1, "/secret"), open(2, "/other")])).unwrap(), []);
    let alerts = replay.feed(web()).unwrap();
    assert_eq!(sequences(&alerts), [1, 2]);
    let said: Vec<_> = alerts.iter().map(|alert| alert.message.as_str()).collect();
    assert_eq!(said, ["read in web of nginx by cat", "read /other in web"]);
    let states = alerts.iter().map(Alert::metadata_state);
    assert!(states.into_iter().all(|state| state == MetadataState::Complete));
    let (rest, stats) = replay.finish();
    assert_eq!((rest, stats.alert_count(), stats.marked_alerts), (vec![], 2, 0));
    assert_eq!(stats.streams, [StreamEnd::Missing]);
}

/// Scenario: a container that the recording never names, in one pass and in two; then another stream of the same host. Guarantees: the match goes out marked, in
/// one pass when the stream ends, in two at once, since nothing is to come; the next stream is not held up.
#[test]
fn what_is_never_told_goes_out_marked() {
    let pieces = [header(), base(vec![cgroup_fact(CONTAINER)]), events(1, vec![open(1, "/other")])];
    for is_known in [false, true] {
        let mut replay = replay();
        if is_known {
            pieces.iter().for_each(|piece| replay.learn(piece));
        }
        let mut given = Vec::new();
        for piece in pieces.iter().chain([&header()]) {
            given.push(replay.feed(piece.clone()).unwrap());
        }
        let at = if is_known { 2 } else { 3 };
        let alert = &given[at][0];
        assert_eq!(alert.metadata_state(), MetadataState::Partial);
        assert_eq!(alert.unknown_fields, ["container.name"]);
        assert_eq!(given.iter().map(Vec::len).sum::<usize>(), 1);
        assert_eq!(replay.stats().marked_alerts, 1);
    }
}

/// Scenario: a control group of which the stream tells only later. Guarantees: also in two passes a match waits for that, and is then
/// decided by what is known of the container.
#[test]
fn a_control_group_is_waited_for() {
    let elsewhere = OrderedFact {
        kind: Some(eyrie_proto::event::ordered_fact::Kind::Cgroup(eyrie_proto::event::CgroupFact {
            cgroup: Some(eyrie_proto::event::CgroupKey { cgroup_id: 7, ..Default::default() }),
            ..Default::default()
        })),
        ..OrderedFact::default()
    };
    let told = vec![open(2, "/other"), fact_event(cgroup_fact(CONTAINER))];
    let pieces =
        [header(), base(vec![elsewhere]), events(1, vec![open(1, "/secret")]), web(), events(2, told)];
    let mut alerts = play(replay(), &pieces, true);
    assert_eq!(sequences(&alerts), [1, 2]);
    let last = alerts.pop().unwrap();
    assert_eq!(alerts.pop().unwrap().message, "read in web of nginx by cat");
    assert_eq!(last.message, "read /other in web");
}

/// Scenario: a filter left events out within a batch and before one; elsewhere a batch is missing, and one comes twice. Guarantees: every event keeps its sequence,
/// and so every alert its id; what is left out is no loss, what is missing is one, which alerts around it show.
#[test]
fn sequences_and_gaps_are_kept() {
    let whole = |events: Vec<Event>| [header(), base(vec![]), super::replay::events(1, events)];
    let all: Vec<Event> = (1..=6).map(|at| open(at, "/other")).collect();
    let ids: Vec<_> = play(replay(), &whole(all), false).into_iter().map(|alert| alert.id).collect();
    let batch = Batch { epoch: EPOCH, first_sequence: 1, ..Batch::default() };
    let left_out = recorded(Batch { events: vec![open(2, "/other"), open(5, "/other")], ..batch }, &[1, 2]);
    let mut replay = replay();
    let mut alerts = Vec::new();
    for piece in [header(), base(vec![]), left_out.clone(), left_out, events(8, vec![open(8, "/other")])] {
        alerts.extend(replay.feed(piece).unwrap());
    }
    assert_eq!(sequences(&alerts), [2, 5, 8]);
    assert_eq!([&alerts[0].id, &alerts[1].id], [&ids[1], &ids[4]]);
    let is_lost = |alert: &Alert| alert.loss.as_ref().unwrap().is_evidence_lost;
    assert_eq!(alerts.iter().map(is_lost).collect::<Vec<_>>(), [false, false, true]);
    let stats = replay.stats();
    assert_eq!((stats.events, stats.left_out_events, stats.missing_events), (3, 3, 2));
    assert_eq!(stats.skipped.iter().collect::<Vec<_>>(), [(&"batches that were there before", &1)]);
    assert_eq!(stats.event_types.iter().collect::<Vec<_>>(), [(&"openat", &3)]);
}

/// Scenario: the start and the end of one call, both of which a rule matches. Guarantees: it is told once, as the alert log does.
#[test]
fn a_call_is_told_once() {
    let mut end = open(2, "/other");
    end.call = Some(SystemCall { started_sequence: 1, ..end.call.unwrap() });
    let pieces = [header(), base(vec![]), events(1, vec![open(1, "/other"), end, open(3, "/other")])];
    assert_eq!(sequences(&play(replay(), &pieces, false)), [1, 3]);
}

/// Scenario: a recording without an epoch and without a base state, replayed twice; and another one of the same host. Guarantees: ids are the same
/// each time, and those of another recording are others.
#[test]
fn a_recording_without_an_epoch_is_given_one() {
    let header = |created_ns| {
        let Piece::Header(header) = header() else { panic!("not a header") };
        Piece::Header(RecordingHeader { epoch: 0, created_ns, ..header })
    };
    let ids = |created_ns| {
        let batch = Batch { first_sequence: 1, events: vec![open(1, "/other")], ..Batch::default() };
        let alerts = play(replay(), &[header(created_ns), recorded(batch, &[])], false);
        alerts.into_iter().map(|alert| alert.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(1).len(), 1);
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}

/// The same of another host.
fn of_host(piece: Piece, machine_id: &str) -> Piece {
    let Piece::Header(mut header) = piece else { panic!("not a header") };
    let Some(origin::Kind::Host(host)) = header.origin.as_mut().and_then(|origin| origin.kind.as_mut())
    else {
        panic!("not of a host")
    };
    host.machine_id = machine_id.to_owned();
    Piece::Header(header)
}

/// Scenario: a match waits when its stream ends with a header that is refused. Guarantees: its alert is not lost: the next call gives it, or the end.
#[test]
fn a_header_that_is_refused_takes_no_alerts_with_it() {
    for is_more in [true, false] {
        let mut replay = replay();
        for piece in [header(), base(vec![cgroup_fact(CONTAINER)]), events(1, vec![open(1, "/other")])] {
            assert_eq!(replay.feed(piece).unwrap(), []);
        }
        let nobodys = Piece::Header(RecordingHeader { version: 1, ..RecordingHeader::default() });
        assert!(matches!(replay.feed(nobodys), Err(ReplayError::OriginMissing)));
        let alerts = if is_more { replay.feed(header()).unwrap() } else { replay.finish().0 };
        assert_eq!(sequences(&alerts), [1]);
    }
}

/// Scenario: pieces that make no stream. Guarantees: each is refused with what is wrong, and the alerts before it were given.
#[test]
fn what_is_no_stream_is_refused() {
    let error = |pieces: &[Piece]| {
        let mut replay = replay();
        let mut results = pieces.iter().map(|piece| replay.feed(piece.clone()));
        results.find_map(Result::err).expect("an error").to_string()
    };
    let part = |as_of_sequence, is_last| {
        Piece::BaseState(BaseState { as_of_sequence, is_last, ..BaseState::default() })
    };
    let some = || events(1, vec![open(1, "/other")]);
    let newer = Piece::Header(RecordingHeader { version: 2, ..RecordingHeader::default() });
    let nobodys = Piece::Header(RecordingHeader { version: 1, ..RecordingHeader::default() });
    assert!(error(&[some()]).contains("a batch comes before any header"));
    assert!(error(&[web()]).contains("a late fact comes before any header"));
    assert!(error(&[newer]).contains("version 2"));
    assert!(error(&[nobodys]).contains("names no origin"));
    assert!(error(&[of_host(header(), &"5".repeat(1 << 20))]).contains("a name of 1048576 bytes"));
    assert!(
        error(&[header(), part(1, false), part(2, true)])
            .contains("part 2 of the base state is as of sequence 2")
    );
    assert!(error(&[header(), part(1, false), some()]).contains("after 1 parts"));
    assert!(error(&[header(), part(0, true), some(), part(0, true)]).contains("comes after events"));
    let mut small = Replay::new(evaluator(), ReplayOptions { max_base_state_bytes: 1, ..Default::default() });
    small.feed(header()).unwrap();
    let large = small.feed(base(vec![])).unwrap_err();
    assert!(matches!(large, ReplayError::BaseStateInvalid { .. }), "{large}");
}

/// Scenario: batches with numbers that cannot be, of another epoch, in another encoding, and a fact of another host. Guarantees: each is counted and
/// skipped, and the stream goes on behind it.
#[test]
fn damaged_pieces_are_counted_and_skipped() {
    let of = |first_sequence, epoch| Batch {
        first_sequence,
        epoch,
        events: vec![open(1, "/other")],
        ..Batch::default()
    };
    let packed = Batch { packed_events: vec![1], ..of(1, EPOCH) };
    let mut foreign = container(CONTAINER, "w");
    foreign.key.as_mut().unwrap().origin.as_mut().unwrap().tenant = "another".into();
    let pieces = [
        header(),
        base(vec![]),
        recorded(of(0, EPOCH), &[]),
        recorded(of(u64::MAX, EPOCH), &[]),
        recorded(of(u64::MAX - 1, EPOCH), &[7]),
        recorded(of(1, EPOCH), &[1, 1]),
        recorded(of(1, 5), &[]),
        recorded(packed, &[]),
        Piece::Batch(RecordedBatch::default()),
        late_piece(late_fact::Kind::Container(foreign)),
        events(1, vec![open(1, "/other")]),
    ];
    let mut replay = replay();
    let alerts: Vec<Alert> = pieces.iter().flat_map(|piece| replay.feed(piece.clone()).unwrap()).collect();
    assert_eq!(sequences(&alerts), [1]);
    assert_eq!(replay.stats().skipped.values().copied().collect::<Vec<_>>(), [7, 1]);
}

proptest! {
    /// Scenario: any events, cut into any batches, with the container's fact at any place, in one pass or two. Guarantees: the alerts are the
    /// same, in the order of their events.
    #[test]
    fn how_it_is_cut_makes_no_difference(paths in prop::collection::vec(0_usize..3, 1..30), cuts in prop::collection::vec(1_usize..8, 30),
                                         fact_at in 0_usize..10, is_known: bool) {
        let all: Vec<Event> = (1..).zip(&paths).map(|(at, path)| open(at, ["/secret", "/other", "/plain"][*path])).collect();
        let begin = || vec![header(), base(vec![cgroup_fact(CONTAINER)])];
        let mut cut = begin();
        let (mut rest, mut first) = (&all[..], 1);
        for count in cuts {
            let (batch, after) = rest.split_at(count.min(rest.len()));
            if !batch.is_empty() {
                cut.push(events(first, batch.to_vec()));
            }
            first += batch.len() as u64;
            rest = after;
        }
        cut.insert(2 + fact_at.min(cut.len() - 2), web());
        let plain: Vec<Piece> = begin().into_iter().chain([web(), events(1, all)]).collect();
        let expected = play(replay(), &plain, false);
        let in_order: Vec<u64> = (1..).zip(&paths).filter(|(_, path)| **path < 2).map(|(at, _)| at).collect();
        prop_assert_eq!(sequences(&expected), in_order);
        prop_assert_eq!(play(replay(), &cut, is_known), expected);
    }
}
