//! What configuration adds to outputs.

use super::{FieldAddition, OutputAddition, append_outputs};
use crate::{Code, LoadError, RuleSet, Source, load, tests::catalogue::TestCatalogue};

const RULES: &str = "
- {rule: A, desc: d, condition: evt.type = open, output: a %proc.name, priority: INFO, tags: [x, y]}
- {rule: B, desc: d, condition: evt.type = open, output: b, priority: INFO, tags: [x]}
- {rule: C, desc: d, condition: ka.user.name = a, output: c, priority: INFO}
";

fn rules() -> RuleSet {
    let source = Source { name: "x.yaml".to_owned(), text: RULES.to_owned() };
    let mut rules = load(&[source], &TestCatalogue::new()).expect("the rules are right").rule_set;
    // The catalogue has one source only.
    rules.rules[2].source = "k8s_audit".to_owned();
    rules
}

fn additions(json: &str) -> Vec<OutputAddition> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// The outputs of the three rules, with the extra fields behind them: `name=text`, raw ones with a star.
fn outputs(json: &str) -> Result<[String; 3], LoadError> {
    let mut rules = rules();
    append_outputs(&mut rules, &additions(json), &TestCatalogue::new())?;
    let shown = rules.rules.iter().map(|rule| {
        let fields = rule.extra_fields.iter().map(|field| {
            let star = if field.is_raw { "*" } else { "" };
            format!(" [{}{star}={}]", field.name, field.template.text)
        });
        rule.output.text.clone() + &fields.collect::<String>()
    });
    Ok(shown.collect::<Vec<_>>().try_into().expect("three rules"))
}

/// Scenario: each kind of match. Guarantees: source, name and all of the tags have to fit; what is left out fits all.
#[test]
fn additions_go_to_the_rules_that_fit() {
    for (matching, fitting) in [
        ("{}", "ABC"),
        ("{\"source\": \"\"}", "ABC"),
        ("{\"source\": \"syscall\"}", "AB"),
        ("{\"source\": \"k8s_audit\"}", "C"),
        ("{\"tags\": [\"x\"]}", "AB"),
        ("{\"tags\": [\"x\", \"y\"]}", "A"),
        ("{\"tags\": [\"z\"]}", ""),
        ("{\"rule\": \"B\"}", "B"),
        ("{\"rule\": \"B\", \"tags\": [\"y\"]}", ""),
        ("{\"rule\": \"b\"}", ""),
    ] {
        let json = format!("[{{\"match\": {matching}, \"extra_output\": \"more\"}}]");
        let texts = outputs(&json).unwrap();
        let with: String = ["A", "B", "C"]
            .into_iter()
            .zip(&texts)
            .filter(|(_, text)| text.ends_with(" more"))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(with, fitting, "{matching}: {texts:?}");
    }
}

/// Scenario: several entries, with text, fields of both kinds, one name twice, and suggested fields. Guarantees: text comes
/// behind the output in the order of entries; of fields with one name the last counts; suggested fields have Falco's form and
/// are those of the rule's source.
#[test]
fn additions_are_made_in_order() {
    let json = r#"[
        {"extra_output": "(%fd.name)", "extra_fields": ["proc.pname", {"who": "%user.name!"}]},
        {"match": {"rule": "A"}, "extra_output": "*", "extra_fields": [{"proc.pname": "text"}, "proc.aname[2]"]},
        {"match": {"source": "syscall"}, "suggested_output": true}
    ]"#;
    assert_eq!(
        outputs(json).unwrap(),
        [
            "a %proc.name (%fd.name) * container_id=%container.id container_name=%container.name [who=%user.name!] \
                [proc.pname=text] [proc.aname[2]*=%proc.aname[2]]",
            "b (%fd.name) container_id=%container.id container_name=%container.name [proc.pname*=%proc.pname] \
                [who=%user.name!]",
            "c (%fd.name) [proc.pname*=%proc.pname] [who=%user.name!]",
        ]
    );
}

/// Scenario: an addition with a field that is not there, beside one that is right. Guarantees: an error that says where, once;
/// no rule is changed.
#[test]
fn a_wrong_addition_changes_nothing() {
    let mut rules = rules();
    let json =
        r#"[{"extra_output": "fine"}, {"extra_output": "%proc.nmae"}, {"extra_fields": [{"x": "%"}]}]"#;
    let error = append_outputs(&mut rules, &additions(json), &TestCatalogue::new()).unwrap_err();
    let told: Vec<_> = error.diagnostics.iter().map(|found| (found.file(), found.code)).collect();
    assert_eq!(
        told,
        [
            ("append_output: extra_output", Code::LoadErrCompileOutput),
            ("append_output: extra_fields", Code::LoadErrCompileOutput)
        ]
    );
    assert_eq!(rules, self::rules());
}

/// Scenario: a deprecated field in an addition. Guarantees: a warning, once.
#[test]
fn warnings_are_given() {
    let (mut rules, added) = (rules(), additions(r#"[{"extra_output": "%evt.dir"}]"#));
    let warnings = append_outputs(&mut rules, &added, &TestCatalogue::new()).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, Code::LoadDeprecatedItem);
}

/// Scenario: entries as they are written, and misspelt. Guarantees: Falco's keys; what is unknown is refused; writing an
/// entry and reading it again gives the same.
#[test]
fn entries_have_falcos_keys() {
    let written = additions(
        r#"[{"match": {"source": "s", "tags": ["t"], "rule": "r"}, "extra_output": "o", "extra_fields": ["f", {"k": "v"}],
            "suggested_output": true}]"#,
    );
    assert_eq!(written[0].extra_fields[0], FieldAddition::Raw("f".to_owned()));
    let again = serde_json::to_string(&written).unwrap();
    assert_eq!(additions(&again), written);
    for wrong in [r#"[{"extra_outptu": "x"}]"#, r#"[{"match": {"tag": "x"}}]"#, r#"[{"extra_fields": "x"}]"#]
    {
        assert!(serde_json::from_str::<Vec<OutputAddition>>(wrong).is_err(), "{wrong}");
    }
}
