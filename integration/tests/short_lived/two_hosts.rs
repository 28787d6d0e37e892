//! Two hosts with a container of the same id each.

use std::path::Path;

use eyrie_proto::{
    alert::Alert,
    event::{Origin, origin},
};
use integration::{
    program::Program,
    short_lived::{MARKER, NAME, RULE, ShortLived, Storage},
    subscriber,
};

use super::{ALONE, Requirement, block_in_place, requires};

/// The other host's.
const MACHINE_ID: &str = "0123456789abcdef0123456789abcdef";

/// Starts a second agent, which takes itself for another host's. Where podman has its storage, `storage` is, for this agent alone.
fn other_agent(proof: &ShortLived, storage: &Path) -> anyhow::Result<Program> {
    let at = proof.podman.storage().display().to_string();
    let url = proof.scene.url();
    let arguments = ["--engine", &url, "--machine-id", MACHINE_ID, "--podman-storage", &at];
    Program::start_with_files(&[(storage, &at)], "capture-agent", arguments, proof.scene.folder())
}

/// A copy of what podman has stored of containers and images, in which texts are replaced by others.
fn altered_copy(storage: &Path, target: &Path, replaced: [(&str, &str); 2]) -> anyhow::Result<()> {
    std::fs::create_dir_all(target)?;
    for folder in ["overlay-containers", "overlay-images"] {
        let status =
            std::process::Command::new("cp").arg("-a").arg(storage.join(folder)).arg(target).status()?;
        anyhow::ensure!(status.success(), "cp: {status}");
        for entry in std::fs::read_dir(target.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&path)?;
                let replace = |text: String, (from, to): (&str, &str)| text.replace(from, to);
                std::fs::write(&path, replaced.into_iter().fold(text, replace))?;
            }
        }
    }
    Ok(())
}

fn is_others(origin: Option<&Origin>) -> bool {
    matches!(origin.and_then(|origin| origin.kind.as_ref()),
        Some(origin::Kind::Host(host)) if host.machine_id == MACHINE_ID)
}

/// Scenario: two agents with different machine ids and one engine; the same container id on both hosts, of which each host's podman has
/// another name and another image. The container acts. Guarantees: one alert of each host, complete, and each with the name and
/// image that its own host has for that id.
#[tokio::test(flavor = "multi_thread")]
async fn one_id_on_two_hosts_is_two_containers() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Told).await?;
    let (one, other) = (format!("{NAME}one-host"), format!("{NAME}other-host"));
    let images = [&proof.images[0], &proof.images[1]].map(|image| image.reference());
    let (script, folder) = (format!(": > {MARKER}"), proof.scene.folder());
    let container = block_in_place(|| {
        let container = proof.images[0].start(&one, &["/bin/sh", "-c", &script])?;
        proof.podman.run(&["wait", &one])?;
        anyhow::Ok(container)
    })?;
    let copy = folder.join("other storage");
    altered_copy(&proof.podman.storage(), &copy, [(&one, &other), (&images[0], &images[1])])?;
    let mut agent = other_agent(&proof, &copy)?;
    let are_both =
        |hosts: &[eyrie_proto::capture::Host]| hosts.iter().filter(|host| host.is_connected).count() == 2;
    subscriber::hosts_until(&proof.scene.url(), are_both).await?;
    block_in_place(|| proof.podman.run(&["start", &one]))?;

    // Of the first start, which the other agent did not see, there is one of the one host.
    let is_enough = |alerts: &[Alert]| alerts.len() >= 3;
    let alerts = subscriber::alerts_until(&proof.scene.url(), is_enough).await?;
    let expected = |name: &str, image: &str| format!("written in {name} of {image} ({})", container.id());
    let of_host = |is_other: bool| {
        let ours = alerts.iter().filter(|alert| is_others(alert.origin.as_ref()) == is_other);
        ours.map(|alert| {
            assert!(
                alert.rule == RULE && !alert.is_amendment && alert.unknown_fields.is_empty(),
                "{alert:?}"
            );
            alert.message.split(" container_").next().unwrap_or_default().to_owned()
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(of_host(false), vec![expected(&one, &images[0]); 2]);
    assert_eq!(of_host(true), [expected(&other, &images[1])]);
    assert!(agent.terminate()?.success(), "{}", agent.log_text());
    proof.three.terminate()
}
