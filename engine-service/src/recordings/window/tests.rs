use eyrie_proto::{
    capture::{Batch, ClockReading},
    event::{Event, Exec, Exit, Fork, LossRecord, ProcessKey, ProcessState, Task, event::Kind},
};
use proptest::prelude::*;

use super::*;

const CLOCK: ClockReading = ClockReading { boot_ns: 0, epoch_ns: 1_000_000 };
/// On the wire, of an event of these tests.
const EVENT_BYTES: u64 = 10;

/// What a process of a few does, and when.
fn any_event() -> impl Strategy<Value = Event> {
    let key = (1_u32..6).prop_map(|pid| ProcessKey { pid, start_boot_ns: u64::from(pid) });
    (key.clone(), key, 0_u8..5, 0_u64..100).prop_map(|(actor, other, what, boot_ns)| {
        let kind = match what {
            0 => Kind::Fork(Fork { child_process: Some(other), child_tid: other.pid, ..Fork::default() }),
            1 => Kind::Exec(Exec {
                exe: vec![b'x'; usize::from(what)],
                arguments: vec![vec![boot_ns as u8]],
                ..Exec::default()
            }),
            2 => Kind::Exit(Exit { is_process_end: true, ..Exit::default() }),
            3 => Kind::Loss(LossRecord {
                count: boot_ns,
                first_boot_ns: boot_ns,
                last_boot_ns: boot_ns,
                ..LossRecord::default()
            }),
            _ => Kind::GenericCall(Default::default()),
        };
        let task = Task { process: Some(actor), tid: actor.pid, ..Task::default() };
        Event { boot_ns, task: Some(task), kind: Some(kind), ..Event::default() }
    })
}

/// Batches of consecutive sequence numbers.
fn slices(batches: Vec<Vec<Event>>) -> Vec<Slice> {
    let mut next = 1;
    let slice = |events: Vec<Event>| {
        let (first_sequence, count) = (next, events.len() as u64);
        next += count;
        let batch = Arc::new(Batch { first_sequence, events, ..Batch::default() });
        Slice::new(&batch, (first_sequence - 1, next - 1), count * EVENT_BYTES, &CLOCK)
    };
    batches.into_iter().filter_map(slice).collect()
}

fn limits(keep_ns: u64, events: u64, total: u64) -> WindowLimits {
    WindowLimits {
        keep_for: Duration::from_nanos(keep_ns),
        max_bytes: events * EVENT_BYTES,
        max_total_bytes: total * EVENT_BYTES,
    }
}

/// All of a model's state, as it is handed over.
fn state(model: &HostModel) -> (Vec<ProcessState>, Vec<Event>) {
    (model.base_state().collect(), model.base_facts().collect())
}

proptest! {
    /// Scenario: any events in any batches, a window of any bounds, and a recording from any time on. Guarantees: what is recorded is
    /// an unbroken end of the stream; with the state before it, a model that is restored from it and applies the recorded events is
    /// the one that has applied everything; nothing of the time that was asked for is missing unless it says so; bounds hold.
    #[test]
    fn a_recording_begins_with_the_state_that_was(
        batches in prop::collection::vec(prop::collection::vec(any_event(), 1..6), 0..12),
        (keep, events, total) in (0_u64..120, 0_u64..40, 0_u64..40),
        start in 0_u64..110,
    ) {
        let all = slices(batches);
        let (bytes, limits) = (Arc::new(AtomicU64::new(0)), limits(keep, events, total));
        let mut window = Window::new(HostModel::default(), 0, limits.clone(), Arc::clone(&bytes));
        let mut whole = HostModel::default();
        for slice in &all {
            slice.apply_to(&mut whole);
            window.push(slice.clone());
        }
        let last = all.last().map_or(0, Slice::last_sequence);
        prop_assert!(bytes.load(Ordering::Relaxed) <= limits.max_bytes.min(limits.max_total_bytes));
        let mut beginning = window.since(start);
        let (model, through) = beginning.settle();
        let mut resumed = HostModel::default();
        for part in model.base_parts(through, 64) {
            prop_assert_eq!(part.as_of_sequence, through);
            resumed.restore(part.processes, part.facts);
        }
        let recorded: Vec<_> = beginning.slices.iter().map(Slice::recorded).collect();
        let mut next = through + 1;
        for recorded in &recorded {
            let batch = recorded.batch.as_ref().unwrap();
            prop_assert_eq!(batch.first_sequence, next);
            next += batch.events.len() as u64;
            batch.events.iter().for_each(|event| resumed.apply(event));
        }
        prop_assert_eq!(next, last + 1);
        prop_assert_eq!(state(&resumed), state(&whole));
        let first = all.iter().flat_map(|slice| slice.events()).position(|event| event.boot_ns >= start);
        let is_late = first.is_some_and(|first| through > first as u64);
        let newest = all.iter().map(|slice| slice.newest_boot_ns).max().unwrap_or(0);
        let is_too_old = start < newest.saturating_sub(keep);
        prop_assert!(!is_late || beginning.is_short || is_too_old, "events from {:?} are missing", first);
        drop(window);
        prop_assert_eq!(bytes.load(Ordering::Relaxed), 0);
    }
}

/// Scenario: two origins share a budget that one of them has used up. Guarantees: the other keeps nothing, says that its recording is
/// short, and has the right state all the same; what the first has given back can be used again.
#[test]
fn origins_share_a_budget() {
    let bytes = Arc::new(AtomicU64::new(0));
    let window = || Window::new(HostModel::default(), 0, limits(1_000, 10, 10), Arc::clone(&bytes));
    let (mut first, mut second) = (window(), window());
    let event = |boot_ns| Event { boot_ns, ..Event::default() };
    let batches = || slices(vec![(1..=5).map(event).collect(), (6..=10).map(event).collect()]);
    batches().into_iter().for_each(|slice| first.push(slice));
    batches().into_iter().for_each(|slice| second.push(slice));
    let mut beginning = second.since(0);
    assert!(beginning.is_short && beginning.slices.is_empty());
    assert_eq!(beginning.settle().1, 10);
    assert_eq!(first.since(0).slices.len(), 2);
    drop(first);
    second.push(slices(vec![(1..=5).map(event).collect()]).remove(0));
    assert_eq!(second.since(0).slices.len(), 1);
}

/// Scenario: a batch of which a part was taken before, and one that was refused. Guarantees: only what is new is recorded; what stands
/// for the refused events has the last one's place and says how many there were.
#[test]
fn gaps_and_repetitions_keep_their_places() {
    let event = |boot_ns| Event { boot_ns, ..Event::default() };
    let batch =
        Arc::new(Batch { first_sequence: 5, events: (5..10).map(event).collect(), ..Batch::default() });
    let slice = Slice::new(&batch, (7, 9), 50, &CLOCK).unwrap();
    assert_eq!((slice.len(), slice.bytes, slice.last_sequence()), (2, 20, 9));
    assert_eq!(slice.recorded().batch.unwrap().first_sequence, 8);
    assert!(Slice::new(&batch, (9, 9), 50, &CLOCK).is_none());
    let gap = Slice::gap(&batch, event(9), (9, 14), &CLOCK);
    assert_eq!((gap.len(), gap.last_sequence()), (1, 14));
    let recorded = gap.recorded();
    let batch = recorded.batch.unwrap();
    assert_eq!((batch.first_sequence, batch.event_count, recorded.left_out_before), (10, 1, vec![4]));
}

/// Scenario: the clock of a host is set back by a day in the middle of its stream, and an event comes that says it is of another day.
/// Guarantees: what was before and what comes is there, by the boot clock; an event of a moment that is past the window is not.
#[test]
fn clocks_that_are_set_change_nothing() {
    const DAY: u64 = 86_400_000_000_000;
    let mut window = Window::new(HostModel::default(), 0, limits(10, 1_000, 1_000), Arc::default());
    let slice = |sequence: u64, epoch_ns, time_ns| {
        let kind = (time_ns != 0)
            .then(|| Kind::SourceEvent(eyrie_proto::event::SourceEvent { time_ns, ..Default::default() }));
        let events = vec![Event { boot_ns: sequence, kind, ..Event::default() }];
        let clock = Some(ClockReading { boot_ns: 0, epoch_ns });
        let batch = Arc::new(Batch { first_sequence: sequence, events, clock, ..Batch::default() });
        Slice::new(&batch, (sequence - 1, sequence), EVENT_BYTES, &CLOCK).unwrap()
    };
    (1..=15).for_each(|sequence| window.push(slice(sequence, 3 * DAY, 0)));
    window.push(slice(16, 3 * DAY, 9 * DAY));
    (17..=20).for_each(|sequence| window.push(slice(sequence, DAY, 0)));
    let places = |from| window.since(from).slices.iter().map(Slice::last_sequence).collect::<Vec<_>>();
    assert_eq!(places(0), (10..=20).collect::<Vec<_>>());
    assert_eq!(places(15), (15..=20).collect::<Vec<_>>());
    assert_eq!(window.boot_time(16, 9 * DAY), Some(16));
    assert_eq!(window.boot_time(5, DAY + 5), Some(5), "no longer here");
}
