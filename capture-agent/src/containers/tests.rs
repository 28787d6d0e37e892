mod layouts;
mod lies;
mod telling;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    time::{Duration, Instant},
};

use eyrie_proto::{
    event::CgroupKey,
    metadata::{Completeness, Container, ContainerMount, ContainerPart, LateFact, late_fact::Kind},
};

use super::{
    reading::Noticed,
    tracked::{Sources, Tracked},
    *,
};
use crate::cgroups::container_of;

const ID: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
const IMAGE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A storage of podman and a folder of runtime state, as a test writes them.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn places(&self) -> Places {
        let at = |name: &str| self.0.path().join(name);
        Places {
            storage_roots: vec![at("storage")],
            run: at("run"),
            docker_root: at("docker"),
            lxc: at("lxc"),
            snaps: at("snap"),
            cgroups: None,
        }
    }

    fn write(&self, path: &str, text: &str) {
        let uid = fs::metadata(self.0.path()).unwrap().uid().to_string();
        let path = self.0.path().join(path.replace("{ID}", ID).replace("{UID}", &uid));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = text.replace("{ID}", ID).replace("{IMAGE}", IMAGE);
        fs::write(path, text.replace("{ROOT}", self.0.path().to_str().unwrap())).unwrap();
    }

    fn write_containers(&self, storage: &str) {
        let list = r#"[{"id":"other","names":["x"]},{"id":"{ID}","names":["web"],"image":"{IMAGE}",
            "metadata":"{\"image-name\":\"localhost/app:2\",\"name\":\"web\"}",
            "created":"2026-11-23T22:34:28.5Z","unknown":[{}]}]"#;
        self.write(&format!("{storage}/overlay-containers/containers.json"), list);
    }

    fn write_images(&self, storage: &str) {
        let list = r#"[{"id":"{IMAGE}","digest":"sha256:abc","names":["localhost/app:2"]}]"#;
        self.write(&format!("{storage}/overlay-images/images.json"), list);
    }

    fn write_bundle(&self, storage: &str) {
        let config = r#"{"ociVersion":"1.0.2","process":{"user":{"uid":7,"gid":8},
            "env":["PATH=/bin","SECRET=do not tell","nonsense"],"capabilities":{"bounding":["CAP_CHOWN"]}},
            "mounts":[{"destination":"/proc","type":"proc","source":"proc","options":null},
              {"destination":"/host","type":"bind","source":"/etc","options":["rbind","ro","rprivate","nosuid"]},
              {"destination":"/etc/hosts","type":"bind","source":"/run/x/overlay-containers/{ID}/userdata/hosts","options":["bind"]}],
            "annotations":{"io.podman.annotations.privileged":"TRUE"},
            "linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"}]}}"#;
        self.write(&format!("{storage}/overlay-containers/{{ID}}/userdata/config.json"), config);
    }
}

fn noticed(runtime: &str) -> Noticed {
    let cgroup = CgroupKey { hierarchy: 4, cgroup_id: 9, birth_boot_ns: 0 };
    Noticed::new(ID.to_owned(), runtime.to_owned(), cgroup, String::new())
}

/// What files alone say of a container.
fn read_of(files: &Files, noticed: Noticed) -> Container {
    let (origin, runtimes) = (Origin::default(), Runtimes::default());
    let sources = Sources { origin, places: files.places(), runtimes };
    Tracked::new(noticed, Vec::new()).attempt(&sources).unwrap()
}

fn read(files: &Files) -> Container {
    read_of(files, noticed("podman"))
}

/// Sockets that are not there.
fn no_sockets(files: &Files) -> Sockets {
    let socket = |name: &str| files.0.path().join(name);
    Sockets { docker: socket("d"), podman: socket("p"), containerd: socket("c"), cri: vec![socket("cri")] }
}

/// Scenario: all files of a container of podman. Guarantees: everything that they tell is told, with where it comes from; values of
/// the environment, and mounts that every container has, are not. What podman's files do not have counts as missing.
#[test]
fn a_container_is_read_whole() {
    let files = Files::new();
    files.write_containers("storage");
    files.write_images("storage");
    files.write_bundle("storage");
    files.write(
        "run/runc/{ID}/state.json",
        r#"{"created":"2026-11-23T22:34:29Z","config":{"labels":["a=b"]}}"#,
    );
    let container = read(&files);
    assert_eq!(container.completeness(), Completeness::Complete, "{container:?}");
    assert_eq!((container.name.as_str(), container.runtime.as_str()), ("web", "podman"));
    let image = container.image.unwrap();
    assert_eq!(
        (image.repository.as_str(), image.tag.as_str(), image.digest.as_str(), image.id.as_str()),
        ("localhost/app", "2", "sha256:abc", IMAGE)
    );
    assert_eq!(container.environment_names, ["PATH", "SECRET"]);
    assert_eq!((container.user.as_str(), container.capabilities), ("7:8", vec!["CAP_CHOWN".to_owned()]));
    assert_eq!(
        container.mounts,
        [ContainerMount {
            source: "/etc".into(),
            destination: "/host".into(),
            mode: "ro,nosuid".into(),
            is_writable: false,
            propagation: "rprivate".into(),
        }]
    );
    assert_eq!(container.is_privileged, Some(true));
    assert_eq!(
        (container.is_host_network, container.is_host_pid, container.is_host_ipc),
        (Some(true), Some(false), Some(false))
    );
    assert_eq!(
        (container.created_ns, container.started_ns),
        (1_795_473_268_500_000_000, 1_795_473_269_000_000_000)
    );
    let sources: Vec<_> = container.provenance.iter().map(|from| from.source.as_str()).collect();
    assert_eq!(sources, ["runtime-state", "bundle", "podman-storage"]);
    let key = container.key.unwrap();
    assert_eq!((key.runtime_id.as_str(), key.cgroup.unwrap().hierarchy), (ID, 4));
    let missing = [ContainerPart::Labels, ContainerPart::Addresses, ContainerPart::Probes];
    assert_eq!(container.missing, missing.map(i32::from));
}

/// Scenario: a user's own storage, which only the runtime's state tells of: runc's and crun's. Guarantees: it is found.
#[test]
fn a_users_storage_is_found_by_the_runtimes_state() {
    for (path, state) in [
        (
            "run/user/{UID}/runc/{ID}/state.json",
            r#"{"config":{"labels":["bundle={ROOT}/home/overlay-containers/{ID}/userdata"]}}"#,
        ),
        ("run/user/{UID}/crun/{ID}/status", r#"{"bundle":"{ROOT}/home/overlay-containers/{ID}/userdata"}"#),
    ] {
        let files = Files::new();
        files.write_containers("home");
        files.write_images("home");
        files.write_bundle("home");
        assert_eq!(read(&files).completeness(), Completeness::Pending);
        files.write(path, state);
        let container = read(&files);
        assert_eq!((container.completeness(), container.name.as_str()), (Completeness::Complete, "web"));
    }
}

/// Scenario: files that are missing, cut off, or of another shape, one at a time. Guarantees: what the others tell is told, the container
/// is not called complete, and a reason names what is missing.
#[test]
fn what_cannot_be_read_is_named() {
    let spoil: [(&str, &str, &str); 6] = [
        ("storage/overlay-containers/containers.json", "[{\"id\":\"{ID}\"", "name"),
        ("storage/overlay-containers/containers.json", "{\"id\":7}", "name"),
        ("storage/overlay-containers/containers.json", "[]", "name"),
        ("storage/overlay-images/images.json", "null", "image"),
        ("storage/overlay-images/images.json", "[]", "image"),
        ("storage/overlay-containers/{ID}/userdata/config.json", "{\"mounts\":\"none\"}", "mounts"),
    ];
    for (path, text, missing) in spoil {
        let files = Files::new();
        files.write_containers("storage");
        files.write_images("storage");
        files.write_bundle("storage");
        files.write(path, text);
        let container = read(&files);
        assert_eq!(container.completeness(), Completeness::Pending, "{path} {text}");
        assert!(container.reasons[0].starts_with(missing), "{container:?}");
        assert_eq!(container.reasons.len(), if missing == "name" { 2 } else { 1 }, "{container:?}");
        assert_eq!(container.name.is_empty(), missing == "name", "{container:?}");
    }
    let unread = read_of(&Files::new(), noticed("docker"));
    assert_eq!(unread.reasons.len(), 3, "{unread:?}");
}

fn fact(path: &str, cgroup_id: u64, is_removed: bool) -> CgroupFact {
    let path = path.replace("{ID}", ID);
    let named = container_of(path.as_bytes()).unwrap();
    CgroupFact {
        cgroup: Some(CgroupKey { hierarchy: 0, cgroup_id, birth_boot_ns: 5 }),
        path: path.into_bytes(),
        container_id: named.id,
        runtime: named.runtime.to_owned(),
        is_removed,
    }
}

fn started(files: &Files) -> (Containers, Arc<LateFacts>) {
    let facts = Arc::new(LateFacts::default());
    let sockets = no_sockets(files);
    (Containers::start(Origin::default(), files.places(), &sockets, Arc::clone(&facts)).unwrap(), facts)
}

/// The next fact of the queue.
fn next(facts: &LateFacts, told: &mut Vec<LateFact>) -> Kind {
    let deadline = Instant::now() + Duration::from_secs(20);
    while told.is_empty() {
        assert!(Instant::now() < deadline, "no fact came");
        if let Some(message) = facts.next_to_send() {
            told.extend(message.facts);
        }
        thread::sleep(Duration::from_millis(1));
    }
    told.remove(0).kind.unwrap()
}

fn container(kind: Kind) -> Container {
    match kind {
        Kind::Container(container) => container,
        other => panic!("{other:?}"),
    }
}

/// Scenario: a container's group is made before its files are there, then one inside of it; the files come; it is told again; the
/// inner group goes, then the outer one. Guarantees: it is told as pending, then once as complete, then once as removed.
#[test]
fn a_container_is_told_from_birth_to_end() {
    let files = Files::new();
    let (containers, facts) = started(&files);
    let mut told = Vec::new();
    containers.observe(&fact("/machine.slice/libpod-{ID}.scope", 9, false), 5);
    let first = container(next(&facts, &mut told));
    assert_eq!((first.completeness(), first.name.as_str()), (Completeness::Pending, ""));
    assert!(first.reasons.len() >= 3, "{first:?}");
    containers.observe(&fact("/machine.slice/libpod-{ID}.scope/container", 10, false), 6);
    files.write_bundle("storage");
    files.write_images("storage");
    files.write_containers("storage");
    let second = container(next(&facts, &mut told));
    assert_eq!((second.completeness(), second.name.as_str()), (Completeness::Complete, "web"));
    assert!(second.started_ns > 0 && second.key == first.key);
    containers.observe(&fact("/machine.slice/libpod-{ID}.scope", 9, false), 7);
    containers.observe(&fact("/machine.slice/libpod-{ID}.scope/container", 10, true), 8);
    containers.observe(&fact("/machine.slice/libpod-{ID}.scope", 9, true), 9);
    match next(&facts, &mut told) {
        Kind::ContainerRemoval(removal) => assert_eq!((removal.key, removal.removed_boot_ns), (first.key, 9)),
        other => panic!("{other:?}"),
    }
}

/// Scenario: containers of which nothing can ever be read, one that ends meanwhile, and one of a runtime that is not read. Guarantees: all end as
/// final, with reasons and the parts that are missing: the last at once, the second with its end.
#[test]
fn waiting_has_an_end() {
    let (containers, facts) = started(&Files::new());
    let mut told = Vec::new();
    let machine = "/machine.slice/systemd-nspawn@web.service";
    containers.observe(&fact(machine, 8, false), 5);
    let unread = container(next(&facts, &mut told));
    assert_eq!(unread.completeness(), Completeness::FinalPartial);
    let details = [ContainerPart::Mounts, ContainerPart::Privileges, ContainerPart::Namespaces];
    assert_eq!(unread.missing().collect::<Vec<_>>(), [&details[..], &[ContainerPart::Addresses]].concat());
    containers.observe(&fact(machine, 8, true), 5);
    assert!(matches!(next(&facts, &mut told), Kind::ContainerRemoval(_)));
    for (path, cgroup_id) in [("/docker/{ID}", 9), ("/libpod_parent/libpod-{ID}", 10)] {
        containers.observe(&fact(path, cgroup_id, false), 5);
        assert_eq!(container(next(&facts, &mut told)).completeness(), Completeness::Pending);
        let last = container(next(&facts, &mut told));
        assert_eq!((last.completeness(), last.reasons.is_empty()), (Completeness::FinalPartial, false));
        containers.observe(&fact(path, cgroup_id, true), 6);
        assert!(matches!(next(&facts, &mut told), Kind::ContainerRemoval(_)));
    }
    containers.observe(&fact("/libpod_parent/libpod-{ID}", 11, false), 7);
    assert_eq!(container(next(&facts, &mut told)).completeness(), Completeness::Pending);
    containers.observe(&fact("/libpod_parent/libpod-{ID}", 11, true), 8);
    let last = container(next(&facts, &mut told));
    assert_eq!((last.completeness(), last.validity.unwrap().until_ns), (Completeness::FinalPartial, 8));
    for part in [ContainerPart::Name, ContainerPart::Image, ContainerPart::Mounts, ContainerPart::Labels] {
        assert!(last.missing().any(|missing| missing == part), "{last:?}");
    }
    assert!(matches!(next(&facts, &mut told), Kind::ContainerRemoval(_)));
}

/// Scenario: podman's files of a container can be seen only after it has ended; then it is started again. Guarantees: the end is told at once, and what the files
/// say after it, as of what has ended; what is started again is another one.
#[test]
fn files_that_are_found_after_the_end_are_told() {
    let files = Files::new();
    let (containers, facts) = started(&files);
    let mut told = Vec::new();
    containers.observe(&fact("/libpod_parent/libpod-{ID}", 11, false), 7);
    assert_eq!(container(next(&facts, &mut told)).completeness(), Completeness::Pending);
    containers.observe(&fact("/libpod_parent/libpod-{ID}", 11, true), 8);
    assert_eq!(container(next(&facts, &mut told)).completeness(), Completeness::FinalPartial);
    assert!(matches!(next(&facts, &mut told), Kind::ContainerRemoval(_)));
    files.write_bundle("storage");
    files.write_images("storage");
    files.write_containers("storage");
    // Some of the files may be read before the others are there.
    let late = loop {
        let late = container(next(&facts, &mut told));
        if late.completeness() == Completeness::Complete {
            break late;
        }
    };
    assert_eq!((late.name.as_str(), late.validity.unwrap().until_ns), ("web", 8));
    containers.observe(&fact("/libpod_parent/libpod-{ID}", 12, false), 9);
    let again = container(next(&facts, &mut told));
    assert_eq!((again.completeness(), again.validity.unwrap().until_ns), (Completeness::Complete, 0));
    assert_eq!(again.key.unwrap().cgroup.unwrap().cgroup_id, 12);
}

/// Scenario: nobody reads the queue, as if a file hung, while more containers come than may wait. Guarantees: whoever tells
/// of them is not held up.
#[test]
fn capture_is_never_held_up() {
    let (news, _receiver) = sync_channel(1);
    let news = Arc::new(news);
    let (is_behind, left_out) = (AtomicBool::new(false), LeftOut::default());
    let containers = Containers { news, is_behind, left_out, accounts: Arc::default() };
    for number in 0..100 {
        containers.observe(&fact("/docker/{ID}", number + 1, false), 5);
    }
    assert!(containers.is_behind());
    assert_eq!(containers.left_out().files_behind.get(), 99);
}
