//! Falco's stock rules, seen live: real actions on the real kernel, and in real containers where a rule asks for one, set them off.
//!
//! One engine has all of them, and reports every rule that an event matches. The actions are harmless: they write to folders of
//! their own, or to empty file systems that are over the system's in a mount namespace of their own; what they connect to is an
//! address of the loopback device in a network namespace of their own; programs with names that rules look for are links to one that
//! does nothing.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use integration::{act::execute_from_descriptor, actor::Actor, program::Program, scene::Scene, subscriber};
use test_containers::Image;
use test_requirements::{Requirement, data_dir, met_or_booked, requires};
use tokio::time::{Instant, sleep_until};

use self::{
    done::{Done, new_tag},
    programs::Programs,
};

#[path = "stock_live/acts.rs"]
mod acts;
#[path = "stock_live/done.rs"]
mod done;
#[path = "stock_live/programs.rs"]
mod programs;

/// In the order in which Falco is told to load them: later files repeat macros of earlier ones.
const FILES: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
/// Beyond the age at which a rule no longer takes a process for one that is starting.
const GROWN_UP: Duration = Duration::from_millis(5500);

fn stock_files() -> impl Iterator<Item = PathBuf> {
    FILES.iter().map(|file| data_dir().join("falco-rules").join(file))
}

/// Scenario: `eyrie up` with all stock rules; every action of `acts.rs`, in two containers and on the host. Guarantees: each sets off
/// the rules that it is there for, by what it did itself.
#[tokio::test(flavor = "multi_thread")]
async fn stock_rules_are_set_off() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Data, Ok(()));
    let with_containers = met_or_booked(Requirement::Containers, module_path!(), line!());
    let scene = Scene::new()?;
    let t0 = Instant::now();
    let mut up = start(&scene).await?;
    eprintln!("started {:?}", t0.elapsed());
    let programs = Programs::write_to(scene.folder().join("programs"))?;

    let shell = scene.folder().join("httpd");
    std::fs::copy("/bin/sh", &shell)?;
    let aged = Instant::now() + GROWN_UP;
    let mut server = Actor::start_without_exec_as(&shell, Path::new("/etc/shadow"), &new_tag())?;

    // Kept until all has been told of them.
    let image = with_containers.then(Image::import).transpose()?;
    let mut containers = Vec::new();
    let mut done = Vec::new();
    if let Some(image) = &image {
        contained(image, (scene.folder(), &programs), &mut containers, &mut done).await?;
    }
    eprintln!("containers {:?}", t0.elapsed());
    for acts in [acts::HOST, acts::SWITCHED_ON] {
        done.extend(done::on_host(acts, scene.folder(), &programs)?);
    }
    let fileless = new_tag();
    execute_from_descriptor(true, &fileless, scene.folder())?;
    done.push(Done::on_host(
        fileless,
        &["Fileless execution via memfd_create"],
        "a program in a memory file",
    ));
    sleep_until(aged).await;
    server.act()?;
    let what = "a server that has run for a while reads /etc/shadow";
    done.push(Done::on_host(server.tag().to_owned(), &["Read sensitive file trusted after startup"], what));

    eprintln!("acts {:?}", t0.elapsed());
    let is_enough = |alerts: &[_]| done.iter().all(|done| done.missing(alerts).is_none());
    let alerts = subscriber::alerts_within(&scene.url(), is_enough).await?;
    eprintln!("alerts {:?} {}", t0.elapsed(), alerts.len());
    let missing: Vec<_> = done.iter().filter_map(|done| done.missing(&alerts)).collect();
    for d in &done {
        eprintln!("SEEN {:?} {:?}", d.rules(), d.set_off(&alerts));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(up.terminate()?.success(), "{}", up.log_text());
    Ok(())
}

/// What a site fills in: without the first the rule that uses it matches nothing, without the second everything that builds
/// software on the machine.
const SITE_RULES: &str = "\
- macro: allowed_containers
  condition: (container.image.repository startswith registry.example/)
  override:
    condition: replace
- macro: user_known_create_hidden_file_activities
  condition: (not proc.pcmdline contains act-)
  override:
    condition: replace
";

/// Starts Eyrie with the stock rules, in the order of their files, and waits until it captures.
async fn start(scene: &Scene) -> anyhow::Result<Program> {
    std::fs::write(scene.rules(), SITE_RULES)?;
    let mut arguments = ["up", "--match-all", "--select-rules", "enable:rule=*"].map(OsString::from).to_vec();
    for file in stock_files().chain([scene.rules()]) {
        arguments.extend(["--rules".into(), file.into()]);
    }
    let address = scene.address();
    arguments.extend(["--listen".into(), address.into(), "--data-dir".into(), scene.data().into()]);
    let up = Program::start("eyrie", arguments, scene.folder())?;
    scene.is_connected().await?;
    Ok(up)
}

/// What is done in containers.
async fn contained(
    image: &Image,
    (folder, programs): (&Path, &Programs),
    containers: &mut Vec<test_containers::Container>,
    done: &mut Vec<Done>,
) -> anyhow::Result<()> {
    let volume = format!("--volume={}:/home/admin", folder.join("data").display());
    let sensitive =
        &["Launch Sensitive Mount Container", "Launch Disallowed Container", "Container Run as Root User"];
    let (container, acts) =
        done::in_container(image, &[&volume], sensitive, acts::CONTAINED, (folder, programs)).await?;
    done.extend(acts);
    let shell = new_tag();
    container.exec_with(&["--tty"], &["/bin/sh", "-c", ":", &shell])?;
    done.push(Done::inside(&container, shell, &["Terminal shell in container"], "podman exec --tty"));
    // A folder of this name, which is the tag, with a file in it.
    let copied = new_tag();
    let script = "mkdir /tmp/$1; : > /tmp/$1/file";
    container.exec(&["/tmp/bin/env", "PATH=/tmp/bin", "/bin/sh", "-c", script, "sh", &copied])?;
    container.exec(&["/tmp/bin/tar", "-cf", "/dev/null", "-C", "/tmp", &copied])?;
    let exfiltrating = &["Exfiltrating Artifacts via Kubernetes Control Plane"];
    done.push(Done::inside(&container, copied, exfiltrating, "podman exec tar"));
    containers.push(container);

    let privileged = &["Launch Privileged Container", "Launch Excessively Capable Container"];
    let (container, acts) =
        done::in_container(image, &["--privileged"], privileged, acts::PRIVILEGED, (folder, programs))
            .await?;
    done.extend(acts);
    containers.push(container);
    Ok(())
}
