//! Real rules behind the engine's seam.

use std::{fs, path::Path, sync::Arc};

use engine_service::{Config, EngineError, RuleEvaluator, RuleOptions};
use eyrie_proto::{
    alert::{SubscribeRequest, subscribe_request::Start, subscribe_response::Kind as Message, value},
    event::{Event, Open, PathArgument, ProcessState, Task, event::Kind},
};
use tokio_stream::StreamExt as _;

use crate::support::*;

const RULES: &str = "
- rule: Shadow read
  desc: somebody reads the passwords
  condition: evt.type in (open, openat) and fd.name = /etc/shadow
  output: Shadow read (file=%fd.name command=%proc.cmdline parent=%proc.pname)
  priority: WARNING
  tags: [T1003]
";

fn config(directory: &Path, rules: &Path) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        printing: None,
        data_dir: directory.to_owned(),
        rules: vec![rules.to_owned()],
        ..Config::default()
    }
}

/// Scenario: an engine by its configuration, with a Falco rules file; a process opens the file that the rule is about.
/// Guarantees: a subscriber gets the alert with the fields put in, and the process that did it.
#[tokio::test]
async fn a_falco_rule_raises_an_alert() {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yaml");
    fs::write(&rules, RULES).unwrap();
    let engine = config(&directory.path().join("data"), &rules)
        .start(telemetry::Instruments::default())
        .await
        .unwrap();
    let mut first = hello();
    first.agent.as_mut().unwrap().architecture = "x86_64".into();
    let (mut agent, _) = Agent::greet(&engine, first).await;
    let process = |pid, parent_pid, comm: &str, argument: &str| ProcessState {
        process: Some(eyrie_proto::event::ProcessKey { pid, start_boot_ns: 1 }),
        parent_pid,
        comm: comm.into(),
        exe: comm.into(),
        arguments: vec![argument.into()],
        ..ProcessState::default()
    };
    let processes = vec![process(50, 0, "bash", "-l"), process(100, 50, "cat", "/etc/shadow")];
    let base = eyrie_proto::capture::BaseState { processes, is_last: true, ..Default::default() };
    agent.send(eyrie_proto::capture::capture_request::Kind::BaseState(base)).await;
    let mut opens = batch(1, 2, &[]);
    for (event, path) in opens.events.iter_mut().zip(["/etc/hosts", "/etc/shadow"]) {
        *event = open(event.clone(), path);
    }
    assert_eq!(agent.deliver(opens).await.through_sequence, 2);

    let request = SubscribeRequest { start: Some(Start::FromBeginning(true)), ..SubscribeRequest::default() };
    let mut stream = subscribe(&engine, request).await.unwrap();
    let Some(Message::Alert(alert)) = stream.next().await.unwrap().unwrap().kind else { panic!("no alert") };
    assert_eq!((alert.sequence, alert.rule.as_str()), (2, "Shadow read"));
    // Nothing is known of a container here: what Falco suggests for every output shows as missing.
    let suggested = " container_id=<NA> container_name=<NA> container_image_repository=<NA> container_image_tag=<NA> \
        k8s_pod_name=<NA> k8s_ns_name=<NA>";
    let own = "Shadow read (file=/etc/shadow command=cat /etc/shadow parent=bash)";
    assert_eq!(alert.message, [own, suggested].concat());
    assert_eq!(alert.output_fields["container.id"].kind, None);
    let name = alert.output_fields["fd.name"].kind.clone();
    assert_eq!(name, Some(value::Kind::Text("/etc/shadow".into())));
    assert!(alert.rule_set_digest.starts_with("sha256:"));
    assert_eq!(alert.process.unwrap().name, b"cat");
    assert_eq!(alert.ancestors[0].name, b"bash");
    assert!(stream.next().await.is_none());
    engine.shutdown().await;
}

/// x86_64's openat.
fn open(event: Event, path: &str) -> Event {
    let argument = PathArgument { requested: path.into(), ..PathArgument::default() };
    let call = eyrie_proto::event::SystemCall { number: 257, result: 3, ..Default::default() };
    let open = Open { path: Some(argument), ..Open::default() };
    let task = event.task.map(|task| Task { comm: b"cat".to_vec(), ..task });
    Event { task, call: Some(call), kind: Some(Kind::Open(open)), ..event }
}

/// Scenario: rules that are wrong in two places. Guarantees: the engine does not start, and says both, with file and line.
#[tokio::test]
async fn wrong_rules_keep_the_engine_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("wrong.yaml");
    let wrong = RULES.replace("fd.name =", "fd.nonsense =").replace("%proc.pname", "%proc.nothing");
    fs::write(&rules, wrong).unwrap();
    let error = config(&directory.path().join("data"), &rules)
        .start(telemetry::Instruments::default())
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::Rules(_)));
    let text = error.to_string();
    assert!(text.contains("wrong.yaml:") && text.contains("fd.nonsense"), "{text}");
}

/// Scenario: the event types of a rule set. Guarantees: the plan asks for those of the rules and for all that state needs.
#[test]
fn the_plan_has_the_rules_event_types_and_the_states() {
    let source = rule_language::Source { name: "r.yaml".into(), text: RULES.into() };
    let loaded = RuleEvaluator::compile(&[source], &RuleOptions::default()).unwrap();
    let evaluator: Arc<dyn engine_service::evaluate::Evaluate> = Arc::new(loaded.evaluator);
    let needed = evaluator.event_types_needed();
    for name in ["open", "openat", "execve", "clone", "setuid", "chdir"] {
        assert!(needed.contains(name), "{name} of {needed:?}");
    }
    assert!(!needed.contains("connect"));
}
