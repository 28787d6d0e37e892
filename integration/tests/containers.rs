//! Real containers: an alert says in which one it happened, whatever becomes of the metadata service meanwhile.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use eyrie_proto::{
    alert::{Alert, MetadataState},
    metadata::Completeness,
};
use integration::{scene::Scene, subscriber};
use test_containers::{Container, Image};
use test_requirements::{Requirement, requires};

/// So often a container is started, and its alert must be right.
const ROUNDS: u32 = 20;
const RULE: &str = "Shell Read In The Tests Image";
const HOST_RULE: &str = "Secret Of The Test Read";

static NAMES: AtomicU32 = AtomicU32::new(0);

/// The rule is about the image alone: an event in another container does not match it. One in a container of which the image cannot be known
/// might, and its alert goes out, marked: so it does for those of the tests beside that are gone before an agent of this one looks.
fn write_rules(scene: &Scene, image: &Image) -> anyhow::Result<()> {
    let rules = format!(
        "- rule: {RULE}\n  desc: A container of the test's image reads its shell.\n  condition: >\n    \
         evt.type in (open, openat, openat2) and fd.name = /bin/sh\n    \
         and container.image.repository = {}\n  \
         output: read in %container.name of %container.image.repository:%container.image.tag (%container.full_id)\n  \
         priority: WARNING\n",
        image.repository()
    );
    Ok(std::fs::write(scene.rules(), rules)?)
}

/// A second rule, about a file of the host.
fn add_rule_about_host(scene: &Scene, files_of: &Scene) -> anyhow::Result<()> {
    let rule = format!(
        "- rule: {HOST_RULE}\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = {}\n  \
         output: read by %proc.name in %container.name\n  priority: NOTICE\n",
        files_of.secret().display()
    );
    Ok(std::fs::write(scene.rules(), std::fs::read_to_string(scene.rules())? + &rule)?)
}

/// Processes of the host that do what its rule is about, one after the other, until told to stop.
struct Load {
    is_over: Arc<AtomicBool>,
    acts: std::thread::JoinHandle<anyhow::Result<usize>>,
}

impl Load {
    fn start(scene: &Scene) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (stop, secret) = (Arc::clone(&is_over), scene.secret());
        let acts = std::thread::spawn(move || {
            let mut acts = 0;
            while !stop.load(Ordering::Relaxed) {
                std::process::Command::new("cat").arg(&secret).output()?;
                acts += 1;
                std::thread::sleep(Duration::from_millis(40));
            }
            Ok(acts)
        });
        Self { is_over, acts }
    }

    /// How often it acted.
    fn stop(self) -> anyhow::Result<usize> {
        self.is_over.store(true, Ordering::Relaxed);
        self.acts.join().unwrap()
    }
}

fn new_name() -> String {
    format!("eyrie-test-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed))
}

/// Starts a container that does what the rule is about.
async fn read_in_container(image: &Image) -> anyhow::Result<Container> {
    let name = new_name();
    // Blocks for some hundred milliseconds: nothing else runs on this test's thread.
    tokio::task::block_in_place(|| image.start(&name, &["/bin/cat", "/bin/sh"]))
}

fn of<'a>(alerts: &'a [Alert], container: &Container) -> Vec<&'a Alert> {
    let is_in = |alert: &&Alert| {
        let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
        alert.rule == RULE && key.is_some_and(|key| key.runtime_id == container.id())
    };
    alerts.iter().filter(is_in).collect()
}

/// The alert as it has to be.
fn check(alert: &Alert, container: &Container, image: &Image) {
    let expected = format!("read in {} of {} ({})", container.name(), image.reference(), container.id());
    let suggested = format!(
        " container_name={} container_image_repository={} container_image_tag={} k8s_pod_name=<NA> k8s_ns_name=<NA>",
        container.name(),
        image.repository(),
        image.tag()
    );
    let message = &alert.message;
    assert!(message.starts_with(&expected) && message.ends_with(&suggested), "{message}");
    let shown = alert.container.as_ref().unwrap();
    assert_eq!((shown.name.as_str(), shown.completeness()), (container.name(), Completeness::Complete));
    let shown_image = shown.image.as_ref().unwrap();
    assert_eq!(
        (shown_image.repository.as_str(), shown_image.tag.as_str()),
        (image.repository(), image.tag())
    );
    assert_eq!(alert.metadata_state(), MetadataState::Complete);
    assert!(alert.unknown_fields.is_empty());
    let host = alert.host.as_ref().unwrap();
    assert!(!host.hostname.is_empty() && !host.kernel_release.is_empty());
}

/// Starts containers and checks the alert of each: one, with the right name and image, and none that had to be corrected.
async fn rounds(scene: &Scene, image: &Image, count: u32) -> anyhow::Result<()> {
    let mut containers = Vec::new();
    for _ in 0..count {
        let container = read_in_container(image).await?;
        let alerts =
            subscriber::alerts_until(&scene.url(), |alerts| !of(alerts, &container).is_empty()).await?;
        let ours = of(&alerts, &container);
        assert_eq!(ours.len(), 1, "{ours:?}");
        check(ours[0], &container, image);
        containers.push(container);
    }
    let alerts = subscriber::alerts_now(&scene.url()).await?;
    let ours: Vec<_> = containers.iter().flat_map(|container| of(&alerts, container)).collect();
    assert_eq!(ours.len(), containers.len());
    assert!(ours.iter().all(|alert| !alert.is_amendment), "{ours:?}");
    Ok(())
}

/// Scenario: `eyrie up`; 20 containers in a row of an image that a rule names. Guarantees: one alert each, with the right
/// name, image and host; none is missing, none wrong, none came with a gap and was corrected later.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_name_their_containers() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let (scene, image) = (Scene::new()?, Image::import()?);
    write_rules(&scene, &image)?;
    let mut up = scene.up(&[])?;
    scene.is_connected().await?;
    rounds(&scene, &image, ROUNDS).await?;
    assert!(up.terminate()?.success());
    Ok(())
}

/// Scenario: three processes and `eyrie up` watch the same host while containers and processes of the host act. Guarantees:
/// both raise the same alerts: rule, message, process, container, image.
#[tokio::test(flavor = "multi_thread")]
async fn three_processes_do_what_one_does() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let image = Image::import()?;
    let (apart, together) = (Scene::new()?, Scene::new()?);
    for scene in [&apart, &together] {
        write_rules(scene, &image)?;
        add_rule_about_host(scene, &apart)?;
    }
    let three = apart.three(&[]).await?;
    let mut up = together.up(&[])?;
    together.is_connected().await?;
    let mut containers = Vec::new();
    for _ in 0..3 {
        containers.push(read_in_container(&image).await?);
        std::process::Command::new("cat").arg(apart.secret()).output()?;
    }
    let ids: Vec<_> = containers.iter().map(Container::id).collect();
    let is_ours = |alert: &&Alert| {
        let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
        key.is_none_or(|key| ids.contains(&key.runtime_id.as_str()))
    };
    let count = |alerts: &[Alert]| alerts.iter().filter(is_ours).count();
    let mut told = Vec::new();
    for scene in [&apart, &together] {
        let alerts = subscriber::alerts_until(&scene.url(), |alerts| count(alerts) >= 6).await?;
        let ours = |alert: &Alert| {
            let process = alert.process.as_ref().unwrap();
            let image = alert.container.as_ref().and_then(|container| container.image.clone());
            (alert.rule.clone(), alert.message.clone(), process.key, process.command_line.clone(), image)
        };
        told.push(alerts.iter().filter(is_ours).map(ours).collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].len(), 6);
    assert!(up.terminate()?.success());
    three.terminate()
}

/// Scenario: processes and containers act all the time while the metadata service is killed, comes back, is frozen, and goes
/// on. Guarantees: no alert is late for it, missing, doubled or wrong, since the agent knows its own containers; the service
/// learns what it missed.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_do_not_need_the_metadata_service() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let (scene, image) = (Scene::new()?, Image::import()?);
    write_rules(&scene, &image)?;
    add_rule_about_host(&scene, &scene)?;
    let mut three = scene.three(&[]).await?;
    let load = Load::start(&scene);
    rounds(&scene, &image, 2).await?;
    three.metadata.kill()?;
    rounds(&scene, &image, 3).await?;
    let while_away = tokio::task::block_in_place(|| image.start(&new_name(), &["/bin/sleep", "600"]))?;
    three.metadata = scene.metadata(&[])?;
    rounds(&scene, &image, 2).await?;
    three.metadata.freeze()?;
    rounds(&scene, &image, 3).await?;
    three.metadata.go_on()?;
    subscriber::knows_container(&scene, &while_away).await?;
    let acts = load.stop()?;
    let of_host = |alerts: &[Alert]| alerts.iter().filter(|alert| alert.rule == HOST_RULE).count();
    subscriber::alerts_until(&scene.url(), |alerts| of_host(alerts) >= acts).await?;
    three.terminate()?;
    // What came after would be too much.
    let mut engine = scene.engine_with_metadata(&[])?;
    assert_eq!(of_host(&subscriber::alerts_now(&scene.url()).await?), acts);
    assert!(engine.terminate()?.success());
    Ok(())
}

/// Scenario: a container runs; the engine is replaced by one that knows nothing, while the metadata service is away, and the
/// container acts. Then the service comes back. Guarantees: the alert goes out in time, and says what is unknown; when the
/// service is there it is amended with name and image, although the agent does not tell them again.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_service_knows_amends_the_alert() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let (scene, image) = (Scene::new()?, Image::import()?);
    write_rules(&scene, &image)?;
    let mut three = scene.three(&[]).await?;
    let container = tokio::task::block_in_place(|| image.start(&new_name(), &["/bin/sleep", "600"]))?;
    subscriber::knows_container(&scene, &container).await?;
    scene.facts_are_acked().await?;
    three.engine.kill()?;
    three.metadata.kill()?;
    three.engine = scene.engine_with_metadata(&["--metadata-wait-ms", "200"])?;
    scene.is_connected().await?;
    tokio::task::block_in_place(|| container.exec(&["/bin/cat", "/bin/sh"]))?;
    let alerts = subscriber::alerts_until(&scene.url(), |alerts| !of(alerts, &container).is_empty()).await?;
    let first = of(&alerts, &container)[0].clone();
    assert_eq!(first.metadata_state(), MetadataState::Partial);
    assert!(first.unknown_fields.contains(&"container.image.repository".to_owned()), "{first:?}");
    assert!(!first.is_amendment && first.container.unwrap().name.is_empty());
    three.metadata = scene.metadata(&[])?;
    let alerts = subscriber::alerts_until(&scene.url(), |alerts| of(alerts, &container).len() >= 2).await?;
    let amended = of(&alerts, &container)[1];
    assert_eq!((amended.is_amendment, amended.is_retracted, &amended.id), (true, false, &first.id));
    check(amended, &container, &image);
    three.terminate()
}
