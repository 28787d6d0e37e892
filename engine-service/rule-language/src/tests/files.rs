//! Rules files: what their items define, and what is said about wrong ones.

use super::catalogue::TestCatalogue;
use crate::{
    Code, Diagnostic, LoadError, Loaded, Priority, RuleSelector, Selection, Severity, Source,
    falco_load_results, load,
};

fn sources(files: &[&str]) -> Vec<Source> {
    let name = |index: usize| format!("{index}.yaml");
    files.iter().enumerate().map(|(i, text)| Source { name: name(i), text: (*text).to_owned() }).collect()
}

fn try_load(files: &[&str]) -> Result<Loaded, LoadError> {
    load(&sources(files), &TestCatalogue::new())
}

fn loaded(files: &[&str]) -> Loaded {
    try_load(files).unwrap_or_else(|error| panic!("{}", listed(&error.diagnostics)))
}

fn failed(files: &[&str]) -> Vec<Diagnostic> {
    match try_load(files) {
        Ok(loaded) => panic!("was accepted: {loaded:?}"),
        Err(error) => error.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect(),
    }
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n{}", diagnostic.snippet())).collect()
}

/// The only error, which contains `part`.
fn only_error(file: &str, code: Code, part: &str) -> Diagnostic {
    let mut errors = failed(&[file]);
    assert_eq!(errors.len(), 1, "{}", listed(&errors));
    let error = errors.remove(0);
    assert!(error.code == code && error.message.contains(part), "{error}");
    error
}

fn rule(name: &str, condition: &str) -> String {
    format!("- rule: {name}\n  desc: d\n  condition: {condition}\n  output: o %proc.name\n  priority: INFO\n")
}

/// The condition of the only rule `r` of files that hold `before` and a rule with `condition`.
fn condition(before: &str, condition: &str) -> String {
    let loaded = loaded(&[&format!("{before}\n{}", rule("r", condition))]);
    loaded.rule_set.rules[0].condition.to_string()
}

fn warnings(files: &[&str], code: Code) -> Vec<Diagnostic> {
    loaded(files).diagnostics.into_iter().filter(|diagnostic| diagnostic.code == code).collect()
}

/// A rule takes its keys, with defaults where they are missing; the output is trimmed, tags are sorted.
#[test]
fn a_rule_takes_its_keys() {
    let file = "- rule: R\n  desc: what\n  condition: evt.type = open\n  output: >\n    out %proc.name\n  priority: wARNING\n  \
        tags: [b, a, b]\n  enabled: no\n  source: syscall\n";
    let loaded = loaded(&[file]);
    let rule = &loaded.rule_set.rules[0];
    assert_eq!((rule.name.as_str(), rule.description.as_str()), ("R", "what"));
    assert_eq!((rule.priority, rule.enabled), (Priority::Warning, false));
    assert_eq!(rule.tags, ["a", "b"]);
    assert_eq!(rule.output.text, "out %proc.name");
    assert_eq!(rule.event_types.as_deref(), Some(["open".to_owned()].as_slice()));
    assert!(loaded.diagnostics.is_empty());
}

/// Lists are put in as text: several levels, quoted items, empty lists with their commas, whatever surrounds the name.
#[test]
fn lists_are_text() {
    let lists = "- list: a\n  items: [x, 'y z', '\"(w)\"', 0777, yes]\n- list: b\n  items: [a, v]\n- list: none\n  items: []\n";
    let warn = "and evt.type=open";
    let put = |text: &str| condition(lists, &format!("{text} {warn}"));
    assert_eq!(put("proc.name in (a)"), "(proc.name in (x, \"y z\", (w), 0777, yes) and evt.type = open)");
    assert_eq!(put("proc.name in (b, u)"), put("proc.name in (x, 'y z', '(w)', 0777, yes, v, u)"));
    assert_eq!(put("proc.name in (none)"), "(proc.name in () and evt.type = open)");
    assert_eq!(put("proc.name in (none, u)"), put("proc.name in (u)"));
    assert_eq!(put("proc.name in (u, none, v)"), put("proc.name in (u, v)"));
    assert_eq!(put("proc.name in (none, none, u , none)"), put("proc.name in (u)"));
    assert_eq!(put("proc.name in (a.b, ab, a-)"), "(proc.name in (a.b, ab, a-) and evt.type = open)");
    assert_eq!(put("proc.name = \"k none l\""), "(proc.name = \"k  l\" and evt.type = open)");
}

/// A list that uses one defined further down is filled in all the same: conditions see all lists, in their order.
#[test]
fn lists_may_be_defined_late() {
    let file = format!(
        "{}- list: a\n  items: [b]\n- list: b\n  items: [x]\n",
        rule("r", "evt.type=open and proc.name in (a)")
    );
    assert_eq!(
        loaded(&[&file]).rule_set.rules[0].condition.to_string(),
        "(evt.type = open and proc.name in (x))"
    );
    // What a list brings in is not replaced by lists before it, as Falco goes through them in order.
    let lists = "- list: b\n  items: [x]\n- list: a\n  items: [c]\n- list: c\n  items: [b]\n";
    let warned = loaded(&[&format!("{lists}{}", rule("r", "evt.type=open and proc.name in (a)"))]);
    assert_eq!(warned.rule_set.rules[0].condition.to_string(), "(evt.type = open and proc.name in (x))");
}

/// Macros keep their parentheses' meaning; a macro sees what stands above it, a rule sees all.
#[test]
fn macros_and_what_they_see() {
    let macros =
        "- macro: m\n  condition: evt.type=open or evt.type=read\n- macro: n\n  condition: m and fd.num=1\n";
    assert_eq!(condition(macros, "not n"), "not ((evt.type = open or evt.type = read) and fd.num = 1)");
    let late = format!("{}{macros}", rule("r", "n"));
    assert_eq!(loaded(&[&late]).rule_set.rules.len(), 1);
    let error = only_error(
        "- macro: n\n  condition: m\n- macro: m\n  condition: evt.type=open\n",
        Code::LoadErrValidate,
        "Undefined macro 'm' used in filter.",
    );
    assert!(error.help.is_some_and(|help| help.contains("further down")));
    assert_eq!((error.line, error.column), (2, 14));
}

/// A macro that is defined again keeps its place but sees more, itself too: that is a loop.
#[test]
fn redefined_macros_see_what_came_between() {
    let file = "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: evt.type=read\n- macro: a\n  condition: b\n";
    assert_eq!(condition(file, "a"), "evt.type = read");
    let appended = "- macro: a\n  condition: evt.type=open\n- macro: a\n  condition: or a\n  override: {condition: append}\n";
    assert!(failed(&[appended])[0].message.contains("reference loop in macro 'a'"));
    let mutual =
        "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n";
    assert!(failed(&[mutual])[0].message.contains("reference loop"));
}

/// A rule that is defined again is replaced at its old place, also from another file.
#[test]
fn redefined_rules_keep_their_place() {
    let first = format!("{}{}", rule("a", "evt.type=open"), rule("b", "evt.type=open"));
    let loaded = loaded(&[&first, &rule("a", "evt.type=read")]);
    let names: Vec<_> = loaded.rule_set.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(loaded.rule_set.rules[0].condition.to_string(), "evt.type = read");
}

/// Overrides append and replace; what is appended is joined with a blank.
#[test]
fn overrides() {
    let base = rule("r", "evt.type=open") + "  tags: [x]\n";
    let change = "- rule: r\n  condition: and fd.num=1\n  desc: more\n  output: '%fd.name'\n  tags: [a]\n  priority: ERROR\n  \
        enabled: false\n  override: {condition: append, desc: append, output: append, tags: append, priority: replace, enabled: replace}\n";
    let loaded = loaded(&[&base, change]);
    let rule = &loaded.rule_set.rules[0];
    assert_eq!(rule.condition.to_string(), "(evt.type = open and fd.num = 1)");
    assert_eq!((rule.description.as_str(), rule.output.text.as_str()), ("d more", "o %proc.name %fd.name"));
    assert_eq!(rule.tags, ["a", "x"]);
    assert_eq!((rule.priority, rule.enabled), (Priority::Error, false));
    let lists = "- list: l\n  items: [x]\n- list: l\n  items: [y]\n  override: {items: append}\n";
    assert_eq!(
        condition(lists, "evt.type=open and proc.name in (l)"),
        "(evt.type = open and proc.name in (x, y))"
    );
    let replaced = "- list: l\n  items: [x]\n- list: l\n  items: [y]\n  override: {items: replace}\n";
    assert_eq!(
        condition(replaced, "evt.type=open and proc.name in (l)"),
        "(evt.type = open and proc.name in (y))"
    );
}

/// The old ways to append and to enable still work, with a warning.
#[test]
fn deprecated_ways_warn() {
    let base =
        rule("r", "evt.type=open") + "- list: l\n  items: [x]\n- macro: m\n  condition: evt.type=open\n";
    let old = "- rule: r\n  condition: and m and proc.name in (l)\n  append: true\n- list: l\n  items: [y]\n  append: true\n\
        - macro: m\n  condition: or evt.type=read\n  append: true\n- rule: r\n  enabled: false\n";
    let loaded = loaded(&[&base, old]);
    assert_eq!(
        loaded.rule_set.rules[0].condition.to_string(),
        "(evt.type = open and (evt.type = open or evt.type = read) and proc.name in (x, y))"
    );
    assert!(!loaded.rule_set.rules[0].enabled);
    assert_eq!(loaded.diagnostics.iter().filter(|d| d.code == Code::LoadDeprecatedItem).count(), 4);
}

/// Wrong overrides are errors with Falco's sentences.
#[test]
fn wrong_overrides_are_errors() {
    let base = rule("r", "evt.type=open");
    for (change, part) in [
        ("condition: x\n  append: true\n  override: {condition: append}", "cannot be used together"),
        ("override: {condition: append}", "An append override for 'condition' was specified but"),
        ("condition: and x\n  output: y\n  override: {condition: append}", "Unexpected key 'output'"),
        (
            "condition: and x\n  override: {condition: prepend}",
            "Invalid override operation for key 'condition'",
        ),
        ("priority: INFO\n  override: {priority: append}", "cannot be appended to, use 'replace' instead"),
        ("source: x\n  override: {source: replace}", "Key 'source' cannot be replaced"),
        ("append: true", "Appended rule must have exceptions or condition property"),
    ] {
        let errors = failed(&[&base, &format!("- rule: r\n  {change}\n")]);
        assert!(errors[0].message.contains(part), "{change}: {}", listed(&errors));
    }
    for (item, part) in [
        ("- rule: q\n  condition: x\n  override: {condition: append}", "no rule by that name"),
        ("- rule: q\n  condition: x\n  override: {condition: replace}", "no rule by that name"),
        ("- rule: q\n  enabled: false", "no rule by that name"),
        ("- list: q\n  items: [x]\n  override: {items: append}", "no list by that name"),
        ("- macro: q\n  condition: x\n  override: {condition: append}", "no macro by that name"),
    ] {
        only_error(item, Code::LoadErrValidate, part);
    }
}

/// Exceptions of one field and of several become part of the condition.
#[test]
fn exceptions_become_conditions() {
    let with = |exceptions: &str| {
        let file = rule("r", "evt.type=open") + "  exceptions:\n" + exceptions;
        loaded(&[&file]).rule_set.rules[0].condition.to_string()
    };
    let single = "    - {name: a, fields: proc.name, values: [x, 'y z']}\n";
    assert_eq!(with(single), "(evt.type = open and not proc.name in (x, \"y z\"))");
    let several = "    - name: a\n      fields: [proc.name, fd.name]\n      comps: [=, startswith]\n      values:\n        - [x, /a b]\n        - [y, /c]\n";
    assert_eq!(
        with(several),
        "(evt.type = open and not ((proc.name = x and fd.name startswith \"/a b\") or (proc.name = y and fd.name startswith /c)))"
    );
    let lists =
        "    - {name: a, fields: [proc.name, fd.name], comps: [in, pmatch], values: [[[x, y], /a]]}\n";
    assert_eq!(with(lists), "(evt.type = open and not (proc.name in (x, y) and fd.name pmatch (/a)))");
    let modifier = "    - {name: a, fields: proc.name, comps: ' startswith oneof ', values: [x]}\n";
    assert_eq!(with(modifier), "(evt.type = open and not proc.name startswith oneof (x))");
    let transformer = "    - {name: a, fields: [tolower(proc.name)], values: [['val(proc.pname)']]}\n";
    assert_eq!(with(transformer), "(evt.type = open and not tolower(proc.name) = val(proc.pname))");
    assert_eq!(with("    - {name: a, fields: proc.name}\n"), "evt.type = open");
}

/// Values can be appended to exceptions, and new exceptions added.
#[test]
fn exceptions_are_appended_by_name() {
    let base = rule("r", "evt.type=open") + "  exceptions: [{name: a, fields: proc.name, values: [x]}]\n";
    let more = "- rule: r\n  exceptions: [{name: a, values: [y]}, {name: b, fields: fd.name, values: [z]}]\n  override: {exceptions: append}\n";
    assert_eq!(
        loaded(&[&base, more]).rule_set.rules[0].condition.to_string(),
        "(evt.type = open and not proc.name in (x, y) and not fd.name in (z))"
    );
    let append = |exception: &str| {
        failed(&[
            &base,
            &format!("- rule: r\n  exceptions: [{exception}]\n  override: {{exceptions: append}}\n"),
        ])
    };
    assert!(
        append("{name: a, fields: fd.name, values: [x]}")[0]
            .message
            .contains("Can not append exception fields")
    );
    assert!(
        append("{name: a, comps: in, values: [x]}")[0].message.contains("Can not append exception comps")
    );
    assert!(append("{name: b, values: [x]}")[0].message.contains("must have fields property"));
    assert!(append("{name: b, fields: fd.name}")[0].message.contains("must have values property"));
}

/// Wrong exceptions are errors, doubtful ones warnings.
#[test]
fn wrong_exceptions_are_told() {
    let with = |exceptions: &str| rule("r", "evt.type=open") + "  exceptions: [" + exceptions + "]\n";
    for (exception, part) in [
        ("{name: a}", "must have fields property"),
        ("{fields: proc.name}", "Item has no mapping for key 'name'"),
        ("{name: a, fields: proc.nmae}", "'proc.nmae' is not a supported filter field"),
        ("{name: a, fields: proc.name, comps: =}", "comps must be one of"),
        ("{name: a, fields: proc.name, comps: [in]}", "must both be strings"),
        ("{name: a, fields: [proc.name], comps: [=, =]}", "must have equal length"),
        ("{name: a, fields: [proc.name], comps: [like]}", "'like' is not a supported comparison operator"),
        ("{name: a, fields: [proc.name], comps: [in oneof]}", "not a supported comparison operator"),
        ("{name: a, fields: [proc.name, fd.name], values: [[x]]}", "values lists must have equal length"),
        ("{name: a, fields: proc.name, values: [[x]]}", "to contain a list of strings"),
        ("{name: a, fields: proc.name, values: x}", "must be a sequence"),
        ("x", "must be a mapping"),
    ] {
        let errors = failed(&[&with(exception)]);
        assert!(errors[0].message.contains(part), "{exception}: {}", listed(&errors));
    }
    let twice = "{name: a, fields: proc.name, values: [x]}, {name: a, fields: fd.name, values: [y]}";
    assert_eq!(warnings(&[&with(twice)], Code::LoadExceptionNameNotUnique).len(), 1);
    let nothing = "- rule: r\n  exceptions: [{name: a}]\n  override: {exceptions: append}\n";
    let base = with("{name: a, fields: proc.name, values: [x]}");
    assert_eq!(warnings(&[&base, nothing], Code::LoadAppendNoValues).len(), 1);
}

/// Files that are no sequences of mappings, and items without what they need, are errors with their places.
#[test]
fn wrong_structures_are_errors() {
    for (file, code, part) in [
        ("a: b", Code::LoadErrYamlValidate, "Rules content is not yaml array of objects"),
        ("just text", Code::LoadErrYamlValidate, "Rules content is not yaml"),
        ("- just text", Code::LoadErrYamlValidate, "Unexpected element type"),
        ("- rule: [", Code::LoadErrYamlParse, ""),
        ("- list: l", Code::LoadErrYamlValidate, "Item has no mapping for key 'items'"),
        ("- list: l\n  items: x", Code::LoadErrYamlValidate, "Value is not a sequence"),
        ("- list: l\n  items: [[x]]", Code::LoadErrYamlValidate, "sequence value is not scalar"),
        ("- list:\n  items: [x]", Code::LoadErrYamlValidate, "Mapping for key 'list' is empty"),
        ("- macro: m\n  condition: ''", Code::LoadErrYamlValidate, "Value must be non-empty"),
        ("- macro: m\n  condition: [x]", Code::LoadErrYamlValidate, "Value is not a scalar value"),
        ("- macro: m\n  condition: a.b >", Code::LoadErrCompileCondition, "expected a number value"),
        ("- rule: r\n  priority: INFO", Code::LoadErrYamlValidate, "no mapping for key 'condition'"),
    ] {
        only_error(file, code, part);
    }
    let priority = rule("r", "evt.type=open").replace("INFO", "LOUD");
    let error = only_error(&priority, Code::LoadErrYamlValidate, "Invalid priority");
    assert_eq!((error.line, error.column), (5, 13));
    let flag = rule("r", "evt.type=open") + "  enabled: maybe\n";
    only_error(&flag, Code::LoadErrYamlValidate, "Can't decode YAML scalar value");
}

/// All that is wrong in all files comes in one run, by file and line; what an error hides is not told on top of it.
#[test]
fn all_errors_come_at_once() {
    let first = format!(
        "- macro: broken\n  condition: [x]\n{}",
        rule("a", "evt.type=open and proc.nmae=x and fd.nam=y")
    );
    let second = rule("b", "evt.type=opne and broken").replace("%proc.name", "%proc.nmae");
    let errors = failed(&[&first, &second]);
    let found: Vec<_> = errors.iter().map(|e| (e.file().to_owned(), e.line, e.code)).collect();
    let expected = [
        ("0.yaml", 2, Code::LoadErrYamlValidate),
        ("0.yaml", 5, Code::LoadErrCompileCondition),
        ("0.yaml", 5, Code::LoadErrCompileCondition),
        ("1.yaml", 3, Code::LoadErrCompileCondition),
        ("1.yaml", 4, Code::LoadErrCompileOutput),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(file, line, code)| (file.to_owned(), line, code)).collect();
    assert_eq!(found, expected, "{}", listed(&errors));
}

/// An error in a macro is told where the macro stands, once, and only if a rule uses it.
#[test]
fn errors_in_macros_are_told_at_the_macro() {
    let macros = "- macro: m\n  condition: >\n    evt.type=open and\n    proc.nmae=x\n";
    let errors = failed(&[&format!("{macros}{}{}", rule("a", "m"), rule("b", "not m"))]);
    assert_eq!(errors.len(), 1, "{}", listed(&errors));
    assert_eq!((errors[0].line, errors[0].column), (4, 5));
    assert_eq!(&errors[0].source.text[errors[0].span.clone()], "proc.nmae");
    assert_eq!(loaded(&[&format!("{macros}{}", rule("a", "evt.type=open"))]).rule_set.rules.len(), 1);
}

/// A place behind lists and exceptions is found in the file.
#[test]
fn places_are_found_behind_lists() {
    let file = format!(
        "- list: l\n  items: [aaaa, bbbb, cccc]\n{}",
        rule("r", "evt.type=open and proc.name in (l) and fd.nmu=1")
    );
    let error = only_error(&file, Code::LoadErrCompileCondition, "fd.nmu");
    assert_eq!(&error.source.text[error.span.clone()], "fd.nmu");
    assert_eq!(error.snippet().lines().nth(1).map(|line| line.trim()), Some("^^^^^^"));
    let kinds: Vec<_> = error.context.iter().map(|item| (item.item_type, item.item_name.as_str())).collect();
    assert_eq!(kinds, [("rules content", ""), ("rule", "r"), ("rule condition", "")]);
}

/// Versions: engines up to ours, plugins that are built in.
#[test]
fn requirements() {
    for file in [
        "- required_engine_version: 63",
        "- required_engine_version: 0.57.0",
        "- required_plugin_versions: [{name: container, version: 0.4.0}]",
        "- required_plugin_versions: [{name: x, version: 1.0.0, alternatives: [{name: json, version: 0.1.0}]}]",
    ] {
        loaded(&[file]);
    }
    for (file, code, part) in [
        ("- required_engine_version: 64", Code::LoadErrValidate, "Rules require engine version 0.64.0"),
        ("- required_engine_version: 1.0.0", Code::LoadErrValidate, "but engine version is 0.63.0"),
        ("- required_engine_version: new", Code::LoadErrYamlValidate, "Unable to parse engine version 'new'"),
        ("- required_plugin_versions: x", Code::LoadErrYamlValidate, "must be a sequence"),
        ("- required_plugin_versions: [x]", Code::LoadErrYamlValidate, "must be a mapping"),
        (
            "- required_plugin_versions: [{name: x, version: 1.0.0}]",
            Code::LoadErrValidate,
            "must load one of: x",
        ),
        (
            "- required_plugin_versions: [{name: json, version: y}]",
            Code::LoadErrValidate,
            "Invalid required version 'y'",
        ),
        (
            "- required_plugin_versions: [{name: json, version: 1.0.0, alternatives: [{name: json, version: 1.0.0}]}]",
            Code::LoadErrValidate,
            "Defined multiple alternative",
        ),
    ] {
        only_error(file, code, part);
    }
}

/// Everything that Falco warns of is warned of, and nothing else.
#[test]
fn warnings_have_falcos_codes() {
    let open = rule("r", "evt.type=open");
    for (file, code) in [
        ("- something: x".to_owned(), Code::LoadUnknownItem),
        (open.clone() + "  prority: x\n", Code::LoadUnknownKey),
        (
            "- list: l\n  items: [x]\n  priority: INFO\n".to_owned()
                + &rule("r", "evt.type=open and proc.name in (l)"),
            Code::LoadUnknownKey,
        ),
        (open.clone() + "- list: l\n  items: [x]\n", Code::LoadUnusedList),
        (open.clone() + "- macro: m\n  condition: evt.type=open\n", Code::LoadUnusedMacro),
        (rule("r", "proc.name=x"), Code::LoadNoEvttype),
        (open.clone() + "  source: k8s_audit\n", Code::LoadUnknownSource),
        (rule("r", "evt.type=open and evt.dir=<"), Code::LoadDeprecatedItem),
        (open.replace("%proc.name", "%evt.dir"), Code::LoadDeprecatedItem),
        (open.replace("%proc.name", "%container.info"), Code::LoadDeprecatedItem),
        (rule("r", "evt.type=open and proc.name=proc.pname"), Code::LoadCompileCondition),
        (rule("r", "evt.type=open and proc.name='tolower( x)'"), Code::LoadCompileCondition),
        (rule("r", "evt.type=open and proc.name regex .*x"), Code::LoadCompileCondition),
        (rule("r", "evt.type=open and ka.user.name = <NA>"), Code::LoadUnsafeNaCheck),
        (open.clone() + "- macro: m-n\n  condition: evt.type=open\n", Code::LoadInvalidMacroName),
    ] {
        let file = file
            .replace("condition: evt.type=open and evt.dir=<", "condition: evt.type=open and evt.dir='<'");
        let found = loaded(&[&file]).diagnostics;
        assert!(found.iter().any(|warning| warning.code == code), "{file}: {}", listed(&found));
        assert!(found.iter().all(|warning| warning.severity == Severity::Warning));
    }
    assert!(loaded(&[&(rule("r", "proc.name=x") + "  warn_evttypes: false\n")]).diagnostics.is_empty());
    assert!(loaded(&[&(open.clone() + "  source: k8s_audit\n")]).rule_set.rules.is_empty());
}

/// A misspelt list is a word to Falco; here it is warned of.
#[test]
fn misspelt_lists_are_warned_of() {
    let list = "- list: shell_binaries\n  items: [bash]\n";
    for wrong in ["(shel_binaries)", "shell_binariess"] {
        let file = format!("{list}{}", rule("r", &format!("evt.type=open and proc.name in {wrong}")));
        let found = warnings(&[&file], Code::LoadCompileCondition);
        assert!(
            found[0].help.as_deref().is_some_and(|help| help.contains("shell_binaries")),
            "{}",
            listed(&found)
        );
    }
}

/// `skip-if-unknown-filter` drops a rule for unknown names, in macros and outputs too, and for nothing else.
#[test]
fn rules_can_be_skipped_for_unknown_names() {
    let skip = "  skip-if-unknown-filter: true\n";
    let open = rule("r", "evt.type=open");
    for file in [
        rule("r", "evt.type=open and no.field=x") + skip,
        rule("r", "evt.type=opne") + skip,
        open.replace("%proc.name", "%no.field") + skip,
        format!("- macro: m\n  condition: no.field=x\n{}{skip}", rule("r", "evt.type=open and m")),
    ] {
        let loaded = loaded(&[&file]);
        assert!(loaded.rule_set.rules.is_empty());
        assert!(loaded.diagnostics.iter().any(|warning| warning.code == Code::LoadUnknownFilter), "{file}");
    }
    let both = format!("- macro: m\n  condition: no.field=x\n{}{skip}{}", rule("r", "m"), rule("s", "m"));
    assert_eq!(failed(&[&both]).len(), 1);
    assert_eq!(failed(&[&(rule("r", "no.field=x and fd.num contains y") + skip)]).len(), 2);
    assert_eq!(failed(&[&(rule("r", "nothing") + skip)]).len(), 1);
}

/// Several documents in a file, and empty ones, are read as one.
#[test]
fn several_documents() {
    let file = format!(
        "---\n- list: l\n  items: [x]\n---\n\n---\n-\n{}",
        rule("r", "evt.type=open and proc.name in (l)")
    );
    assert_eq!(loaded(&[&file]).rule_set.rules.len(), 1);
    assert_eq!(loaded(&[]).rule_set.rules.len(), 0);
    assert_eq!(loaded(&["", "# nothing\n"]).rule_set.rules.len(), 0);
}

/// The digest is of the contents in their order, and of nothing else.
#[test]
fn digests_are_of_contents_in_order() {
    let (a, b) = (rule("a", "evt.type=open"), rule("b", "evt.type=open"));
    let digest = |files: &[&str]| loaded(files).rule_set.digest;
    assert_eq!(digest(&[&a, &b]), digest(&[&a, &b]));
    assert_ne!(digest(&[&a, &b]), digest(&[&b, &a]));
    assert_ne!(digest(&[&a, &b]), digest(&[&format!("{a}{b}")]));
    let sha = digest(&[""]);
    assert_eq!(sha, "sha256:af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc");
}

/// Rules are switched by name and tag in order, and then by priority.
#[test]
fn selections_apply_in_order() {
    let file = rule("aa", "evt.type=open")
        + "  tags: [t]\n"
        + &rule("ab", "evt.type=open")
        + &rule("b", "evt.type=open").replace("INFO", "DEBUG");
    let mut set = loaded(&[&file]).rule_set;
    let name = |pattern: &str| RuleSelector::Name(pattern.to_owned());
    let selections = [
        Selection { enable: false, rules: name("a*") },
        Selection { enable: true, rules: RuleSelector::Tag("t".to_owned()) },
    ];
    set.select(&selections, Priority::Informational);
    let enabled: Vec<_> = set.rules.iter().map(|rule| rule.enabled).collect();
    assert_eq!(enabled, [true, false, false]);
}

/// The JSON has Falco's keys, a result for each file, and positions that count from zero.
#[test]
fn json_is_falcos() {
    let files = [rule("a", "evt.type=open"), rule("b", "evt.type=open and proc.nmae=x")];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let diagnostics = try_load(&files).unwrap_err().diagnostics;
    let json = falco_load_results(&sources(&files), &diagnostics);
    let results = &json["falco_load_results"];
    assert_eq!(results[0]["successful"], true);
    assert_eq!(results[1]["successful"], false);
    let error = &results[1]["errors"][0];
    assert_eq!(error["code"], "LOAD_ERR_COMPILE_CONDITION");
    assert_eq!(error["codedesc"], "Error compiling condition");
    let location = &error["context"]["locations"][1];
    assert_eq!((&location["item_type"], &location["item_name"]), (&"rule".into(), &"b".into()));
    assert_eq!(location["position"]["line"], 0);
    assert!(error["context"]["snippet"].as_str().is_some_and(|snippet| snippet.contains("proc.nmae")));
}
