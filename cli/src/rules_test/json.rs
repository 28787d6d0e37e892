//! Results as one JSON object.

use rule_test::{Search, mutation::RuleReport, run::Scene};
use serde_json::{Value, json};

use super::{Results, mutation, report};

pub(super) fn of(results: &Results, is_measured: bool) -> Value {
    let scenes = results.scenes.iter().map(|scene| {
        let kind = match scene.scene {
            Scene::Case => "case",
            Scene::Variant(_) => "variant",
            Scene::NearMiss(_) => "near_miss",
            Scene::Recording => "recording",
        };
        let fired = scene.fired.iter().map(|(rule, event)| json!({"rule": rule, "event": event}));
        json!({
            "file": scene.file,
            "line": scene.line,
            "case": scene.case,
            "kind": kind,
            "name": report::name(scene),
            "passed": scene.failures.is_empty(),
            "failures": scene.failures.iter().map(report::text).collect::<Vec<_>>(),
            "fired": fired.collect::<Vec<_>>(),
        })
    });
    let mut object = json!({"scenes": scenes.collect::<Vec<_>>()});
    if let (true, Some(object)) = (is_measured, object.as_object_mut()) {
        object.insert("rules".to_owned(), results.reports.iter().map(rule).collect());
        let score = results.score(false);
        object.insert("score".to_owned(), json!((score.all > 0).then(|| score.percent())));
    }
    object
}

fn rule(report: &RuleReport) -> Value {
    let score = report.score(false);
    let survivors = report.survivors().map(|(leaf, mutation)| {
        json!({
            "leaf": leaf.text,
            "number": leaf.number,
            "mutation": mutation::how(mutation),
            "place": mutation::place(leaf),
            "is_exception": leaf.is_exception(),
        })
    });
    let derived = report.leaves.iter().filter_map(|leaf| match leaf.derived.as_ref()? {
        Search::Found(found) => Some(json!({
            "leaf": leaf.text,
            "case": found.case,
            "changes": found.changes,
            "passed": found.fired == found.should_fire,
        })),
        Search::NotFound(reason) => Some(json!({"leaf": leaf.text, "not_possible": reason})),
        Search::Written => None,
    });
    json!({
        "rule": report.rule,
        "killed": score.killed,
        "mutants": score.all,
        "survivors": survivors.collect::<Vec<_>>(),
        "derived": derived.collect::<Vec<_>>(),
    })
}
