//! Falco's three stock files.

use std::collections::BTreeSet;

use test_requirements::{Requirement, data_dir, requires};

use super::catalogue::TestCatalogue;
use crate::{Code, Source, load, parse_condition};

fn stock() -> Vec<Source> {
    ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"]
        .into_iter()
        .map(|name| {
            let bytes =
                std::fs::read(data_dir().join("falco-rules").join(name)).expect("the stock file is there");
            Source::from_bytes(name, bytes).expect("the stock file is UTF-8")
        })
        .collect()
}

/// The stock files load together without errors: 93 rules, of which 12 are off, each with its event types, and the
/// event types in all are the 41 that the rules name.
#[test]
fn stock_files_load() {
    requires!(Requirement::Data);
    let loaded = match load(&stock(), &TestCatalogue::new()) {
        Ok(loaded) => loaded,
        Err(error) => {
            panic!("{}", error.errors().map(|e| format!("{e}\n{}", e.snippet())).collect::<String>())
        }
    };
    let rules = &loaded.rule_set.rules;
    assert_eq!(rules.len(), 93);
    assert_eq!(rules.iter().filter(|rule| !rule.enabled).count(), 12);
    assert!(rules.iter().all(|rule| rule.event_types.as_ref().is_some_and(|types| !types.is_empty())));
    let types: BTreeSet<_> =
        rules.iter().flat_map(|rule| rule.event_types.clone().unwrap_or_default()).collect();
    assert_eq!(types.len(), 41, "{types:?}");
    let codes: BTreeSet<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    let expected = BTreeSet::from([Code::LoadUnusedMacro, Code::LoadUnusedList]);
    assert!(
        codes.is_subset(&expected),
        "{:#?}",
        loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert!(loaded.rule_set.digest.starts_with("sha256:") && loaded.rule_set.digest.len() == 7 + 64);
}

/// What a stock condition is written as can be parsed again, and is written the same then.
#[test]
fn stock_conditions_are_written_so_that_they_read_the_same() {
    requires!(Requirement::Data);
    let loaded = load(&stock(), &TestCatalogue::new()).expect("the stock files load");
    for rule in &loaded.rule_set.rules {
        let written = format!("{:#}", rule.condition);
        let node =
            parse_condition(&written).unwrap_or_else(|error| panic!("{}: {error}\n{written}", rule.name));
        assert_eq!(format!("{node:#}"), written);
        assert_eq!(node.to_string(), rule.condition.to_string());
    }
}
