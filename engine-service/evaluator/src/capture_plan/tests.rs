//! What rules need of calls.

mod conditions;
mod events;
mod leaves;
mod many;
mod plans;
mod properties;
mod stock;

use eyrie_proto::capture::{CallFilter, PathFilter, PathSubject, path_filter::Kind};
use rule_language::{RuleSet, Source};

use super::{derive::Calls, path_test::Preference, *};

/// What a condition needs of the calls of a type: `None` if it cannot hold on any, nothing if it needs all.
fn needed(condition: &str, event_type: &str) -> Option<Vec<CallFilter>> {
    needed_with(condition, Calls { event_type, is_match_resolved: false, preference: Preference::Narrow })
}

fn needed_with(condition: &str, calls: Calls<'_>) -> Option<Vec<CallFilter>> {
    let checked = rule_language::compile_condition(condition, fields::catalogue())
        .unwrap_or_else(|error| panic!("{condition}: {}", error.message));
    let need = derive::need(&checked, false, calls);
    (!need.is_impossible()).then(|| need.into_filters())
}

fn path(kind: fn(Vec<u8>) -> Kind, text: &str) -> PathFilter {
    path_test::test(kind(text.as_bytes().to_vec()), PathSubject::Unspecified)
}

fn rule(name: &str, condition: &str, more: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n{more}"
    )
}

fn load(text: String) -> RuleSet {
    let source = Source { name: "rules.yaml".to_owned(), text };
    match rule_language::load(&[source], fields::catalogue()) {
        Ok(loaded) => loaded.rule_set,
        Err(error) => {
            panic!("{:#?}", error.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
    }
}
