//! Every runtime that an agent asks, end to end: real containers, their runtimes' real sockets, the agent's process with the few
//! privileges that it keeps, and what alerts say in the end.
#![allow(clippy::unwrap_used, reason = "all of it is a test")]

use std::{collections::BTreeMap, fs, path::Path};

use eyrie_proto::{
    alert::{Alert, MetadataState},
    metadata,
};
use integration::{
    scene::{Scene, Three},
    subscriber,
};
use test_containers::{Containerd, Docker, PodOptions, Podman};
use test_requirements::{Requirement, requires};
use tokio::task::block_in_place;

const RULE: &str = "Shell Read In A Container";
/// Acts at once, and again when it is told to; where it is killed with the test, the container ends by itself.
const SCRIPT: [&str; 3] = [
    "/bin/sh",
    "-c",
    "cat /bin/sh > /dev/null; n=0; \
     until [ -e /go/go ] || [ $n = 600 ]; do sleep 0.2; n=$((n+1)); done; cat /bin/sh > /dev/null; sleep 60",
];

/// For metadata: how fast a runtime of a busy machine answers is not the question here.
const WAIT_MS: &str = "60000";
/// What those are of whom no runtime says that they are in a pod.
const NO_POD: [&str; 3] = ["<NA>"; 3];

/// A container as it was made.
struct Made {
    id: String,
    /// What alerts have to say, but for the label, which not all files tell.
    message: String,
    /// Who, of those that are asked, knows it.
    source: &'static str,
    /// Acts of it while the agent was there.
    acts: usize,
}

// === impl Made ===

impl Made {
    /// `pod` is its name, its namespace and its uid.
    fn new(id: String, name: &str, image: &str, pod: [&str; 3], source: &'static str, acts: usize) -> Self {
        let [pod, namespace, uid] = pod;
        let message = format!("name={name} image={image} pod={pod} namespace={namespace} uid={uid} team=");
        Self { id, message, source, acts }
    }
}

/// A scene with the rule of the test, and the folder that containers look into.
fn scene() -> anyhow::Result<Scene> {
    let scene = Scene::new()?;
    let rule = format!(
        "- rule: {RULE}\n  desc: d\n  condition: >\n    evt.type in (open, openat) and fd.name = /bin/sh and proc.name = cat and \
         container.id != host\n  output: >\n    name=%container.name image=%container.image pod=%k8s.pod.name \
         namespace=%k8s.ns.name uid=%k8s.pod.uid team=%container.label[team]\n  priority: WARNING\n"
    );
    fs::write(scene.rules(), rule)?;
    fs::create_dir(go(&scene))?;
    Ok(scene)
}

/// The folder that containers look into.
fn go(scene: &Scene) -> std::path::PathBuf {
    scene.folder().join("go")
}

/// Starts the three programs, the agent with these of its settings, each with a path; it asks nobody that is not named.
async fn three(scene: &Scene, settings: &[(&str, &Path)]) -> anyhow::Result<Three> {
    let nobody = scene.folder().join("nobody");
    let sockets = ["--docker-socket", "--podman-socket", "--containerd-socket", "--cri-socket"];
    let mut arguments: BTreeMap<_, _> =
        sockets.into_iter().map(|socket| (socket, nobody.display().to_string())).collect();
    arguments.extend(settings.iter().map(|(name, path)| (*name, path.display().to_string())));
    let arguments: Vec<_> = arguments.iter().flat_map(|(name, path)| [*name, path.as_str()]).collect();
    let metadata = scene.metadata(&[])?;
    let engine = scene.engine_with_metadata(&["--metadata-wait-ms", WAIT_MS])?;
    let agent = scene.agent_with(&arguments)?;
    scene.is_connected().await?;
    let log = agent.log_text();
    let has_given_up =
        "capabilities=\"CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_PERFMON CAP_BPF\" system_calls_filtered=true";
    assert!(log.contains(has_given_up), "{log}");
    Ok(Three { metadata, engine, agent })
}

/// Waits until the runtime of each has been asked, lets them all act, and checks what the alerts say.
async fn act(scene: &Scene, made: &[Made]) -> anyhow::Result<()> {
    for made in made {
        let is_from =
            |known: &metadata::Container| known.provenance.iter().any(|from| from.source == made.source);
        subscriber::container_until(scene, &made.id, is_from).await?;
    }
    fs::write(go(scene).join("go"), "")?;
    let has_acted = |alerts: &[Alert]| made.iter().all(|made| of(alerts, made).len() >= made.acts);
    let alerts = subscriber::alerts_until(&scene.url(), has_acted).await?;
    for made in made {
        // Older first.
        let ours = of(&alerts, made);
        assert_eq!(ours.len(), made.acts, "{ours:?}");
        for alert in ours {
            assert!(alert.message.starts_with(&made.message), "{} is not {}", alert.message, made.message);
            assert_eq!(alert.metadata_state(), MetadataState::Complete, "{alert:?}");
            assert!(!alert.is_amendment && alert.unknown_fields.is_empty(), "{alert:?}");
        }
        let last = of(&alerts, made).pop().unwrap();
        assert!(last.message.starts_with(&format!("{}red", made.message)), "{last:?}");
        let known = last.container.as_ref().unwrap();
        assert!(known.provenance.iter().any(|from| from.source == made.source), "{known:?}");
    }
    Ok(())
}

fn of<'a>(alerts: &'a [Alert], made: &Made) -> Vec<&'a Alert> {
    let is_in = |alert: &&Alert| {
        let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
        alert.rule == RULE && key.is_some_and(|key| key.runtime_id == made.id)
    };
    alerts.iter().filter(is_in).collect()
}

/// Scenario: a containerd of the test's own has a container of its own client and one of a pod, made by the interface of Kubernetes, since before the
/// agent, and gets the same once more; all act. Guarantees: an agent that has given up its privileges asks at both interfaces, and alerts name
/// container, image, pod and labels; not one has to be corrected.
#[tokio::test(flavor = "multi_thread")]
async fn containerd_and_its_pods_are_named() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let scene = scene()?;
    let containerd = block_in_place(Containerd::start)?;
    let mount = format!("type=bind,src={},dst=/go,options=rbind:ro", go(&scene).display());
    let by_hand = |name: &str, acts| {
        let label = format!("nerdctl/name={name}");
        let options = ["--label", &label, "--label", "team=red", "--mount", &mount];
        // As nerdctl makes them: others than such ids are no containers' to whoever reads control groups, as for Falco.
        let id = format!("{acts:032x}{:032x}", std::process::id());
        let container = containerd.run("default", &id, &options, &SCRIPT)?;
        let made = Made::new(container.id().to_owned(), name, containerd.image(), NO_POD, "containerd", acts);
        anyhow::Ok((container, made))
    };
    let in_pod = |name: &str, acts| {
        let pod = containerd.run_pod(name, PodOptions::default())?;
        let options = PodOptions {
            labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
            mounts: vec![(go(&scene).display().to_string(), "/go".to_owned())],
            ..PodOptions::default()
        };
        let id = pod.run("app", options, &SCRIPT)?;
        let made = Made::new(id, "app", containerd.image(), [name, "eyrie", pod.uid()], "cri", acts);
        anyhow::Ok((pod, made))
    };
    let old = block_in_place(|| anyhow::Ok((by_hand("old", 1)?, in_pod("old-pod", 1)?)))?;
    let socket = containerd.socket();
    let three = three(&scene, &[("--containerd-socket", &socket), ("--cri-socket", &socket)]).await?;
    let new = block_in_place(|| anyhow::Ok((by_hand("new", 2)?, in_pod("new-pod", 2)?)))?;
    let ((_old, old), (_old_pod, of_old_pod)) = old;
    let ((_new, new), (_new_pod, of_new_pod)) = new;
    act(&scene, &[old, of_old_pod, new, of_new_pod]).await?;
    three.terminate()
}

/// Scenario: the same with a docker and a podman of the test's own. Guarantees: the same.
#[tokio::test(flavor = "multi_thread")]
async fn containers_of_docker_and_podman_are_named() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let scene = scene()?;
    let docker = block_in_place(Docker::start)?;
    let podman = Podman::with_own_storage()?;
    let (image, service) = block_in_place(|| anyhow::Ok((podman.import()?, podman.serve()?)))?;
    let mount = format!("--volume={}:/go:ro", go(&scene).display());
    let by_docker = |name: &str, acts| {
        let options = ["--label=team=red", &mount, "--name", name];
        let id = docker.start_container(&options, &SCRIPT)?;
        anyhow::Ok(Made::new(id, name, docker.image(), NO_POD, "docker-api", acts))
    };
    let by_podman = |name: &str, acts| {
        let container = image.start_with(&["--label=team=red", &mount], name, &SCRIPT)?;
        let id = container.id().to_owned();
        anyhow::Ok((container, Made::new(id, name, &image.reference(), NO_POD, "podman-api", acts)))
    };
    let old = block_in_place(|| anyhow::Ok((by_docker("old", 1)?, by_podman("old", 1)?)))?;
    let settings = [
        ("--docker-socket", docker.socket()),
        ("--docker-root", docker.root()),
        ("--podman-socket", service.socket()),
        ("--podman-storage", podman.storage()),
    ];
    let settings = settings.each_ref().map(|(name, path)| (*name, path.as_path()));
    let three = three(&scene, &settings).await?;
    let new = block_in_place(|| anyhow::Ok((by_docker("new", 2)?, by_podman("new", 2)?)))?;
    let ((of_docker, (_old, of_podman)), (new_of_docker, (_new, new_of_podman))) = (old, new);
    act(&scene, &[of_docker, of_podman, new_of_docker, new_of_podman]).await?;
    three.terminate()
}
