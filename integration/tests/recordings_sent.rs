//! Recordings that an agent sends in place of a host's events, as programs.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "all of it is a test")]

use std::{fs, path::Path};

use eyrie_proto::alert::Alert;
use integration::{
    program::{Program, build_only},
    scene::Scene,
    subscriber,
};
use test_requirements::{Requirement, data_dir, requires};

/// What curl does in the capture `curl_google.scap`: it connects to port 80 once, and looks at resolv.conf twice.
const RULES: &str = "\
- rule: Capture Connects Out
  desc: curl connects to a web server
  condition: evt.type=connect and fd.sport=80 and proc.name=curl
  output: connected (to=%fd.name by=%proc.cmdline on=%evt.hostname)
  priority: NOTICE
- rule: Capture Reads Resolver
  desc: curl finds out who resolves names
  condition: evt.type in (open, openat) and fd.name=/etc/resolv.conf and proc.name=curl
  output: read %fd.name
  priority: NOTICE
- rule: Never In The Capture
  desc: nothing of the capture does this
  condition: evt.type=connect and fd.sport=443
  output: no
  priority: NOTICE
";

fn engine(scene: &Scene) -> anyhow::Result<Program> {
    build_only(&["engine-service", "capture-agent"])?;
    fs::write(scene.rules(), RULES)?;
    scene.engine()
}

/// An agent that sends a recording, with nothing of a running one's needs.
fn send(scene: &Scene, recording: &Path) -> anyhow::Result<Program> {
    let recording = recording.display().to_string();
    let arguments = ["--engine", &scene.url(), "--replay", &recording];
    Program::start("capture-agent", arguments, scene.folder())
}

fn count(alerts: &[Alert], rule: &str) -> usize {
    alerts.iter().filter(|alert| alert.rule == rule).count()
}

/// Scenario: a .scap file of 2018 is sent to an engine, twice, while nothing else is connected.
/// Guarantees: the agent ends by itself, without an error; the engine has raised the alerts that the rules should raise, with the times and names of
/// then, once for each time that it was sent; the host is listed as a recording.
#[tokio::test]
async fn a_capture_raises_its_alerts() -> anyhow::Result<()> {
    requires!(Requirement::Data, Ok(()));
    let scene = Scene::new()?;
    let mut engine = engine(&scene)?;
    let capture = data_dir().join("captures/curl_google.scap");
    for times in [1, 2] {
        let mut agent = send(&scene, &capture)?;
        let status = agent.wait()?;
        assert!(status.success(), "{status}: {}", agent.log_text());
        let log = agent.log_text();
        assert!(log.contains("of the recording 1 streams with 31 processes"), "{log}");
        // Everything was acked before the agent ended, so all alerts are in the log.
        let alerts = subscriber::alerts_now(&scene.url()).await?;
        assert_eq!(count(&alerts, "Capture Connects Out"), times, "{alerts:?}");
        assert_eq!(count(&alerts, "Capture Reads Resolver"), 2 * times);
        assert_eq!(count(&alerts, "Never In The Capture"), 0);
    }
    let alerts = subscriber::alerts_now(&scene.url()).await?;
    let alert = alerts.iter().find(|alert| alert.rule == "Capture Connects Out").expect("an alert");
    for part in ["2607:f8b0:4004:802::2004", "curl -6 http://www.google.com", "on=ip-10-0-0-79"] {
        assert!(alert.message.contains(part), "{}", alert.message);
    }
    let hosts =
        subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().all(|host| !host.is_connected)).await?;
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    let label = hosts[0].agent.as_ref().and_then(|agent| agent.labels.get("eyrie.replay"));
    assert_eq!(label.map(String::as_str), Some("curl_google.scap"));
    assert!(engine.terminate()?.success());
    Ok(())
}

/// Scenario: the same file, cut off within its gzip.
/// Guarantees: what is whole of it raises its alerts; then the agent ends with 1, and says that the file is cut off and how much was sent.
#[tokio::test]
async fn a_capture_that_is_cut_off_is_sent_up_to_there() -> anyhow::Result<()> {
    requires!(Requirement::Data, Ok(()));
    let scene = Scene::new()?;
    let mut engine = engine(&scene)?;
    let whole = fs::read(data_dir().join("captures/curl_google.scap"))?;
    let cut = scene.folder().join("cut.scap");
    fs::write(&cut, &whole[..whole.len() - 100])?;
    let mut agent = send(&scene, &cut)?;
    assert_eq!(agent.wait()?.code(), Some(1));
    let log = agent.log_text();
    assert!(log.contains("cut off") && log.contains("of the recording cut.scap, 1 streams"), "{log}");
    let alerts = subscriber::alerts_now(&scene.url()).await?;
    assert_eq!(count(&alerts, "Capture Connects Out"), 1);
    assert!(engine.terminate()?.success());
    Ok(())
}
