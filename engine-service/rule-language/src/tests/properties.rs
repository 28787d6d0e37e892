//! What holds for any bytes.

use proptest::prelude::*;

use super::catalogue::TestCatalogue;
use crate::{Described, Severity, Source, describe, load, parse_condition};

/// Lines that rules files are made of, and some that they are not.
fn line() -> impl Strategy<Value = String> {
    let name = "[a-c]";
    let condition = prop_oneof![
        "[a-c]( (and|or|not) [a-c]){0,3}",
        "evt\\.type (in|=|!=) \\(?(open|[a-c])\\)?",
        "[ -~]{0,12}",
    ];
    let key = prop_oneof![
        "desc",
        "output",
        "priority",
        "tags",
        "enabled",
        "append",
        "exceptions",
        "source",
        "items"
    ];
    let value = prop_oneof![
        "INFO|true|append|syscall|'%proc.name'|\\[a, b\\]|\\[\\]|''",
        "\\[\\{name: a, fields: proc\\.name, values: \\[[a-c]\\]\\}\\]",
        "\\{(items|condition|tags|output): (append|replace)\\}",
        "\\PC{0,8}",
    ];
    prop_oneof![
        (prop_oneof!["list", "macro", "rule"], name).prop_map(|(kind, name)| format!("- {kind}: {name}")),
        condition.prop_map(|condition| format!("  condition: {condition}")),
        (key, value.clone()).prop_map(|(key, value)| format!("  {key}: {value}")),
        value.prop_map(|value| format!("  override: {value}")),
        Just("  items: [a, 'b c', c]".to_owned()),
        Just("- &x {desc: d, output: o, priority: INFO, condition: evt.type=open}".to_owned()),
        Just("  <<: *x".to_owned()),
        "- required_(engine|plugin)_versions?: (\\[\\{name: json, version: )?[0-9.]{1,5}(\\}\\])?",
        "---|#|- |[ -~]{0,10}",
    ]
}

fn is_consistent(text: String) -> Result<(), TestCaseError> {
    let sources = [Source { name: "x".to_owned(), text }];
    let described = describe(&sources, &TestCatalogue::new());
    let diagnostics = match load(&sources, &TestCatalogue::new()) {
        Ok(loaded) => {
            let Ok(Described { loaded: again, description }) = described else {
                return Err(TestCaseError::fail("is loaded and not described"));
            };
            prop_assert_eq!(&again, &loaded);
            prop_assert_eq!(description.rules.len(), loaded.rule_set.rules.len());
            for rule in &loaded.rule_set.rules {
                let written = format!("{:#}", rule.condition);
                let again =
                    parse_condition(&written).map_err(|e| TestCaseError::fail(format!("{written}: {e}")))?;
                prop_assert_eq!(format!("{again:#}"), written);
            }
            prop_assert!(
                loaded.diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning)
            );
            loaded.diagnostics
        }
        Err(error) => {
            prop_assert!(error.errors().next().is_some());
            prop_assert_eq!(described.err().map(|again| again.diagnostics), Some(error.diagnostics.clone()));
            error.diagnostics
        }
    };
    for diagnostic in diagnostics {
        prop_assert!(diagnostic.source.text.get(diagnostic.span.clone()).is_some());
        prop_assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
        prop_assert_eq!(diagnostic.context.first().map(|first| first.item_type), Some("rules content"));
    }
    Ok(())
}

proptest! {
    /// No bytes make loading panic; what does not load says why, at places that are in the file.
    #[test]
    fn any_bytes_are_loaded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(source) = Source::from_bytes("x", bytes) {
            is_consistent(source.text)?;
        }
    }

    /// The same for text that looks like rules.
    #[test]
    fn any_lines_are_loaded_or_refused(lines in prop::collection::vec(line(), 0..14)) {
        is_consistent(lines.join("\n"))?;
    }
}
