use std::fs;

use eyrie_proto::{
    capture::BaseState,
    event::{HostBoot, Origin, origin},
    recording::{RecordingHeader, RecordingTrailer, RecordingTrigger, recording_entry::Kind},
};

use super::*;

fn options() -> RecordingOptions {
    RecordingOptions { max_at_once: 2, max_an_hour: 3, ..RecordingOptions::default() }
}

fn open(folder: &std::path::Path, options: &RecordingOptions) -> Arc<Store> {
    Store::open(folder.to_owned(), options, Arc::default()).unwrap()
}

fn origin(host: &str) -> Origin {
    let boot = HostBoot { machine_id: host.into(), boot_id: "b".into() };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) }
}

fn recording(number: u64, host: &str) -> Recording {
    Recording {
        id: format!("{number:032x}"),
        origin: Some(origin(host)),
        created_ns: number,
        state: RecordingState::Running.into(),
        format: "eyrie".into(),
        ..Recording::default()
    }
}

fn header(number: u64, host: &str) -> Kind {
    let trigger = RecordingTrigger { rule: "Rule".into(), ..RecordingTrigger::default() };
    Kind::Header(RecordingHeader {
        version: 1,
        origin: Some(origin(host)),
        created_ns: number,
        trigger: Some(trigger),
        ..RecordingHeader::default()
    })
}

fn outcome() -> Outcome {
    Outcome {
        event_count: 7,
        first_event_ns: 1,
        last_event_ns: 2,
        triggers: Vec::new(),
        end: RecordingEnd::Complete,
        message: String::new(),
        cut: None,
        has_trailer: true,
    }
}

/// Makes a whole recording.
fn record(store: &Arc<Store>, number: u64, host: &str) {
    let mut target = store.begin(recording(number, host)).unwrap();
    target.write(header(number, host)).unwrap();
    target.write(Kind::BaseState(BaseState { is_last: true, ..BaseState::default() })).unwrap();
    target.flush().unwrap();
    target.write(Kind::Trailer(RecordingTrailer::default())).unwrap();
    target.finish(outcome());
}

fn ids(store: &Store) -> Vec<u64> {
    store.list().iter().map(|recording| recording.created_ns).collect()
}

/// Scenario: recordings that run, one too many at a time, the same twice, and too many within an hour. Guarantees: each is refused
/// for its reason, another origin is not concerned, and one that has ended makes room.
#[test]
fn refusals_have_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &options());
    let refused = |number, host| store.begin(recording(number, host)).err().map(|refusal| refusal.reason());
    let first = store.begin(recording(1, "a")).unwrap();
    assert_eq!(refused(1, "a"), Some("repeated"));
    let second = store.begin(recording(2, "a")).unwrap();
    assert_eq!(refused(3, "b"), Some("at_once"));
    first.finish(outcome());
    let third = store.begin(recording(3, "a")).unwrap();
    second.finish(outcome());
    assert_eq!(refused(4, "a"), Some("an_hour"));
    assert_eq!(refused(4, "b"), None);
    third.finish(outcome());
}

/// Scenario: recordings of two origins with a budget for each and for all. Guarantees: the oldest that have ended leave, an origin's
/// own first; files go with them; what runs stays, and is cut if nothing else can leave.
#[test]
fn the_oldest_leave_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &options());
    for (number, host) in [(1, "a"), (2, "b"), (3, "a")] {
        record(&store, number, host);
    }
    let bytes = store.bytes() / 3;
    drop(store);
    let limits = RecordingOptions {
        max_origin_bytes: bytes * 5 / 2,
        max_total_bytes: bytes * 7 / 2,
        max_file_bytes: bytes * 3,
        ..options()
    };
    let store = open(folder.path(), &limits);
    record(&store, 4, "a");
    assert_eq!(ids(&store), [4, 3, 2], "the origin's oldest");
    record(&store, 5, "c");
    assert_eq!(ids(&store), [5, 4, 3], "the oldest of all");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
    let mut running = store.begin(recording(6, "a")).unwrap();
    running.write(header(6, "a")).unwrap();
    assert_eq!(store.grow(&recording(6, "a").id, bytes * 3).unwrap_err().reason, "origin_bytes");
    assert_eq!(ids(&store), [6, 5]);
    assert_eq!(store.grow(&recording(6, "a").id, bytes * 4).unwrap_err().reason, "file_bytes");
    assert!(store.delete(&recording(6, "a").id).unwrap_err().to_string().contains("still being made"));
    running.finish(outcome());
    store.delete(&recording(6, "a").id).unwrap();
    assert!(store.delete(&recording(6, "a").id).unwrap_err().to_string().contains("there is no recording"));
    assert_eq!(ids(&store), [5]);
}

/// Scenario: an engine ends in the middle of a recording, in the middle of the next one's info, and beside files that are none of its
/// own; another opens the folder, twice. Guarantees: what ended well is as it was; what was cut is listed as cut, with what its file
/// says; rubbish of ours is removed, what is not ours is left alone. Nobody else can read any of it.
#[test]
fn what_a_crash_leaves_is_listed_as_cut() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recordings");
    let store = open(&folder, &options());
    record(&store, 1, "a");
    let mut target = store.begin(recording(2, "a")).unwrap();
    target.write(header(2, "a")).unwrap();
    target.write(Kind::BaseState(BaseState { is_last: true, ..BaseState::default() })).unwrap();
    target.flush().unwrap();
    let path = store.find(&recording(2, "a").id).unwrap().1;
    // As the engine that is killed leaves it.
    std::mem::forget(target);
    fs::write(folder.join(format!("{:032x}.tmp", 3)), "half").unwrap();
    fs::write(folder.join(format!("{:032x}.info", 4)), "alone").unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    fs::remove_file(path.with_extension("info")).unwrap();
    for file in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        let is_ours = file.file_name().to_string_lossy().starts_with(&format!("{:031x}", 0)[..30]);
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert!(
            !is_ours || mode == 0o600 || file.path().extension().is_some_and(|e| e == "tmp" || e == "info"),
            "{file:?}"
        );
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    drop(store);
    for _ in 0..2 {
        let store = open(&folder, &options());
        let listed = store.list();
        assert_eq!(listed.iter().map(|recording| recording.created_ns).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((listed[0].state(), listed[0].triggers[0].rule.as_str()), (RecordingState::Cut, "Rule"));
        assert!(listed[0].message.contains("ended first") && listed[0].origin == Some(origin("a")));
        assert_eq!((listed[1].state(), listed[1].event_count), (RecordingState::Finished, 7));
    }
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!((left.len(), left.pop().unwrap()), (5, "notes.txt".into()));
}

/// Scenario: the file of a recording cannot be made, for something of another has its name; that of another is made, but what is known
/// of it cannot be written; a third one's thread panics. Guarantees: the first two leave nothing of theirs behind, in the list or in
/// the folder, nor touch what is not theirs; the third is listed as cut; none counts as one that is being made.
#[test]
fn what_cannot_begin_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &RecordingOptions { max_at_once: 1, ..options() });
    let file = |number: u64, extension: &str| folder.path().join(format!("{number:032x}.{extension}"));
    let fail = |number| {
        let mut target = store.begin(recording(number, "a")).unwrap();
        let cut = target.write(header(number, "a")).unwrap_err();
        assert!(cut.is_final && cut.message.contains("cannot be made"), "{}", cut.message);
        target.finish(Outcome { has_trailer: false, cut: Some(cut.reason), ..outcome() });
    };
    fs::write(file(1, "eyrie"), "mine").unwrap();
    fail(1);
    fs::create_dir(file(2, "tmp")).unwrap();
    fail(2);
    assert_eq!((ids(&store), file(2, "eyrie").exists()), (Vec::new(), false));
    assert_eq!(fs::read(file(1, "eyrie")).unwrap(), b"mine");
    let mut target = store.begin(recording(3, "a")).unwrap();
    target.write(header(3, "a")).unwrap();
    assert_eq!(store.begin(recording(4, "b")).err(), Some(Refusal::AtOnce { limit: 1 }));
    assert!(
        std::thread::spawn(move || {
            let _target = target;
            panic!("on purpose")
        })
        .join()
        .is_err()
    );
    assert_eq!(
        store.list().iter().map(|recording| recording.state()).collect::<Vec<_>>(),
        [RecordingState::Cut]
    );
    store.delete(&recording(3, "a").id).unwrap();
    assert!(store.begin(recording(4, "b")).is_ok());
}

/// Scenario: an engine is killed while a recording goes on for another alert. Guarantees: the next one lists both alerts, from the info
/// where the file has no trailer.
#[test]
fn alerts_that_kept_it_going_survive_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &options());
    let trigger = |rule: &str| RecordingTrigger { rule: rule.into(), ..RecordingTrigger::default() };
    let mut target = store.begin(Recording { triggers: vec![trigger("Rule")], ..recording(1, "a") }).unwrap();
    target.write(header(1, "a")).unwrap();
    target.add_trigger(&trigger("Further"));
    target.flush().unwrap();
    std::mem::forget(target);
    drop(store);
    let listed = open(folder.path(), &options()).list();
    let rules: Vec<_> = listed[0].triggers.iter().map(|trigger| trigger.rule.as_str()).collect();
    assert_eq!((listed[0].state(), rules), (RecordingState::Cut, vec!["Rule", "Further"]));
}
