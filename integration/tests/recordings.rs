//! Recordings on trigger, of a real host.

use std::process::Command;

use anyhow::{Context as _, ensure};
use integration::{
    actor::Actor,
    eventually,
    program::built,
    scene::{Scene, tagged},
    subscriber,
};
use serde_json::Value;
use test_requirements::{Requirement, requires};

/// What `eyrie` prints, which must end well.
fn eyrie(arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
    let output = Command::new(built("eyrie")?).args(arguments).output().context("cannot start eyrie")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "eyrie {arguments:?} failed: {errors}");
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// Scenario: a rule with `capture: true`, and a process that reads the rule's file. Guarantees: there is a recording of it, which the
/// alert names; fetched and replayed by the same rules it raises the very same alert; when it is removed it is gone.
#[tokio::test]
async fn a_recording_raises_its_alert_again() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let rules = std::fs::read_to_string(scene.rules())? + "  capture: true\n  capture_duration: 500\n";
    std::fs::write(scene.rules(), rules)?;
    let _engine = scene.engine_with(&["--capture-enabled", "--capture-before", "2000"])?;
    let _agent = scene.agent()?;
    scene.is_connected().await?;
    Actor::start(&scene.secret(), "recorded")?.act()?;
    let url = scene.url();
    let alerts = subscriber::alerts_until(&url, |alerts| !tagged(alerts, "recorded").is_empty()).await?;
    let alert = tagged(&alerts, "recorded").first().map(|alert| (*alert).clone()).context("no alert")?;
    ensure!(alert.recording_id == alert.id, "{alert:?}");

    // It ends with the first event after its time.
    let recording = eventually(|| {
        Command::new("true").status()?;
        let listed = eyrie(&["recordings", "list", "--json", "--engine", &url])?;
        Ok(listed.into_iter().find(|one| one["id"] == alert.id && one["state"] == "complete"))
    })
    .await?;
    ensure!(recording["triggers"][0]["rule"] == alert.rule, "{recording}");
    let file = scene.folder().join("incident.eyrie").display().to_string();
    eyrie(&["recordings", "get", &alert.id, &file, "--json", "--engine", &url])?;
    let rules = scene.rules().display().to_string();
    let replayed = eyrie(&["replay", &file, "--rules", &rules, "--json", "--eyrie-fields"])?;
    let again: Vec<&Value> =
        replayed.iter().filter(|line| line["output_fields"]["eyrie.alert_id"] == alert.id).collect();
    ensure!(again.len() == 1, "the alert {} is not raised once again by {replayed:?}", alert.id);
    ensure!(again[0]["output"].as_str().is_some_and(|output| output.ends_with(&alert.message)), "{again:?}");

    eyrie(&["recordings", "delete", &alert.id, "--json", "--engine", &url])?;
    let left = eyrie(&["recordings", "list", "--json", "--engine", &url])?;
    ensure!(left.iter().all(|one| one["id"] != alert.id), "{left:?}");
    Ok(())
}
