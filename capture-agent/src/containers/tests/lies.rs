use std::path::Path;

use super::*;
use crate::cgroups::{Maker, give_to_a_user};

const POD: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
const OTHER_POD: &str = "ffffffff-4f50-6172-8394-a5b6c7d8e9f0";

/// All files of a container of podman of the host's.
fn of_host() -> Files {
    let files = Files::new();
    files.write_containers("storage");
    files.write_images("storage");
    files.write_bundle("storage");
    files
}

/// Gives all files below a folder to a user.
fn give(folder: &Path) -> u32 {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => drop(give(&entry.path())),
            false if rustix::process::geteuid().is_root() => {
                std::os::unix::fs::chown(entry.path(), Some(4_242), None).unwrap();
            }
            false => {}
        }
    }
    give_to_a_user(folder)
}

/// Scenario: a user's control group has the name of a container that the host's files describe; then the user's own runtime says that the container's bundle is the host's; then that it
/// is his own. Guarantees: nothing of the host's is told of it, whatever he points at; his own files are.
#[test]
fn a_users_container_is_described_by_his_own_files() {
    let files = of_host();
    let uid = give(&{
        fs::create_dir(files.0.path().join("cgroup")).unwrap();
        files.0.path().join("cgroup")
    });
    let read = || read_of(&files, noticed("podman").made_by(Maker::User(uid)));
    let is_nothing = |container: Container| {
        assert_eq!((container.name.as_str(), container.image, container.is_privileged), ("", None, None));
        assert_eq!(container.mounts, []);
    };
    is_nothing(read());
    let status = format!("run/user/{uid}/crun/{{ID}}/status");
    files.write(&status, r#"{"bundle":"{ROOT}/storage/overlay-containers/{ID}/userdata"}"#);
    is_nothing(read());
    give(&files.0.path().join("run"));
    if rustix::process::geteuid().is_root() {
        let container = read();
        assert!(container.reasons.iter().any(|why| why.contains("belongs to user 0")), "{container:?}");
        is_nothing(container);
    }
    files.write_containers("home");
    files.write_images("home");
    files.write_bundle("home");
    files.write(&status, r#"{"bundle":"{ROOT}/home/overlay-containers/{ID}/userdata"}"#);
    give(&files.0.path().join("home"));
    give(&files.0.path().join("run"));
    let own = read();
    assert_eq!((own.name.as_str(), own.completeness()), ("web", Completeness::Complete), "{own:?}");
}

/// Scenario: a container of the host, of which a user's runtime keeps a state as well. Guarantees: the user is not asked.
#[test]
fn users_say_nothing_of_the_hosts_containers() {
    let files = Files::new();
    files.write_containers("home");
    files.write_images("home");
    files.write_bundle("home");
    files.write(
        "run/user/{UID}/crun/{ID}/status",
        r#"{"bundle":"{ROOT}/home/overlay-containers/{ID}/userdata"}"#,
    );
    let container = read_of(&files, noticed("podman").made_by(Maker::Host));
    assert_eq!((container.name.as_str(), container.image), ("", None));
    assert_eq!(read(&files).name, "web", "where nobody knows who made it");
}

/// Scenario: images that have labels, and podman containers that have annotations, of a pod of Kubernetes, run by docker and podman, outside of any pod, in that pod, and in another one; by
/// files and by interfaces. Guarantees: a container is of the pod that the kubelet's control group says, and of none otherwise.
#[test]
fn an_image_cannot_put_its_container_into_a_pod() {
    let labels = [("io.kubernetes.pod.name", "dns"), ("io.kubernetes.pod.namespace", "kube-system")];
    let labels = labels.into_iter().chain([("io.kubernetes.pod.uid", POD), ("io.kubernetes.sandbox.id", ID)]);
    let labels: std::collections::BTreeMap<String, String> =
        labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let files = Files::new();
    let config = serde_json::json!({"ID": ID, "Name": "/web", "Config": {"Image": "app", "Labels": labels}});
    files.write("docker/containers/{ID}/config.v2.json", &config.to_string());
    files.write("docker/containers/{ID}/hostconfig.json", "{}");
    let annotated = serde_json::json!({"annotations": {
        "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-uid": POD, "io.kubernetes.cri.sandbox-name": "dns",
        "io.kubernetes.cri.container-name": "coredns", "io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.pod.name": "dns",
        "nerdctl/name": "coredns"}});
    files.write("storage/overlay-containers/{ID}/userdata/config.json", &annotated.to_string());
    let told = Container {
        labels: labels.clone(),
        pod_uid: POD.into(),
        pod_name: "dns".into(),
        pod_namespace: "kube-system".into(),
        pod_sandbox_id: ID.into(),
        ..Container::default()
    };
    for runtime in ["docker", "podman"] {
        for (pod_uid, is_its) in [("", false), (POD, true), (OTHER_POD, false)] {
            let Noticed { id, runtime, cgroup, .. } = noticed(runtime);
            let noticed = Noticed::new(id, runtime, cgroup, pod_uid.to_owned());
            let mut by_interface = told.clone();
            noticed.correct(&mut by_interface);
            let by_files = read_of(&files, noticed.clone());
            let case = format!("{} {pod_uid}", noticed.runtime);
            assert_eq!(by_interface == told, is_its, "{case}");
            for container in [&by_interface, &by_files] {
                assert!(
                    is_its || container.pod_name.is_empty() && container.pod_sandbox_id.is_empty(),
                    "{case}"
                );
                assert!(is_its || !container.labels.values().any(|value| value == "dns"), "{case}");
                assert_ne!(container.name, "coredns", "{case}");
            }
            assert_eq!(by_files.pod_uid, pod_uid, "{case}");
        }
    }
    let of_user = noticed("containerd").made_by(Maker::User(7));
    let mut container = told.clone();
    of_user.correct(&mut container);
    assert_eq!((container.pod_uid.as_str(), container.pod_name.as_str()), ("", ""));
}

/// Scenario: nobody reads the queue while control groups are made inside of containers without end; then containers are; then there is room again. Guarantees: those within take no room;
/// that something was missed is known until all was told anew.
#[test]
fn what_is_within_containers_crowds_nobody_out() {
    let (news, receiver) = sync_channel(1);
    let containers = Containers {
        news: Arc::new(news),
        is_behind: AtomicBool::new(false),
        left_out: LeftOut::default(),
        accounts: Arc::default(),
    };
    for number in 0..100 {
        containers.observe(&fact(&format!("/docker/{{ID}}/{number}"), number + 1, false), 5);
    }
    containers.observe(&fact("/docker/{ID}", 1, false), 5);
    assert!(!containers.is_behind());
    containers.observe(&fact("/docker/{ID}", 2, false), 5);
    containers.catch_up(Vec::new(), 6);
    assert!(containers.is_behind(), "there is no room for that either");
    drop(receiver.recv().unwrap());
    let all = [("/docker/{ID}", 2), ("/docker/{ID}/inner", 3)].map(|(path, id)| fact(path, id, false));
    let all = all
        .into_iter()
        .map(|fact| OrderedFact { since_boot_ns: 1, kind: Some(ordered_fact::Kind::Cgroup(fact)) });
    containers.catch_up(all.collect(), 7);
    assert!(!containers.is_behind());
    match receiver.recv().unwrap() {
        News::All { groups, is_all, boot_ns } => assert_eq!((groups.len(), is_all, boot_ns), (1, true, 7)),
        other => panic!("{other:?}"),
    }
}
