//! Cases that are recordings: replayed as `eyrie replay` does, by every rule.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use engine_service::{
    Matching, RuleEvaluator, RuleOptions,
    replay::{Replay, ReplayOptions},
};
use eyrie_proto::alert::{Alert, Value, value::Kind};
use rule_language::{FieldAddition, OutputAddition, RuleMatcher, RuleSelector, Selection, Source};
use rule_test::{
    Rules,
    cases::{CaseFile, RecordedCase},
    recorded::{self, RecordedAlert},
    run::{Failure, SceneReport},
};

/// Runs one case.
pub(super) fn run(rules: &Rules, sources: &[Source], file: &CaseFile, case: &RecordedCase) -> SceneReport {
    let alerts = recorded::check(rules, file, case).and_then(|()| {
        let unreadable = |error: anyhow::Error| Failure::Unreadable { reason: format!("{error:#}") };
        alerts(sources, file, case).map_err(unreadable)
    });
    match alerts {
        Ok(alerts) => recorded::judge(file, case, Ok(&alerts)),
        Err(failure) => recorded::judge(file, case, Err(failure)),
    }
}

/// The alerts of the rules that the case is about, with the fields that it asks for.
fn alerts(sources: &[Source], file: &CaseFile, case: &RecordedCase) -> anyhow::Result<Vec<RecordedAlert>> {
    let named = case.expected_rules().chain(case.expect_not.iter().map(|rule| rule.name.as_str()));
    let named: BTreeSet<&str> = named.collect();
    let evaluator = RuleEvaluator::compile(sources, &options(case))?.evaluator;
    let mut replay = Replay::new(Arc::new(evaluator), ReplayOptions::default());
    let folder = Path::new(&file.source.name).parent().unwrap_or(Path::new(""));
    let path = folder.join(&case.recording);
    let mut first = recording::open(&path)?;
    // What cannot be read is told in the second pass.
    while let Ok(Some(kind)) = first.next() {
        replay.learn(&kind);
    }
    let mut found = Vec::new();
    let mut take = |alerts: Vec<Alert>| {
        let wanted = alerts.into_iter().filter(|alert| case.is_quiet() || named.contains(&*alert.rule));
        found.extend(wanted.map(|alert| recorded(alert, case)));
    };
    let mut source = recording::open(&path)?;
    while let Some(kind) = source.next()? {
        take(replay.feed(kind)?);
    }
    take(replay.finish().0);
    Ok(found)
}

/// Every rule is on and every match counts, as in cases that are written out; outputs have what the case asks for.
fn options(case: &RecordedCase) -> RuleOptions {
    let mut fields: BTreeMap<&str, Vec<FieldAddition>> = BTreeMap::new();
    for (rule, field) in recorded::fields_asked_for(case) {
        fields.entry(rule).or_default().push(FieldAddition::Raw(field.to_owned()));
    }
    let addition = |(rule, extra_fields): (&str, Vec<FieldAddition>)| OutputAddition {
        matching: RuleMatcher { rule: Some(rule.to_owned()), ..RuleMatcher::default() },
        extra_fields,
        ..OutputAddition::default()
    };
    RuleOptions {
        matching: Matching::All,
        selections: vec![Selection { enable: true, rules: RuleSelector::Name("*".to_owned()) }],
        output_additions: fields.into_iter().map(addition).collect(),
        ..RuleOptions::default()
    }
}

fn recorded(alert: Alert, case: &RecordedCase) -> RecordedAlert {
    let asked_for = recorded::fields_asked_for(case).filter(|(rule, _)| *rule == alert.rule);
    let fields = asked_for.filter_map(|(_, field)| {
        let value = alert.output_fields.get(field).and_then(text)?;
        Some((field.to_owned(), value))
    });
    RecordedAlert {
        sequence: usize::try_from(alert.sequence).unwrap_or(usize::MAX),
        fields: fields.collect(),
        rule: alert.rule,
        message: alert.message,
    }
}

/// A value as an output shows it.
fn text(value: &Value) -> Option<String> {
    Some(match value.kind.as_ref()? {
        Kind::Text(text) => text.clone(),
        Kind::Int(number) => number.to_string(),
        Kind::Uint(number) | Kind::TimeNs(number) => number.to_string(),
        Kind::Double(number) => number.to_string(),
        Kind::Bool(truth) => truth.to_string(),
        Kind::Raw(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Kind::List(list) => {
            format!("({})", list.values.iter().filter_map(text).collect::<Vec<_>>().join(","))
        }
    })
}
