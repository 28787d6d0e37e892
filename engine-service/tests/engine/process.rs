//! The binary: its command line, and what surrounds the engine in its process.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{ChildStderr, Command, Output, Stdio},
};

use otlp_receiver::{OtlpReceiver, attribute};

use crate::support::PATIENCE;

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine-service"));
    command.env_clear().envs(variables.iter().copied()).args(arguments).output().unwrap()
}

/// Scenario: a setting in the file, in the environment and as a flag, with `--print-config`; then mistakes in each. Guarantees:
/// the flag goes over the environment and that over the file; mistakes end the process with 2 and are named.
#[test]
fn settings_come_in_layers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("engine.toml");
    std::fs::write(&file, "max-alerts = 1\nmax-sessions = 1\nmax-subscriptions = 1\n").unwrap();
    let file = file.to_str().unwrap();
    let variables = [
        ("EYRIE_ENGINE_CONFIG", file),
        ("EYRIE_ENGINE_MAX_ALERTS", "2"),
        ("EYRIE_ENGINE_MAX_SESSIONS", "2"),
        ("EYRIE_ENGINE_QUIET", "true"),
    ];
    let printed = run(&["--print-config", "--max-alerts", "3"], &variables);
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    let text = String::from_utf8(printed.stdout).unwrap();
    for line in ["max-alerts = 3", "max-sessions = 2", "max-subscriptions = 1", "quiet = true"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }

    std::fs::write(file, "max-alert = 1\n").unwrap();
    for (arguments, variables, named) in [
        (&["--config", file][..], &[][..], "\"max-alerts\" meant"),
        (&[], &[("EYRIE_ENGINE_MAX_ALERTS", "many")], "--max-alerts"),
        (&["--max-alerts", "0"], &[], "max-alerts is 0"),
        (&["--max-alert", "1"], &[], "--max-alert"),
    ] {
        let refused = run(arguments, variables);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains(named), "{named} is not in {text}");
    }
}

/// Reads the log until a line about `what`, and takes the address in it.
fn address(log: &mut BufReader<ChildStderr>, what: &str) -> String {
    let mut text = String::new();
    while log.read_line(&mut text).unwrap() > 0 {
        let line = text.lines().last().unwrap_or_default();
        if let (true, Some(address)) = (line.contains(what), line.split("address=").nth(1)) {
            return address.trim().to_owned();
        }
    }
    panic!("no line about {what} in {text}");
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Scenario: the binary runs with a receiver of telemetry and admin pages on a free port, and ends by SIGTERM. Guarantees: the pages
/// say that it is ready and have its metrics; metrics and logs reach the receiver, also what was said last; it ends with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_tells_of_itself() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yaml");
    std::fs::write(&rules, "[]").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_engine-service"))
        .env_clear()
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--quiet", "--data-dir"])
        .arg(directory.path().join("data"))
        .args(["--otlp-interval-secs", "1", "--otlp-endpoint", &receiver.endpoint(), "--rules"])
        .arg(&rules)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let pages = address(&mut log, "/readyz");
    address(&mut log, "takes connections");
    // Connections are taken a moment before everything counts as started.
    let started = std::time::Instant::now();
    let mut ready = get(&pages, "/readyz");
    while ready.ends_with("starting\n") && started.elapsed() < PATIENCE {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        ready = get(&pages, "/readyz");
    }
    let metrics = get(&pages, "/metrics");
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("alert log: ready\n"), "{ready}");
    assert!(metrics.contains("\neyrie_engine_sessions 0\n"), "{metrics}");
    let metric = receiver.metric("eyrie.engine.log.entries", |_| true).await.unwrap();
    assert_eq!(attribute(&metric.resource.attributes, "service.name").as_deref(), Some("eyrie-engine"));

    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || child.wait());
    assert_eq!(ended.await.unwrap().unwrap().code(), Some(0));
    let last = receiver.logs().pop().map(|last| format!("{:?}", last.record.body)).unwrap_or_default();
    assert!(last.contains("ended"), "{last}");
}
