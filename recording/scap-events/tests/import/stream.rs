//! A file's whole stream, and files that are made for it.

use std::{fs::File, io::Read, path::Path};

use eyrie_proto::{
    event::{Event, OrderedFact, ProcessState, SystemCall, Task, event::Kind as EventKind, ordered_fact},
    metadata::late_fact,
    recording::{RecordingHeader, RecordingTrailer, recording_entry::Kind},
};
use scap::{Compression, EventDraft, Machine, Reader, Thread, Writer, table, value::Value};
use scap_events::import::{Counts, Import, ImportError, ImportOptions};

/// Of the first event of files that are made here, nanoseconds since the epoch.
pub(crate) const START: u64 = 2_000_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Everything that came of a file.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) headers: Vec<RecordingHeader>,
    pub(crate) processes: Vec<ProcessState>,
    pub(crate) base_facts: Vec<OrderedFact>,
    pub(crate) base_parts: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) late_facts: Vec<late_fact::Kind>,
    pub(crate) trailers: Vec<RecordingTrailer>,
    pub(crate) counts: Counts,
    pub(crate) error: Option<ImportError>,
}

/// A file that is being made: one machine, a few threads, events a second apart.
pub(crate) struct Scap {
    writer: Writer<Vec<u8>>,
    time_ns: u64,
}

// === impl Stream ===

impl Stream {
    pub(crate) fn of_file(path: &Path) -> Self {
        Self::of(File::open(path).unwrap())
    }

    pub(crate) fn of(input: impl Read) -> Self {
        let mut stream = Self::default();
        let mut import = Import::new(Reader::new(input).unwrap(), ImportOptions::default());
        let mut next_sequence = 1;
        loop {
            match import.next() {
                Ok(Some(Kind::Header(header))) => {
                    next_sequence = 1;
                    stream.headers.push(header);
                }
                Ok(Some(Kind::BaseState(part))) => {
                    stream.base_parts += 1;
                    stream.processes.extend(part.processes);
                    stream.base_facts.extend(part.facts.into_iter().map(fact));
                }
                Ok(Some(Kind::Batch(recorded))) => {
                    let batch = recorded.batch.unwrap();
                    assert_eq!((batch.first_sequence, recorded.left_out_before.len()), (next_sequence, 0));
                    assert_eq!(Some(batch.epoch), stream.headers.last().map(|header| header.epoch));
                    next_sequence += batch.events.len() as u64;
                    stream.events.extend(batch.events);
                }
                Ok(Some(Kind::LateFacts(late))) => {
                    stream.late_facts.extend(late.facts.into_iter().map(|fact| fact.kind.unwrap()));
                }
                Ok(Some(Kind::Trailer(trailer))) => stream.trailers.push(trailer),
                Ok(None) => break,
                Err(error) => {
                    assert!(stream.error.is_none(), "one error is the last");
                    stream.error = Some(error);
                }
            }
        }
        stream.counts = import.counts();
        stream
    }

    /// Events that are no facts.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| !matches!(event.kind, Some(EventKind::Fact(_))))
    }

    /// Kinds of events that are no facts.
    pub(crate) fn kinds(&self) -> Vec<&EventKind> {
        self.told().map(|event| event.kind.as_ref().unwrap()).collect()
    }

    pub(crate) fn calls(&self) -> Vec<SystemCall> {
        self.told().filter_map(|event| event.call).collect()
    }

    pub(crate) fn task(&self, number: usize) -> &Task {
        self.told().nth(number).unwrap().task.as_ref().unwrap()
    }

    /// Facts of the base state and of the stream.
    pub(crate) fn facts(&self) -> Vec<ordered_fact::Kind> {
        let later = self.events.iter().filter(|event| matches!(event.kind, Some(EventKind::Fact(_))));
        let later = later.cloned().map(fact);
        self.base_facts.iter().cloned().chain(later).map(|fact| fact.kind.unwrap()).collect()
    }

    pub(crate) fn process(&self, pid: u32) -> &ProcessState {
        self.processes.iter().find(|process| process.process.unwrap().pid == pid).unwrap()
    }
}

fn fact(event: Event) -> OrderedFact {
    match event.kind {
        Some(EventKind::Fact(fact)) => fact,
        other => panic!("{other:?} is no fact"),
    }
}

// === impl Scap ===

impl Scap {
    /// With `bash` (10), whose working directory is /home/me.
    pub(crate) fn new() -> Self {
        Self::with(&[thread(10, 1, "bash")])
    }

    pub(crate) fn with(threads: &[Thread]) -> Self {
        let mut writer = Writer::new(Vec::new(), Compression::None).unwrap();
        let machine = Machine {
            cpu_count: 2,
            hostname: b"web-1".to_vec(),
            boot_epoch_ns: START - 1000 * SECOND,
            ..Machine::default()
        };
        writer.machine(&machine).unwrap();
        writer.threads(&mut threads.iter().cloned()).unwrap();
        Self { writer, time_ns: START }
    }

    pub(crate) fn writer(&mut self) -> &mut Writer<Vec<u8>> {
        &mut self.writer
    }

    /// The exit of a call of this type, by thread 10.
    pub(crate) fn exit(&mut self, event_type: &str, parameters: &[(&str, Value)]) -> &mut Self {
        self.exit_of(10, event_type, parameters)
    }

    pub(crate) fn exit_of(&mut self, tid: i64, event_type: &str, parameters: &[(&str, Value)]) -> &mut Self {
        let code = table::exit_event(event_type).unwrap().code;
        self.event(code, tid, parameters)
    }

    /// An event, a millisecond after the last one.
    pub(crate) fn event(&mut self, code: u16, tid: i64, parameters: &[(&str, Value)]) -> &mut Self {
        self.draft(code, tid, parameters, |_| {})
    }

    pub(crate) fn draft(
        &mut self,
        code: u16,
        tid: i64,
        parameters: &[(&str, Value)],
        change: impl FnOnce(&mut EventDraft),
    ) -> &mut Self {
        let mut draft = EventDraft::new(code, self.time_ns, tid);
        draft.keep_all();
        for (name, value) in parameters {
            draft.set(name, value).unwrap();
        }
        change(&mut draft);
        self.time_ns += SECOND / 1000;
        self.writer.event(&draft).unwrap();
        self
    }

    /// Lets time pass.
    pub(crate) fn later(&mut self, seconds: u64) -> &mut Self {
        self.time_ns += seconds * SECOND;
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.writer.finish().unwrap()
    }

    pub(crate) fn stream(self) -> Stream {
        let stream = Stream::of(&*self.bytes());
        assert!(stream.error.is_none(), "{:?}", stream.error);
        stream
    }
}

/// A process of the host.
pub(crate) fn thread(pid: u64, parent_pid: u64, comm: &str) -> Thread {
    Thread {
        tid: pid,
        pid,
        parent_pid,
        comm: comm.as_bytes().to_vec(),
        exe: comm.as_bytes().to_vec(),
        working_directory: b"/home/me/".to_vec(),
        namespace_tid: pid as i64,
        namespace_pid: pid as i64,
        uid: 1000,
        gid: 1000,
        root: b"/".to_vec(),
        ..Thread::default()
    }
}

pub(crate) fn int(number: i64) -> Value {
    Value::Signed(number)
}

pub(crate) fn uint(number: u64) -> Value {
    Value::Unsigned(number)
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.as_bytes().to_vec())
}
