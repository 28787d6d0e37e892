//! From a system call to a subscriber: the whole path on the real kernel.

use std::{os::unix::process::ExitStatusExt as _, process::Command};

use integration::{
    actor::Actor,
    bpf, eventually,
    program::Program,
    scene::{Scene, tagged},
    subscriber,
};
use test_requirements::{Requirement, requires};

/// Scenario: `eyrie up` with our own rules; a process opens /etc/shadow. Guarantees: a subscriber gets the alert with
/// the process and its ancestors, and the program prints it with Falco's keys.
#[tokio::test]
async fn reading_shadow_reaches_a_subscriber() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
    let data = scene.data().display().to_string();
    let arguments = ["up", "--json", "--listen", &scene.address(), "--rules", rules, "--data-dir", &data];
    let mut up = Program::start("eyrie", arguments, scene.folder())?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;

    let marker = format!("eyrie-test-{}", std::process::id());
    let script = format!("cat /etc/shadow >/dev/null # {marker}\nexit 0");
    Command::new("sh").args(["-c", &script]).status()?;

    let is_ours = |alert: &&eyrie_proto::alert::Alert| {
        let parent = alert.ancestors.first();
        alert.rule == "Credential File Read"
            && parent.is_some_and(|parent| {
                parent.command_line.iter().any(|argument| String::from_utf8_lossy(argument).contains(&marker))
            })
    };
    let alerts =
        subscriber::alerts_until(&scene.url(), |alerts| alerts.iter().any(|alert| is_ours(&alert))).await?;
    let ours: Vec<_> = alerts.iter().filter(is_ours).collect();
    assert_eq!(ours.len(), 1);
    let alert = ours[0];
    let process = alert.process.as_ref().expect("an alert names its process");
    assert_eq!(process.name, b"cat");
    assert_eq!(process.command_line, [b"cat".to_vec(), b"/etc/shadow".to_vec()]);
    assert!(!process.is_incomplete);
    let ancestors: Vec<_> = alert.ancestors.iter().map(|ancestor| ancestor.key.expect("a key").pid).collect();
    assert_eq!(alert.ancestors[0].name, b"sh");
    assert_eq!(ancestors[1], std::process::id(), "the test's own process is the shell's parent");
    assert_eq!(*ancestors.last().expect("ancestors"), 1);

    let is_printed = || -> anyhow::Result<Option<serde_json::Value>> {
        for line in up.output_lines()? {
            let line: serde_json::Value = serde_json::from_str(&line)?;
            let is_file = line["output_fields"]["fd.name"] == "/etc/shadow";
            if is_file && line["output_fields"]["proc.name"] == "cat" {
                return Ok(Some(line));
            }
        }
        Ok(None)
    };
    let line = eventually(is_printed).await?;
    assert_eq!(line["rule"], "Credential File Read");
    assert_eq!(line["priority"], "Warning");
    assert_eq!(line["source"], "syscall");
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    let keys: Vec<_> = line.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"]);

    assert!(up.terminate()?.success());
    Ok(())
}

/// Scenario: agent and engine as processes of their own; one actor whose program acts after an exec and one whose
/// forked shell acts without. Guarantees: one alert each, with the right pid, command line and parent.
#[tokio::test]
async fn two_processes_carry_the_same_path() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let mut engine = scene.engine()?;
    let mut agent = scene.agent()?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;

    let mut executing = Actor::start(&scene.secret(), "tag-exec")?;
    let mut forked = Actor::start_without_exec(&scene.secret(), "tag-fork")?;
    executing.act()?;
    forked.act()?;
    let alerts = subscriber::alerts_until(&scene.url(), |alerts| {
        !tagged(alerts, "tag-exec").is_empty() && !tagged(alerts, "tag-fork").is_empty()
    })
    .await?;
    let by_exec = tagged(&alerts, "tag-exec")[0];
    assert_eq!(by_exec.event_type, "openat");
    let process = by_exec.process.clone().expect("an alert names its process");
    assert_eq!(process.name, b"cat");
    assert_eq!(process.parent_pid, by_exec.ancestors[0].key.expect("a key").pid);
    let by_fork = tagged(&alerts, "tag-fork")[0];
    assert_eq!(by_fork.process.clone().expect("an alert names its process").name, b"sh");

    assert!(agent.terminate()?.success());
    assert!(engine.terminate()?.success());
    Ok(())
}

/// Scenario: `eyrie up` ends by SIGTERM, another by SIGKILL. Guarantees: nothing stays attached or pinned.
#[tokio::test]
async fn nothing_is_left_in_the_kernel() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let pinned_before = bpf::pinned()?;
    for is_killed in [false, true] {
        let scene = Scene::new()?;
        let mut up = scene.up(&[])?;
        subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;
        let of_up = bpf::Ids::of(up.pid())?;
        assert!(
            !of_up.programs.is_empty() && !of_up.links.is_empty(),
            "a running agent has programs, attached"
        );
        if is_killed {
            up.kill()?;
        } else {
            let status = up.terminate()?;
            assert_eq!((status.code(), status.signal()), (Some(0), None));
        }
        let left = || -> anyhow::Result<Option<()>> {
            Ok((of_up.common(&bpf::Ids::loaded()?) == bpf::Ids::default()).then_some(()))
        };
        eventually(left).await?;
    }
    assert_eq!(bpf::pinned()?, pinned_before);
    Ok(())
}

/// Scenario: the agent's sentence about missing privileges. Guarantees: it ends at once, and says which are needed.
#[tokio::test]
async fn without_privileges_the_agent_says_what_it_needs() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let agent = integration::program::built("capture-agent")?;
    // The binary is copied, since the folder it was built in may be closed to others.
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("capture-agent");
    std::fs::copy(agent, &copy)?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open)?;
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .arg(&copy)
        .args(["--engine", "http://127.0.0.1:9", "--admin-listen", "none"])
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{log}");
    assert!(log.contains("CAP_BPF") || log.contains("root"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    Ok(())
}
