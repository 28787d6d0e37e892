//! What stays in the kernel of an agent that is gone: nothing. And what a running one adds while it is told of other rules: nothing.

use std::fs;

use integration::{bpf, bpf::Ids, eventually, pages, program::Program, scene::Scene, subscriber};
use test_requirements::{Requirement, requires};

/// How an agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Told,
    Killed,
}

fn open_descriptors(pid: u32) -> anyhow::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Waits until none of these is in the kernel any more.
async fn is_gone(held: &Ids) -> anyhow::Result<()> {
    eventually(|| Ok((held.common(&Ids::loaded()?) == Ids::default()).then_some(()))).await
}

async fn plan_is_above(scene: &Scene, generation: f64) -> anyhow::Result<f64> {
    let current = || pages::metric(&scene.agent_pages(), "eyrie_agent_plan_generation");
    eventually(|| Ok(current().filter(|current| *current > generation))).await
}

/// Starts the scene's engine with rules that ask for these calls, and waits until the agent captures them.
async fn engine_asks_for(scene: &Scene, calls: &str, generation: f64) -> anyhow::Result<(Program, f64)> {
    let rule = format!(
        "- rule: Calls\n  desc: d\n  condition: evt.type in ({calls}) and proc.name=no-such-process\n  output: o\n  \
         priority: DEBUG\n"
    );
    fs::write(scene.rules(), rule)?;
    let engine = scene.engine()?;
    let generation = plan_is_above(scene, generation).await?;
    Ok((engine, generation))
}

/// Scenario: an agent under an engine that asks for some calls, then under one that asks for others, four times; it ends by
/// SIGTERM, another one by SIGKILL. Guarantees: its plans add no program, map, link or descriptor to what it had after the first; each
/// program is attached once; afterwards none of it is in the kernel, and nothing is pinned.
#[tokio::test]
async fn plans_and_ends_leave_nothing() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let pinned_before = bpf::pinned()?;
    for end in [End::Told, End::Killed] {
        let scene = Scene::new()?;
        let mut agent = scene.agent()?;
        let (mut engine, mut generation) = engine_asks_for(&scene, "openat", 0.0).await?;
        let first = Ids::of(agent.pid())?;
        let descriptors = open_descriptors(agent.pid())?;
        assert!(!first.programs.is_empty() && !first.maps.is_empty());
        let attached = first.links.len();
        assert!((1..=first.programs.len()).contains(&attached), "{first:?}");
        for calls in ["connect, accept4", "openat, close, read, write", "mount, ptrace", "openat"] {
            assert!(engine.terminate()?.success());
            (engine, generation) = engine_asks_for(&scene, calls, generation).await?;
            subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;
        }
        let is_as_before = || Ok((open_descriptors(agent.pid())? <= descriptors).then_some(()));
        eventually(is_as_before).await?;
        assert_eq!(Ids::of(agent.pid())?, first, "{end:?}");
        match end {
            End::Told => assert!(agent.terminate()?.success()),
            End::Killed => agent.kill()?,
        }
        is_gone(&first).await?;
        assert!(engine.terminate()?.success());
    }
    assert_eq!(bpf::pinned()?, pinned_before);
    Ok(())
}

/// Scenario: an agent runs, and then does not any more. Guarantees: what looks for programs left behind finds all of its programs
/// with the process that holds them, not those below another folder; and none of them afterwards.
#[tokio::test]
async fn what_is_left_behind_is_found() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let mut agent = scene.agent()?;
    agent.wait_for_log("capturing")?;
    let executable = integration::program::built("capture-agent")?;
    let folder = executable.parent().expect("a folder");
    let of_agent = |folder| -> anyhow::Result<usize> {
        let left = bpf::left_behind(folder)?;
        Ok(left
            .iter()
            .filter(|left| left.holder.as_ref().is_some_and(|(pid, _)| *pid == agent.pid()))
            .count())
    };
    assert_eq!(of_agent(folder)?, Ids::of(agent.pid())?.programs.len());
    assert_eq!(of_agent(scene.folder())?, 0);
    let held = Ids::of(agent.pid())?;
    agent.kill()?;
    is_gone(&held).await?;
    assert!(bpf::left_behind(folder)?.iter().all(|left| !held.programs.contains(&left.program)));
    Ok(())
}
