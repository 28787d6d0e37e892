//! A metadata service with what the tests tell it, and the command.

use std::process::Command;

use eyrie_proto::{
    event::{CgroupKey, HostBoot, Origin, origin},
    metadata::{
        CloudInstance, Completeness, Container, ContainerKey, ContainerMount, ContainerProbe,
        ContainerProbeKind, ContainerRemoval, Host, HostKey, Image, LateFact, Provenance, RelayFactsRequest,
        late_fact::Kind, metadata_service_client::MetadataServiceClient,
    },
};
use metadata_service::{Config, MetadataService, Running};
use serde_json::Value;
use telemetry::Instruments;

pub(crate) const SECOND_NS: u64 = 1_000_000_000;
/// One id of two hosts.
pub(crate) const TWIN_ID: &str = "aa11223344556677889900aabbccddeeff00112233445566778899aabbccddee";
pub(crate) const DB_ID: &str = "bb11223344556677889900aabbccddeeff00112233445566778899aabbccddee";
pub(crate) const GONE_ID: &str = "aa99223344556677889900aabbccddeeff00112233445566778899aabbccddee";

/// What a run of the command left.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// A service with facts. Its hosts booted an hour ago, so that moments are told by seconds since then.
pub(crate) struct Scene {
    pub(crate) service: Running,
    booted_ns: u64,
    /// The service's files go with it.
    _folder: tempfile::TempDir,
}

pub(crate) fn origin(number: u64) -> Origin {
    let host = HostBoot {
        machine_id: format!("{number:032x}"),
        boot_id: format!("00000000-0000-0000-0000-{number:012x}"),
    };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }
}

pub(crate) fn key(host: u64, cgroup_id: u64, birth_s: u64, id: &str) -> ContainerKey {
    let cgroup = CgroupKey { hierarchy: 0, cgroup_id, birth_boot_ns: birth_s * SECOND_NS };
    ContainerKey { origin: Some(origin(host)), cgroup: Some(cgroup), runtime_id: id.into() }
}

/// A container of which little is known.
pub(crate) fn plain(key: ContainerKey, name: &str) -> Container {
    Container {
        key: Some(key),
        runtime: "podman".into(),
        name: name.into(),
        image: Some(Image {
            repository: "docker.io/library/busybox".into(),
            tag: "1".into(),
            ..Image::default()
        }),
        completeness: Completeness::Complete.into(),
        provenance: vec![provenance("bundle", SECOND_NS)],
        ..Container::default()
    }
}

/// A container of which everything is known.
pub(crate) fn whole(key: ContainerKey) -> Container {
    let pairs = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    Container {
        image: Some(Image {
            id: "feed".into(),
            repository: "docker.io/library/nginx".into(),
            tag: "1.27".into(),
            digest: "sha256:beef".into(),
        }),
        labels: pairs("app", "shop\u{1b}[31m"),
        mounts: vec![ContainerMount {
            source: "/srv/data".into(),
            destination: "/data".into(),
            mode: "rbind".into(),
            is_writable: true,
            propagation: "rprivate".into(),
        }],
        is_privileged: Some(true),
        capabilities: vec!["CAP_SYS_ADMIN".into()],
        is_host_network: Some(false),
        is_host_pid: Some(true),
        is_host_ipc: Some(false),
        started_ns: 1_700_000_000 * SECOND_NS,
        environment_names: vec!["PATH".into(), "TOKEN".into()],
        ips: vec!["10.0.0.7".into()],
        pod_uid: "pod-uid-1".into(),
        pod_sandbox_id: "sandbox-1".into(),
        pod_name: "web-0".into(),
        pod_namespace: "shop".into(),
        pod_labels: pairs("tier", "front"),
        user: "1000".into(),
        probes: vec![ContainerProbe {
            kind: ContainerProbeKind::Liveness.into(),
            command: vec!["curl".into(), "localhost".into()],
        }],
        reasons: vec!["cni_result: the runtime did not say".into()],
        ..plain(key, "web")
    }
}

pub(crate) fn stated(container: Container) -> Kind {
    Kind::Container(container)
}

pub(crate) fn removed(key: ContainerKey, at_s: u64) -> Kind {
    Kind::ContainerRemoval(ContainerRemoval { key: Some(key), removed_boot_ns: at_s * SECOND_NS })
}

pub(crate) fn provenance(source: &str, observed_ns: u64) -> Provenance {
    Provenance { source: source.into(), observed_ns, observer: "capture-agent".into() }
}

impl Scene {
    /// Two hosts; both have a container with one id; one of them two more, of which one ended after ten minutes.
    pub(crate) async fn start() -> Self {
        let scene = Self::empty().await;
        let gone = key(1, 7, 60, GONE_ID);
        scene
            .relay(
                1,
                [
                    scene.host(1, "one"),
                    stated(whole(key(1, 5, 120, TWIN_ID))),
                    stated(plain(key(1, 6, 180, DB_ID), "db")),
                    stated(plain(gone.clone(), "gone")),
                    removed(gone, 600),
                ],
            )
            .await;
        let mut pending = plain(key(2, 5, 240, TWIN_ID), "");
        pending.image = None;
        pending.completeness = Completeness::Pending.into();
        pending.reasons = vec!["name, image: of docker they are not read yet".into()];
        scene.relay(2, [scene.host(2, "two"), stated(pending)]).await;
        scene
    }

    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: folder.path().to_owned(),
            ..Config::default()
        };
        let service = MetadataService::start(config, &Instruments::default().meter).await.unwrap();
        let now = jiff::Timestamp::now().as_second().unsigned_abs();
        Self { service, booted_ns: (now - 3_600) * SECOND_NS, _folder: folder }
    }

    pub(crate) fn host(&self, number: u64, hostname: &str) -> Kind {
        Kind::Host(Host {
            key: Some(HostKey { origin: Some(origin(number)) }),
            hostname: hostname.into(),
            operating_system: "Debian GNU/Linux 13".into(),
            kernel_release: "6.18.0".into(),
            architecture: "x86_64".into(),
            labels: [("rack".to_owned(), "r7".to_owned())].into(),
            cloud: (number == 1).then(|| CloudInstance {
                provider: "aws".into(),
                region: "eu-west-1".into(),
                instance_id: "i-0123".into(),
                ..CloudInstance::default()
            }),
            booted_epoch_ns: self.booted_ns,
            provenance: vec![provenance("uname", SECOND_NS)],
            ..Host::default()
        })
    }

    pub(crate) async fn relay(&self, host: u64, facts: impl IntoIterator<Item = Kind>) {
        let facts = facts.into_iter().map(|kind| LateFact { kind: Some(kind) }).collect();
        // An epoch of its own for each call: facts are numbered from 1 in each.
        let epoch = jiff::Timestamp::now().as_nanosecond().unsigned_abs() as u64;
        let request = RelayFactsRequest {
            origin: Some(origin(host)),
            epoch,
            first_fact_sequence: 1,
            facts,
            ..Default::default()
        };
        let mut client = MetadataServiceClient::connect(self.url()).await.unwrap();
        client.relay_facts(request).await.unwrap();
    }

    pub(crate) fn url(&self) -> String {
        self.service.local_address().uri()
    }

    /// A moment by seconds since the boot.
    pub(crate) fn at(&self, seconds: u64) -> String {
        jiff::Timestamp::from_nanosecond((self.booted_ns + seconds * SECOND_NS).into()).unwrap().to_string()
    }

    /// Runs a command against the service.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let url = self.url();
        run(&[arguments, &["--metadata", &url]].concat()).await
    }

    /// The same, for the objects that it prints a line each.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(run.code, 0, "{}", run.errors);
        run.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs a command in UTC, with nothing of the caller's settings.
pub(crate) async fn run(arguments: &[&str]) -> Run {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let running = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eyrie"));
        command.args(&arguments).env("TZ", "UTC").env_remove("EYRIE_METADATA").env_remove("EYRIE_ENGINE");
        command.env_remove("EYRIE_INSECURE").env_remove("CLICOLOR_FORCE").output().unwrap()
    };
    let done = tokio::task::spawn_blocking(running).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: done.status.code().unwrap(), output: text(done.stdout), errors: text(done.stderr) }
}

/// Words of each line of a table.
pub(crate) fn words(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}
