use super::*;

const POD: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
const SANDBOX: &str = "112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00";

/// A bundle of a confined container, with these annotations.
fn bundle(annotations: &str) -> String {
    let confined = r#"{"process":{"user":{"uid":7,"gid":8},"apparmorProfile":"default","env":["A=b"],
        "capabilities":{"bounding":["CAP_CHOWN"]}},
        "mounts":[{"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]},
          {"destination":"/etc/hosts","type":"bind","source":"/var/lib/docker/containers/{ID}/hosts","options":["rbind"]},
          {"destination":"/etc/resolv.conf","type":"bind","options":["rbind"],
           "source":"/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/x/resolv.conf"},
          {"destination":"/data","type":"bind","source":"/srv","options":["rbind","rw"]}],
        "linux":{"maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],"seccomp":{"defaultAction":"x"},
          "namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"}]},"annotations":ANNOTATIONS}"#;
    confined.replace("ANNOTATIONS", annotations)
}

fn of_pod(runtime: &str) -> Noticed {
    let Noticed { id, runtime, cgroup, .. } = noticed(runtime);
    Noticed::new(id, runtime, cgroup, POD.to_owned())
}

fn image(container: &Container) -> (&str, &str, &str) {
    let image = container.image.as_ref().unwrap();
    (&image.repository, &image.tag, &image.digest)
}

/// Scenario: a task of containerd in every place where one keeps its state, and in a namespace that nobody has heard of. Guarantees: the bundle is found,
/// and everything that it says is told; the files that a runtime makes for every container are not.
#[test]
fn a_bundle_is_found_wherever_containerd_keeps_it() {
    for folder in [
        "run/containerd/io.containerd.runtime.v2.task/default",
        "run/containerd/io.containerd.runtime.v2.task/k8s.io",
        "run/containerd/io.containerd.runtime.v2.task/somebodys",
        "run/containerd/io.containerd.runtime.v1.linux/default",
        "run/docker/containerd/daemon/io.containerd.runtime.v2.task/other",
        "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
        "run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io",
        "snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    ] {
        let files = Files::new();
        files.write(&format!("{folder}/{{ID}}/config.json"), &bundle(r#"{"nerdctl/name":"web"}"#));
        let container = read_of(&files, noticed("containerd"));
        assert_eq!((container.name.as_str(), container.is_privileged), ("web", Some(false)), "{folder}");
        let mounts: Vec<_> = container.mounts.iter().map(|mount| mount.destination.as_str()).collect();
        assert_eq!(mounts, ["/data"], "{folder}");
        assert_eq!(container.completeness(), Completeness::Pending);
        assert_eq!(container.reasons, ["image: the bundle does not tell it"], "{folder}");
    }
}

/// Scenario: a container of a pod and the pod's sandbox, of containerd's CRI. Guarantees: name, image and pod are told by the files alone, and nothing is left to wait
/// for; of annotations that are of another pod than the control group no pod's name is taken.
#[test]
fn a_pods_container_is_known_by_its_annotations() {
    let files = Files::new();
    let folder = "run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json";
    let annotations = r#"{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"app",
        "io.kubernetes.cri.image-name":"registry.example:5000/team/app:7","io.kubernetes.cri.sandbox-id":"SANDBOX",
        "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop",
        "io.kubernetes.cri.sandbox-uid":"POD"}"#
        .replace("SANDBOX", SANDBOX)
        .replace("POD", POD);
    files.write(folder, &bundle(&annotations));
    let container = read_of(&files, of_pod("containerd"));
    assert_eq!(container.completeness(), Completeness::Complete, "{:?}", container.reasons);
    assert_eq!(
        (container.name.as_str(), image(&container)),
        ("app", ("registry.example:5000/team/app", "7", ""))
    );
    assert_eq!((container.pod_name.as_str(), container.pod_namespace.as_str()), ("web-0", "shop"));
    assert_eq!((container.pod_uid.as_str(), container.pod_sandbox_id.as_str()), (POD, SANDBOX));
    assert_eq!(container.labels["io.kubernetes.pod.name"], "web-0");
    assert_eq!(container.labels["io.kubernetes.sandbox.id"], SANDBOX);

    files.write(folder, &bundle(&annotations.replace(POD, "another")));
    let container = read_of(&files, of_pod("containerd"));
    assert_eq!((container.pod_uid.as_str(), container.pod_name.as_str()), (POD, ""));
    assert!(!container.labels.contains_key("io.kubernetes.pod.name"), "{:?}", container.labels);

    let sandbox =
        annotations.replace(r#""container","io"#, r#""sandbox","io"#).replace("container-name", "unused");
    files.write(folder, &bundle(&sandbox.replace("cri.image-name", "cri.podsandbox.image-name")));
    let container = read_of(&files, of_pod("containerd"));
    assert_eq!((container.name.as_str(), container.pod_sandbox_id.as_str()), ("web-0", ID));
    assert_eq!(container.completeness(), Completeness::Complete, "{:?}", container.reasons);
}

/// Scenario: a container of CRI-O and its sandbox, with the storage that has the image's digest; an image that was asked for by id; labels and annotations that are no JSON.
/// Guarantees: everything that the annotations say is told, and what cannot be understood does not hide the rest.
#[test]
fn crio_is_known_by_its_annotations() {
    let files = Files::new();
    files.write_containers("storage");
    files.write_images("storage");
    files.write("storage/overlay-containers/{ID}/userdata/config.json", "{}");
    let applied = r#"{\\\"spec\\\":{\\\"containers\\\":[{\\\"name\\\":\\\"app\\\",\\\"livenessProbe\\\":{\\\"exec\\\":{\\\"command\\\":[\\\"ok\\\"]}}}]}}"#;
    let annotations = r#"{"io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.Metadata":"{\"name\":\"app\",\"attempt\":0}",
        "io.kubernetes.cri-o.Image":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "io.kubernetes.cri-o.ImageName":"localhost/app:2","io.kubernetes.cri-o.ImageRef":"{IMAGE}",
        "io.kubernetes.cri-o.SandboxID":"s","io.kubernetes.cri-o.Labels":"{\"tier\":\"web\"}",
        "io.kubernetes.cri-o.IP.0":"192.0.2.1","io.kubernetes.cri-o.IP.1":"2001:db8::1","io.kubernetes.cri-o.IPx":"192.0.2.9",
        "io.kubernetes.cri-o.CNIResult":"{}","io.kubernetes.cri-o.Annotations":"{\"kubectl.kubernetes.io/last-applied-configuration\":\"APPLIED\"}",
        "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"POD"}"#
        .replace("POD", POD)
        .replace("APPLIED", applied);
    let path = "run/containers/storage/overlay-containers/{ID}/userdata/config.json";
    files.write(path, &bundle(&annotations));
    let container = read_of(&files, of_pod("cri-o"));
    assert_eq!(container.completeness(), Completeness::Complete, "{:?}", container.reasons);
    assert_eq!((container.name.as_str(), image(&container)), ("app", ("localhost/app", "2", "sha256:abc")));
    assert_eq!((container.pod_name.as_str(), container.pod_namespace.as_str()), ("web-0", "shop"));
    assert_eq!(
        (container.ips.join(" "), container.cni_result.as_str()),
        ("192.0.2.1 2001:db8::1".into(), "{}")
    );
    assert_eq!(
        (container.labels["tier"].as_str(), container.labels["io.kubernetes.pod.uid"].as_str()),
        ("web", POD)
    );
    assert_eq!(container.probes[0].command, ["ok"]);
    assert!(container.created_ns > 0);

    let sandbox = r#"{"io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.cri-o.KubeName":"web-0",
        "io.kubernetes.cri-o.Namespace":"shop","io.kubernetes.cri-o.Labels":"nonsense","io.kubernetes.cri-o.Metadata":"[]",
        "io.kubernetes.cri-o.Image":"registry.k8s.io/pause:3.9"}"#;
    files.write(path, &bundle(sandbox));
    let container = read_of(&files, of_pod("cri-o"));
    assert_eq!((container.name.as_str(), container.pod_name.as_str()), ("web-0", "web-0"));
    assert_eq!(image(&container), ("registry.k8s.io/pause", "3.9", ""));
    assert_eq!(container.completeness(), Completeness::Complete, "{:?}", container.reasons);
}

/// Scenario: a container of docker by all its files, with the state of runc under docker, a volume, a health check, two networks and labels of a pod; then without a file
/// each, and with files of other shapes. Guarantees: everything is told without asking docker; what is missing is named by its file.
#[test]
fn docker_is_read_by_its_own_files() {
    let files = Files::new();
    files.write("run/docker/runtime-runc/moby/{ID}/state.json",
        r#"{"created":"2026-11-23T22:34:29Z","config":{"labels":["bundle={ROOT}/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{ID}"]}}"#);
    files.write(
        "run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{ID}/config.json",
        &bundle("null"),
    );
    let config = r#"{"ID":"{ID}","Created":"2026-11-23T22:34:28.5Z","Name":"/web","Driver":"overlay2","Image":"sha256:{IMAGE}",
        "Config":{"Image":"registry.example/app","User":"www","Env":["SECRET=x"],"Labels":{"team":"a"},
          "Healthcheck":{"Test":["CMD-SHELL","curl -f http://localhost"]}},
        "MountPoints":{"/v":{"Source":"","Name":"vol","Driver":"local","Destination":"/v","RW":true,"Relabel":"z","Propagation":""},
          "/host":{"Source":"/etc","Destination":"/host","RW":false,"Propagation":"rprivate"}},
        "NetworkSettings":{"Networks":{"a":{"IPAddress":"192.0.2.5","GlobalIPv6Address":""},"b":null,
          "c":{"IPAddress":"192.0.2.5","GlobalIPv6Address":"2001:db8::5"}}}}"#;
    files.write("docker/containers/{ID}/config.v2.json", config);
    files.write(
        "docker/containers/{ID}/hostconfig.json",
        r#"{"Privileged":true,"NetworkMode":"a","PidMode":"host","IpcMode":"private"}"#,
    );
    files.write("docker/image/overlay2/repositories.json",
        r#"{"Repositories":{"registry.example/app":{"registry.example/app:latest":"sha256:{IMAGE}","registry.example/app@sha256:dd":"sha256:{IMAGE}"},
            "other":{"other:1":"sha256:another"}}}"#);
    let container = read_of(&files, noticed("docker"));
    assert_eq!(container.completeness(), Completeness::Complete, "{:?}", container.reasons);
    assert_eq!(
        (container.name.as_str(), image(&container)),
        ("web", ("registry.example/app", "latest", "sha256:dd"))
    );
    assert_eq!(container.image.as_ref().unwrap().id, IMAGE);
    assert_eq!(
        (container.is_privileged, container.is_host_pid),
        (Some(true), Some(false)),
        "the bundle knows namespaces"
    );
    let mounts: Vec<_> =
        container.mounts.iter().map(|mount| (mount.source.clone(), mount.is_writable)).collect();
    let volume = files.0.path().join("docker/volumes/vol/_data").display().to_string();
    assert_eq!(mounts, [("/etc".to_owned(), false), (volume, true)]);
    assert_eq!(container.ips, ["192.0.2.5", "2001:db8::5"]);
    assert_eq!(container.probes[0].command, ["/bin/sh", "-c", "curl -f http://localhost"]);
    assert_eq!((container.labels["team"].as_str(), container.user.as_str()), ("a", "7:8"));
    assert_eq!(
        (container.capabilities, container.environment_names),
        (vec!["CAP_CHOWN".to_owned()], vec!["A".to_owned()])
    );
    assert_eq!(
        (container.created_ns, container.started_ns),
        (1_795_473_268_500_000_000, 1_795_473_269_000_000_000)
    );

    for (path, text) in [
        ("docker/containers/{ID}/config.v2.json", "{\"Name\":7}"),
        ("docker/containers/{ID}/config.v2.json", "{\"Name\":\"/web\""),
        ("docker/containers/{ID}/hostconfig.json", "7"),
    ] {
        files.write("docker/containers/{ID}/config.v2.json", config);
        files.write(path, text);
        let container = read_of(&files, noticed("docker"));
        let file = path.rsplit('/').next().unwrap();
        assert!(
            container.reasons[0].starts_with("name: ") && container.reasons[0].contains(file),
            "{container:?}"
        );
    }
}

/// Scenario: bundles that nothing notes the privileges of: confined, unconfined in all, and in all but one thing; and one that podman notes.
/// Guarantees: privileged is what nothing confines, unless it is noted.
#[test]
fn privileged_is_what_nothing_confines() {
    let unconfined = r#"{"process":{"apparmorProfile":"unconfined"},
        "mounts":[{"type":"sysfs","destination":"/sys","source":"sysfs","options":["rw"]}],
        "linux":{"namespaces":[]},"annotations":{}}"#;
    for (from, to, is_privileged) in [
        ("", "", true),
        ("\"unconfined\"", "\"\"", true),
        ("\"unconfined\"", "\"docker-default\"", false),
        ("\"apparmorProfile\"", "\"selinuxLabel\"", false),
        ("\"rw\"", "\"ro\"", false),
        ("\"namespaces\"", "\"seccomp\":{},\"namespaces\"", false),
        ("\"namespaces\"", "\"seccomp\":null,\"maskedPaths\":[],\"namespaces\"", true),
        ("\"namespaces\"", "\"maskedPaths\":[\"/proc/kcore\"],\"namespaces\"", false),
        ("\"namespaces\"", "\"readonlyPaths\":[\"/proc/sys\"],\"namespaces\"", false),
        ("{}}", "{\"io.podman.annotations.privileged\":\"FALSE\"}}", false),
    ] {
        let files = Files::new();
        let text = if from.is_empty() { unconfined.to_owned() } else { unconfined.replace(from, to) };
        files.write("run/containerd/io.containerd.runtime.v2.task/default/{ID}/config.json", &text);
        let container = read_of(&files, noticed("containerd"));
        assert_eq!(container.is_privileged, Some(is_privileged), "{text}");
    }
}

/// Scenario: a container of LXC, with and without its file; and a user who keeps a state for a container of containerd's. Guarantees: its name is its id; the file's absence is
/// named; of a runtime that users do not run, a user's word is not taken.
#[test]
fn other_runtimes_are_told_as_far_as_they_can() {
    let files = Files::new();
    let web = || Noticed::new("web".to_owned(), "lxc".to_owned(), noticed("lxc").cgroup, String::new());
    let unread = read_of(&files, web());
    assert_eq!((unread.name.as_str(), unread.completeness()), ("web", Completeness::FinalPartial));
    assert!(unread.reasons[0].contains("lxc/web/config"), "{:?}", unread.reasons);
    files.write("lxc/web/config", "lxc.net.0.ipv4.address = 192.0.2.7/24\n");
    let container = read_of(&files, web());
    assert_eq!(
        (container.completeness(), container.ips),
        (Completeness::Complete, vec!["192.0.2.7".to_owned()])
    );

    files.write("run/user/{UID}/runc/{ID}/state.json", r#"{"config":{"labels":["bundle={ROOT}/mine"]}}"#);
    files.write("mine/config.json", &bundle(r#"{"nerdctl/name":"liar"}"#));
    assert_eq!(read_of(&files, noticed("containerd")).name, "");
}
