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
    assert_eq!(tracked.last(&sources), None);
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
    let last = tracked.last(&sources).unwrap();
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
    let last = tracked.last(&sources).unwrap();
    assert_eq!((last.completeness(), last.name.as_str()), (Completeness::FinalPartial, "web"));
}
