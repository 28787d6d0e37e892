use std::sync::{
    Mutex,
    mpsc::{Receiver, Sender, channel},
};

use eyrie_proto::{
    capture::{Batch, ClockReading},
    event::Event,
    metadata::{Container, LateFact, late_fact},
    recording::RecordingTrailer,
};
use host_model::HostModel;
use tokio_util::task::TaskTracker;

use super::*;

/// Longer than anything here takes, so that a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what it gets; each write needs a permit, if there are permits.
struct Kept {
    kinds: Arc<Mutex<Vec<Kind>>>,
    permits: Option<Receiver<()>>,
    /// Fails with the write of this number, from 0.
    fails_at: usize,
    outcome: Sender<Outcome>,
}

impl Target for Kept {
    fn write(&mut self, kind: Kind) -> Result<(), Cut> {
        if let Some(permits) = &self.permits {
            permits.recv_timeout(PATIENCE).expect("a permit");
        }
        let mut kinds = self.kinds.lock().unwrap();
        if kinds.len() == self.fails_at {
            return Err(Cut::target("disk_full", "no room"));
        }
        kinds.push(kind);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Cut> {
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        self.outcome.send(outcome).unwrap();
    }
}

/// A recording under way, and what becomes of it.
struct Trip {
    courier: Courier,
    kinds: Arc<Mutex<Vec<Kind>>>,
    permits: Sender<()>,
    outcome: Receiver<Outcome>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Trip {
    fn begin(change: impl FnOnce(&mut Departure), is_slow: bool, fails_at: usize) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut departure = Departure {
            header: RecordingHeader::default(),
            beginning: Beginning::now(HostModel::default(), 0),
            facts: LateFacts::default(),
            max_queued_bytes: 100,
            stall_wait: PATIENCE,
            lasts: None,
            note: String::new(),
            redactor: Arc::new(Redactor::new(&Default::default()).unwrap()),
            token: tasks.token(),
            stop: stop.clone(),
        };
        change(&mut departure);
        let ((permits, permitted), (sender, outcome)) = (channel(), channel());
        let kinds = Arc::default();
        let permits_of_target = is_slow.then_some(permitted);
        let target =
            Kept { kinds: Arc::clone(&kinds), permits: permits_of_target, fails_at, outcome: sender };
        let courier = Courier::depart(departure, Box::new(target)).unwrap();
        Self { courier, kinds, permits, outcome, stop, tasks }
    }

    fn outcome(&self) -> Outcome {
        self.outcome.recv_timeout(PATIENCE).expect("an end")
    }

    fn trailer(&self) -> Option<RecordingTrailer> {
        match self.kinds.lock().unwrap().last() {
            Some(Kind::Trailer(trailer)) => Some(trailer.clone()),
            _ => None,
        }
    }
}

/// One event, of 40 bytes as it is counted.
fn slice(sequence: u64) -> Slice {
    let events = vec![Event { boot_ns: sequence, ..Event::default() }];
    let batch = Arc::new(Batch { first_sequence: sequence, events, ..Batch::default() });
    Slice::new(&batch, (sequence - 1, sequence), 40, &ClockReading::default()).unwrap()
}

/// Scenario: a target that takes nothing while events go on, and then wakes up. Guarantees: handing over never waits; what had room is
/// there, nothing after the first that had none, and the trailer says why.
#[test]
fn a_slow_target_cuts_the_recording_and_nothing_else() {
    let trip = Trip::begin(|_| {}, true, usize::MAX);
    (1..=1_000).for_each(|sequence| trip.courier.send(slice(sequence)));
    assert!(trip.courier.has_ended());
    (0..10).for_each(|_| trip.permits.send(()).unwrap());
    let outcome = trip.outcome();
    assert_eq!((outcome.event_count, outcome.cut, outcome.has_trailer), (2, Some("slow"), true));
    let trailer = trip.trailer().unwrap();
    assert_eq!((trailer.event_count, trailer.end()), (2, RecordingEnd::Budget));
    assert!(trailer.message.contains("too slow"), "{}", trailer.message);
}

/// Scenario: a target whose disk is full at each of its writes in turn. Guarantees: the recording ends there with its reason, is told
/// as one without a trailer, and what comes after is dropped without harm.
#[test]
fn a_full_disk_ends_the_recording_where_it_is() {
    for fails_at in 0..4 {
        let trip = Trip::begin(|_| {}, false, fails_at);
        trip.courier.send(slice(1));
        trip.courier.send(slice(2));
        let outcome = trip.outcome();
        assert_eq!((outcome.cut, outcome.has_trailer, trip.trailer()), (Some("disk_full"), false, None));
        assert_eq!(outcome.event_count, fails_at.saturating_sub(2) as u64);
        trip.courier.send(slice(3));
        assert_eq!(trip.kinds.lock().unwrap().len(), fails_at);
    }
}

/// Scenario: a stream that ends, one that stalls, an engine that stops, a time that is over, and a recording that has all that it wants.
/// Guarantees: each ends with its own reason; the engine's end waits for them; what there was to say of the beginning is said.
#[test]
fn ends_have_reasons() {
    let end = |trip: Trip, end: fn(Courier, &CancellationToken)| {
        let (Trip { courier, outcome, stop, tasks, kinds, .. }, note) = (trip, "short");
        assert!(!tasks.is_empty());
        courier.send(slice(1));
        end(courier, &stop);
        let outcome: Outcome = outcome.recv_timeout(PATIENCE).expect("an end");
        assert!(outcome.message.starts_with(note) && outcome.has_trailer, "{}", outcome.message);
        assert_eq!((outcome.event_count, kinds.lock().unwrap().len()), (1, 4));
        (outcome.end, outcome.cut)
    };
    let trip = |change: fn(&mut Departure)| {
        let both = |departure: &mut Departure| {
            departure.note = "short".to_owned();
            change(departure);
        };
        Trip::begin(both, false, usize::MAX)
    };
    /// Keeps the stream open until the other side has ended.
    fn hold(courier: Courier) {
        let since = std::time::Instant::now();
        while !courier.has_ended() && since.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    use RecordingEnd::{Complete, Stream};
    assert_eq!(end(trip(|_| {}), |courier, _| drop(courier)), (Stream, Some("stream_ended")));
    assert_eq!(end(trip(|_| {}), |courier, _| courier.complete()), (Complete, None));
    let stalled = trip(|departure| departure.stall_wait = Duration::from_secs(1));
    assert_eq!(end(stalled, |courier, _| hold(courier)), (Stream, Some("stalled")));
    let stopped = |courier, stop: &CancellationToken| {
        stop.cancel();
        hold(courier);
    };
    assert_eq!(end(trip(|_| {}), stopped), (Stream, Some("engine_stopped")));
    let over = trip(|departure| departure.lasts = Some(Duration::from_secs(1)));
    assert_eq!(end(over, |courier, _| hold(courier)), (Complete, None));
}

/// What a container has of so many bytes.
fn fact(bytes: usize) -> LateFact {
    let container = Container { name: "x".repeat(bytes), ..Container::default() };
    LateFact { kind: Some(late_fact::Kind::Container(container)) }
}

/// Scenario: a target that takes nothing while large facts come, few in number. Guarantees: they count as events do: what waits has
/// a bound in bytes.
#[test]
fn facts_that_wait_are_bounded() {
    let trip = Trip::begin(|departure| departure.max_queued_bytes = 3_000, true, usize::MAX);
    let late = |_| LateFacts { first_fact_sequence: 1, facts: vec![fact(1_000)] };
    (0..10).map(late).for_each(|facts| trip.courier.send_facts(facts));
    assert!(trip.courier.has_ended());
    (0..10).for_each(|_| trip.permits.send(()).unwrap());
    assert_eq!((trip.outcome().cut, trip.kinds.lock().unwrap().len()), (Some("slow"), 5));
}

/// Scenario: a host with many containers that have large facts, one with a fact that no entry can have, and a batch that is larger
/// than an entry. Guarantees: each entry is small enough for files and clients; all facts but the one and all events are there, and
/// the trailer tells of the one.
#[test]
fn entries_are_small_enough_whatever_containers_are_like() {
    let facts = |departure: &mut Departure| {
        departure.max_queued_bytes = u64::MAX;
        departure.facts.facts = vec![fact(100_000); 100];
        departure.facts.facts.push(fact(5 << 20));
    };
    let trip = Trip::begin(facts, false, usize::MAX);
    let kind = eyrie_proto::event::event::Kind::Exec(eyrie_proto::event::Exec {
        exe: vec![b'x'; 1 << 20],
        ..Default::default()
    });
    let events = vec![Event { kind: Some(kind), ..Event::default() }; 7];
    let batch = Arc::new(Batch { first_sequence: 1, events, ..Batch::default() });
    trip.courier.send(Slice::new(&batch, (0, 7), 40, &ClockReading::default()).unwrap());
    let Trip { courier, outcome, kinds, .. } = trip;
    courier.complete();
    let outcome = outcome.recv_timeout(PATIENCE).expect("an end");
    assert_eq!((outcome.end, outcome.event_count), (RecordingEnd::Complete, 7));
    assert!(outcome.message.contains("too large (52428"), "{}", outcome.message);
    let kinds = kinds.lock().unwrap();
    assert!(kinds.iter().all(|kind| kind.encoded_len() <= 3 << 20));
    let facts = kinds.iter().map(|kind| if let Kind::LateFacts(late) = kind { late.facts.len() } else { 0 });
    assert_eq!(facts.sum::<usize>(), 100);
    let batches = kinds
        .iter()
        .filter_map(|kind| if let Kind::Batch(batch) = kind { batch.batch.as_ref() } else { None });
    let mut next = 1;
    for batch in batches {
        assert_eq!(batch.first_sequence, next);
        next += batch.events.len() as u64;
    }
    assert_eq!(next, 8);
}
