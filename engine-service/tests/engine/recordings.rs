//! Recordings on trigger: what is before and after an alert is there, with the state before it, whatever happens around it.

use std::{path::Path, time::Duration};

use engine_service::{EngineOptions, Running};
use eyrie_proto::{
    capture::{BaseState, Batch, ClockReading, Hello},
    event::{
        Connect, Descriptor, Event, Exit, Fork, OrderedFact, ProcessKey, SystemCall, event::Kind as EventKind,
    },
    metadata::{LateFact, late_fact},
    recording::{
        DeleteRecordingRequest, FetchRecordingRequest, ListRecordingsRequest, RecordHostRequest, Recording,
        RecordingEnd, RecordingHeader, RecordingState, RecordingTrailer, recording_entry::Kind,
        recording_service_client::RecordingServiceClient,
    },
};
use host_model::HostModel;
use tonic::transport::Channel;

use crate::{
    metadata::late,
    metadata_service::CONTAINER,
    parking::{self, deliver, start_with_rules},
    support::*,
};

const RULES: &str = "
- rule: Recorded
  desc: asks for a recording of two seconds
  condition: evt.type = connect and fd.num = 5
  output: connected
  priority: NOTICE
  capture: true
  capture_duration: 2000
- rule: Recorded by default
  desc: asks for a recording
  condition: evt.type = connect and fd.num = 6
  output: connected
  priority: NOTICE
  capture: true
- rule: Not recorded
  desc: asks for none
  condition: evt.type = connect and fd.num = 7
  output: connected
  priority: NOTICE
";

fn recording(directory: &Path) -> EngineOptions {
    let mut options = options();
    options.metadata.parking.wait = Duration::ZERO;
    options.recordings.folder = Some(directory.join("recordings"));
    options.recordings.before = Duration::from_secs(3);
    options.recordings.default_after = Duration::from_secs(4);
    options
}

fn greeting() -> Hello {
    let mut hello = hello();
    hello.agent.as_mut().unwrap().architecture = "x86_64".into();
    hello
}

/// Connects descriptor `fd`, which makes an alert of 5, 6 and 7.
fn connect(sequence: u64, fd: i32) -> Event {
    let descriptor = Some(Descriptor { fd, kind: None });
    Event {
        call: Some(SystemCall { number: 42, ..SystemCall::default() }),
        kind: Some(EventKind::Connect(Connect { descriptor, ..Connect::default() })),
        ..event(sequence, b"nc")
    }
}

/// Plain events, and connects at some of their places; each is a second after the one before.
fn events(range: std::ops::RangeInclusive<u64>, connects: &[(u64, i32)]) -> Vec<Event> {
    let event = |sequence| match connects.iter().find(|(place, _)| *place == sequence) {
        Some((_, fd)) => connect(sequence, *fd),
        // Processes come and go, so that the state changes with every event.
        None if sequence % 2 == 0 => {
            let child = ProcessKey { pid: 1_000 + sequence as u32, start_boot_ns: sequence * 1_000_000_000 };
            let fork = Fork { child_process: Some(child), child_tid: child.pid, ..Fork::default() };
            Event { kind: Some(EventKind::Fork(fork)), ..event(sequence, b"good") }
        }
        None => {
            let pid = 1_000 + sequence as u32 - 1;
            let key = ProcessKey { pid, start_boot_ns: (sequence - 1) * 1_000_000_000 };
            let mut ended = event(sequence, b"good");
            let task = ended.task.as_mut().unwrap();
            (task.process, task.tid) = (Some(key), pid);
            let exit = Exit { is_process_end: true, ..Exit::default() };
            Event { kind: Some(EventKind::Exit(exit)), ..ended }
        }
    };
    range.map(event).collect()
}

async fn client(engine: &Running) -> RecordingServiceClient<Channel> {
    RecordingServiceClient::new(channel(engine.local_address()).await)
}

async fn list(engine: &Running) -> Vec<Recording> {
    let listed = client(engine).await.list_recordings(ListRecordingsRequest::default()).await;
    listed.unwrap().into_inner().recordings
}

/// Waits until `count` recordings have ended, and gives all, the newest first.
async fn ended(engine: &Running, count: usize) -> Vec<Recording> {
    let wait = async {
        loop {
            let listed = list(engine).await;
            let ended = listed.iter().filter(|recording| recording.state() != RecordingState::Running);
            if ended.count() >= count {
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("no end in time")
}

/// A recording, read.
#[derive(Default)]
struct Read {
    header: RecordingHeader,
    base: Vec<BaseState>,
    batches: Vec<Batch>,
    facts: Vec<LateFact>,
    trailer: Option<RecordingTrailer>,
}

impl Read {
    fn take(&mut self, kind: Kind) {
        match kind {
            Kind::Header(header) => self.header = header,
            Kind::BaseState(part) => self.base.push(part),
            Kind::Batch(recorded) => self.batches.extend(recorded.batch),
            Kind::LateFacts(late) => self.facts.extend(late.facts),
            Kind::Trailer(trailer) => self.trailer = Some(trailer),
        }
    }

    /// Reads a file as far as it goes.
    fn file(bytes: Vec<u8>) -> Self {
        let mut read = Self::default();
        let mut source = recording::source(std::io::Cursor::new(bytes)).unwrap();
        while let Ok(Some(kind)) = source.next() {
            read.take(kind);
        }
        read
    }

    fn sequences(&self) -> Vec<u64> {
        let of = |batch: &Batch| batch.first_sequence..batch.first_sequence + batch.events.len() as u64;
        self.batches.iter().flat_map(of).collect()
    }

    fn end(&self) -> RecordingEnd {
        self.trailer.as_ref().expect("a trailer").end()
    }

    /// Whether it tells of a container of this image.
    fn has_image(&self, repository: &str) -> bool {
        let is_it = |fact: &LateFact| match &fact.kind {
            Some(late_fact::Kind::Container(container)) => {
                container.image.as_ref().is_some_and(|image| image.repository == repository)
            }
            _ => false,
        };
        self.facts.iter().any(is_it)
    }

    /// The model after everything.
    fn model(&self) -> HostModel {
        let mut model = HostModel::default();
        for part in &self.base {
            model.restore(part.processes.clone(), part.facts.clone());
        }
        let events = self.batches.iter().flat_map(|batch| &batch.events);
        events.for_each(|event| model.apply(event));
        model
    }
}

async fn fetch(engine: &Running, id: &str) -> Read {
    let request = FetchRecordingRequest { id: id.to_owned() };
    let mut stream = client(engine).await.fetch_recording(request).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(response) = stream.message().await.unwrap() {
        bytes.extend(response.chunk);
    }
    Read::file(bytes)
}

/// Scenario: a stream in batches of various sizes, with an alert in the middle of one. Guarantees: the recording has exactly the events
/// of the three seconds before it and the two seconds after it, whose state at its end is that of a model that saw everything; it says
/// what it is about; the alert names it.
#[tokio::test]
async fn before_and_after_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=20, &[(10, 5)]);
    for (first, last) in [(1, 4), (5, 5), (6, 11), (12, 20)] {
        deliver(&mut agent, first, all[first as usize - 1..last].to_vec()).await;
    }
    let listed = ended(&engine, 1).await;
    let alert = alerts(&*log).await.remove(0);
    assert_eq!((listed.len(), &listed[0].id, &alert.recording_id), (1, &alert.id, &alert.id));
    let read = fetch(&engine, &alert.id).await;
    assert_eq!(read.sequences(), (7..=12).collect::<Vec<_>>());
    assert_eq!((read.base[0].as_of_sequence, read.end()), (6, RecordingEnd::Complete));
    let trigger = read.header.trigger.clone().unwrap();
    assert_eq!((trigger.rule.as_str(), trigger.before_ms, trigger.after_ms), ("Recorded", 3_000, 2_000));
    assert_eq!((read.header.epoch, &read.header.origin), (EPOCH, &Some(origin())));
    assert_eq!(
        (listed[0].event_count, listed[0].state(), listed[0].hostname.as_str()),
        (6, RecordingState::Finished, "h1")
    );
    let mut whole = HostModel::default();
    all[..12].iter().for_each(|event| whole.apply(event));
    let state =
        |model: &HostModel| (model.base_state().collect::<Vec<_>>(), model.base_facts().collect::<Vec<_>>());
    assert_eq!(state(&read.model()), state(&whole));
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: early in the stream stands a fact with the time of its telling, behind which come events that the kernel had long
/// before, as when an agent starts on a busy machine; all in one batch. Guarantees: the recording has its alert's event and those up to its end.
#[tokio::test]
async fn facts_of_later_end_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let mut all = events(1..=20, &[(10, 5)]);
    all[2] = Event {
        boot_ns: 60_000_000_000,
        kind: Some(EventKind::Fact(OrderedFact::default())),
        ..Event::default()
    };
    deliver(&mut agent, 1, all).await;
    ended(&engine, 1).await;
    let alert = alerts(&*log).await.remove(0);
    let read = fetch(&engine, &alert.id).await;
    assert_eq!(read.sequences(), (3..=12).collect::<Vec<_>>());
    assert_eq!(read.end(), RecordingEnd::Complete);
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: alerts that fall into each other's time, also all within one batch that goes far beyond them, one that comes after, and
/// one of a rule that asks for nothing. Guarantees: those that overlap make one recording that goes on to the last one's end and lists them all; the later one
/// makes its own, with the time before it; the other makes none.
#[tokio::test]
async fn overlapping_alerts_make_one_recording() {
    for first_batch in [11, 40] {
        overlap(first_batch).await;
    }
}

async fn overlap(first_batch: usize) {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=40, &[(10, 5), (12, 6), (14, 5), (20, 5), (30, 7)]);
    deliver(&mut agent, 1, all[..first_batch].to_vec()).await;
    if first_batch < all.len() {
        deliver(&mut agent, first_batch as u64 + 1, all[first_batch..].to_vec()).await;
    }
    let listed = ended(&engine, 2).await;
    let told = alerts(&*log).await;
    let recordings: Vec<_> = told.iter().map(|alert| alert.recording_id.as_str()).collect();
    let (first, second) = (told[0].id.as_str(), told[3].id.as_str());
    assert_eq!(recordings, [first, first, first, second, ""]);
    assert_eq!(listed.len(), 2);
    let read = fetch(&engine, first).await;
    assert_eq!(read.sequences(), (7..=16).collect::<Vec<_>>());
    let further = read.trailer.unwrap().further_triggers;
    assert_eq!(
        further.iter().map(|trigger| trigger.alert_id.as_str()).collect::<Vec<_>>(),
        [&told[1].id, &told[2].id]
    );
    assert_eq!(fetch(&engine, second).await.sequences(), (17..=22).collect::<Vec<_>>());
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: an agent breaks off in the middle of a recording and comes back to the same engine; then it starts anew with another
/// epoch. Guarantees: where the state was held the recording goes on without a gap; another epoch ends it, says so, and begins with
/// an empty window.
#[tokio::test]
async fn a_recording_goes_on_with_its_stream() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=40, &[(10, 6), (30, 6)]);
    deliver(&mut agent, 1, all[..11].to_vec()).await;
    agent.leave().await;
    let again = Hello { acked_through_sequence: 11, first_sequence: 12, ..greeting() };
    let (mut agent, welcome) = Agent::greet(&engine, again).await;
    assert_eq!(welcome.held_through_sequence, Some(11));
    deliver(&mut agent, 12, all[11..31].to_vec()).await;
    let first = ended(&engine, 1).await.pop().unwrap();
    let read = fetch(&engine, &first.id).await;
    assert_eq!((read.sequences(), read.end()), ((7..=14).collect::<Vec<_>>(), RecordingEnd::Complete));
    agent.leave().await;
    let mut agent = Agent::begin(&engine, Hello { epoch: EPOCH + 1, ..greeting() }, 0).await;
    let second = ended(&engine, 2).await.remove(0);
    let read = fetch(&engine, &second.id).await;
    assert_eq!((read.sequences(), read.end()), ((27..=31).collect::<Vec<_>>(), RecordingEnd::Stream));
    let batch = Batch { epoch: EPOCH + 1, events: events(1..=8, &[(2, 5)]), ..batch(1, 0, &[]) };
    agent.deliver(batch).await;
    let third = ended(&engine, 3).await.remove(0);
    let read = fetch(&engine, &third.id).await;
    assert_eq!((read.sequences(), read.base[0].as_of_sequence), ((1..=4).collect::<Vec<_>>(), 0));
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: the engine ends in the middle of a recording, and another takes up its folder. Guarantees: the recording ends as its
/// stream did, and the next engine lists, gives and removes it; of the same alert again there is no second one.
#[tokio::test]
async fn the_next_engine_has_the_recordings() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start_with_rules(sqlite(directory.path()), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=14, &[(10, 6)]);
    deliver(&mut agent, 1, all[..12].to_vec()).await;
    agent.leave_at_the_engines_end(engine).await;
    let engine = start_with_rules(sqlite(directory.path()), recording(directory.path()), RULES).await;
    let listed = list(&engine).await;
    assert_eq!((listed.len(), listed[0].end(), listed[0].event_count), (1, RecordingEnd::Stream, 6));
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    deliver(&mut agent, 1, all).await;
    assert_eq!(list(&engine).await, listed);
    let id = listed[0].id.clone();
    let mut client = client(&engine).await;
    client.delete_recording(DeleteRecordingRequest { id: id.clone() }).await.unwrap();
    let again = client.delete_recording(DeleteRecordingRequest { id }).await.unwrap_err();
    assert_eq!(reason(&again), "RECORDING_NOT_FOUND");
    assert_eq!(list(&engine).await, []);
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: recordings whose file, or whose hour, is used up. Guarantees: what does not fit is cut, with a trailer that says so, and
/// evaluation goes on; what may not begin is refused, and its alert names no recording.
#[tokio::test]
async fn budgets_cut_and_refuse() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let mut options = recording(directory.path());
    options.recordings.max_an_hour = 1;
    options.recordings.max_file_bytes = 1;
    let engine = start_with_rules(log.clone(), options, RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    deliver(&mut agent, 1, events(1..=11, &[(10, 5)])).await;
    let cut = ended(&engine, 1).await.remove(0);
    assert_eq!((cut.state(), cut.end()), (RecordingState::Finished, RecordingEnd::Budget));
    assert!(cut.message.contains("1 bytes"), "{}", cut.message);
    assert_eq!(fetch(&engine, &cut.id).await.end(), RecordingEnd::Budget);
    deliver(&mut agent, 12, events(12..=30, &[(25, 5)])).await;
    let told = alerts(&*log).await;
    assert_eq!((told.len(), told[1].recording_id.as_str()), (2, ""));
    assert_eq!(list(&engine).await.len(), 1);
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: a client records a host that streams, by its name; another host, which is not there; and the engine ends. Guarantees: the
/// client gets the state as it was and every event after it, and an end that says why; of the other it hears that it is not connected.
#[tokio::test]
async fn clients_record_hosts() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start_with_rules(sqlite(directory.path()), options(), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=20, &[]);
    deliver(&mut agent, 1, all[..10].to_vec()).await;
    let mut client = client(&engine).await;
    let other = RecordHostRequest { host: "h2".into(), duration_ms: 0 };
    assert_eq!(reason(&client.record_host(other).await.unwrap_err()), "HOST_UNKNOWN");
    let request = RecordHostRequest { host: "h1".into(), duration_ms: 0 };
    let mut stream = client.record_host(request).await.unwrap().into_inner();
    let mut read = Read::default();
    let first = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
    read.take(first.entry.unwrap().kind.unwrap());
    deliver(&mut agent, 11, all[10..].to_vec()).await;
    let rest = async {
        while let Some(response) = stream.message().await.unwrap() {
            read.take(response.entry.unwrap().kind.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(rest, agent.leave_at_the_engines_end(engine)) })
        .await
        .unwrap();
    assert_eq!((read.sequences(), read.end()), ((11..=20).collect::<Vec<_>>(), RecordingEnd::Stream));
    let mut whole = HostModel::default();
    all.iter().for_each(|event| whole.apply(event));
    assert_eq!(read.model().base_state().collect::<Vec<_>>(), whole.base_state().collect::<Vec<_>>());
    assert_eq!(read.header.clock, Some(ClockReading { boot_ns: 0, epoch_ns: 1_000_000_000_000 }));
}

/// Scenario: an alert waits for the name of its container, while the stream goes on; then the agent tells. Guarantees: there is no
/// recording as long as the alert may turn out to be none; then there is one with the time before and after the alert's event, and with
/// what was told of the container.
#[tokio::test]
async fn what_waited_for_metadata_is_recorded_late() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let mut options = recording(directory.path());
    options.metadata.parking.wait = Duration::from_secs(600);
    let rules = parking::RULES.replacen("  priority: WARNING", "  priority: WARNING\n  capture: true", 1);
    let engine = start_with_rules(log.clone(), options, &rules).await;
    let mut agent = parking::begin(&engine, vec![parking::cgroup_fact(CONTAINER)]).await;
    let mut all = events(1..=20, &[]);
    all[9] = parking::open(10, "/secret");
    deliver(&mut agent, 1, all).await;
    assert_eq!(list(&engine).await, []);
    agent.send(late(1, late_fact::Kind::Container(parking::of_image("nginx")))).await;
    let alert = parking::entries(&*log, 1).await.remove(0);
    let listed = ended(&engine, 1).await;
    assert_eq!((listed.len(), &listed[0].id), (1, &alert.id));
    let read = fetch(&engine, &alert.id).await;
    assert_eq!((read.sequences(), read.end()), ((7..=14).collect::<Vec<_>>(), RecordingEnd::Complete));
    assert!(read.has_image("nginx"));
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: while a recording runs, the agent tells of a container, and a client begins to record the host; then the stream goes on.
/// Guarantees: both have what was told, each once it is known.
#[tokio::test]
async fn a_client_takes_no_facts_from_a_recording() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start_with_rules(sqlite(directory.path()), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=20, &[(10, 5)]);
    deliver(&mut agent, 1, all[..11].to_vec()).await;
    agent.send(late(1, late_fact::Kind::Container(parking::of_image("nginx")))).await;
    while agent.ack().await.late_facts_through_sequence < 1 {}
    let request = RecordHostRequest { host: "h1".into(), duration_ms: 0 };
    let mut stream = client(&engine).await.record_host(request).await.unwrap().into_inner();
    let first = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap();
    assert!(first.is_some());
    deliver(&mut agent, 12, all[11..].to_vec()).await;
    let id = ended(&engine, 1).await.remove(0).id;
    assert!(fetch(&engine, &id).await.has_image("nginx"));
    let mut tapped = Read::default();
    agent.leave_at_the_engines_end(engine).await;
    while let Some(response) = stream.message().await.unwrap() {
        tapped.take(response.entry.unwrap().kind.unwrap());
    }
    assert!(tapped.has_image("nginx"));
}

/// Scenario: an alert waits for metadata while a later alert's recording, which does not reach back to it, runs; then it is told.
/// Guarantees: it is not listed in a recording without its event, but has one of its own, with its event; the one that runs goes on to
/// its own end.
#[tokio::test]
async fn a_late_alert_is_in_no_recording_that_began_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let mut options = recording(directory.path());
    options.metadata.parking.wait = Duration::from_secs(600);
    let waiting = parking::RULES.replacen("  priority: WARNING", "  priority: WARNING\n  capture: true", 1);
    let engine = start_with_rules(log.clone(), options, &format!("{waiting}\n{RULES}")).await;
    let mut agent = parking::begin(&engine, vec![parking::cgroup_fact(CONTAINER)]).await;
    let mut all = events(1..=30, &[(20, 6)]);
    all[9] = parking::open(10, "/secret");
    deliver(&mut agent, 1, all[..21].to_vec()).await;
    agent.send(late(1, late_fact::Kind::Container(parking::of_image("nginx")))).await;
    let told = parking::entries(&*log, 2).await;
    let of_rule = |rule: &str| told.iter().find(|alert| alert.rule == rule);
    let (late, other) = (of_rule("Read in nginx"), of_rule("Recorded by default"));
    let own = ended(&engine, 1).await;
    let of = |id: &str| own.iter().find(|recording| recording.id == id).expect("a recording").state();
    assert_eq!(of(&late.unwrap().id), RecordingState::Finished);
    assert_eq!(of(&other.unwrap().id), RecordingState::Running);
    assert_eq!(fetch(&engine, &late.unwrap().id).await.sequences(), (7..=14).collect::<Vec<_>>());
    deliver(&mut agent, 22, all[21..].to_vec()).await;
    ended(&engine, 2).await;
    let read = fetch(&engine, &other.unwrap().id).await;
    assert_eq!((read.sequences(), read.end()), ((17..=24).collect::<Vec<_>>(), RecordingEnd::Complete));
    assert_eq!(read.trailer.unwrap().further_triggers, []);
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: the host's clock is set back by six minutes just before an alert. Guarantees: the recording has what was before it and after it
/// all the same.
#[tokio::test]
async fn a_clock_that_is_set_back_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start_with_rules(sqlite(directory.path()), recording(directory.path()), RULES).await;
    let mut agent = Agent::begin(&engine, greeting(), 0).await;
    let all = events(1..=20, &[(10, 5)]);
    deliver(&mut agent, 1, all[..8].to_vec()).await;
    let back = Some(ClockReading { boot_ns: 0, epoch_ns: 1_000_000_000_000 - 360_000_000_000 });
    for (first, last) in [(9, 11), (12, 20)] {
        let events = all[first as usize - 1..last].to_vec();
        let batch = Batch { events, clock: back, ..batch(first, 0, &[]) };
        agent.deliver(batch).await;
    }
    let ended = ended(&engine, 1).await.remove(0);
    let read = fetch(&engine, &ended.id).await;
    assert_eq!((read.sequences(), read.end()), ((7..=12).collect::<Vec<_>>(), RecordingEnd::Complete));
    agent.leave_at_the_engines_end(engine).await;
}
