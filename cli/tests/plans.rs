//! `eyrie plan` and `eyrie coverage` as programs, against an engine in this process with an agent that says what the test
//! wants.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{path::Path, process::Command, time::Duration};

use engine_service::{Config, Running};
use eyrie_proto::{
    capture::{
        AgentInfo, BaseState, Batch, CapturePlan, CaptureRequest, CaptureResponse, ClockReading, Hello,
        PlanAnswer, UncapturedCall, capture_request::Kind, capture_response,
        capture_service_client::CaptureServiceClient,
    },
    event::{
        Event, HostBoot, Open, Origin, PathArgument, PlanSwitch, ProcessKey, SystemCall, Task, event, origin,
    },
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Endpoint};

const RULES: &str = "\
- rule: Reads Secrets
  desc: Somebody reads a file of secrets
  condition: evt.type in (open, openat) and fd.name startswith /srv/secrets/
  output: read %fd.name
  priority: WARNING
- rule: Traces
  desc: Somebody traces
  condition: evt.type = ptrace
  output: traced
  priority: NOTICE
";
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run of the command left.
struct Run {
    code: i32,
    output: String,
    errors: String,
}

/// An engine with the rules, whose data go with it.
struct Scene {
    engine: Running,
    folder: tempfile::TempDir,
}

/// An agent's stream.
struct Agent {
    requests: mpsc::Sender<CaptureRequest>,
    responses: Streaming<CaptureResponse>,
}

// === impl Scene ===

impl Scene {
    async fn start() -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            printing: None,
            data_dir: folder.path().join("data"),
            rules: vec![folder.path().join("rules.yaml")],
            ..Config::default()
        };
        Self { engine: config.start(Default::default()).await.unwrap(), folder }
    }

    /// Runs a command against the engine.
    async fn run(&self, arguments: &[&str]) -> Run {
        let url = self.engine.local_address().uri();
        run(&[arguments, &["--engine", &url]].concat(), self.folder.path()).await
    }

    /// The same, for the objects that it prints a line each.
    async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(run.code, 0, "{}", run.errors);
        run.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs a command in UTC, with nothing of the caller's settings.
async fn run(arguments: &[&str], folder: &Path) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eyrie"));
    command.args(arguments).current_dir(folder).env("TZ", "UTC");
    command.env_remove("EYRIE_ENGINE").env_remove("EYRIE_INSECURE").env_remove("CLICOLOR_FORCE");
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: done.status.code().unwrap(), output: text(done.stdout), errors: text(done.stderr) }
}

// === impl Agent ===

impl Agent {
    /// Takes its plan, cannot record ptrace, and sends two opens under it.
    async fn stream(engine: &Running) -> Self {
        let uri = engine.local_address().uri();
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        let (requests, receiver) = mpsc::channel(16);
        let responses = CaptureServiceClient::new(channel)
            .capture(ReceiverStream::new(receiver))
            .await
            .unwrap()
            .into_inner();
        let mut agent = Self { requests, responses };
        agent.send(Kind::Hello(hello())).await;
        let plan = agent.plan().await;
        agent.send(Kind::BaseState(BaseState { is_last: true, ..BaseState::default() })).await;
        let uncaptured = UncapturedCall { event_type: "ptrace".into(), reason: "over the CPU budget".into() };
        let generation = plan.generation;
        let answer = PlanAnswer {
            generation,
            effective: Some(plan),
            uncaptured: vec![uncaptured],
            ..PlanAnswer::default()
        };
        agent.send(Kind::PlanAnswer(answer)).await;
        let switch = event::Kind::PlanSwitch(PlanSwitch { plan_generation: generation });
        let switch =
            Event { boot_ns: 1, plan_generation: generation, kind: Some(switch), ..Event::default() };
        let events = vec![switch, open(generation, "/srv/secrets/key"), open(generation, "/etc/hosts")];
        let batch = Batch {
            batch_id: 1,
            epoch: 1,
            first_sequence: 1,
            events,
            plan_generation: generation,
            ..Batch::default()
        };
        agent.send(Kind::Batch(batch)).await;
        agent.ack().await;
        agent
    }

    async fn send(&self, kind: Kind) {
        self.requests.send(CaptureRequest { kind: Some(kind) }).await.unwrap();
    }

    async fn next(&mut self) -> capture_response::Kind {
        let next = tokio::time::timeout(PATIENCE, self.responses.message()).await.unwrap();
        next.unwrap().unwrap().kind.unwrap()
    }

    async fn plan(&mut self) -> CapturePlan {
        loop {
            if let capture_response::Kind::CapturePlan(plan) = self.next().await {
                return plan;
            }
        }
    }

    async fn ack(&mut self) {
        while !matches!(self.next().await, capture_response::Kind::Ack(ack) if ack.through_sequence == 3) {}
    }
}

fn hello() -> Hello {
    let boot = HostBoot {
        machine_id: "0123456789abcdef0123456789abcdef".into(),
        boot_id: "01234567-89ab-cdef-0123-456789abcdef".into(),
    };
    Hello {
        origin: Some(Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) }),
        epoch: 1,
        first_sequence: 1,
        agent: Some(AgentInfo {
            hostname: "web-1".into(),
            architecture: "x86_64".into(),
            ..AgentInfo::default()
        }),
        protocol_versions: vec![1],
        clock: Some(ClockReading { boot_ns: 0, epoch_ns: 1_000_000_000_000 }),
        ..Hello::default()
    }
}

fn open(plan_generation: u64, path: &str) -> Event {
    let path = Some(PathArgument { requested: path.into(), ..PathArgument::default() });
    let process = Some(ProcessKey { pid: 100, start_boot_ns: 1 });
    Event {
        boot_ns: 2,
        plan_generation,
        task: Some(Task { process, tid: 100, comm: b"cat".to_vec(), ..Task::default() }),
        call: Some(SystemCall { number: 257, result: 3, ..SystemCall::default() }),
        kind: Some(event::Kind::Open(Open { path, ..Open::default() })),
        ..Event::default()
    }
}

/// Words of each line.
fn words(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}

/// Scenario: a host that carries out its plan and cannot record what one of the rules needs. Guarantees: coverage has a row
/// for each rule, says which is active since when and why the other is not, and finds the gap alone; the plan has the types
/// with their costs; a rule is explained on the host.
#[tokio::test]
async fn an_operator_sees_plans_and_gaps() {
    let scene = Scene::start().await;
    let _agent = Agent::stream(&scene.engine).await;
    let table = scene.run(&["coverage"]).await;
    assert_eq!(table.code, 0, "{}", table.errors);
    let lines = words(&table.output);
    assert_eq!(lines[0], ["HOST", "RULE", "STATE", "SINCE", "PLAN", "WHY"], "{}", table.output);
    assert_eq!(lines[1][..4], ["web-1", "Reads", "Secrets", "active"], "{}", table.output);
    let gaps = scene.json(&["coverage", "--gaps", "--host", "web-1"]).await;
    assert_eq!((gaps.len(), &gaps[0]["rule"], &gaps[0]["active"]), (1, &"Traces".into(), &false.into()));
    assert_eq!(gaps[0]["reasons"][0], "ptrace: over the CPU budget");
    let plan = scene.run(&["plan", "show"]).await;
    assert!(plan.output.starts_with("web-1: plan 1 since 1970-"), "{}", plan.output);
    let opens = words(&plan.output).into_iter().find(|line| line.first() == Some(&"openat")).unwrap();
    assert!(opens.contains(&"2"), "{opens:?}");
    let host = scene.json(&["plan", "show", "--host", "web-1"]).await.remove(0);
    let calls = host["calls"].as_array().unwrap();
    let traces = calls.iter().find(|call| call["event_type"] == "ptrace").unwrap();
    assert_eq!(traces["uncaptured_reason"], "over the CPU budget");
    let explained = scene.run(&["plan", "explain", "Reads*"]).await;
    assert!(explained.output.starts_with("Reads Secrets\n  open, openat: "), "{}", explained.output);
    assert!(
        explained.output.contains("on web-1\n") && explained.output.contains("2 events"),
        "{}",
        explained.output
    );
    let json = scene.json(&["plan", "explain", "Reads Secrets"]).await.remove(0);
    assert_eq!((&json["host"], &json["calls"][1]["cost"]["events"]), (&"web-1".into(), &2.into()));
    scene.engine.shutdown().await;
}

/// Scenario: rules files and no engine; a rule that is misspelt, in files and at an engine; a file that is wrong.
/// Guarantees: the plan and the explanation are made of the files; mistakes say what is meant and end with 1.
#[tokio::test]
async fn plans_are_made_of_files_and_mistakes_are_explained() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    std::fs::write(folder.path().join("wrong.yaml"), "- rule: x\n").unwrap();
    let show = run(&["plan", "show", "--rules", "rules.yaml"], folder.path()).await;
    assert_eq!(show.code, 0, "{}", show.errors);
    let types: Vec<_> = words(&show.output).iter().skip(1).map(|line| line[0].to_owned()).collect();
    assert_eq!(types, ["open", "openat", "ptrace"], "{}", show.output);
    let explain = run(&["plan", "explain", "*", "--rules", "rules.yaml", "--json"], folder.path()).await;
    let rules: Vec<Value> = explain.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rules.len(), &rules[1]["rule"], &rules[1]["host"]), (2, &"Traces".into(), &Value::Null));
    let misspelt = run(&["plan", "explain", "Read Secrets", "--rules", "rules.yaml"], folder.path()).await;
    assert_eq!(misspelt.code, 1);
    assert!(misspelt.errors.contains("did you mean \"Reads Secrets\"?"), "{}", misspelt.errors);
    let behind = run(&["plan", "explain", "--rules", "rules.yaml", "Traces"], folder.path()).await;
    assert_eq!(behind.code, 2);
    let usage = "eyrie plan explain <RULE> --rules <FILE|DIR>...";
    assert!(behind.errors.contains("<RULE>\n") && behind.errors.contains(usage), "{}", behind.errors);
    let before = run(&["plan", "explain", "Traces", "--rules", "rules.yaml"], folder.path()).await;
    assert!(before.code == 0 && before.output.starts_with("Traces\n  ptrace: "), "{}", before.output);
    let wrong = run(&["plan", "show", "--rules", "wrong.yaml"], folder.path()).await;
    assert!(wrong.code == 1 && wrong.errors.contains("wrong.yaml"), "{}", wrong.errors);
    let scene = Scene::start().await;
    let nobody = scene.run(&["coverage", "--host", "web-9"]).await;
    assert!(nobody.code == 1 && nobody.errors.contains("web-9"), "{}", nobody.errors);
    let empty = scene.run(&["plan", "show"]).await;
    assert!(empty.code == 0 && empty.output.starts_with("no host is connected"), "{}", empty.output);
    scene.engine.shutdown().await;
}
