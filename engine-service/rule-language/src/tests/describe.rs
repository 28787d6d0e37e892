//! Descriptions of what files define.

use super::catalogue::TestCatalogue;
use crate::{Described, Source, describe, falco_describe_results};

fn described(text: &str) -> Described {
    let sources = [Source { name: "x.yaml".to_owned(), text: text.to_owned() }];
    describe(&sources, &TestCatalogue::new()).unwrap_or_else(|error| panic!("{error}"))
}

const FILE: &str = "
- required_engine_version: 0.57.0
- required_engine_version: 31
- list: shells
  items: [bash, 'my shell']
- list: all
  items: [shells, zsh, later]
- list: later
  items: [x]
- macro: opens
  condition: evt.type == open
- macro: unused
  condition: opens and no.such = 1
- rule: r
  desc: d
  condition: opens and proc.name in (all) and proc.aname[2] startswith oneof (a, b)
  output: o %proc.name
  priority: INFO
  exceptions:
    - {name: e, fields: [proc.name, fd.name], comps: [=, startswith], values: [[x, /a b]]}
    - {name: n, fields: proc.name}
- rule: r
  condition: and fd.num = val(proc.pid)
  capture_duration: 5000
  override: {condition: append, capture_duration: replace}
";

/// Scenario: a file with everything that descriptions show. Guarantees: conditions come as written and as compiled, the
/// compiled one as Falco's visitor of trees writes it, with the parentheses that stand there and `==` where it does.
#[test]
fn rules_are_described() {
    let Described { loaded, description } = described(FILE);
    let rule = &description.rules[0];
    assert_eq!((rule.name.as_str(), loaded.rule_set.rules.len()), ("r", 1));
    assert_eq!(
        rule.condition,
        "opens and proc.name in (all) and proc.aname[2] startswith oneof (a, b) and fd.num = val(proc.pid)"
    );
    assert_eq!(rule.output, "o %proc.name");
    assert_eq!(
        rule.details.compiled.to_string(),
        "((evt.type == open and proc.name in (bash, \"my shell\", zsh, x) and proc.aname[2] startswith oneof (a, b) \
        and fd.num = val(proc.pid)) and not (proc.name = x and fd.name startswith \"/a b\"))"
    );
    assert_eq!(rule.details.macros, ["opens"]);
    assert_eq!(rule.details.lists, ["all"]);
    assert_eq!(rule.details.operators, ["=", "==", "in", "startswith", "startswith oneof"]);
    assert_eq!(
        rule.details.fields,
        ["evt.type", "fd.name", "fd.num", "proc.aname[2]", "proc.name", "proc.pid"]
    );
    let names: Vec<_> = rule.exceptions.iter().map(|e| (e.name.as_str(), e.has_values)).collect();
    assert_eq!(names, [("e", true), ("n", false)]);
    assert_eq!(rule.exceptions[0].fields, ["proc.name", "fd.name"]);
    assert_eq!(rule.exceptions[0].operators, ["=", "startswith"]);
    assert_eq!(rule.exceptions[1].operators, ["in"]);
    assert_eq!(loaded.rule_set.rules[0].capture_duration.as_millis(), 5000);
}

/// Scenario: macros and lists, used and not, of each other and later ones. Guarantees: what each names and whether it is
/// used; the engine version is the highest; a macro that nothing uses is described though its fields do not exist.
#[test]
fn macros_and_lists_are_described() {
    let Described { description, .. } = described(FILE);
    assert_eq!(description.required_engine_version.unwrap().to_string(), "0.57.0");
    let [opens, unused] = description.macros.as_slice() else { panic!("{description:?}") };
    assert_eq!((opens.name.as_str(), opens.is_used), ("opens", true));
    assert_eq!(opens.event_types.as_deref(), Some(["open".to_owned()].as_slice()));
    assert_eq!((unused.is_used, unused.details.macros.as_slice()), (false, ["opens".to_owned()].as_slice()));
    let [shells, all, later] = description.lists.as_slice() else { panic!("{description:?}") };
    assert_eq!((shells.items.len(), shells.is_used), (2, true));
    assert_eq!(all.items, ["zsh", "later"]);
    assert_eq!(all.lists, ["shells"]);
    assert_eq!(all.items_compiled, ["bash", "my shell", "zsh", "later"]);
    assert!(later.is_used);
}

/// Scenario: the same file as Falco's JSON, whole and for one rule. Guarantees: Falco's keys, its spelling of priorities,
/// the events with those that Falco adds, and no answer for a rule that is not there.
#[test]
fn descriptions_have_falcos_shape() {
    let described = described(FILE);
    let catalogue = TestCatalogue::new();
    let all = falco_describe_results(&described, &catalogue, None).unwrap();
    assert_eq!(all["required_engine_version"], "0.57.0");
    let rule = &all["rules"][0];
    let keys =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&rule["info"]),
        "capture capture_duration condition description enabled name output priority source tags"
    );
    assert_eq!(
        keys(&rule["details"]),
        "condition_compiled condition_fields condition_operators events exception_fields exception_names \
        exception_operators lists macros output_compiled output_fields plugins"
    );
    assert_eq!(rule["info"]["priority"], "Informational");
    assert_eq!(rule["info"]["capture_duration"], 5000);
    assert_eq!(rule["details"]["events"], serde_json::json!(["asyncevent", "open"]));
    assert_eq!(rule["details"]["output_fields"], serde_json::json!(["proc.name"]));
    assert_eq!(rule["details"]["exception_fields"], serde_json::json!(["fd.name", "proc.name"]));
    assert_eq!(rule["details"]["exception_names"], serde_json::json!(["e", "n"]));
    assert_eq!(rule["details"]["exception_operators"], serde_json::json!(["=", "in", "startswith"]));
    assert_eq!(
        keys(&all["macros"][0]["details"]),
        "condition_compiled condition_fields condition_operators events lists macros plugins used"
    );
    assert_eq!(keys(&all["lists"][0]["details"]), "items_compiled lists plugins used");
    let one = falco_describe_results(&described, &catalogue, Some("r")).unwrap();
    assert_eq!((&one["rules"][0], one.get("macros")), (rule, None));
    assert!(falco_describe_results(&described, &catalogue, Some("s")).is_none());
}
