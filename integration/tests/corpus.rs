//! The recordings in integration/corpus: they are small, have nothing of whoever made them, and say what they said when they were made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context as _;
use eyrie_proto::{
    event::{ProcessKey, event::Kind as EventKind},
    recording::{RecordingEnd, recording_entry::Kind},
};
use integration::corpus::{self, HOSTNAME, MAX_ALL_BYTES, MAX_FILE_BYTES, OUTSIDE_RULES, summary};
use serde_json::Value;

fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Scenario: all files of the corpus are read to their ends. Guarantees: each is whole, has no losses and nothing that was not understood,
/// is of a host without a name, and is small enough for the repository.
#[test]
fn the_corpus_is_whole_and_small() -> anyhow::Result<()> {
    let files = corpus::files()?;
    assert_eq!(files.len(), 6, "{files:?}");
    let mut all = 0;
    for file in files {
        let bytes = fs::metadata(&file)?.len();
        assert!(bytes <= MAX_FILE_BYTES, "{}: {bytes}", name(&file));
        all += bytes;
        let mut source = recording::open(&file)?;
        let mut events = 0;
        while let Some(kind) = source.next().with_context(|| name(&file))? {
            match kind {
                Kind::Header(header) => assert_eq!(header.agent.context("no agent")?.hostname, HOSTNAME),
                Kind::Batch(recorded) => {
                    let batch = recorded.batch.context("no batch")?;
                    assert!(!batch.events.iter().any(|event| matches!(event.kind, Some(EventKind::Loss(_)))));
                    events += batch.events.len() as u64;
                }
                Kind::Trailer(trailer) => {
                    assert_eq!((trailer.end(), trailer.event_count), (RecordingEnd::Complete, events));
                }
                Kind::BaseState(_) | Kind::LateFacts(_) => {}
            }
        }
        let counts = source.counts();
        assert_eq!(
            (counts.streams, counts.cut_off_streams, counts.events),
            (1, 0, events),
            "{}",
            name(&file)
        );
        assert!(counts.not_understood.is_empty() && events > 100);
    }
    assert!(all <= MAX_ALL_BYTES, "{all}");
    Ok(())
}

/// Scenario: every piece of every file, unpacked. Guarantees: nothing in it says where the corpus was made: no folder of programs that
/// were built, nobody's home, and not this checkout.
#[test]
fn the_corpus_does_not_say_where_it_was_made() -> anyhow::Result<()> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no parent")?.join("");
    let places: [&[u8]; 3] = [b"target/debug", b"/home/", checkout.as_os_str().as_encoded_bytes()];
    for file in corpus::files()? {
        let mut source = recording::open(&file)?;
        while let Some(kind) = source.next()? {
            let mut bytes = Vec::new();
            kind.encode(&mut bytes);
            for place in places {
                let is_there = bytes.windows(place.len()).any(|part| part == place);
                assert!(!is_there, "{}: {}", name(&file), place.escape_ascii());
            }
        }
    }
    Ok(())
}

/// Scenario: every event of every file, and whose it is. Guarantees: it is of a process that was forked in that file, by one that was, or by
/// the generator, of which there is nothing but those forks; no process is in a base state.
#[test]
fn nobody_else_is_in_the_corpus() -> anyhow::Result<()> {
    for file in corpus::files()? {
        let mut source = recording::open(&file)?;
        let (mut children, mut parents, mut actors) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let key = |key: ProcessKey| (key.pid, key.start_boot_ns);
        while let Some(kind) = source.next()? {
            match kind {
                Kind::BaseState(part) => assert!(part.processes.is_empty(), "{}", name(&file)),
                Kind::Batch(recorded) => {
                    for event in recorded.batch.unwrap_or_default().events {
                        let actor = event.task.and_then(|task| task.process).map(key);
                        if let Some(EventKind::Fork(fork)) = &event.kind {
                            children.extend(fork.child_process.map(key));
                            parents.extend(actor);
                        } else {
                            actors.extend(actor);
                        }
                    }
                }
                Kind::Header(_) | Kind::LateFacts(_) | Kind::Trailer(_) => {}
            }
        }
        assert!(actors.is_subset(&children), "{}: somebody was not forked by whom we know", name(&file));
        let outside: Vec<_> = parents.difference(&children).collect();
        assert_eq!(outside.len(), 1, "{}: the generator alone is from outside", name(&file));
    }
    Ok(())
}

/// Scenario: each file is read and replayed with our own rules. Guarantees: events by type, programs by name and alerts by rule are
/// what they were when it was made; the attacks raise every rule of ours, and loops and builds none.
#[test]
fn the_corpus_says_what_it_said() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let outside = folder.path().join("outside.yaml");
    fs::write(&outside, OUTSIDE_RULES)?;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(corpus::folder().join("summary.json"))?)?;
    let mut alerts = BTreeMap::new();
    for file in corpus::files()? {
        let found = summary(&file, &[&rules, &outside])?;
        assert_eq!(Some(&found.to_json()), expected.get(&name(&file)), "{}", name(&file));
        alerts.insert(name(&file), found.alerts);
    }
    let attacked: BTreeSet<_> =
        alerts.get("attacks-of-own-rules").context("no attacks")?.keys().cloned().collect();
    assert_eq!(attacked, names_of_rules(&rules)?);
    for peaceful in ["package-build", "shell-loops", "server-under-load"] {
        assert_eq!(alerts.get(peaceful), Some(&BTreeMap::new()), "{peaceful}");
    }
    Ok(())
}

fn names_of_rules(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            names.extend(line.strip_prefix("- rule: ").map(str::to_owned));
        }
    }
    Ok(names)
}
