//! Faults that a system has to live with, or end of with a clear word.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use integration::{
    actor::Actor,
    program::Program,
    scene::{Scene, tagged},
    subscriber,
};
use test_requirements::{Requirement, requires};

/// Scenario: `eyrie up` with a rules file that names an unknown field and misses a quote. Guarantees: it ends with 1
/// before anything is attached, and says file, line, mistake and a remedy.
#[test]
fn a_wrong_rules_file_is_explained() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    std::fs::write(
        scene.rules(),
        "- rule: Wrong\n  desc: d\n  condition: evt.type=open and proc.nam=cat\n  output: o\n  priority: INFO\n",
    )?;
    let mut up = scene.up(&[])?;
    let status = up.wait()?;
    let log = up.log_text();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("rules.yaml") && log.contains(":3:"), "{log}");
    assert!(log.contains("proc.nam") && log.contains("proc.name"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    Ok(())
}

/// Scenario: the agent starts before its engine; processes act meanwhile. Guarantees: the agent says that it cannot
/// reach the engine and goes on; when the engine comes, what happened before is evaluated.
#[tokio::test]
async fn an_agent_waits_for_its_engine() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let mut agent = scene.agent()?;
    // It captures from here on, and has nobody to tell.
    agent.wait_for_log("took a snapshot")?;
    agent.wait_for_log(&scene.address())?;
    let mut early = Actor::start(&scene.secret(), "early-0")?;
    early.act()?;
    let mut engine = scene.engine()?;
    let alerts =
        subscriber::alerts_until(&scene.url(), |alerts| !tagged(alerts, "early-0").is_empty()).await?;
    assert_eq!(tagged(&alerts, "early-0").len(), 1);
    assert!(agent.is_running()? && engine.is_running()?);
    Ok(())
}

/// Scenario: bytes that are no HTTP/2, an HTTP/1 request, a connection that says nothing, and gRPC messages that are no
/// messages of ours arrive on the engine's port. Guarantees: the engine says so, and the path goes on.
#[tokio::test]
async fn garbage_on_the_port_is_refused() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let mut engine = scene.engine()?;
    let mut agent = scene.agent()?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;

    send(&scene, &[0xde, 0xad, 0xbe, 0xef].repeat(64))?;
    send(&scene, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let silent = TcpStream::connect(scene.address())?;
    let frames = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0xff; 512]].concat();
    send(&scene, &frames)?;
    engine.wait_for_log("HTTP/2")?;

    Actor::start(&scene.secret(), "after-garbage")?.act()?;
    let alerts =
        subscriber::alerts_until(&scene.url(), |alerts| !tagged(alerts, "after-garbage").is_empty()).await?;
    assert_eq!(tagged(&alerts, "after-garbage").len(), 1);
    drop(silent);
    assert!(agent.terminate()?.success());
    assert!(engine.terminate()?.success());
    assert!(!engine.log_text().contains("panicked"), "{}", engine.log_text());
    Ok(())
}

/// Scenario: the disk below the alert log is full while processes act, and has room again later. Guarantees: the engine
/// says what is full and goes on; every act has one alert in the end.
#[tokio::test]
async fn a_full_disk_delays_alerts_and_loses_none() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let disk = SmallDisk::mount(scene.data())?;
    let mut engine = scene.engine()?;
    let mut agent = scene.agent()?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;
    Actor::start(&scene.secret(), "before-0")?.act()?;
    subscriber::alerts_until(&scene.url(), |alerts| !tagged(alerts, "before-0").is_empty()).await?;

    let filler = disk.fill()?;
    let tags: Vec<String> = (0..200).map(|number| format!("full-{number:03}")).collect();
    for tag in &tags {
        Actor::start_without_exec(&scene.secret(), tag)?.act()?;
    }
    engine.wait_for_log("full")?;
    assert!(engine.is_running()?);
    let stored = subscriber::alerts_now(&scene.url()).await?.len();
    std::fs::remove_file(filler)?;

    let alerts = subscriber::alerts_until(&scene.url(), |alerts| {
        tags.iter().all(|tag| !tagged(alerts, tag).is_empty())
    })
    .await?;
    assert!(stored < tags.len(), "the disk was never full: {stored} alerts were stored");
    for tag in &tags {
        assert_eq!(tagged(&alerts, tag).len(), 1, "{tag}");
    }
    assert!(agent.terminate()?.success(), "{}", agent.log_text());
    assert!(engine.terminate()?.success(), "{}", engine.log_text());
    Ok(())
}

/// Scenario: the folder for the log cannot be made. Guarantees: the engine ends with a word about it.
#[test]
fn an_unusable_data_folder_is_explained() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    std::fs::remove_dir(scene.data())?;
    std::fs::write(scene.data(), "a file where a folder should be")?;
    let mut engine = scene.engine()?;
    let status = engine.wait()?;
    assert!(!status.success());
    let log = engine.log_text();
    assert!(log.contains(&scene.data().display().to_string()), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    Ok(())
}

/// Scenario: a second engine on a port that is taken. Guarantees: it ends with a word about the address.
#[tokio::test]
async fn a_taken_port_is_explained() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let _first = scene.engine()?;
    subscriber::connect(&scene.url()).await?;
    let folder = tempfile::tempdir()?;
    let rules = scene.rules().display().to_string();
    let data = folder.path().display().to_string();
    let arguments = ["--listen", &scene.address(), "--rules", &rules, "--data-dir", &data];
    let mut second = Program::start("engine-service", arguments, folder.path())?;
    assert!(!second.wait()?.success());
    assert!(second.log_text().contains(&scene.address()), "{}", second.log_text());
    Ok(())
}

fn send(scene: &Scene, bytes: &[u8]) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(scene.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(bytes)?;
    // Whatever comes back, and however the connection ends, is the engine's business here.
    let _ = stream.read(&mut [0; 256]);
    Ok(())
}

/// A file system of sixteen mebibytes: the log has room on it, and is soon full.
struct SmallDisk {
    folder: PathBuf,
}

// === impl SmallDisk ===

impl SmallDisk {
    fn mount(folder: PathBuf) -> anyhow::Result<Self> {
        run("mount", &["-t", "tmpfs", "-o", "size=16m", "eyrie-test"], &folder)?;
        Ok(Self { folder })
    }

    /// Fills it to the last byte and returns the file that does so.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("filler");
        let mut file = std::fs::File::create(&path)?;
        for size in [65_536, 4_096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy"], &self.folder);
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).arg(path).status()?;
    anyhow::ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}
