use super::super::docker::tests::fake::{Answer, Fake};
use super::{
    told::{Interface, Told},
    *,
};

/// What the interface with this number says.
fn told(interface: Interface, name: &str, is_whole: bool) -> (Interface, Told) {
    let container = Container { name: name.to_owned(), ..Container::default() };
    (interface, Told { id: ID.to_owned(), source: "podman-api", container, is_whole })
}

/// A tracked container of podman with its files, and where it is learnt from.
fn tracked(files: &Files) -> (Tracked, Sources) {
    files.write_containers("storage");
    files.write_images("storage");
    files.write_bundle("storage");
    let sources =
        Sources { origin: Origin::default(), places: files.places(), runtimes: Runtimes::default() };
    (Tracked::new(noticed("podman"), Vec::new()), sources)
}

/// Scenario: files say everything; then a runtime says the same, another name, nothing, and that again. Guarantees: what changes
/// something is given out, with who said it; what changes nothing is not.
#[test]
fn only_what_changed_is_told_again() {
    let files = Files::new();
    let (mut tracked, sources) = tracked(&files);
    let first = tracked.attempt(&sources).unwrap();
    assert_eq!((first.completeness(), first.name.as_str()), (Completeness::Complete, "web"));
    assert_eq!((tracked.next(), tracked.attempt(&sources)), (None, None));
    let (interface, said) = told(0, "other", true);
    tracked.take(interface, said.clone());
    assert!(tracked.next().is_some());
    let second = tracked.attempt(&sources).unwrap();
    assert_eq!((second.name.as_str(), second.image == first.image), ("other", true));
    assert_eq!(second.provenance.last().unwrap().source, "podman-api");
    tracked.take(interface, said);
    assert_eq!((tracked.attempt(&sources), tracked.next()), (None, None));
    tracked.take(interface, told(0, "", true).1);
    assert_eq!(tracked.attempt(&sources).unwrap().name, "web");
    assert_eq!(tracked.last(&sources, 7), None);
}

/// Scenario: what a runtime told before its container was noticed, of which there are no files; then its end. Guarantees: the first thing that is told has it, the
/// rest is awaited, and at the end what is missing is final.
#[test]
fn what_was_told_early_is_told_first() {
    let files = Files::new();
    let sources =
        Sources { origin: Origin::default(), places: files.places(), runtimes: Runtimes::default() };
    let mut tracked = Tracked::new(noticed("podman"), vec![told(0, "early", true)]);
    let first = tracked.attempt(&sources).unwrap();
    assert_eq!((first.name.as_str(), first.completeness()), ("early", Completeness::Pending));
    assert!(first.reasons.iter().all(|reason| !reason.starts_with("name")), "{:?}", first.reasons);
    let last = tracked.last(&sources, 7).unwrap();
    assert_eq!((last.name.as_str(), last.completeness()), ("early", Completeness::FinalPartial));
}

/// Scenario: files that say less the second time, as when the container is being removed. Guarantees: what was known stays.
#[test]
fn what_was_read_is_not_lost_at_the_end() {
    let files = Files::new();
    let (mut tracked, sources) = tracked(&files);
    fs::remove_file(files.0.path().join("storage/overlay-images/images.json")).unwrap();
    let first = tracked.attempt(&sources).unwrap();
    assert_eq!((first.completeness(), first.name.as_str()), (Completeness::Pending, "web"));
    fs::remove_dir_all(files.0.path().join("storage")).unwrap();
    let last = tracked.last(&sources, 7).unwrap();
    assert_eq!((last.completeness(), last.name.as_str()), (Completeness::FinalPartial, "web"));
}

/// The thread with an interface of docker, and nothing else to learn from.
fn started_with(fake: &Fake) -> (Containers, Arc<LateFacts>) {
    let (files, facts) = (Files::new(), Arc::new(LateFacts::default()));
    let sockets = Sockets { docker: fake.socket(), ..no_sockets(&files) };
    (Containers::start(Origin::default(), files.places(), &sockets, Arc::clone(&facts)).unwrap(), facts)
}

/// The next fact, from a test whose runtime has to go on meanwhile.
fn next_container(facts: &LateFacts, told: &mut Vec<LateFact>) -> Container {
    tokio::task::block_in_place(|| container(next(facts, told)))
}

/// Scenario: docker runs without any of its files to be seen, and answers late for one container; then it hangs for another, and answers for a third.
/// Guarantees: what is being asked for is pending, what docker says makes it whole; what it does not say in time is final, with the reason; the third is not held up.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_hangs_ends_the_waiting() {
    const OTHER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let fake = Fake::new();
    fake.list(&[]);
    let _serving = fake.serve();
    let late = format!(r#"{{"Id":"{ID}","Name":"/late","Config":{{"Image":"app:1"}},"HostConfig":{{}}}}"#);
    fake.answer(&format!("/containers/{ID}/json"), Answer::Late(Duration::from_secs(1), late));
    let (containers, facts) = started_with(&fake);
    let mut told = Vec::new();
    containers.observe(&fact("/docker/{ID}", 8, false), 5);
    let first = next_container(&facts, &mut told);
    assert_eq!((first.completeness(), first.name.as_str()), (Completeness::Pending, ""));
    let second = next_container(&facts, &mut told);
    assert_eq!((second.completeness(), second.name.as_str()), (Completeness::Complete, "late"));
    assert_eq!(second.provenance.last().unwrap().source, "docker-api");
    containers.observe(&fact("/docker/{ID}", 8, true), 6);
    let end = tokio::task::block_in_place(|| next(&facts, &mut told));
    assert!(matches!(end, Kind::ContainerRemoval(_)), "{end:?}");

    fake.answer(&format!("/containers/{ID}/json"), Answer::Silence);
    fake.put(OTHER, "other");
    containers.observe(&fact("/docker/{ID}", 9, false), 7);
    assert_eq!(next_container(&facts, &mut told).completeness(), Completeness::Pending);
    containers.observe(&fact(&format!("/docker/{OTHER}"), 10, false), 7);
    let mut names = Vec::new();
    let last = loop {
        let container = next_container(&facts, &mut told);
        if container.completeness() == Completeness::FinalPartial {
            break container;
        }
        names.push(container.name);
    };
    assert_eq!(names.last().map(String::as_str), Some("other"));
    assert_eq!(last.key.unwrap().runtime_id, ID);
    assert!(last.reasons.iter().any(|reason| reason.contains("has not answered")), "{:?}", last.reasons);
}

/// Scenario: docker, whose files cannot be seen, answers only after the container has ended. Guarantees: the end is told at once, with what is missing, and the answer after
/// it, of what has ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_the_end_is_told() {
    let fake = Fake::new();
    fake.list(&[]);
    let _serving = fake.serve();
    let late = format!(r#"{{"Id":"{ID}","Name":"/late","Config":{{"Image":"app:1"}},"HostConfig":{{}}}}"#);
    fake.answer(&format!("/containers/{ID}/json"), Answer::Late(Duration::from_secs(1), late));
    let (containers, facts) = started_with(&fake);
    let mut told = Vec::new();
    containers.observe(&fact("/docker/{ID}", 8, false), 5);
    assert_eq!(next_container(&facts, &mut told).completeness(), Completeness::Pending);
    containers.observe(&fact("/docker/{ID}", 8, true), 6);
    let end = next_container(&facts, &mut told);
    assert_eq!((end.completeness(), end.name.as_str()), (Completeness::FinalPartial, ""));
    assert!(end.missing().any(|part| part == ContainerPart::Name), "{:?}", end.missing);
    let removal = tokio::task::block_in_place(|| next(&facts, &mut told));
    assert!(matches!(removal, Kind::ContainerRemoval(_)), "{removal:?}");
    let answer = next_container(&facts, &mut told);
    assert_eq!((answer.completeness(), answer.name.as_str()), (Completeness::Complete, "late"));
    assert_eq!((answer.validity.unwrap().until_ns, answer.key), (6, end.key));
}
