//! Containers and users as events tell of them.

use eyrie_proto::{
    event::{UsersFact, ordered_fact},
    metadata::{Completeness, Container, late_fact},
};
use scap::value::Value;

use crate::stream::{Scap, Stream, int, text, uint};

const ID: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
const DETAILS: &str = r#"{"container": {"id": "3f4e5d6c7b8a", "type": 7, "name": "web", "image": "reg:5000/nginx:1.25",
    "imageid": "sha", "privileged": true, "host_pid": false, "Mounts": [{"Source": "/srv", "Destination": "/data", "Mode": "ro", "RW": false, "Propagation": "private"}],
    "labels": {"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "u-1", "app": "web"},
    "created_time": 1700000000, "ip": "10.1.1.1", "Healthcheck": {"exe": "curl", "args": ["-f", "x"]}, "pod_sandbox_labels": null}}"#;

/// A task in the container, so that its whole id is known.
fn enter_container(scap: &mut Scap) {
    let cgroups = Value::Bytes(
        format!("cpu=/kubepods/pod{}/{ID}\0", "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0").into_bytes(),
    );
    scap.exit(
        "execve",
        &[("res", int(0)), ("exe", text("nginx")), ("comm", text("nginx")), ("cgroups", cgroups)],
    );
}

fn containers(stream: &Stream) -> Vec<&Container> {
    stream
        .late_facts
        .iter()
        .filter_map(
            |fact| if let late_fact::Kind::Container(container) = fact { Some(container) } else { None },
        )
        .collect()
}

fn users(stream: &Stream) -> Vec<UsersFact> {
    stream
        .facts()
        .into_iter()
        .filter_map(|fact| if let ordered_fact::Kind::Users(users) = fact { Some(users) } else { None })
        .collect()
}

/// Scenario: a container in every form of event that files have, before and after a task of it is seen, and its end. Guarantees: told under the id of its control group, once that is
/// known, with everything that the form has.
#[test]
fn containers_of_every_form() {
    let mut scap = Scap::new();
    // Before any time.
    let json = || Value::Text(DETAILS.replace('\n', "").into_bytes());
    scap.draft(324, -1, &[("json", json())], |draft| draft.time_ns = None);
    scap.exit("getuid", &[("uid", uint(0))]);
    enter_container(&mut scap);
    scap.event(272, -1, &[("json", json())]);
    let mut data = DETAILS.as_bytes().to_vec();
    data.push(0);
    scap.event(402, -1, &[("plugin_id", uint(0)), ("name", text("container")), ("data", Value::Bytes(data))]);
    scap.event(
        228,
        -1,
        &[("id", text("3f4e5d6c7b8a")), ("type", uint(0)), ("name", text("old")), ("image", text("nginx"))],
    );
    let gone = format!(r#"{{"container":{{"id":"x","full_id":"{ID}"}}}}"#).into_bytes();
    scap.event(
        402,
        -1,
        &[("plugin_id", uint(0)), ("name", text("container_removed")), ("data", Value::Bytes(gone))],
    );
    let stream = scap.stream();
    let told = containers(&stream);
    assert_eq!((told.len(), stream.counts.state), (4, 5));
    for container in &told {
        let key = container.key.as_ref().unwrap();
        assert_eq!(
            (&*key.runtime_id, key.cgroup.is_some(), &key.origin),
            (ID, true, &stream.headers[0].origin)
        );
    }
    for container in &told[..3] {
        let image = container.image.as_ref().unwrap();
        assert_eq!(
            (&*container.name, &*image.repository, &*image.tag, &*image.id),
            ("web", "reg:5000/nginx", "1.25", "sha")
        );
        assert_eq!(
            (container.is_privileged, container.is_host_pid, container.started_ns),
            (Some(true), Some(false), 1_700_000_000_000_000_000)
        );
        assert_eq!(
            (&*container.pod_name, &*container.pod_namespace, &*container.pod_uid, &*container.labels["app"]),
            ("web-0", "shop", "u-1", "web")
        );
        assert_eq!(
            (&*container.mounts[0].destination, container.mounts[0].is_writable, &*container.ips[0]),
            ("/data", false, "10.1.1.1")
        );
        assert_eq!(
            (container.probes[0].command.len(), container.completeness(), &*container.runtime),
            (3, Completeness::Complete, "containerd")
        );
    }
    assert_eq!((&*told[3].name, told[3].completeness()), ("old", Completeness::FinalPartial));
    let Some(late_fact::Kind::ContainerRemoval(removal)) = stream.late_facts.last() else { panic!() };
    assert_eq!(removal.key.as_ref().unwrap().runtime_id, ID);
}

/// Scenario: text that is no JSON, JSON of another shape, one with more depth than sense, other asynchronous events and plugins'. Guarantees: nothing is told, everything is counted.
#[test]
fn nonsense_is_counted() {
    let mut scap = Scap::new();
    scap.exit("getuid", &[("uid", uint(0))]);
    for nonsense in
        ["", "{", "[]", r#"{"container": 5}"#, r#"{"container": {"id": ""}}"#, &"[".repeat(100_000)]
    {
        scap.event(324, -1, &[("json", text(nonsense))]);
    }
    scap.event(
        402,
        -1,
        &[("plugin_id", uint(3)), ("name", text("weather")), ("data", Value::Bytes(vec![1, 2]))],
    );
    scap.event(322, 1, &[("plugin_id", uint(9)), ("event_data", Value::Bytes(vec![0; 100]))]);
    let stream = scap.stream();
    assert_eq!((stream.late_facts.len(), stream.counts.skipped.values().sum::<u64>()), (0, 6));
    assert_eq!(
        stream.counts.others.keys().collect::<Vec<_>>(),
        ["asynchronous event \"weather\"", "event of plugin 9"]
    );
}

/// Scenario: users and groups of the host and of a container are added and deleted. Guarantees: facts that are whole, one for what changed together, before the next event.
#[test]
fn users_come_and_go() {
    let mut scap = Scap::new();
    enter_container(&mut scap);
    let user = |scap: &mut Scap, code, uid, name: &str, container: &str| {
        scap.event(
            code,
            -1,
            &[
                ("uid", uint(uid)),
                ("gid", uint(1)),
                ("name", text(name)),
                ("home", text("/h")),
                ("shell", text("/s")),
                ("container_id", text(container)),
            ],
        );
    };
    user(&mut scap, 354, 5, "five", "");
    user(&mut scap, 354, 6, "six", "");
    user(&mut scap, 354, 7, "seven", &ID[..12]);
    scap.event(358, -1, &[("gid", uint(9)), ("name", text("nine")), ("container_id", text(""))]);
    scap.exit("getuid", &[("uid", uint(0))]);
    user(&mut scap, 356, 5, "five", "");
    scap.exit("getuid", &[("uid", uint(0))]);
    let stream = scap.stream();
    let facts: Vec<_> = users(&stream)
        .iter()
        .map(|fact| (fact.container_id.clone(), fact.users.len(), fact.groups.len()))
        .collect();
    assert_eq!(facts, [(String::new(), 2, 1), (ID.to_owned(), 1, 0), (String::new(), 1, 1)]);
    assert_eq!(users(&stream)[0].users[1].name, b"six");
}
