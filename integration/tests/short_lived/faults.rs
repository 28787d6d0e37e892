//! Names and control groups that are used again, and containers that hardly begin.

use std::{collections::BTreeSet, path::Path, thread};

use eyrie_proto::alert::Alert;
use integration::{
    short_lived::{MARKER, NAME, RULE, Report, ShortLived, Started, Storage, Verdict},
    subscriber,
};

use super::{ALONE, Requirement, block_in_place, requires};

/// How often a name, or a control group's path, is used.
const USES: usize = 6;
/// Containers that are killed as soon as podman lets them.
const KILLED: usize = 10;

fn alerts_of<'a>(alerts: &'a [Alert], id: &str) -> Vec<&'a Alert> {
    let is_of = |alert: &&Alert| {
        let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
        alert.rule == RULE && key.is_some_and(|key| key.runtime_id == id)
    };
    alerts.iter().filter(is_of).collect()
}

/// Scenario: a container, removed when it has acted, and at once another one of the same name and of another image, several times.
/// Guarantees: each alert has the id and the image of the container that it is of.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_used_again_is_another_container() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Told).await?;
    let name = format!("{NAME}again-{}", std::process::id());
    let script = format!(": > {MARKER}");
    let mut started = Vec::new();
    for image in proof.images.iter().cycle().take(USES) {
        let id = block_in_place(|| {
            let id = image.start_and_leave(&[], &name, &["/bin/sh", "-c", &script])?;
            proof.podman.run(&["rm", "--force", "--time", "0", &name])?;
            anyhow::Ok(id)
        })?;
        started.push(Started { id, name: name.clone(), image: image.reference(), is_removed: true });
    }
    let report = proof.judge(&started).await?;
    assert_eq!(report.faults(), Vec::<String>::new());
    proof.three.terminate()
}

/// Scenario: one container is started again and again: its control group has the same path each time, and is another one. Guarantees:
/// each time there is one alert, complete, with the same name and image, and the control group and birth of that time.
#[tokio::test(flavor = "multi_thread")]
async fn a_control_group_whose_path_is_used_again_is_another() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Told).await?;
    let (name, script) = (format!("{NAME}path-{}", std::process::id()), format!(": > {MARKER}"));
    let image = &proof.images[0];
    let container = block_in_place(|| image.start(&name, &["/bin/sh", "-c", &script]))?;
    for _ in 1..USES {
        block_in_place(|| {
            proof.podman.run(&["wait", &name])?;
            proof.podman.run(&["start", &name])
        })?;
    }
    let is_enough = |alerts: &[Alert]| alerts_of(alerts, container.id()).len() >= USES;
    let alerts = subscriber::alerts_until(&proof.scene.url(), is_enough).await?;
    let ours = alerts_of(&alerts, container.id());
    let started = [Started {
        id: container.id().to_owned(),
        name: name.clone(),
        image: image.reference(),
        is_removed: false,
    }];
    let arrivals = proof.arrivals.so_far();
    for entry in &arrivals {
        let report = Report::of(&started, std::slice::from_ref(entry));
        assert_eq!(report.verdicts, [(name.clone(), Verdict::Complete)], "{:?}", entry.alert);
    }
    let groups: BTreeSet<_> = ours.iter().map(|alert| group_of(alert)).collect();
    assert_eq!((ours.len(), groups.len()), (USES, USES), "{groups:?}");
    proof.three.terminate()
}

/// Id and birth of the control group of an alert's container.
fn group_of(alert: &Alert) -> (u64, u64) {
    let cgroup = alert.container.as_ref().unwrap().key.as_ref().unwrap().cgroup.unwrap();
    (cgroup.cgroup_id, cgroup.birth_boot_ns)
}

/// Scenario: containers that are killed as soon as podman takes a `kill` for them; every second one acts 20 ms after its start only. Guarantees:
/// those that have acted have their alert, as it has to be; of the others there is none, or a right one.
#[tokio::test(flavor = "multi_thread")]
async fn containers_that_are_killed_at_their_start_are_told() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Told).await?;
    let acted = proof.scene.folder().join("acted");
    std::fs::create_dir(&acted)?;
    let started = block_in_place(|| {
        (0..KILLED).map(|number| start_and_kill(&proof, &acted, number)).collect::<Result<Vec<_>, _>>()
    })?;
    let (acted, spared): (Vec<_>, Vec<_>) =
        started.into_iter().partition(|started| acted.join(&started.name).exists());
    println!("of {KILLED} containers {} acted before they were killed", acted.len());
    let report = proof.judge(&acted).await?;
    let of_spared = Report::of(&spared, &proof.arrivals.so_far());
    let is_fault = |verdict: &Verdict| !matches!(verdict, Verdict::Complete | Verdict::Lost);
    assert!(report.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Complete), "{report:?}");
    assert!(!of_spared.verdicts.iter().any(|(_, verdict)| is_fault(verdict)), "{of_spared:?}");
    proof.three.terminate()
}

/// Starts a container that acts and would then stay, and kills it while podman is starting it.
fn start_and_kill(proof: &ShortLived, acted: &Path, number: usize) -> anyhow::Result<Started> {
    let name = format!("{NAME}killed-{}-{number}", std::process::id());
    let pause = if number.is_multiple_of(2) { "" } else { "/bin/sleep 0.02; " };
    let script = format!("{pause}: > {MARKER}; : > /acted/{name}; exec /bin/sleep 600");
    let volume = format!("--volume={}:/acted", acted.display());
    let image = &proof.images[0];
    thread::scope(|scope| {
        let running = scope.spawn(|| image.start_and_leave(&[&volume], &name, &["/bin/sh", "-c", &script]));
        // It is refused as long as there is nothing to kill.
        while proof.podman.run(&["kill", &name]).is_err() && !running.is_finished() {}
        let id = running.join().unwrap()?;
        let _ = proof.podman.run(&["kill", &name]);
        Ok(Started { id, name: name.clone(), image: image.reference(), is_removed: false })
    })
}
