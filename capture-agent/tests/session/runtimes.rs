//! Runtimes that hang, answer late, lie, go and come back, beside everything else that an agent does.

use capture_agent::Sockets;
use eyrie_proto::{
    event::{CgroupFact, CgroupKey, OrderedFact},
    metadata::{Completeness, Container, late_fact::Kind as Late},
};
use telemetry::{Instruments, Metrics};

use super::{
    fake_docker::{Answer, Fake},
    *,
};

const A: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
const B: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Says that a container's control group was made, or removed.
fn tell(script: &Script, path: &str, runtime: &str, id: &str, is_removed: bool) {
    let fact = CgroupFact {
        cgroup: Some(CgroupKey { hierarchy: 0, cgroup_id: path.len() as u64, birth_boot_ns: 5 }),
        path: path.replace("{ID}", id).into(),
        container_id: id.to_owned(),
        runtime: runtime.to_owned(),
        is_removed,
    };
    let fact = OrderedFact { since_boot_ns: 5, kind: Some(ordered_fact::Kind::Cgroup(fact)) };
    script.tell(Event { boot_ns: 5, kind: Some(Kind::Fact(fact)), ..Event::default() });
}

fn tell_docker(script: &Script, is_removed: bool) {
    tell(script, "/docker/{ID}", "docker", A, is_removed);
}

/// What was told of a container, with the number of each fact.
fn told(seen: &Seen, id: &str) -> Vec<(u64, Container)> {
    let is_of = |container: &&Container| container.key.as_ref().is_some_and(|key| key.runtime_id == id);
    let of = |kind: &Option<Late>| match kind {
        Some(Late::Container(container)) => Some(container).filter(is_of).cloned(),
        _ => None,
    };
    seen.late_facts.iter().filter_map(|(number, fact)| Some((*number, of(&fact.kind)?))).collect()
}

/// The first fact that names a container so.
fn named(seen: &Seen, id: &str, name: &str) -> Option<u64> {
    told(seen, id).into_iter().find(|(_, container)| container.name == name).map(|(number, _)| number)
}

/// The first fact that says that no more will come, with the reasons.
fn given_up(seen: &Seen, id: &str) -> Option<(u64, Vec<String>)> {
    let is_final = |(_, container): &(u64, Container)| container.completeness() == Completeness::FinalPartial;
    told(seen, id).into_iter().find(is_final).map(|(number, container)| (number, container.reasons))
}

/// The end of a container.
fn has_ended(seen: &Seen) -> bool {
    seen.late_facts.values().any(|fact| matches!(fact.kind, Some(Late::ContainerRemoval(_))))
}

/// An agent that finds no files of containers, and asks these.
async fn asking(
    engine: &FakeEngine,
    script: &Script,
    docker: &Fake,
    podman: Option<&Fake>,
    instruments: Instruments,
) -> Running {
    let none = |name: &str| docker.socket().with_file_name(name);
    let podman = podman.map_or_else(|| none("podman"), Fake::socket);
    let cri = vec![none("cri")];
    let mut config = config(&engine.url());
    config.sockets = Sockets { docker: docker.socket(), podman, containerd: none("containerd"), cri };
    config.docker_root = none("root");
    config.podman_storage = vec![none("storage")];
    Agent::start_with(config, script.source(), instruments).await.unwrap()
}

/// Scenario: docker's socket takes connections and nobody answers, podman's works; a container of each is made while programs are executed. Guarantees: podman's is
/// named before docker's is given up, which says why; events arrive all the while.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_hangs_delays_no_other() {
    let (docker, podman) = (Fake::new(), Fake::new());
    docker.answer("/events", Answer::Silence);
    podman.list(&[]);
    podman.put(B, "web");
    let _serving = (docker.serve(), podman.serve());
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let running = asking(&engine, &script, &docker, Some(&podman), Instruments::default()).await;
    tell_docker(&script, false);
    tell(&script, "/libpod_parent/libpod-{ID}", "podman", B, false);
    run(&script, 0..200);
    engine.until("podman's word", |seen| named(seen, B, "web").is_some()).await;
    engine.until("all events", |seen| execs(seen).len() == 200).await;
    engine.until("the end of patience with docker", |seen| given_up(seen, A).is_some()).await;
    running.shutdown().await;
    let seen = engine.seen();
    let (number, reasons) = given_up(&seen, A).unwrap();
    assert!(named(&seen, B, "web") < Some(number), "{:?}", told(&seen, B));
    assert!(reasons.iter().any(|reason| reason.contains("has not answered")), "{reasons:?}");
}

/// Scenario: docker answers for a container seconds after it has ended. Guarantees: the end is told without it, and what docker says is told after all.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_the_end_is_told() {
    let docker = Fake::new();
    docker.list(&[]);
    let late = format!(
        r#"{{"Id":"{A}","Name":"/late","Image":"sha256:0f","Config":{{"Image":"app:1"}},"HostConfig":{{}}}}"#
    );
    docker.answer(&format!("/containers/{A}/json"), Answer::Late(Duration::from_secs(3), late));
    let _serving = docker.serve();
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let running = asking(&engine, &script, &docker, None, Instruments::default()).await;
    tell_docker(&script, false);
    let path = format!("/containers/{A}/json");
    engine.until("the question", |_| docker.requests().contains(&path)).await;
    tell_docker(&script, true);
    engine.until("the end", has_ended).await;
    assert_eq!(named(&engine.seen(), A, "late"), None);
    engine.until("the late answer", |seen| named(seen, A, "late").is_some()).await;
    running.shutdown().await;
}

/// Scenario: docker answers by garbage for a container, goes away, and comes back as it should be. Guarantees: nothing of the garbage is told, and the container is given
/// up; when docker is back it is named although nothing else happened; events arrive all the while.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_comes_back_is_believed_again() {
    let docker = Fake::new();
    docker.list(&[A]);
    docker.answer(&format!("/containers/{A}/json"), Answer::Garbage);
    let serving = docker.serve();
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let running = asking(&engine, &script, &docker, None, Instruments::default()).await;
    tell_docker(&script, false);
    run(&script, 0..100);
    engine.until("the end of patience", |seen| given_up(seen, A).is_some()).await;
    assert!(told(&engine.seen(), A).iter().all(|(_, container)| container.name.is_empty()));
    drop(serving);
    run(&script, 100..200);
    docker.put(A, "web");
    let _serving = docker.serve();
    engine.until("docker's word", |seen| named(seen, A, "web").is_some()).await;
    engine.until("all events", |seen| execs(seen) == names(0..200)).await;
    running.shutdown().await;
}

/// Scenario: docker describes a container by more than is kept of any. Guarantees: the container is told without that, and it is counted under its reason.
#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_counted() {
    let docker = Fake::new();
    docker.list(&[]);
    let long = "x".repeat(1_000);
    let mounts = format!(r#"{{"Source":"/{long}","Destination":"/{long}","Mode":"{long}"}},"#).repeat(128);
    let mounts = mounts.trim_end_matches(',');
    let large =
        format!(r#"{{"Id":"{A}","Name":"/large","Config":{{}},"HostConfig":{{}},"Mounts":[{mounts}]}}"#);
    docker.answer(&format!("/containers/{A}/json"), Answer::Json(large));
    let _serving = docker.serve();
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    let metrics = Metrics::local().unwrap();
    let instruments = Instruments { meter: metrics.meter(), ..Instruments::default() };
    let running = asking(&engine, &script, &docker, None, instruments).await;
    let of_reason = |reason: &str| {
        let line = format!("eyrie_agent_containers_left_out_total{{reason=\"{reason}\"}}");
        crate::metrics::value(&metrics, &line)
    };
    assert_eq!(of_reason("told_too_large"), Some(0));
    tell_docker(&script, false);
    engine.until("it is given up", |seen| given_up(seen, A).is_some()).await;
    assert!(of_reason("told_too_large") >= Some(1), "{:?}", of_reason("told_too_large"));
    let others = ["files_behind", "too_many", "told_too_much", "not_asked"].map(of_reason);
    assert_eq!(others, [Some(0); 4]);
    assert_eq!(named(&engine.seen(), A, "large"), None);
    running.shutdown().await;
}
