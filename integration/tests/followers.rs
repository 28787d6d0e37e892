//! `eyrie alerts --follow` while engines come and go.

use std::collections::BTreeMap;

use integration::{actor::Actor, eventually, program::Program, scene::Scene, subscriber};
use test_requirements::{Requirement, requires};

/// Restarts of the engine under the follower.
const RESTARTS: usize = 3;

/// Scenario: a follower of a quiet engine; the engine is killed (-9) before it ever had an alert to send, and again
/// between alerts, while processes act. Guarantees: the follower goes on by itself and prints each alert once.
#[tokio::test]
async fn a_follower_outlives_its_engine() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let mut engine = scene.engine()?;
    let _agent = scene.agent()?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;
    let arguments = ["alerts", "--follow", "--json", "--engine", &scene.url()];
    let follower = Program::start("eyrie", arguments, scene.folder())?;
    // Nothing is printed before the first alert: that it is subscribed can only be seen by what it misses otherwise.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;

    let mut expected = Vec::new();
    for round in 0..RESTARTS {
        engine.kill()?;
        for phase in ["away", "back"] {
            let tag = format!("r{round}-{phase}");
            Actor::start(&scene.secret(), &tag)?.act()?;
            expected.push(tag);
            if phase == "away" {
                engine = scene.engine()?;
            }
        }
        eventually(|| Ok((printed(&follower, &expected)?.len() >= expected.len()).then_some(()))).await?;
    }
    let printed = printed(&follower, &expected)?;
    assert!(expected.iter().all(|tag| printed.get(tag) == Some(&1)), "{printed:?}\n{}", follower.log_text());
    Ok(())
}

/// How many lines there are for each tag.
fn printed(follower: &Program, tags: &[String]) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for line in follower.output_lines()? {
        for tag in tags.iter().filter(|tag| line.contains(tag.as_str())) {
            *counts.entry(tag.clone()).or_default() += 1;
        }
    }
    Ok(counts)
}
