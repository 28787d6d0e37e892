//! What the agent's process may do once it runs, and that it is enough.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;
use integration::{scene::Scene, subscriber};
use test_requirements::{Requirement, requires};

/// CAP_DAC_READ_SEARCH (2), CAP_SYS_PTRACE (19), CAP_PERFMON (38) and CAP_BPF (39) of linux/capability.h.
const NEEDED: u64 = 1 << 2 | 1 << 19 | 1 << 38 | 1 << 39;

/// A line of `/proc/PID/task/TID/status` of each thread, without its name; in no order.
fn of_all_threads(pid: u32, line: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
        found.insert(value.with_context(|| format!("no line {line}"))?.trim().to_owned());
    }
    Ok(found)
}

fn capabilities(pid: u32, set: &str) -> anyhow::Result<u64> {
    let all = of_all_threads(pid, set)?;
    let [one] = all.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        anyhow::bail!("threads have different capabilities: {all:?}")
    };
    Ok(u64::from_str_radix(one, 16)?)
}

/// A process of user nobody that waits, then reads the scene's secret; its standard output is a file of root's.
fn nobody(scene: &Scene) -> anyhow::Result<Child> {
    fs::set_permissions(scene.folder(), Permissions::from_mode(0o755))?;
    fs::set_permissions(scene.secret(), Permissions::from_mode(0o644))?;
    let script = r#"read -r go; read -r line < "$1"; exit 0"#;
    Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script, "nobody-waits"])
        .arg(scene.secret())
        .stdin(Stdio::piped())
        .stdout(File::create(scene.folder().join("output"))?)
        .spawn()
        .context("cannot run setpriv")
}

/// Scenario: the real agent as root, while a process of another user runs that then reads a file. Guarantees: no thread of the
/// agent has a capability that capture does not need, now or by executing a program; each has the filter of system calls; and
/// still the alert has what only /proc tells of that process, and what the programs told.
#[tokio::test]
async fn the_agent_keeps_what_it_needs_and_no_more() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let rule = format!(
        "- rule: Nobody Reads\n  desc: d\n  condition: evt.type in (open, openat) and fd.name={}\n  \
         output: by %user.uid to %proc.stdout.name as %proc.cmdline\n  priority: WARNING\n",
        scene.secret().display()
    );
    fs::write(scene.rules(), rule)?;
    let mut nobody = nobody(&scene)?;
    let mut engine = scene.engine()?;
    let mut agent = scene.agent()?;
    scene.is_connected().await?;

    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(capabilities(agent.pid(), set)?, NEEDED, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(capabilities(agent.pid(), set)?, 0, "{set}");
    }
    assert_eq!(of_all_threads(agent.pid(), "NoNewPrivs")?, BTreeSet::from(["1".to_owned()]));
    assert_eq!(of_all_threads(agent.pid(), "Seccomp")?, BTreeSet::from(["2".to_owned()]));
    assert!(agent.log_text().contains("CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_PERFMON CAP_BPF"));

    nobody.stdin.take().context("a pipe")?.write_all(b"go\n")?;
    assert!(nobody.wait()?.success());
    let alerts = subscriber::alerts_until(&scene.url(), |alerts| !alerts.is_empty()).await?;
    let output = scene.folder().join("output").display().to_string();
    let message = &alerts[0].message;
    assert!(message.contains(&format!("by 65534 to {output} as sh -c")), "{message}");
    assert!(message.contains("nobody-waits"), "{message}");
    assert!(agent.terminate()?.success());
    assert!(engine.terminate()?.success());
    assert!(!agent.log_text().contains("Operation not permitted"), "{}", agent.log_text());
    Ok(())
}

/// Scenario: the same agent, told to keep what it has. Guarantees: it has what this test has, and no filter.
#[tokio::test]
async fn an_agent_can_be_told_to_keep_its_privileges() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let mut agent = scene.agent_with(&["--keep-privileges"])?;
    agent.wait_for_log("capturing")?;
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(capabilities(agent.pid(), set)?, capabilities(std::process::id(), set)?, "{set}");
    }
    let own = of_all_threads(std::process::id(), "Seccomp")?;
    assert_eq!(of_all_threads(agent.pid(), "Seccomp")?, own);
    Ok(())
}

/// Scenario: the agent in a pid namespace of its own, as in a pod without hostPID, where it is process 1. Guarantees: it leaves out
/// the calls of the process that it is outside, and the engine is told that the host's other processes are not in its snapshot.
#[tokio::test]
async fn within_a_pid_namespace_the_agent_knows_who_it_is() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let _engine = scene.engine()?;
    let log = scene.folder().join("agent.log");
    let mut unshare = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(integration::program::built("capture-agent")?)
        .args(["--engine", &scene.url(), "--admin-listen", "none", "--cloud-metadata", "off"])
        .stdin(Stdio::null())
        .stderr(File::create(&log)?)
        .spawn()
        .context("cannot run unshare")?;
    let hosts =
        subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await;
    let log = fs::read_to_string(log)?;
    let agent = fs::read_to_string(format!("/proc/{0}/task/{0}/children", unshare.id()))?;
    unshare.kill()?;
    unshare.wait()?;

    let hosts = hosts.with_context(|| log.clone())?;
    let missing = hosts.iter().flat_map(|host| host.agent.iter().flat_map(|agent| &agent.missing_abilities));
    let missing: Vec<_> = missing.map(|ability| ability.name.as_str()).collect();
    assert!(missing.contains(&"host_processes"), "{missing:?}");
    assert!(!missing.contains(&"own_calls_excluded"), "{missing:?}");
    let line = format!("calls of this process are not captured pid={}", agent.trim());
    assert!(log.contains(&line), "no {line:?} in {log}");
    Ok(())
}
