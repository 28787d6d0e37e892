//! The engine is killed under a running agent.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "all of this file is a test")]

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use eyrie_proto::alert::Alert;
use integration::{
    actor::Actor,
    program::Program,
    scene::{Scene, tagged},
    subscriber,
};
use test_requirements::{Requirement, requires};

/// Rounds in an ordinary run; `make kill-test` does fifty.
const DEFAULT_ROUNDS: usize = 3;

/// Actors of each kind in each phase.
const ACTORS: usize = 3;

/// Scenario: the engine is killed (-9) and started again under a running agent, while short-lived processes fork, exec,
/// act and exit: some before the kill, some with forks and execs that were acked before the kill and the act after it,
/// some wholly while there is no engine, some while it is being killed, some after. Guarantees: one alert for every act,
/// with the right process, parent and command lines, none twice.
#[tokio::test]
async fn every_act_gives_one_alert_with_the_right_process() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let rounds = match std::env::var("EYRIE_KILL_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => DEFAULT_ROUNDS,
    };
    let scene = Scene::new()?;
    let mut engine = scene.engine()?;
    let mut agent = scene.agent()?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;
    let mut expected = Vec::new();
    for round in 0..rounds {
        engine = kill_and_restart(&scene, engine, round, &mut expected).await?;
        assert_alerts(&scene, &expected).await?;
        println!("round {round}: {} acts so far, one right alert each", expected.len());
    }
    assert!(agent.terminate()?.success(), "{}", agent.log_text());
    assert!(engine.terminate()?.success(), "{}", engine.log_text());
    Ok(())
}

/// One round; `expected` gets the tags of those who acted.
async fn kill_and_restart(
    scene: &Scene,
    mut engine: Program,
    round: usize,
    expected: &mut Vec<String>,
) -> anyhow::Result<Program> {
    let secret = scene.secret();
    let mut before = actors(&secret, round, "before")?;
    let mut across = actors(&secret, round, "across")?;
    let mut during = actors(&secret, round, "during")?;
    act(&mut before, expected)?;

    // Everything up to the marker's act is acked: the forks and execs of those who have yet to act among it.
    let marker = format!("r{round:03}-marker");
    Actor::start(&secret, &marker)?.act()?;
    expected.push(marker.clone());
    let alerts = subscriber::alerts_until(&scene.url(), |alerts| !tagged(alerts, &marker).is_empty()).await?;
    let position = tagged(&alerts, &marker)[0].sequence;
    subscriber::hosts_until(&scene.url(), |hosts| {
        hosts.iter().any(|host| host.acked_through_sequence >= position)
    })
    .await?;

    let killing = std::thread::spawn(move || engine.kill());
    act(&mut during, expected)?;
    killing.join().expect("the killing thread does not panic")?;
    act(&mut across, expected)?;
    act(&mut actors(&secret, round, "alone")?, expected)?;
    let engine = scene.engine()?;
    act(&mut actors(&secret, round, "after")?, expected)?;
    Ok(engine)
}

/// Starts actors that exec before they act and others that do not.
fn actors(secret: &Path, round: usize, phase: &str) -> anyhow::Result<Vec<Actor>> {
    let mut actors = Vec::new();
    for number in 0..ACTORS {
        actors.push(Actor::start(secret, &format!("r{round:03}-{phase}-exec-{number}"))?);
        actors.push(Actor::start_without_exec(secret, &format!("r{round:03}-{phase}-fork-{number}"))?);
    }
    Ok(actors)
}

fn act(actors: &mut [Actor], expected: &mut Vec<String>) -> anyhow::Result<()> {
    for actor in actors {
        actor.act()?;
        expected.push(actor.tag().to_owned());
    }
    Ok(())
}

/// Waits until every act has its alert and then looks at all alerts.
async fn assert_alerts(scene: &Scene, expected: &[String]) -> anyhow::Result<()> {
    let mut missing: HashSet<&str> = expected.iter().map(String::as_str).collect();
    let mut looked_at = 0;
    subscriber::alerts_until(&scene.url(), |alerts| {
        for alert in &alerts[looked_at..] {
            missing.remove(tag_of(alert));
        }
        looked_at = alerts.len();
        missing.is_empty()
    })
    .await?;
    let alerts = subscriber::alerts_now(&scene.url()).await?;
    let mut by_tag: HashMap<&str, Vec<&Alert>> = HashMap::new();
    for alert in &alerts {
        by_tag.entry(tag_of(alert)).or_default().push(alert);
    }
    for tag in expected {
        let of_tag = &by_tag[tag.as_str()];
        assert_eq!(of_tag.len(), 1, "{tag}: {of_tag:#?}");
        assert_process(of_tag[0], tag, &scene.secret());
    }
    assert_eq!(alerts.len(), expected.len(), "nobody else has read the secret");
    let ids: HashSet<_> = alerts.iter().map(|alert| &alert.id).collect();
    assert_eq!(ids.len(), alerts.len(), "an id is there twice");
    Ok(())
}

/// The tag of the actor behind an alert: the argument after the script, of the shell that acted or of its parent.
fn tag_of(alert: &Alert) -> &str {
    let shells = alert.process.iter().chain(alert.ancestors.first());
    let script = shells.map(|process| process.command_line.as_slice()).find(|line| line.len() == 5);
    script.and_then(|line| std::str::from_utf8(&line[3]).ok()).unwrap_or_default()
}

/// Whether the alert names the process that acted: `cat` below the tagged shell, or the tagged shell's child.
fn assert_process(alert: &Alert, tag: &str, secret: &Path) {
    let process = alert.process.as_ref().expect("an alert names its process");
    let parent = alert.ancestors.first().expect("an alert names the parent");
    let secret = secret.display().to_string().into_bytes();
    assert!(!process.is_incomplete && !parent.is_incomplete, "{tag}: {alert:#?}");
    let is_tagged = |arguments: &[Vec<u8>]| arguments.iter().any(|argument| argument == tag.as_bytes());
    if tag.contains("-fork-") {
        assert_eq!(process.name, b"sh", "{tag}");
        assert!(is_tagged(&process.command_line), "{tag}: {process:?}");
    } else {
        assert_eq!(process.name, b"cat", "{tag}");
        assert_eq!(process.command_line, [b"cat".to_vec(), secret], "{tag}");
    }
    assert_eq!(parent.name, b"sh", "{tag}");
    assert!(is_tagged(&parent.command_line), "{tag}: {parent:?}");
    assert_eq!(process.parent_pid, parent.key.expect("a process has a key").pid, "{tag}");
}
