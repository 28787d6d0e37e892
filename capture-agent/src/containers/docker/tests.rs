pub(crate) mod fake;

use std::collections::BTreeMap;

use eyrie_proto::metadata::{Container, ContainerProbeKind};
use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver, channel, unbounded_channel},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::*;
use fake::{Answer, Fake};

const A: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
const B: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const C: &str = "112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00";
/// For what is to come: long, as machines may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// The interface at work on a fake.
struct Asking {
    asked: Sender<String>,
    told: UnboundedReceiver<Told>,
    task: AbortOnDropHandle<()>,
}

impl Asking {
    fn start(fake: &Fake) -> Self {
        let (asked, receiver) = channel(16);
        let (sender, told) = unbounded_channel();
        let tell = move |told| drop(sender.send(told));
        let task = tokio::spawn(run("docker-api", fake.socket(), receiver, tell));
        Self { asked, told, task: AbortOnDropHandle::new(task) }
    }

    async fn next(&mut self) -> Told {
        timeout(PATIENCE, self.told.recv()).await.expect("nothing is told").unwrap()
    }

    async fn ask(&self, id: &str) {
        self.asked.send(id.to_owned()).await.unwrap();
    }

    /// Ends it, as when the agent ends; it must not be held up by anything.
    async fn end(self) {
        drop(self.asked);
        timeout(PATIENCE, self.task).await.expect("it goes on").unwrap();
    }
}

/// Until somebody listens to the fake's events.
async fn until_listened(fake: &Fake) {
    let listened = async {
        while fake.listeners() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, listened).await.expect("nobody listens");
}

/// What was told of containers, the last of each; `count` tellings are awaited.
async fn names(asking: &mut Asking, count: usize) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for _ in 0..count {
        let told = asking.next().await;
        names.insert(told.id, told.container.name);
    }
    names
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
}

/// Scenario: one container runs, one is made, one is asked for, one is renamed, one is not there. Guarantees: each is told, whole, by its id; of the one that is not
/// there, that it is not.
#[tokio::test]
async fn what_runs_is_made_or_is_asked_for_is_told() {
    let fake = Fake::new();
    fake.list(&[A]);
    fake.put(A, "listed");
    fake.put(B, "made");
    let _serving = fake.serve();
    let mut asking = Asking::start(&fake);
    assert_eq!(names(&mut asking, 1).await, pairs(&[(A, "listed")]));
    fake.event(&format!(r#"{{"status":"create","id":"{B}","Type":"container","Actor":{{"ID":"{B}"}}}}"#));
    assert_eq!(names(&mut asking, 1).await, pairs(&[(B, "made")]));
    fake.put(A, "renamed");
    fake.event("nonsense");
    fake.event(&format!(r#"{{"status":"rename","id":"{A}"}}"#));
    assert_eq!(names(&mut asking, 1).await, pairs(&[(A, "renamed")]));
    asking.ask(C).await;
    let absent = asking.next().await;
    assert_eq!((absent.id.as_str(), absent.container, absent.is_whole), (C, Container::default(), true));
    fake.put(C, "asked");
    asking.ask(C).await;
    assert_eq!(names(&mut asking, 1).await, pairs(&[(C, "asked")]));
    asking.end().await;
}

/// Scenario: an answer with everything that docker says of a container in another's network, and of its image. Guarantees: all of it is told, in the forms that
/// rules ask for; secrets are not.
#[tokio::test]
async fn everything_that_is_said_is_told() {
    let fake = Fake::new();
    let inspected = r#"{"Id":"ID","Name":"/web","Created":"2026-11-23T22:34:28.5Z","Image":"sha256:0f1e",
        "State":{"StartedAt":"2026-11-23T22:34:29Z"},
        "Config":{"Image":"registry.example/app","User":"www","Env":["SECRET=x","P=/bin"],
          "Labels":{"team":"a","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u",
            "io.kubernetes.sandbox.id":"s"},
          "Healthcheck":{"Test":["CMD","check","-v"]}},
        "HostConfig":{"Privileged":true,"NetworkMode":"container:OTHER","PidMode":"host","IpcMode":"host"},
        "Mounts":[{"Type":"bind","Source":"/etc","Destination":"/host","Mode":"ro","RW":false,"Propagation":"rprivate"}],
        "NetworkSettings":{"IPAddress":"","Networks":null}}"#;
    fake.answer(
        &format!("/containers/{A}/json"),
        Answer::Json(inspected.replace("ID\"", &format!("{A}\"")).replace("OTHER", B)),
    );
    let other =
        format!(r#"{{"Id":"{B}","NetworkSettings":{{"Networks":{{"n":{{"IPAddress":"192.0.2.3"}}}}}}}}"#);
    fake.answer(&format!("/containers/{B}/json"), Answer::Json(other));
    let image = r#"{"RepoTags":["registry.example/app:7"],"RepoDigests":["registry.example/app@sha256:dd"]}"#;
    fake.answer("/images/sha256:0f1e/json", Answer::Json(image.to_owned()));
    fake.list(&[A]);
    let _serving = fake.serve();
    let mut asking = Asking::start(&fake);
    let told = asking.next().await.container;
    let image = told.image.clone().unwrap();
    assert_eq!((image.repository.as_str(), image.tag.as_str()), ("registry.example/app", "7"));
    assert_eq!((image.digest.as_str(), image.id.as_str()), ("sha256:dd", "0f1e"));
    assert_eq!((told.is_privileged, told.is_host_network), (Some(true), Some(false)));
    assert_eq!((told.is_host_pid, told.is_host_ipc), (Some(true), Some(true)));
    assert_eq!((told.mounts[0].source.as_str(), told.mounts[0].mode.as_str()), ("/etc", "ro"));
    assert_eq!((told.ips.join(" "), told.user.as_str()), ("192.0.2.3".to_owned(), "www"));
    assert_eq!((told.environment_names.join(" "), told.labels["team"].as_str()), ("SECRET P".into(), "a"));
    assert_eq!((told.pod_name.as_str(), told.pod_namespace.as_str()), ("web-0", "shop"));
    assert_eq!((told.pod_uid.as_str(), told.pod_sandbox_id.as_str()), ("u", "s"));
    assert_eq!(
        (told.probes[0].kind(), told.probes[0].command.join(" ")),
        (ContainerProbeKind::Healthcheck, "check -v".into())
    );
    assert_eq!((told.created_ns, told.started_ns), (1_795_473_268_500_000_000, 1_795_473_269_000_000_000));
    asking.end().await;
}

/// Scenario: of several containers, one is never answered for, one late, one with garbage, one without end, one refused, one with another container's
/// description, and one with JSON of another shape; the next is fine. Guarantees: those that are answered for are told, and nothing else; none wrong.
#[tokio::test(start_paused = true)]
async fn a_bad_answer_is_nobody_elses() {
    let fake = Fake::new();
    let ids: Vec<String> = (0..9).map(|number| format!("{number}{}", &A[1..])).collect();
    let bad =
        [Answer::Silence, Answer::Garbage, Answer::Endless, Answer::Status(500), Answer::Json("[7]".into())];
    for (id, answer) in ids.iter().zip(bad) {
        fake.answer(&format!("/containers/{id}/json"), answer);
    }
    fake.answer(
        &format!("/containers/{}/json", ids[5]),
        Answer::Json(format!(r#"{{"Id":"{B}","Name":"/wrong"}}"#)),
    );
    let late = format!(r#"{{"Id":"{}","Name":"/late"}}"#, ids[6]);
    fake.answer(&format!("/containers/{}/json", ids[6]), Answer::Late(Duration::from_secs(2), late));
    fake.put(&ids[7], "good");
    fake.put(&ids[8], "image hangs");
    fake.list(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    fake.answer("/images/sha256:0f/json", Answer::Silence);
    let _serving = fake.serve();
    let mut asking = Asking::start(&fake);
    let told = names(&mut asking, 3).await;
    assert_eq!(told, pairs(&[(&ids[6], "late"), (&ids[7], "good"), (&ids[8], "image hangs")]));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(asking.told.try_recv().is_err());
    fake.put(&ids[0], "awake");
    asking.ask(&ids[0]).await;
    assert_eq!(names(&mut asking, 1).await, pairs(&[(&ids[0], "awake")]));
    asking.end().await;
}

/// Scenario: ids that lead to other requests, in events, in the list and asked for. Guarantees: nothing is requested for them.
#[tokio::test]
async fn hostile_ids_are_not_asked_for() {
    let fake = Fake::new();
    fake.list(&["../images", "a/../../secrets", "x?y", "a b", "", "%2e%2e", "a\\u000d\\u000ab"]);
    fake.put(A, "good");
    let _serving = fake.serve();
    let mut asking = Asking::start(&fake);
    until_listened(&fake).await;
    fake.event(r#"{"Actor":{"ID":"../../volumes"}}"#);
    asking.ask("..").await;
    asking.ask(&"a".repeat(200)).await;
    asking.ask(A).await;
    assert_eq!(names(&mut asking, 1).await, pairs(&[(A, "good")]));
    let known = ["/events", "/containers/json", "/images/sha256:0f/json"].map(str::to_owned);
    let known: Vec<_> = known.into_iter().chain([format!("/containers/{A}/json")]).collect();
    for request in fake.requests() {
        assert!(known.iter().any(|path| *path == request.split('?').next().unwrap()), "{request}");
    }
    asking.end().await;
}

/// Scenario: a runtime that is not there at first, comes, goes while it is listened to, and comes back with other containers. Guarantees: what
/// runs is told each time, and events are heard again.
#[tokio::test]
async fn a_runtime_may_come_and_go() {
    let fake = Fake::new();
    fake.list(&[A]);
    fake.put(A, "first");
    let mut asking = Asking::start(&fake);
    let serving = fake.serve();
    assert_eq!(names(&mut asking, 1).await, pairs(&[(A, "first")]));
    drop(serving);
    fake.list(&[B]);
    fake.put(B, "second");
    let _serving = fake.serve();
    assert_eq!(names(&mut asking, 1).await, pairs(&[(B, "second")]));
    fake.put(C, "third");
    fake.event(&format!(r#"{{"id":"{C}"}}"#));
    assert_eq!(names(&mut asking, 1).await, pairs(&[(C, "third")]));
    asking.end().await;
}

/// Scenario: a runtime that takes connections and says nothing, one that answers garbage to everything, one that lists without end, one whose
/// events are one endless line; then each behaves. Guarantees: nothing is told but what is right, and it is told once they behave.
#[tokio::test(start_paused = true)]
async fn a_runtime_that_hangs_is_tried_again() {
    for (path, answer) in [
        ("/events", Answer::Silence),
        ("/events", Answer::Garbage),
        ("/events", Answer::Endless),
        ("/events", Answer::Status(500)),
        ("/containers/json", Answer::Silence),
        ("/containers/json", Answer::Endless),
        ("/containers/json", Answer::Json("{}".to_owned())),
    ] {
        let fake = Fake::new();
        fake.put(A, "web");
        fake.answer(path, answer.clone());
        let _serving = fake.serve();
        let mut asking = Asking::start(&fake);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(asking.told.try_recv().is_err(), "{answer:?}");
        assert!(fake.requests().len() >= 2, "{answer:?}: it is not tried again");
        fake.forget("/events");
        fake.list(&[A]);
        assert_eq!(names(&mut asking, 1).await, pairs(&[(A, "web")]));
        asking.end().await;
    }
}
