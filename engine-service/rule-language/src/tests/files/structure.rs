//! Files, documents, items and their keys (A.1 and A.2 of the specification).

use super::{TestCatalogue, assert_error, assert_warning, failed, listed, loaded, rule, sources, warned};
use crate::{
    Code::{self, LoadErrYamlValidate},
    Diagnostic, Priority, Severity,
};

/// Scenario: what is no sequence of mappings. Guarantees: Falco's texts, which are about the file or the element.
#[test]
fn files_are_sequences_of_mappings() {
    for (file, message, steps) in [
        ("a: b", "Rules content is not yaml array of objects", ""),
        ("just text", "Rules content is not yaml", ""),
        ("- list: a\n  items: []\n---\nb: c", "Rules content is not yaml array of objects", ""),
        (
            "- just text",
            "Unexpected element type. Each element should be a yaml associative array.",
            "rules content item",
        ),
        (
            "- [a]",
            "Unexpected element type. Each element should be a yaml associative array.",
            "rules content item",
        ),
    ] {
        assert_error(&[file], LoadErrYamlValidate, message, steps);
    }
    for file in ["", "# nothing\n", "---\n", "~", "- \n- ~\n", "\u{feff}- list: a\n  items: []\n"] {
        loaded(&[file]);
    }
    assert_eq!(loaded(&[]).rule_set.rules.len(), 0);
}

/// Scenario: what is no YAML. Guarantees: an error at the place, in the step that Falco has for it.
#[test]
fn files_are_yaml() {
    for (file, line) in
        [("- rule: [", 1), ("- a: b\n  c: \"d\n", 2), ("- list: a\n\titems: [b]\n", 2), ("[*a]", 1)]
    {
        let errors = super::failed(&[file]);
        assert_eq!(errors.len(), 1);
        assert_eq!(
            (errors[0].code, super::steps(&errors[0]).as_str()),
            (Code::LoadErrYamlParse, "value for")
        );
        assert!(errors[0].line.abs_diff(line) <= 1, "{file}: {}", errors[0]);
    }
}

/// Scenario: several documents, empty ones and null elements among them, with lines that end as in DOS. Guarantees: they are
/// read as one file.
#[test]
fn several_documents() {
    let file = format!(
        "---\n- list: l\n  items: [x]\n---\n\n---\n-\n{}",
        rule("r", "evt.type=open and proc.name in (l)")
    );
    assert_eq!(loaded(&[&file]).rule_set.rules.len(), 1);
    let dos = loaded(&[&file.replace('\n', "\r\n")]);
    assert_eq!(dos.rule_set.rules[0].condition.to_string(), "(evt.type = open and proc.name in (x))");
}

/// Scenario: an item with the names of two kinds. Guarantees: it is what Falco looks for first, and the rest is unknown keys.
#[test]
fn an_item_is_of_the_first_kind() {
    let file = "- rule: a\n  macro: b\n  list: c\n  items: [x]\n  condition: evt.type=open\n";
    let keys = warned(&[file], Code::LoadUnknownKey);
    let keys: Vec<_> = keys.iter().map(|(message, _)| message.as_str()).collect();
    let unknown = |key: &str| format!("Unknown key '{key}'. The key will be ignored.");
    assert_eq!(keys, [unknown("rule"), unknown("macro"), unknown("condition")]);
    assert_eq!(warned(&[file], Code::LoadUnusedList).len(), 1);
    let message = "Unknown top level item";
    assert_warning(&["- something: x"], Code::LoadUnknownItem, message, "rules content item 'something'");
}

/// Scenario: keys that an item of the kind does not have, and keys twice. Guarantees: Falco's warning for the first, ours for
/// the second, of which the first value counts.
#[test]
fn unknown_keys_are_warned_of() {
    let open = rule("r", "evt.type=open");
    let list = rule("r", "evt.type=open and proc.name in (l)");
    for (file, key, steps) in [
        (format!("{open}  prority: x\n"), "prority", "rule > value for 'prority'"),
        (
            format!("- list: l\n  items: [x]\n  priority: INFO\n{list}"),
            "priority",
            "list > value for 'priority'",
        ),
        (format!("{open}  exceptions: [{{name: a, fields: proc.name, value: x}}]\n"), "value", ""),
    ] {
        let found = warned(&[&file], Code::LoadUnknownKey);
        assert_eq!(found.len(), 1, "{file}");
        assert_eq!(found[0].0, format!("Unknown key '{key}'. The key will be ignored."));
        assert!(found[0].1.ends_with(steps), "{}", found[0].1);
    }
    let twice = format!("{open}  tags: [a]\n  tags: [b]\n");
    let found = warned(&[&twice], Code::LoadUnknownKey);
    assert_eq!(found[0].0, "Key 'tags' is given twice; the first one counts.");
    assert_eq!(loaded(&[&twice]).rule_set.rules[0].tags, ["a"]);
}

/// Scenario: values that are missing, empty or of another kind. Guarantees: the texts and steps of Falco's decoding.
#[test]
fn values_are_demanded() {
    for (file, message, steps) in [
        ("- list: l", "Item has no mapping for key 'items'", "list 'l'"),
        ("- list: l\n  items: x", "Value is not a sequence", "list 'l' > value for 'items'"),
        ("- list: l\n  items:", "Value is not a sequence", "list 'l' > value for 'items'"),
        (
            "- list: l\n  items: [[x]]",
            "sequence value is not scalar",
            "list 'l' > value for 'items' > list item",
        ),
        (
            "- list: l\n  items: [~]",
            "sequence value is not scalar",
            "list 'l' > value for 'items' > list item",
        ),
        ("- list:\n  items: [x]", "Mapping for key 'list' is empty", "list"),
        ("- list: [a]\n  items: [x]", "Value is not a scalar value", "list > value for 'list'"),
        ("- list: ''\n  items: [x]", "Value must be non-empty", "list > value for 'list'"),
        ("- macro: m", "Item has no mapping for key 'condition'", "macro 'm'"),
        ("- macro: m\n  condition:", "Mapping for key 'condition' is empty", "macro 'm'"),
        ("- macro: m\n  condition: ''", "Value must be non-empty", "macro 'm' > value for 'condition'"),
        ("- macro: m\n  condition: [x]", "Value is not a scalar value", "macro 'm' > value for 'condition'"),
        (
            "- rule: r\n  output: o\n  desc: d\n  priority: INFO",
            "Item has no mapping for key 'condition'",
            "rule 'r'",
        ),
        (
            "- rule: r\n  condition: c\n  desc: d\n  priority: INFO",
            "Item has no mapping for key 'output'",
            "rule 'r'",
        ),
        (
            "- rule: r\n  condition: evt.type=open\n  output: o\n  priority: INFO",
            "Item has no mapping for key 'desc'",
            "rule 'r'",
        ),
        (
            "- rule: r\n  condition: evt.type=open\n  output: o\n  desc: d",
            "Item has no mapping for key 'priority'",
            "rule 'r'",
        ),
        ("- rule: r", "Item has no mapping for key 'enabled'", "rule 'r'"),
        ("- rule: r\n  enabled: maybe", "Can't decode YAML scalar value", "rule 'r' > value for 'enabled'"),
    ] {
        assert_error(&[file], LoadErrYamlValidate, message, steps);
    }
    let open = rule("r", "evt.type=open");
    for (line, message, steps) in [
        ("enabled: maybe", "Can't decode YAML scalar value", "rule 'r' > value for 'enabled'"),
        ("warn_evttypes: 1", "Can't decode YAML scalar value", "rule 'r' > value for 'warn_evttypes'"),
        ("skip-if-unknown-filter:", "Mapping for key 'skip-if-unknown-filter' is empty", "rule 'r'"),
        ("capture: x", "Can't decode YAML scalar value", "rule 'r' > value for 'capture'"),
        ("capture_duration: -1", "Can't decode YAML scalar value", "rule 'r' > value for 'capture_duration'"),
        ("capture_duration: 1s", "Can't decode YAML scalar value", "rule 'r' > value for 'capture_duration'"),
        ("tags:", "Value is not a sequence", "rule 'r' > value for 'tags'"),
        ("tags: [{a: b}]", "sequence value is not scalar", "rule 'r' > value for 'tags' > list item"),
        ("append: x", "Can't decode YAML scalar value", "rule 'r' > value for 'append'"),
    ] {
        assert_error(&[&format!("{open}  {line}\n")], LoadErrYamlValidate, message, steps);
    }
    let wrong = open.replace("INFO", "LOUD");
    assert_error(&[&wrong], LoadErrYamlValidate, "Invalid priority", "rule 'r' > rule priority");
}

/// Scenario: truth values in all spellings. Guarantees: those of Falco's YAML library hold: all lower, all upper, or with a
/// capital; others are errors.
#[test]
fn truth_values_are_spelled_as_in_yaml_1_1() {
    let enabled = |word: &str| {
        let file = rule("r", "evt.type=open") + "  enabled: " + word + "\n";
        super::try_load(&[&file]).ok().map(|loaded| loaded.rule_set.rules[0].enabled)
    };
    for word in ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "ON", "y", "Y", "'true'"] {
        assert_eq!(enabled(word), Some(true), "{word}");
    }
    for word in ["false", "False", "FALSE", "no", "No", "NO", "off", "OFF", "n", "N"] {
        assert_eq!(enabled(word), Some(false), "{word}");
    }
    for word in ["1", "0", "tRUE", "TRue", "enabled", "trüe"] {
        assert_eq!(enabled(word), None, "{word}");
    }
}

/// Scenario: anchors, aliases and merge keys. Guarantees: aliases stand for what is anchored; merge keys bring keys that are
/// not there, earlier ones first, and are not taken for keys.
#[test]
fn anchors_aliases_and_merge_keys() {
    let file = "- list: l\n  items: &items [x, y]\n- list: k\n  items: *items\n\
        - template: &template {desc: d, output: o, priority: ERROR, tags: &t [a]}\n- other: &other {priority: INFO, enabled: false}\n\
        - rule: r\n  condition: &c evt.type=open and proc.name in (k, l)\n  <<: [*template, *other]\n  priority: ALERT\n\
        - rule: s\n  condition: *c\n  <<: *other\n  <<: *template\n\
        - rule: t\n  <<: {<<: *template, condition: *c}\n";
    let found = loaded(&[file]);
    let rules = &found.rule_set.rules;
    assert_eq!(rules.len(), 3);
    assert_eq!(
        (rules[0].priority, rules[0].enabled, rules[0].description.as_str()),
        (Priority::Alert, false, "d")
    );
    assert_eq!((rules[1].priority, rules[1].enabled), (Priority::Informational, false));
    assert_eq!(
        (rules[2].priority, rules[2].enabled, rules[2].tags.as_slice()),
        (Priority::Error, true, ["a".to_owned()].as_slice())
    );
    assert_eq!(rules[2].condition.to_string(), "(evt.type = open and proc.name in (x, y, x, y))");
    assert!(warned(&[file], Code::LoadUnknownKey).is_empty());
    // Quoted, or with something else behind it, it is a key like others.
    let no_merge = rule("r", "evt.type=open") + "  '<<': {enabled: false}\n";
    assert_eq!(warned(&[&no_merge], Code::LoadUnknownKey).len(), 1);
}

/// Scenario: scalars that typed YAML would change, and conditions in every style. Guarantees: they stay what is written.
#[test]
fn scalars_stay_what_they_are() {
    let lists = "- list: l\n  items: [yes, 0777, 1.0, on, 'null', 0x1F]\n";
    let written = super::condition(lists, "evt.type=open and proc.name in (l)");
    assert_eq!(written, "(evt.type = open and proc.name in (yes, 0777, 1.0, on, null, 0x1F))");
    for style in [
        ">\n    evt.type=open\n    and fd.num=1",
        "|\n    evt.type=open\n    and fd.num=1",
        "'evt.type=open\n    and fd.num=1'",
    ] {
        assert_eq!(super::condition("", style), "(evt.type = open and fd.num = 1)", "{style}");
    }
}

/// Scenario: a rule with a priority that is none, a flag that is none, and mistakes in condition and output. Guarantees: all of
/// them are told in one run; the first in JSON is the one that Falco stops at, which reads keys before it compiles.
#[test]
fn a_wrong_key_hides_no_mistakes_of_the_rule() {
    let text = "- rule: r\n  desc: d\n  condition: evt.type=open and no_macro\n  output: o %no.field\n  \
        priority: WARN\n  enabled: perhaps\n";
    let sources = [crate::Source { name: "x.yaml".to_owned(), text: text.to_owned() }];
    let error = crate::load(&sources, &crate::tests::catalogue::TestCatalogue::new()).unwrap_err();
    for part in ["Undefined macro 'no_macro'", "nonexistent field 'no.field'", "Invalid priority", "enabled"]
    {
        let about = error.errors().filter(|found| format!("{found} {}", found.snippet()).contains(part));
        assert!(about.count() >= 1, "{part}: {:?}", error.diagnostics);
    }
    let results = crate::falco_load_results(&sources, &error.diagnostics);
    assert_eq!(results["falco_load_results"][0]["errors"][0]["message"], "Invalid priority");
}

/// Scenario: a file that is no YAML, or cannot be read, before one that uses a macro, a list and a rule of it, and has errors of
/// its own; the same with items of one file that are wrong. Guarantees: all errors are told, and none that follow from what is
/// missing.
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let uses = rule("a", "evt.type in (calls) and fd.num = numbers and is_odd and no.field=1")
        + &rule("b", "evt.type=open and proc.name=")
        + "- rule: base\n  condition: and proc.name=x\n  override: {condition: append}\n"
        + "- macro: is_odd\n  condition: or no_such\n  append: true\n";
    let messages = |errors: Vec<Diagnostic>| {
        errors
            .into_iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| found.message)
            .collect::<Vec<_>>()
    };
    let own = [
        "nonexistent field 'no.field'",
        "expected a string value or a field with a valid transformer: 'val', \
        'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'",
    ];
    let broken = failed(&["- list: [", &uses]);
    assert_eq!((broken.len(), broken[0].code), (3, Code::LoadErrYamlParse), "{}", listed(&broken));
    assert_eq!(messages(broken)[1..], own);
    let unread = crate::check_incomplete(&sources(&[&uses]), &TestCatalogue::new());
    assert_eq!(messages(unread), own);
    let items = "- list: calls\n  items: [[x]]\n- list: numbers\n- macro: is_odd\n- rule: base\n  desc: d\n  priority: INFO\n  \
        output: o\n";
    assert_eq!(messages(failed(&[items, &uses]))[4..], own);
}
