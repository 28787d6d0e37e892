//! Falco's stock rules about what containers are: real containers of podman set them off, and what is nearly such a one does not.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use eyrie_proto::alert::{Alert, MetadataState, value::Kind};
use integration::{program::Program, scene::Scene, subscriber};
use test_containers::{Container, Image, Podman};
use test_requirements::{Requirement, data_dir, requires};
use tokio::task::block_in_place;

const FILES: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
const PRIVILEGED: &str = "Launch Privileged Container";
const CAPABLE: &str = "Launch Excessively Capable Container";
const MOUNTED: &str = "Launch Sensitive Mount Container";
const MOUNTS: &str = "Mount Launched in Privileged Container";
/// Of this test: what the stock rule about mounts is meant to ask. As it is written, it matches every container that starts, in Falco as well
/// (docs/falco-compatibility.md).
const MOUNTED_ETC: &str = "Container With The Host's Configuration";
/// Of this test: the last that a container does.
const END: &str = "End Of The Act";

/// Every container does this: it runs `mount`, which fails where it is not privileged.
const SCRIPT: &str = "/bin/busybox mkdir -p /tmp/m; /bin/busybox ln -s /bin/busybox /tmp/mount; \
     /tmp/mount -t tmpfs tmpfs /tmp/m || :; : > /eyrie-end; exec /bin/sleep 600";

/// A container's options, and the rules that it sets off.
struct Case {
    name: &'static str,
    options: Vec<String>,
    rules: &'static [&'static str],
}

fn cases(ordinary: &str) -> [Case; 4] {
    let case = |name, options: &[&str], rules| Case {
        name,
        options: options.iter().map(|&option| option.to_owned()).collect(),
        rules,
    };
    let ordinary = format!("--volume={ordinary}:/data");
    [
        case("privileged", &["--privileged"], &[PRIVILEGED, CAPABLE, MOUNTED, MOUNTS, END]),
        case("capable", &["--cap-add=SYS_PTRACE"], &[CAPABLE, MOUNTED, END]),
        case("mounted", &["--volume=/etc:/host/etc:ro"], &[MOUNTED, MOUNTED_ETC, END]),
        // Another capability than those that count, and a mount of nothing in particular.
        case("near-miss", &["--cap-add=SYS_TIME", &ordinary], &[MOUNTED, END]),
    ]
}

fn own_rules() -> String {
    format!(
        "- rule: {MOUNTED_ETC}\n  desc: d\n  condition: >\n    evt.type in (execve, execveat) and proc.vpid=1 and \
         container.id != host and container.mount.dest[/etc] = /host/etc\n  output: mounts=%container.mounts\n  \
         priority: WARNING\n\
         - rule: {END}\n  desc: d\n  condition: evt.type in (open, openat) and fd.name=/eyrie-end\n  output: the end\n  \
         priority: NOTICE\n"
    )
}

/// Starts an engine that has the four stock rules, and those of the test.
fn start_engine(scene: &Scene) -> anyhow::Result<Program> {
    std::fs::write(scene.rules(), own_rules())?;
    let mut arguments = vec!["--match-all".to_owned()];
    let stock = FILES.map(|file| data_dir().join("falco-rules").join(file));
    for file in stock.into_iter().chain([scene.rules()]).map(|file: PathBuf| file.display().to_string()) {
        arguments.extend(["--rules".to_owned(), file]);
    }
    let wanted = [PRIVILEGED, CAPABLE, MOUNTED, MOUNTS, MOUNTED_ETC, END];
    let steps = wanted.map(|rule| format!("enable:rule={rule}"));
    for step in ["disable:rule=*".to_owned()].into_iter().chain(steps) {
        arguments.extend(["--select-rules".to_owned(), step]);
    }
    let data = scene.data().display().to_string();
    arguments.extend(["--listen".to_owned(), scene.address(), "--data-dir".to_owned(), data]);
    arguments.extend(["--metadata".to_owned(), scene.metadata_url()]);
    Program::start("engine-service", arguments, scene.folder())
}

/// What every alert of the container has to say of it.
fn check(alert: &Alert, container: &Container, image: &Image) {
    assert_eq!(alert.metadata_state(), MetadataState::Complete, "{alert:?}");
    let expected = [
        ("container.id", &container.id()[..12]),
        ("container.name", container.name()),
        ("container.image.repository", image.repository()),
        ("container.image.tag", image.tag()),
    ];
    for (field, expected) in expected {
        let value = alert.output_fields.get(field).and_then(|value| value.kind.clone());
        assert_eq!(value, Some(Kind::Text(expected.to_owned())), "{field} of {}", alert.rule);
    }
}

/// Scenario: a privileged container that mounts, one with a capability that matters, one with the host's /etc, and one that is nearly
/// all of that. Guarantees: the stock rules are set off by those that they are about and by no other, with the id, the name and the
/// image of the container; what a mount is of is known.
#[tokio::test(flavor = "multi_thread")]
async fn stock_rules_tell_containers_apart() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Data, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let (scene, podman) = (Scene::new()?, Podman::with_own_storage()?);
    let image = podman.import()?;
    let mut metadata = scene.metadata(&[])?;
    let mut engine = start_engine(&scene)?;
    let mut agent = scene.agent_with(&["--podman-storage", &podman.storage().display().to_string()])?;
    scene.is_connected().await?;

    let mut expected = BTreeMap::new();
    let mut containers = Vec::new();
    for Case { name, options, rules } in cases(&scene.data().display().to_string()) {
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let name = format!("eyrie-stock-{name}");
        let container = block_in_place(|| image.start_with(&options, &name, &["/bin/sh", "-c", SCRIPT]))?;
        expected.insert(container.id().to_owned(), rules.iter().copied().collect::<BTreeSet<_>>());
        containers.push(container);
    }
    let set_off = |alerts: &[Alert]| {
        let mut by_container = BTreeMap::<_, BTreeSet<_>>::new();
        for alert in alerts {
            let key = alert.container.as_ref().and_then(|container| container.key.clone());
            let id = key.map(|key| key.runtime_id).filter(|id| expected.contains_key(id));
            if let Some(id) = id {
                by_container.entry(id).or_default().insert(alert.rule.clone());
            }
        }
        by_container
    };
    let is_expected = |alerts: &[Alert]| {
        let raised = set_off(alerts);
        expected.iter().all(|(id, rules)| {
            rules.iter().all(|&rule| raised.get(id).is_some_and(|raised| raised.contains(rule)))
        })
    };
    let alerts = subscriber::alerts_within(&scene.url(), is_expected).await?;
    let raised = set_off(&alerts);
    for container in &containers {
        let raised: BTreeSet<_> =
            raised.get(container.id()).into_iter().flatten().map(String::as_str).collect();
        assert_eq!(raised, expected[container.id()], "{}", container.name());
        let is_of = |alert: &&Alert| {
            let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
            key.is_some_and(|key| key.runtime_id == container.id())
        };
        alerts.iter().filter(is_of).for_each(|alert| check(alert, container, &image));
    }
    let of_mount = alerts.iter().find(|alert| alert.rule == MOUNTED_ETC).unwrap();
    assert!(of_mount.message.starts_with("mounts=/etc:/host/etc:"), "{}", of_mount.message);
    for program in [&mut agent, &mut engine, &mut metadata] {
        assert!(program.terminate()?.success(), "{}", program.log_text());
    }
    Ok(())
}
