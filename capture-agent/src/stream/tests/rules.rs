//! Single rules of the outbox.

use eyrie_proto::{
    capture::{BatchRejection, RejectionReason},
    event::{Event, EventClass, LossPlace, LossReason, LossRecord, event::Kind},
};

use super::{EventSpec, Limits, Outbox, Refused, Rejection, StreamError, World};

const NOW: u64 = 1_000;

fn exit(pid: u32) -> Event {
    EventSpec::Exit { pid }.event(NOW)
}

fn open(length: usize) -> Event {
    EventSpec::Open { pid: 1, length }.event(NOW)
}

fn connected(limits: Limits) -> World {
    let mut world = World { outbox: Outbox::new(42, limits), ..World::new() };
    world.reconnect(false, u64::MAX, 1 << 20);
    world
}

/// Scenario: the queue is full of plain events. Guarantees: plain ones are refused, state-bearing ones still taken from
/// the reserve, then refused as well; a repair is due only once there is room again, and names who ended.
#[test]
fn state_goes_before_plain_events() {
    let mut outbox = Outbox::new(1, Limits { queue_bytes: 3_000, reserve_bytes: 500, ..Limits::default() });
    while outbox.push(&open(100), NOW).is_ok() {}
    assert_eq!(outbox.push(&open(100), NOW), Err(Refused { class: EventClass::Plain }));
    outbox.push(&exit(1), NOW).unwrap();
    while outbox.push(&exit(1), NOW).is_ok() {}
    assert_eq!(outbox.push(&exit(2), NOW), Err(Refused { class: EventClass::StateBearing }));
    assert!(!outbox.is_repair_due(), "no room");
    outbox.resume(None, u64::MAX, 1 << 20).unwrap();
    outbox.seal(NOW);
    while outbox.next_to_send(super::World::new().clock()).is_some() {}
    outbox.acknowledge(outbox.last_sequence()).unwrap();
    let ended: Vec<_> = outbox.take_repair().unwrap().iter().map(|key| key.pid).collect();
    assert_eq!(ended, [1, 2]);
    assert!(outbox.take_repair().is_none(), "once");
}

/// Scenario: a few events with nothing else under way, once while more is to be had and once when there is none; then more of them
/// while those wait for their ack. Guarantees: what is whole goes at once, and otherwise by its age; a second batch waits until the first is
/// acked or it is of age itself.
#[test]
fn what_is_whole_goes_at_once() {
    let mut world = connected(Limits::default());
    let sent =
        |world: &mut World| world.outbox.next_to_send(world.clock()).map(|frame| frame.header.event_count);
    let push = |world: &mut World| world.outbox.push(&exit(1), world.now_boot_ns).map(|_| ()).unwrap();
    push(&mut world);
    assert_eq!(sent(&mut world), None, "there may be more");
    world.outbox.is_drained();
    assert_eq!(sent(&mut world), Some(1));
    push(&mut world);
    push(&mut world);
    world.outbox.is_drained();
    assert_eq!(sent(&mut world), None, "the first is on its way");
    world.outbox.acknowledge(1).unwrap();
    assert_eq!(sent(&mut world), Some(2));
    push(&mut world);
    world.outbox.is_drained();
    world.now_boot_ns += Limits::default().batch_age_ns;
    assert_eq!(sent(&mut world), Some(1), "it is of age");
}

/// Scenario: losses while the queue is full, then room. Guarantees: the loss record comes before the next event that is taken.
#[test]
fn losses_are_told_in_place() {
    let mut world = connected(Limits { queue_bytes: 2_000, reserve_bytes: 0, ..Limits::default() });
    while world.outbox.push(&open(200), NOW).is_ok() {}
    world.outbox.seal(NOW);
    world.send(usize::MAX, super::Verdict::Take);
    world.ack(world.engine.taken_through());
    let before = world.outbox.last_sequence();
    let sequence = world.outbox.push(&open(0), NOW).unwrap();
    assert_eq!(sequence, before + 2, "one loss record, then the event");
    let key = (LossPlace::AgentQueue.into(), EventClass::Plain.into(), LossReason::Full.into());
    assert_eq!(world.outbox.totals().losses[&key], 1);
}

/// Scenario: acks of what was never sent, at once and at the beginning of a session. Guarantees: an error, and nothing is dropped.
#[test]
fn impossible_acks_are_errors() {
    let mut world = connected(Limits::default());
    world.outbox.push(&exit(1), NOW).unwrap();
    let error = StreamError::AckBeyondSent { through: 1, sent_through: 0 };
    assert_eq!(world.outbox.acknowledge(1).unwrap_err(), error);
    world.outbox.disconnect();
    assert_eq!(world.outbox.resume(Some(1), 0, 0).unwrap_err(), error);
    assert_eq!(world.outbox.totals().unacked_events, 1);
}

/// Scenario: an engine says that a batch is too large, down to one event. Guarantees: it is halved as long as it can be, then its
/// event counts as lost; the others arrive.
#[test]
fn too_large_batches_are_halved() {
    let mut world = connected(Limits::default());
    for pid in 1..=4 {
        world.outbox.push(&exit(pid), NOW).unwrap();
    }
    world.outbox.seal(NOW);
    let mut clock = world.clock();
    clock.boot_ns += 1;
    let too_large = |batch_id| BatchRejection {
        batch_id,
        reason: RejectionReason::TooLarge.into(),
        ..BatchRejection::default()
    };
    let sizes: Vec<_> = std::iter::repeat_with(|| {
        let count = world.outbox.next_to_send(clock).unwrap().header.event_count;
        (count, world.outbox.reject(&too_large(1), NOW).unwrap())
    })
    .take(3)
    .collect();
    let lost = Rejection::SetAside { lost_events: 1 };
    assert_eq!(sizes, [(4, Rejection::Retry), (2, Rejection::Retry), (1, lost)]);
    world.settle();
    assert_eq!(world.engine.taken_through(), 5, "a blank, three exits and the loss");
}

/// Scenario: an engine insists that a batch is out of order. Guarantees: it is tried again some times, then the session is given up,
/// and nothing is dropped.
#[test]
fn disagreement_about_order_ends_the_session() {
    let mut world = connected(Limits::default());
    world.outbox.push(&exit(1), NOW).unwrap();
    world.outbox.seal(NOW);
    let rejection = BatchRejection {
        batch_id: 1,
        reason: RejectionReason::OutOfOrder.into(),
        ..BatchRejection::default()
    };
    let error = loop {
        world.outbox.next_to_send(world.clock()).expect("sent again");
        if let Err(error) = world.outbox.reject(&rejection, NOW) {
            break error;
        }
    };
    assert_eq!(error, StreamError::OrderDisagreement { batch_id: 1 });
    assert_eq!(world.outbox.totals().unacked_events, 1);
}

/// Scenario: the ring lost state. Guarantees: it is told and a repair is due; a plain loss needs none.
#[test]
fn lost_state_is_repaired() {
    let mut outbox = Outbox::new(1, Limits::default());
    let loss = |class: EventClass| LossRecord {
        place: LossPlace::Ring.into(),
        event_class: class.into(),
        reason: LossReason::Full.into(),
        count: 3,
        ..LossRecord::default()
    };
    outbox.report_loss(loss(EventClass::Plain));
    assert!(!outbox.is_repair_due());
    outbox.report_loss(loss(EventClass::StateBearing));
    assert!(outbox.is_repair_due());
    outbox.place_losses(NOW);
    assert_eq!(outbox.last_sequence(), 2, "two classes are two records");
}

/// Scenario: a quiet stream, then a busy one. Guarantees: a batch is closed by age when nothing waits before it, and filled
/// further when something does.
#[test]
fn age_closes_a_batch_only_when_nothing_waits() {
    let mut world = connected(Limits { batch_events: 2, ..Limits::default() });
    world.outbox.push(&exit(1), NOW).unwrap();
    let mut clock = world.clock();
    assert!(world.outbox.next_to_send(clock).is_none(), "too young");
    clock.boot_ns = world.outbox.next_deadline_boot_ns().unwrap();
    let frame = world.outbox.next_to_send(clock).expect("old enough");
    assert_eq!(frame.header.event_count, 1);
    assert!(matches!(frame.header.timings, Some(timings) if timings.sent_boot_ns == clock.boot_ns));
    for pid in 1..=3 {
        world.outbox.push(&EventSpec::Exec { pid, name: 0 }.event(NOW), NOW).unwrap();
    }
    assert_eq!(world.outbox.next_deadline_boot_ns(), None, "a full batch waits, the open one can be filled");
    let kinds = [world.outbox.next_to_send(clock), world.outbox.next_to_send(clock)]
        .map(|frame| frame.map(|frame| frame.header.event_count));
    assert_eq!(kinds, [Some(2), Some(1)]);
    assert!(matches!(exit(1).kind, Some(Kind::Exit(_))));
}

/// Scenario: two batches are sent, and the engine keeps the trace of the second; both are acked. Guarantees: only that one has
/// spans to tell, under the ids that it was sent with, and with the times of its stations in their order.
#[test]
fn kept_traces_are_told_with_the_ack() {
    let mut world = connected(Limits { batch_events: 1, ..Limits::default() });
    world.outbox.push(&exit(1), NOW).unwrap();
    world.outbox.push(&exit(2), NOW + 1).unwrap();
    let clock = world.clock();
    let frames: Vec<_> = std::iter::from_fn(|| world.outbox.next_to_send(clock)).collect();
    world.outbox.keep_trace(frames[1].header.batch_id);
    world.outbox.keep_trace(1_000);
    let acked = world.outbox.acknowledge(2).unwrap();
    assert_eq!(acked[0].spans, None);
    let spans = acked[1].spans.unwrap();
    assert_eq!(frames[1].header.trace, Some(spans.trace.context()));
    assert_eq!((spans.first_sequence, spans.event_count), (2, 1));
    let times = spans.timings;
    assert!(
        times.first_event_boot_ns <= times.drained_boot_ns && times.drained_boot_ns <= times.sealed_boot_ns
    );
    assert_eq!(times.sent_boot_ns, clock.boot_ns);
}
