//! What is done to each piece: filter, redaction, file.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use eyrie_proto::{
    capture::Hello,
    event::{ProcessKey, event::Kind as EventKind},
    recording::{RecordingEnd, RecordingHeader, RecordingTrailer, recording_entry::Kind},
};
use host_model::HostModel;
use recording::{CONTRACT_VERSION, RecordingError, Redactor, Sink};
use tokio_util::sync::CancellationToken;

use super::{
    filter::Filter,
    progress::{Figures, Summary},
};

/// Writes one recording. It works in threads that may wait for disks.
pub(super) struct Recorder {
    /// Gone once it cannot or need not take any more.
    sink: Option<Box<dyn Sink + Send>>,
    redactor: Redactor,
    filter: Option<Filter>,
    /// Of a stream whose agent can be asked for what it has not told; a filter has one of its own.
    model: Option<HostModel>,
    condition: String,
    limits: Limits,
    /// When the header came.
    began: Option<Instant>,
    failure: Option<RecordingError>,
    is_full: bool,
    pub(super) figures: Arc<Figures>,
    /// Cancelled when nothing more will be written: the file is as large as it may be, or writing failed.
    pub(super) stopped: CancellationToken,
}

/// When a recording ends by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_bytes: u64,
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn new(
        sink: Box<dyn Sink + Send>,
        redactor: Redactor,
        filter: Option<Filter>,
        condition: String,
        limits: Limits,
    ) -> Self {
        Self {
            sink: Some(sink),
            redactor,
            filter,
            model: None,
            condition,
            limits,
            began: None,
            failure: None,
            is_full: false,
            figures: Arc::new(Figures::default()),
            stopped: CancellationToken::new(),
        }
    }

    /// Follows who is known, for [`Self::take_unknown`].
    pub(super) fn following(self) -> Self {
        let model = self.filter.is_none().then(HostModel::default);
        Self { model, ..self }
    }

    /// The processes of the stream whose state it has not told, after a loss for instance; each once. An engine asks its
    /// agent for them, and the answers are in the stream.
    pub(super) fn take_unknown(&mut self) -> Vec<ProcessKey> {
        match (&mut self.model, &mut self.filter) {
            (Some(model), _) => model.take_unknown(),
            (None, Some(filter)) => filter.take_unknown(),
            (None, None) => Vec::new(),
        }
    }

    /// The header that says whose stream begins.
    pub(super) fn header(&self, hello: Hello) -> Kind {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Kind::Header(RecordingHeader {
            version: CONTRACT_VERSION,
            origin: hello.origin,
            epoch: hello.epoch,
            agent: hello.agent,
            clock: hello.clock,
            created_ns: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            recorder: format!("eyrie {}", env!("CARGO_PKG_VERSION")),
            filter: self.condition.clone(),
            redactions: Vec::new(),
            trigger: None,
        })
    }

    /// Takes a piece. What comes after the end of the file is left out: the stream goes on until its agent ends.
    pub(super) fn record(&mut self, mut kind: Kind) {
        if self.sink.is_none() || self.is_full {
            return;
        }
        if let Kind::Batch(recorded) = &mut kind {
            // How the stream was sent is of no use later.
            recorded.batch.iter_mut().for_each(|batch| batch.trace = None);
        }
        if let Some(model) = &mut self.model {
            follow(model, &kind);
        }
        let left_out = self.filter.as_mut().map_or(0, |filter| filter.apply(&mut kind));
        self.figures.left_out.fetch_add(left_out, Ordering::Relaxed);
        if let Kind::Batch(recorded) = &kind
            && recorded.batch.as_ref().is_none_or(|batch| batch.events.is_empty())
        {
            return;
        }
        self.count(&kind);
        self.redactor.apply(&mut kind);
        self.write(&kind);
    }

    /// Makes what was written readable for others.
    pub(super) fn flush(&mut self) {
        let Some(sink) = &mut self.sink else { return };
        let result = sink.flush();
        self.figures.bytes.store(sink.bytes(), Ordering::Relaxed);
        self.take_result(result);
    }

    /// Ends the recording. `unwritten` events came from the agent too late.
    pub(super) fn finish(mut self, end: RecordingEnd, unwritten: u64) -> Summary {
        let end = if self.is_full { RecordingEnd::Budget } else { end };
        #[allow(clippy::needless_update, reason = "the message gets fields with time")]
        let trailer = RecordingTrailer {
            event_count: self.figures.events.load(Ordering::Relaxed),
            left_out_events: self.figures.left_out.load(Ordering::Relaxed),
            end: end.into(),
            message: match unwritten {
                0 => String::new(),
                _ => format!("{unwritten} events were captured and not written before the end"),
            },
            ..RecordingTrailer::default()
        };
        if self.figures.streams.load(Ordering::Relaxed) > 0 {
            self.write(&Kind::Trailer(trailer));
        }
        if let Some(sink) = self.sink.take() {
            match sink.finish() {
                Ok(written) => self.figures.bytes.store(written.bytes, Ordering::Relaxed),
                Err(error) => self.failure = Some(error),
            }
        }
        Summary {
            end,
            unwritten,
            failure: self.failure.map(Into::into),
            elapsed: self.began.map_or(Duration::ZERO, |began| began.elapsed()),
            figures: self.figures,
        }
    }

    fn write(&mut self, kind: &Kind) {
        let Some(sink) = &mut self.sink else { return };
        let result = sink.write(kind);
        let bytes = sink.bytes();
        self.figures.bytes.store(bytes, Ordering::Relaxed);
        self.take_result(result);
        if bytes >= self.limits.max_bytes {
            self.is_full = true;
            self.stopped.cancel();
        }
    }

    fn take_result(&mut self, result: Result<(), RecordingError>) {
        if let Err(error) = result {
            self.failure = Some(error);
            self.sink = None;
            self.stopped.cancel();
        }
    }

    fn count(&mut self, kind: &Kind) {
        match kind {
            Kind::Header(_) => {
                self.began.get_or_insert_with(Instant::now);
                self.figures.streams.fetch_add(1, Ordering::Relaxed);
            }
            Kind::BaseState(part) => {
                self.figures.processes.fetch_add(part.processes.len() as u64, Ordering::Relaxed);
            }
            Kind::Batch(recorded) => {
                let events = recorded.batch.iter().flat_map(|batch| &batch.events);
                let lost = events.clone().filter_map(|event| match &event.kind {
                    Some(EventKind::Loss(loss)) => Some(loss.count),
                    _ => None,
                });
                self.figures.lost.fetch_add(lost.sum(), Ordering::Relaxed);
                self.figures.events.fetch_add(events.count() as u64, Ordering::Relaxed);
            }
            Kind::LateFacts(_) | Kind::Trailer(_) => {}
        }
    }
}

fn follow(model: &mut HostModel, kind: &Kind) {
    match kind {
        Kind::Header(_) => *model = HostModel::default(),
        Kind::BaseState(part) => model.restore(part.processes.iter().cloned(), part.facts.iter().cloned()),
        Kind::Batch(recorded) => {
            recorded.batch.iter().flat_map(|batch| &batch.events).for_each(|event| model.apply(event));
        }
        Kind::LateFacts(_) | Kind::Trailer(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::{
        capture::{BaseState, Batch},
        event::{Event, HostBoot, Origin, ProcessState, Task, origin},
        recording::RecordedBatch,
    };
    use recording::{CreateOptions, Redactions};

    use super::*;

    /// Scenario: the base state has one process, and events come of it and of another, with a filter and without one. Guarantees: the state of
    /// the other is asked for, once.
    #[test]
    fn who_is_not_known_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let key = |pid| ProcessKey { pid, start_boot_ns: 1 };
        let event = |pid| {
            let task = Task { process: Some(key(pid)), tid: pid, ..Task::default() };
            Event { task: Some(task), kind: Some(EventKind::Open(Default::default())), ..Event::default() }
        };
        for filter in [None, Some(Filter::new("evt.type = open").unwrap())] {
            let file = folder.path().join(format!("{}", filter.is_some()));
            let sink = recording::create(&file, &CreateOptions::default()).unwrap();
            let redactor = Redactor::new(&Redactions::default()).unwrap();
            let limits = Limits { max_bytes: u64::MAX };
            let mut recorder = Recorder::new(sink, redactor, filter, String::new(), limits).following();
            let host = HostBoot { machine_id: "m".to_owned(), boot_id: "b".to_owned() };
            let origin = Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) };
            let hello = Hello { origin: Some(origin), ..Hello::default() };
            recorder.record(recorder.header(hello));
            let processes = vec![ProcessState { process: Some(key(10)), ..ProcessState::default() }];
            let base = BaseState { processes, is_last: true, ..BaseState::default() };
            recorder.record(Kind::BaseState(base));
            assert_eq!(recorder.take_unknown(), []);
            for first_sequence in [1, 3] {
                let batch = Batch { first_sequence, events: vec![event(10), event(11)], ..Batch::default() };
                let batch = Some(batch);
                recorder.record(Kind::Batch(RecordedBatch { batch, left_out_before: Vec::new() }));
                let expected = if first_sequence == 1 { vec![key(11)] } else { Vec::new() };
                assert_eq!(recorder.take_unknown(), expected);
            }
            assert!(recorder.finish(RecordingEnd::Complete, 0).failure.is_none());
        }
    }
}
