//! Batches through one whole session: gRPC on loopback, evaluation by 25 rules, acks. Reports events per second.

#![allow(clippy::expect_used, reason = "a measurement that cannot be set up has nothing better to do")]

use std::{fmt::Write as _, sync::Arc, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine_service::{
    CaptureMode, Engine, EngineOptions, RuleEvaluator, RuleOptions, Running,
    alert_log::sqlite::{SqliteLog, SqliteOptions},
    listener::{ListenSecurity, Listener},
};
use eyrie_proto::{
    capture::{
        AgentInfo, BaseState, Batch, CaptureRequest, CaptureResponse, ClockReading, Hello,
        capture_request::Kind, capture_response, capture_service_client::CaptureServiceClient,
    },
    event::{
        Event, HostBoot, Open, Origin, PathArgument, ProcessKey, ProcessState, SystemCall, Task,
        event::Kind as EventKind, origin,
    },
};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

const RULES: usize = 25;
const EVENTS_A_BATCH: u64 = 1_000;
const BATCHES: u64 = 50;
/// Far less than the credit that a session begins with: 8 batches of 110 KiB.
const BATCHES_UNDER_WAY: u64 = 8;
const EPOCH: u64 = 1;

struct Session {
    requests: mpsc::Sender<CaptureRequest>,
    responses: Streaming<CaptureResponse>,
    next_sequence: u64,
}

/// Rules over opened files that all have to be looked at, and of which one matches one file.
fn rules() -> String {
    (0..RULES).fold(String::new(), |mut text, number| {
        let _ = write!(
            text,
            "
- rule: Rule {number}
  desc: d
  condition: >
    evt.type in (open, openat, openat2) and proc.name != nobody{number}
    and (fd.name startswith /secret{number}/ or fd.name = /etc/file{number}) and not proc.pname in (sshd, cron)
  output: file=%fd.name command=%proc.cmdline
  priority: WARNING
"
        );
        text
    })
}

async fn start(directory: &std::path::Path, is_recording: bool) -> Running {
    let source = rule_language::Source { name: "bench.yaml".into(), text: rules() };
    let evaluator =
        RuleEvaluator::compile(&[source], &RuleOptions::default()).expect("the rules are right").evaluator;
    let log = SqliteLog::open(directory, SqliteOptions::default()).expect("an empty log");
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address"), ListenSecurity::LOCAL)
        .await
        .expect("a port");
    let mut options = EngineOptions::default();
    if is_recording {
        options.recordings.folder = Some(directory.join("recordings"));
        options.recordings.mode = CaptureMode::AllRules;
    }
    let engine = Engine {
        evaluator: Arc::new(evaluator),
        log: Arc::new(log),
        listener,
        output: None,
        options,
        instruments: Default::default(),
    };
    engine.start().await.expect("an engine")
}

impl Session {
    async fn begin(engine: &Running) -> Self {
        let mut client =
            CaptureServiceClient::connect(engine.local_address().uri()).await.expect("a connection");
        let (requests, receiver) = mpsc::channel(4);
        let responses = client.capture(ReceiverStream::new(receiver)).await.expect("a stream").into_inner();
        let host = HostBoot {
            machine_id: "0123456789abcdef0123456789abcdef".into(),
            boot_id: "01234567-89ab-cdef-0123-456789abcdef".into(),
        };
        let hello = Hello {
            origin: Some(Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }),
            epoch: EPOCH,
            first_sequence: 1,
            agent: Some(AgentInfo { architecture: "x86_64".into(), ..AgentInfo::default() }),
            protocol_versions: vec![1],
            clock: Some(ClockReading::default()),
            ..Hello::default()
        };
        let process = ProcessState {
            process: Some(ProcessKey { pid: 100, start_boot_ns: 1 }),
            comm: b"cat".to_vec(),
            exe: b"cat".to_vec(),
            ..ProcessState::default()
        };
        let base = BaseState { processes: vec![process], is_last: true, ..BaseState::default() };
        for kind in [Kind::Hello(hello), Kind::BaseState(base)] {
            requests.send(CaptureRequest { kind: Some(kind) }).await.expect("an open stream");
        }
        Self { requests, responses, next_sequence: 1 }
    }

    /// Sends batches, a few ahead of their acks, until all are acked.
    async fn stream(&mut self, template: &Batch) {
        let last = self.next_sequence + BATCHES * EVENTS_A_BATCH;
        let mut acked = self.next_sequence;
        while acked < last {
            while self.next_sequence < last && self.next_sequence - acked < BATCHES_UNDER_WAY * EVENTS_A_BATCH
            {
                let batch = Batch { first_sequence: self.next_sequence, ..template.clone() };
                self.next_sequence += EVENTS_A_BATCH;
                let request = CaptureRequest { kind: Some(Kind::Batch(batch)) };
                self.requests.send(request).await.expect("an open stream");
            }
            let response = self.responses.message().await.expect("no error").expect("an open stream");
            if let Some(capture_response::Kind::Ack(ack)) = response.kind {
                assert!(ack.rejections.is_empty(), "{ack:?}");
                acked = ack.through_sequence + 1;
            }
        }
    }
}

/// Opens by one known process; `matching` of them of a file that a rule is about.
fn batch(matching: usize) -> Batch {
    let open = |index: usize| {
        let path = if index < matching { "/etc/file7".to_owned() } else { format!("/usr/lib/lib{index}.so") };
        let requested = PathArgument { requested: path.into_bytes(), ..PathArgument::default() };
        let task = Task {
            process: Some(ProcessKey { pid: 100, start_boot_ns: 1 }),
            tid: 100,
            comm: b"cat".to_vec(),
            ..Task::default()
        };
        Event {
            boot_ns: 1_000_000_000,
            task: Some(task),
            call: Some(SystemCall { number: 257, result: 3, ..SystemCall::default() }),
            kind: Some(EventKind::Open(Open { path: Some(requested), ..Open::default() })),
            ..Event::default()
        }
    };
    let events = (0..EVENTS_A_BATCH as usize).map(open).collect();
    Batch { epoch: EPOCH, events, ..Batch::default() }
}

fn session(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(BATCHES * EVENTS_A_BATCH));
    group.sample_size(10).measurement_time(Duration::from_secs(5)).warm_up_time(Duration::from_secs(1));
    for (name, matching, is_recording) in
        [("no alerts", 0, false), ("no alerts, in a window", 0, true), ("one alert a batch", 1, false)]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let engine = runtime.block_on(start(directory.path(), is_recording));
        let mut agent = runtime.block_on(Session::begin(&engine));
        let template = batch(matching);
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(agent.stream(&template)));
        });
        runtime.block_on(engine.shutdown());
    }
    group.finish();
}

criterion_group!(benches, session);
criterion_main!(benches);
