//! The seeds of the fuzz targets (`fuzz/corpus`), run as the targets run them.

use std::{fs, path::Path};

use super::catalogue::TestCatalogue;
use crate::{Diagnostic, Source, load, parse_condition};

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .expect("the seeds are part of the crate")
        .map(|entry| entry.expect("a seed").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a seed can be read")))
        .collect();
    seeds.sort();
    assert!(seeds.len() > 15, "only {} seeds", seeds.len());
    seeds
}

/// Scenario: every seed of a condition. Guarantees: it is parsed or refused at a place in it; what is parsed reads back.
#[test]
fn seeds_of_conditions() {
    let mut parsed = 0;
    for (name, bytes) in seeds("condition") {
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        match parse_condition(text) {
            Ok(node) => {
                let written = format!("{node:#}");
                let again = parse_condition(&written).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(again.to_string(), node.to_string(), "{name}");
                parsed += 1;
            }
            Err(error) => assert!(error.position.offset <= text.len(), "{name}"),
        }
    }
    assert!(parsed > 15, "only {parsed} seeds are conditions");
}

/// Scenario: every seed of a rules file. Guarantees: it is loaded or refused with diagnostics at places in it.
#[test]
fn seeds_of_rules_files() {
    for (name, bytes) in seeds("rules") {
        let is_inside = |found: &Diagnostic| found.source.text.get(found.span.clone()).is_some();
        match Source::from_bytes(&name, bytes).map(|source| load(&[source], &TestCatalogue::new())) {
            Ok(Ok(loaded)) => assert!(loaded.diagnostics.iter().all(is_inside), "{name}"),
            Ok(Err(error)) => {
                assert!(error.diagnostics.iter().all(is_inside), "{name}");
                assert!(error.errors().next().is_some(), "{name}");
            }
            Err(diagnostic) => assert!(is_inside(&diagnostic), "{name}"),
        }
    }
}
