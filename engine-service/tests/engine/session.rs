//! The capture protocol.

use eyrie_proto::{
    capture::{
        BaseState, Batch, CapturePlan, Hello, LateFacts, PlanAnswer, RejectionReason, capture_request,
        capture_response,
    },
    event::{Event, LossPlace, LossReason, LossRecord, ProcessState, event::Kind},
};
use tonic::Code;

use crate::support::*;

/// Scenario: an agent says hello, sends its base state and three batches, one with two alerts.
/// Guarantees: it is welcomed, told its plan, and every batch is acked in order with its credit given back; the alerts say
/// what they should.
#[tokio::test]
async fn a_session_from_hello_to_acks() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let (mut agent, welcome) = Agent::greet(&engine, Hello { plan_generation: 4, ..hello() }).await;
    assert_eq!((welcome.protocol_version, welcome.held_through_sequence), (1, None));
    assert_eq!(welcome.initial_credit_bytes, 16 << 20);
    assert_eq!(welcome.max_message_bytes, 1 << 20);
    let Some(Ok(capture_response::Kind::CapturePlan(plan))) = agent.next().await else { panic!("no plan") };
    assert_eq!((plan.generation, plan.rule_set_digests), (5, vec!["sha256:test".to_owned()]));
    assert_eq!(plan.names_to_resolve, ["a.test", "b.test"]);
    let calls: Vec<_> = plan.calls.iter().map(|call| call.event_type.as_str()).collect();
    assert_eq!(calls, ["execve", "openat"]);

    let base = BaseState { as_of_sequence: 10, is_last: true, ..BaseState::default() };
    agent.send(capture_request::Kind::BaseState(base)).await;
    assert_eq!(agent.deliver(batch(11, 5, &[])).await.through_sequence, 15);
    let second = batch(16, 5, &[17, 20]);
    let size = prost::Message::encoded_len(&second) as u64;
    assert_eq!(agent.deliver(second).await.through_sequence, 20);
    let Some(Ok(capture_response::Kind::Credit(credit))) = agent.next().await else { panic!("no credit") };
    assert_eq!(credit.additional_bytes, size);
    assert_eq!(agent.deliver(batch(21, 1, &[])).await.through_sequence, 21);

    let alerts = alerts(&*log).await;
    let sequences: Vec<_> = alerts.iter().map(|alert| alert.sequence).collect();
    assert_eq!(sequences, [17, 20]);
    let alert = &alerts[0];
    assert_eq!(alert.id, engine_service::alert::alert_id(&origin().to_string(), EPOCH, 17, "Bad thread"));
    assert_eq!(alert.time_ns, 1_000_000_000_000 + 17_000_000_000);
    assert_eq!((alert.hostname.as_str(), alert.epoch), ("h1", EPOCH));
    assert_eq!(alert.rule_set_digest, "sha256:test");
    assert_eq!(alert.process.as_ref().unwrap().key.unwrap().pid, 100);
    engine.shutdown().await;
}

/// Scenario: batches come again, whole and overlapping what is new. Guarantees: what was taken is acked and not evaluated
/// again, what is new is.
#[tokio::test]
async fn resent_batches_have_no_second_effect() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 4, &[2])).await.through_sequence, 4);
    assert_eq!(agent.deliver(batch(1, 4, &[2])).await.through_sequence, 4);
    assert_eq!(agent.deliver(batch(3, 4, &[3, 5])).await.through_sequence, 6);
    assert_eq!(alert_sequences(&*log).await, [2, 5]);
    assert_eq!(hosts(&engine, false).await[0].received_events, 6);
    engine.shutdown().await;
}

/// Scenario: batches with a gap, of another epoch, with a wrong count, packed, and empty.
/// Guarantees: each is rejected with its reason and says whether to send it again; the stream goes on, behind what will not
/// come again, and counts that as lost.
#[tokio::test]
async fn wrong_batches_are_rejected_and_the_stream_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let gap = agent.deliver(batch(5, 1, &[])).await;
    assert_eq!((gap.through_sequence, gap.rejections[0].reason()), (0, RejectionReason::OutOfOrder));
    assert!(gap.rejections[0].retry_after_ms.is_some());
    let other = agent.deliver(Batch { epoch: 1, ..batch(1, 1, &[]) }).await;
    assert_eq!(other.rejections[0].reason(), RejectionReason::WrongEpoch);
    let empty = agent.deliver(batch(1, 0, &[])).await;
    assert_eq!((empty.through_sequence, empty.rejections[0].reason()), (0, RejectionReason::Malformed));
    let miscounted = agent.deliver(Batch { event_count: 3, ..batch(1, 2, &[]) }).await;
    assert_eq!(
        (miscounted.through_sequence, miscounted.rejections[0].reason()),
        (3, RejectionReason::Malformed)
    );
    assert_eq!((miscounted.rejections[0].batch_id, miscounted.rejections[0].retry_after_ms), (1, None));
    let packed = Batch { encoding: 1, packed_events: vec![0], event_count: 2, ..batch(4, 0, &[]) };
    let packed = agent.deliver(packed).await;
    assert_eq!(
        (packed.through_sequence, packed.rejections[0].reason()),
        (5, RejectionReason::UnsupportedEncoding)
    );
    let fine = agent.deliver(batch(6, 1, &[])).await;
    assert_eq!((fine.through_sequence, fine.rejections.len()), (6, 0));
    let losses = &hosts(&engine, false).await[0].losses;
    let lost: Vec<_> = losses.iter().map(|loss| (loss.place(), loss.reason(), loss.count)).collect();
    assert_eq!(lost, [(LossPlace::Engine, LossReason::Rejected, 5)]);
    engine.shutdown().await;
}

/// Scenario: an agent that lost events goes on behind them. Guarantees: the session ends, and the next one is asked for the
/// base state, so that the stream can go on.
#[tokio::test]
async fn a_lasting_gap_ends_the_session() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let agent = Agent::begin(&engine, hello(), 0).await;
    for sequence in 5..80 {
        agent.send_batch(batch(sequence, 1, &[])).await;
    }
    let status = agent.status().await;
    assert_eq!((status.code(), reason(&status)), (Code::FailedPrecondition, "OUT_OF_SEQUENCE"));
    let (_, welcome) = Agent::greet(&engine, hello()).await;
    assert_eq!(welcome.held_through_sequence, None);
    engine.shutdown().await;
}

/// Scenario: more batches under way than the credit allows, while none can be acked. Guarantees: those over it are rejected,
/// to be sent again, and what was within it is taken.
#[tokio::test]
async fn batches_over_the_credit_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let log = FaultyLog::new(sqlite(directory.path()), u32::MAX, true);
    let mut options = options();
    let one = prost::Message::encoded_len(&batch(1, 1, &[1])) as u64;
    options.session.initial_credit_bytes = one * 2 + one / 2;
    let engine = start_with(log.clone(), options, None).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    for sequence in 1..=3 {
        agent.send_batch(batch(sequence, 1, &[1])).await;
    }
    log.tried(2).await;
    // The first batch waits for the log. Behind it, the third is over the credit once it was read; the reader has read
    // it when what was sent after it has taken effect.
    let plan = PlanAnswer { generation: 77, ..PlanAnswer::default() };
    agent.send(capture_request::Kind::PlanAnswer(plan)).await;
    while hosts(&engine, false).await[0].plan.as_ref().is_none_or(|plan| plan.generation != 77) {}
    log.repair();
    assert_eq!(agent.ack().await.through_sequence, 1);
    assert_eq!(agent.ack().await.through_sequence, 2);
    let refused = agent.ack().await;
    assert_eq!((refused.through_sequence, refused.rejections[0].reason()), (2, RejectionReason::OverCredit));
    assert!(refused.rejections[0].retry_after_ms.is_some());
    assert_eq!(agent.deliver(batch(3, 1, &[])).await.through_sequence, 3);
    engine.shutdown().await;
}

/// Scenario: messages a little and far above the limit. Guarantees: the one is rejected as too large, the other ends the
/// session; both say so.
#[tokio::test]
async fn large_messages_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let large = |bytes: usize| {
        let mut batch = batch(1, 1, &[]);
        batch.events[0].task.as_mut().unwrap().comm = vec![b'x'; bytes];
        batch
    };
    let ack = agent.deliver(large(1 << 20)).await;
    assert_eq!((ack.through_sequence, ack.rejections[0].reason()), (1, RejectionReason::TooLarge));
    agent.send_batch(large(2 << 20)).await;
    let status = agent.status().await;
    assert_eq!((status.code(), reason(&status)), (Code::OutOfRange, "MESSAGE_TOO_LARGE"));
    assert!(status.message().contains("1048576"), "{status}");
    engine.shutdown().await;
}

/// Scenario: streams that begin with the wrong message, with a wrong hello, or that break the order of messages.
/// Guarantees: each ends with a status that names the fault.
#[tokio::test]
async fn breaches_of_the_protocol_end_the_session() {
    use capture_request::Kind;
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let base = |as_of_sequence, is_last| {
        Kind::BaseState(BaseState { as_of_sequence, is_last, ..BaseState::default() })
    };
    let cases = [
        (vec![Kind::Batch(batch(1, 1, &[]))], "HELLO_EXPECTED"),
        (vec![Kind::Hello(Hello { epoch: 0, ..hello() })], "EPOCH_INVALID"),
        (vec![Kind::Hello(Hello { origin: None, ..hello() })], "ORIGIN_INVALID"),
        (vec![Kind::Hello(Hello { protocol_versions: vec![9], ..hello() })], "PROTOCOL_UNSUPPORTED"),
        (vec![Kind::Hello(hello()), Kind::Batch(batch(1, 1, &[]))], "BASE_STATE_EXPECTED"),
        (vec![Kind::Hello(hello()), base(1, false), base(2, true)], "BASE_STATE_INCONSISTENT"),
        (vec![Kind::Hello(hello()), base(1, true), base(1, true)], "BASE_STATE_UNWANTED"),
        (vec![Kind::Hello(hello()), base(1, true), Kind::Hello(hello())], "HELLO_REPEATED"),
    ];
    for (messages, expected) in cases {
        let agent = Agent::open(&engine).await;
        for message in messages {
            agent.send(message).await;
        }
        assert_eq!(reason(&agent.status().await), expected);
        // What the engine may hold of it would be welcomed by the next case.
        let other = Hello { epoch: EPOCH + 1, ..hello() };
        Agent::greet(&engine, other).await.0.leave().await;
    }
    engine.shutdown().await;
}

/// Scenario: a stream without a message, and one that stops within its base state. Guarantees: both are ended after their
/// time, and say what was missing.
#[tokio::test]
async fn silent_streams_are_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.session.hello_wait = std::time::Duration::from_millis(20);
    options.session.base_state_wait = std::time::Duration::from_millis(20);
    let engine = start_with(sqlite(directory.path()), options, None).await;
    let status = Agent::open(&engine).await.status().await;
    assert_eq!((status.code(), reason(&status)), (Code::DeadlineExceeded, "HELLO_MISSING"));
    let (agent, _) = Agent::greet(&engine, hello()).await;
    let status = agent.status().await;
    assert_eq!((status.code(), reason(&status)), (Code::DeadlineExceeded, "BASE_STATE_MISSING"));
    engine.shutdown().await;
}

/// Scenario: a message that is no protobuf, in a proper gRPC frame. Guarantees: the session ends, saying that the message
/// could not be decoded; the engine goes on.
#[tokio::test]
async fn a_garbage_message_ends_its_session_only() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    // Of our messages, one whose bytes are no CaptureRequest: field 1 is not a message there.
    let mut client = tonic::client::Grpc::new(channel(engine.local_address()).await);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<CapturePlan, eyrie_proto::capture::CaptureResponse>::default();
    let path =
        tonic::codegen::http::uri::PathAndQuery::from_static("/eyrie.capture.v1.CaptureService/Capture");
    let garbage = tokio_stream::iter([CapturePlan { generation: 7, ..CapturePlan::default() }]);
    let mut responses =
        client.streaming(tonic::Request::new(garbage), path, codec).await.unwrap().into_inner();
    let status = responses.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "UNDECODABLE"));
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 1, &[])).await.through_sequence, 1);
    engine.shutdown().await;
}

/// Scenario: a second session of the same origin while the first is open. Guarantees: the first ends, naming the successor;
/// the second carries on from the held state without a base state.
#[tokio::test]
async fn a_second_session_takes_over() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let mut first = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(first.deliver(batch(1, 9, &[])).await.through_sequence, 9);
    let again = Hello { acked_through_sequence: 9, first_sequence: 10, ..hello() };
    let (mut second, welcome) = Agent::greet(&engine, again).await;
    assert_eq!(welcome.held_through_sequence, Some(9));
    let status = first.status().await;
    assert_eq!((status.code(), reason(&status)), (Code::Aborted, "SUPERSEDED"));
    assert!(status.message().contains("127.0.0.1:"), "{status}");
    assert_eq!(second.deliver(batch(10, 1, &[])).await.through_sequence, 10);
    assert_eq!(hosts(&engine, true).await.len(), 1);
    engine.shutdown().await;
}

/// Scenario: agents come back in the same epoch, in another one, behind a gap, and with more acked than we know.
/// Guarantees: the held state is offered where it continues the stream, and nowhere else.
#[tokio::test]
async fn a_held_state_is_offered_only_where_it_fits() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let returning = |epoch, acked, first| Hello {
        epoch,
        acked_through_sequence: acked,
        first_sequence: first,
        ..hello()
    };
    for (hello_again, expected) in [
        (returning(EPOCH, 3, 4), Some(5)),
        (returning(EPOCH, 5, 6), Some(5)),
        (returning(EPOCH, 5, 7), None),
        (returning(EPOCH, 6, 6), None),
        (returning(EPOCH + 1, 0, 1), None),
    ] {
        let mut agent = Agent::begin(&engine, Hello { epoch: EPOCH, ..hello() }, 0).await;
        assert_eq!(agent.deliver(batch(1, 5, &[])).await.through_sequence, 5);
        agent.leave().await;
        let (agent, welcome) = Agent::greet(&engine, hello_again.clone()).await;
        assert_eq!(welcome.held_through_sequence, expected, "{hello_again:?}");
        agent.leave().await;
        // Leaves nothing behind for the next round.
        Agent::greet(&engine, returning(EPOCH + 2, 0, 1)).await.0.leave().await;
    }
    engine.shutdown().await;
}

/// Scenario: an event of a process that no base state told of. Guarantees: its state is asked for, once.
#[tokio::test]
async fn unknown_processes_are_asked_for_once() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    agent.send_batch(batch(1, 3, &[])).await;
    agent.send_batch(batch(4, 3, &[])).await;
    let mut requested = Vec::new();
    loop {
        match agent.next().await.unwrap().unwrap() {
            capture_response::Kind::StateRequest(request) => requested.extend(request.processes),
            capture_response::Kind::Ack(ack) if ack.through_sequence == 6 => break,
            _ => {}
        }
    }
    let pids: Vec<_> = requested.iter().map(|key| key.pid).collect();
    assert_eq!(pids, [100]);
    engine.shutdown().await;
}

/// Scenario: a base state in two parts, with the process that acts. Guarantees: the alert carries the process, complete, and
/// its parent.
#[tokio::test]
async fn a_base_state_comes_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let (mut agent, _) = Agent::greet(&engine, hello()).await;
    let process = |pid: u32, parent_pid, comm: &str| ProcessState {
        process: Some(eyrie_proto::event::ProcessKey { pid, start_boot_ns: 1 }),
        parent_pid,
        comm: comm.into(),
        exe: comm.into(),
        arguments: vec![b"-x".to_vec()],
        ..ProcessState::default()
    };
    let part = |process, is_last| {
        let processes = vec![process];
        capture_request::Kind::BaseState(BaseState { processes, is_last, ..BaseState::default() })
    };
    agent.send(part(process(1, 0, "init"), false)).await;
    agent.send(part(process(100, 1, "bad"), true)).await;
    agent.deliver(batch(1, 1, &[1])).await;
    let alert = alerts(&*log).await.remove(0);
    let acted = alert.process.unwrap();
    assert_eq!((acted.name, acted.command_line), (b"bad".to_vec(), vec![b"bad".to_vec(), b"-x".to_vec()]));
    assert!(!acted.is_incomplete && acted.exec_id.len() == 32);
    let ancestors: Vec<_> = alert.ancestors.iter().map(|process| process.name.clone()).collect();
    assert_eq!(ancestors, [b"init".to_vec()]);
    assert_eq!(hosts(&engine, false).await[0].process_count, 2);
    engine.shutdown().await;
}

/// Scenario: losses, late facts and a plan's answer ride the stream. Guarantees: alerts near the loss say so and others do not;
/// facts are acked; `ListHosts` shows losses, plan and figures, also after the agent has gone.
#[tokio::test]
async fn what_rides_along_is_kept_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let mut events = batch(1, 3, &[1, 3]);
    let loss = LossRecord {
        place: LossPlace::Ring.into(),
        reason: LossReason::Full.into(),
        count: 42,
        first_boot_ns: 100_000_000_000,
        last_boot_ns: 101_000_000_000,
        ..LossRecord::default()
    };
    events.events[1] = Event { boot_ns: 101_000_000_000, kind: Some(Kind::Loss(loss)), ..Event::default() };
    events.events[2].boot_ns = 102_000_000_000;
    agent.deliver(events).await;
    let lost: Vec<_> =
        alerts(&*log).await.iter().map(|alert| alert.loss.as_ref().unwrap().is_evidence_lost).collect();
    assert_eq!(lost, [false, true]);

    let facts = LateFacts { first_fact_sequence: 1, facts: vec![Default::default(); 3] };
    agent.send(capture_request::Kind::LateFacts(facts)).await;
    assert_eq!(agent.ack().await.late_facts_through_sequence, 3);
    let answer = PlanAnswer { generation: 1, failure: "made up".into(), ..PlanAnswer::default() };
    agent.send(capture_request::Kind::PlanAnswer(answer.clone())).await;
    // Read after the answer, so its ack says that the answer was taken.
    agent.deliver(batch(4, 1, &[])).await;

    let host = hosts(&engine, false).await.remove(0);
    assert_eq!(host.plan, Some(answer));
    assert_eq!((host.received_events, host.alerts), (4, 2));
    assert_eq!((host.received_through_sequence, host.acked_through_sequence), (4, 4));
    assert_eq!((host.losses[0].count, host.losses[0].place()), (42, LossPlace::Ring));
    assert!(host.is_connected && host.peer.starts_with("127.0.0.1:"));
    agent.leave().await;
    while !hosts(&engine, false).await.is_empty() {}
    assert!(!hosts(&engine, true).await[0].is_connected);
    engine.shutdown().await;
}

/// Scenario: events that verify mode has marked. Guarantees: they are applied and acked, and raise no alert.
#[tokio::test]
async fn marked_events_raise_no_alert() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let mut marked = batch(1, 2, &[1, 2]);
    marked.events[0].is_filter_marked = true;
    assert_eq!(agent.deliver(marked).await.through_sequence, 2);
    assert_eq!(alert_sequences(&*log).await, [2]);
    engine.shutdown().await;
}

/// Scenario: more sessions than allowed. Guarantees: the one too many is refused with a reason, and has a place when another
/// has ended.
#[tokio::test]
async fn sessions_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.session.max_sessions = 1;
    let engine = start_with(sqlite(directory.path()), options, None).await;
    let first = Agent::begin(&engine, hello(), 0).await;
    let mut client = eyrie_proto::capture::capture_service_client::CaptureServiceClient::new(
        channel(engine.local_address()).await,
    );
    let refused = client.capture(tokio_stream::pending()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::ResourceExhausted, "TOO_MANY"));
    first.leave().await;
    while client.capture(tokio_stream::pending()).await.is_err() {}
    engine.shutdown().await;
}
