//! From rules files to matches.

use eyrie_proto::{
    alert,
    event::{Event, Open, event::Kind},
    metadata::{Completeness, Container, Image},
};
use fields::{ContainerView, EventView, Value};
use host_model::HostModel;
use rule_language::{RuleSet, Source};

use super::{CompiledRuleSet, Matching, RuleMatch, event_types_needed};
use crate::{
    Truth,
    fixture::{connect, host, host_with_container, open, view},
    to_alert_value,
};

const RULES: &str = r#"
- list: sensitive
  items: [/etc/shadow, /etc/sudoers]
- macro: open_read
  condition: (evt.type in (open, openat) and evt.is_open_read = true and fd.typechar = 'f')
- rule: Disabled
  desc: never
  condition: evt.type = openat
  output: never
  priority: ERROR
  enabled: false
- rule: Read sensitive file
  desc: someone reads what holds secrets
  condition: open_read and fd.name in (sensitive)
  output: "%proc.name (%proc.pid) read %fd.name (parent=%8proc.pname| server=%fd.sport upper=%toupper(proc.name))"
  priority: WARNING
  tags: [filesystem, T1003]
- rule: Any open
  desc: every open
  condition: open_read
  output: open of %fd.name
  priority: INFO
- rule: Outbound
  desc: a connection
  condition: evt.type = connect and fd.sip exists
  output: connect to %fd.sip:%fd.sport as %user.uid failed=%evt.failed ancestors=%proc.aname
  priority: NOTICE
"#;

fn load(text: &str) -> RuleSet {
    let source = Source { name: "test.yaml".to_owned(), text: text.to_owned() };
    match rule_language::load(&[source], fields::catalogue()) {
        Ok(loaded) => loaded.rule_set,
        Err(error) => {
            let messages: Vec<_> = error.diagnostics.iter().map(|diagnostic| &diagnostic.message).collect();
            panic!("{messages:#?}");
        }
    }
}

fn compile(text: &str) -> CompiledRuleSet {
    CompiledRuleSet::new(load(text), fields::catalogue()).expect("rules that were checked")
}

fn evaluate(rules: &CompiledRuleSet, view: &EventView<'_>, matching: Matching) -> Vec<RuleMatch> {
    let mut matches = Vec::new();
    rules.evaluate(view, matching, &mut matches);
    matches
}

fn names(rules: &CompiledRuleSet, matches: &[RuleMatch]) -> Vec<String> {
    matches.iter().map(|found| rules.source().rules[found.rule].name.clone()).collect()
}

/// Scenario: a rules file with lists and macros, and an open of a sensitive file. Guarantees: the first enabled rule in
/// load order matches, with its message and typed values.
#[test]
fn an_open_matches_the_first_rule() {
    let (rules, event, host) = (compile(RULES), open(b"/etc/shadow"), host());
    let matches = evaluate(&rules, &view(&event, &host), Matching::First);
    assert_eq!(names(&rules, &matches), ["Read sensitive file"]);
    let found = &matches[0];
    assert_eq!(found.message, "cat (30) read /etc/shadow (parent=bash    | server=<NA> upper=CAT)");
    assert_eq!((found.truth, found.is_held_back), (Truth::True, false));
    assert_eq!(found.output_fields["proc.pid"], Some(Value::Int(30)));
    assert_eq!(found.output_fields["fd.sport"], None);
    let time = to_alert_value(found.output_fields["evt.time"].as_ref());
    assert_eq!(time.kind, Some(alert::value::Kind::TimeNs(1_700_000_000_000_000_005)));
    assert!(found.unknown_fields.is_empty());
}

/// Scenario: the same event where all rules count, and one that only the last but one fits. Guarantees: load order,
/// disabled rules left out, nothing for other types.
#[test]
fn all_matches_come_in_load_order() {
    let (rules, host) = (compile(RULES), host());
    let all = |event: &Event| names(&rules, &evaluate(&rules, &view(event, &host), Matching::All));
    assert_eq!(all(&open(b"/etc/shadow")), ["Read sensitive file", "Any open"]);
    assert_eq!(all(&open(b"/etc/motd")), ["Any open"]);
    assert_eq!(all(&connect()), ["Outbound"]);
}

/// Scenario: values of all types in an output. Guarantees: each has its own type in the alert.
#[test]
fn values_keep_their_types() {
    let (rules, event, host) = (compile(RULES), connect(), host());
    let matches = evaluate(&rules, &view(&event, &host), Matching::First);
    let found = &matches[0];
    assert_eq!(found.message, "connect to 192.168.7.9:443 as 1000 failed=false ancestors=bash systemd");
    let kind = |name: &str| to_alert_value(found.output_fields[name].as_ref()).kind;
    use alert::value::Kind;
    assert_eq!(kind("fd.sip"), Some(Kind::Text("192.168.7.9".to_owned())));
    assert_eq!(kind("fd.sport"), Some(Kind::Uint(443)));
    assert_eq!(kind("evt.failed"), Some(Kind::Bool(false)));
    assert_eq!(kind("proc.aname"), Some(Kind::Text("bash systemd".to_owned())));
    assert_eq!(to_alert_value(None).kind, None);
    assert_eq!(to_alert_value(Some(&Value::bytes(&b"\xff"[..]))).kind, Some(Kind::Raw(vec![0xff])));
    let list = to_alert_value(Some(&Value::List(vec![Value::Int(-1), Value::Double(0.5)]))).kind;
    let Some(Kind::List(list)) = list else { panic!("{list:?}") };
    assert_eq!(list.values.len(), 2);
}

/// Scenario: a file name with control characters and bytes that are not UTF-8. Guarantees: the message shows neither,
/// the value has the bytes.
#[test]
fn messages_are_sanitised_and_values_are_not() {
    let rules = compile(RULES);
    let (event, host) = (open(b"/tmp/\x1b[2J\xff"), host());
    let matches = evaluate(&rules, &view(&event, &host), Matching::First);
    assert_eq!(matches[0].message, "open of /tmp/\\u001b[2J\u{fffd}");
    assert_eq!(matches[0].output_fields["fd.name"], Some(Value::bytes(&b"/tmp/\x1b[2J\xff"[..])));
}

const UNKNOWN: &str = r#"
- rule: Needs an image
  desc: hangs on metadata
  condition: evt.type = openat and container.image.repository = nginx
  output: image %container.image.repository
  priority: ERROR
- rule: Certain
  desc: does not
  condition: evt.type = openat
  output: open by %proc.name in %container.name
  priority: INFO
- rule: Later
  desc: is not reached
  condition: evt.type = openat
  output: later
  priority: INFO
"#;

/// Scenario: a rule that hangs on metadata before one that does not. Guarantees: under first-match the later one is held
/// back and ends the search; where all count, or where nothing is unknown, nothing is held back.
#[test]
fn an_unknown_rule_holds_back_later_matches_of_the_event() {
    let (rules, event) = (compile(UNKNOWN), open(b"/x"));
    let in_container = host_with_container();
    let matches = evaluate(&rules, &view(&event, &in_container), Matching::First);
    assert_eq!(names(&rules, &matches), ["Needs an image", "Certain"]);
    assert_eq!((matches[0].truth, matches[0].is_held_back), (Truth::Unknown, false));
    assert_eq!(matches[0].unknown_fields, ["container.image.repository"]);
    assert_eq!(matches[0].message, "image <NA>");
    assert_eq!((matches[1].truth, matches[1].is_held_back), (Truth::True, true));
    assert_eq!(matches[1].unknown_fields, ["container.name"]);
    let all = evaluate(&rules, &view(&event, &in_container), Matching::All);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|found| !found.is_held_back));
    let on_host = host();
    let certain = evaluate(&rules, &view(&event, &on_host), Matching::First);
    assert_eq!(names(&rules, &certain), ["Certain"]);
    assert!(!certain[0].is_held_back);
}

/// Scenario: an event that the capture plan's filters marked, one of another source, an empty one. Guarantees: no match.
#[test]
fn what_must_raise_no_alert_raises_none() {
    let (rules, host) = (compile(RULES), host());
    let marked = Event { is_filter_marked: true, ..open(b"/etc/shadow") };
    assert!(evaluate(&rules, &view(&marked, &host), Matching::All).is_empty());
    let event = open(b"/etc/shadow");
    let elsewhere = EventView { source: "k8s_audit", ..view(&event, &host) };
    assert!(evaluate(&rules, &elsewhere, Matching::All).is_empty());
    assert!(evaluate(&rules, &view(&Event::default(), &host), Matching::All).is_empty());
}

/// Scenario: events that filters marked: one that rules match, one on which a rule is unknown, one that none needs.
/// Guarantees: the rules that needed them are told, every one and whether it is certain; nothing matches.
#[test]
fn rules_that_needed_a_marked_event_are_told() {
    let rules = RULES.to_owned()
        + "
- rule: In nginx
  desc: what metadata has to say
  condition: evt.type = openat and container.image.repository endswith nginx
  output: o
  priority: INFO
";
    let rules = compile(&rules);
    let needed = |event: Event, host: &HostModel| {
        let marked = Event { is_filter_marked: true, ..event };
        let view = EventView { container: ContainerView::Unknown, ..view(&marked, host) };
        let name = |(place, truth): (usize, Truth)| (rules.source().rules[place].name.clone(), truth);
        rules.violations(&view).into_iter().map(name).collect::<Vec<_>>()
    };
    let told = needed(open(b"/etc/shadow"), &host_with_container());
    let told: Vec<_> = told.iter().map(|(name, truth)| (name.as_str(), *truth)).collect();
    assert_eq!(
        told,
        [("Read sensitive file", Truth::True), ("Any open", Truth::True), ("In nginx", Truth::Unknown)]
    );
    assert!(needed(Event::default(), &host()).is_empty());
}

/// Scenario: rule sets with and without a rule for every event. Guarantees: what has to be captured, disabled rules left
/// out.
#[test]
fn the_capture_plan_needs_what_enabled_rules_name() {
    let needed = event_types_needed(&load(RULES));
    assert_eq!(needed.into_iter().collect::<Vec<_>>(), ["connect", "open", "openat"]);
    let everything = "- {rule: All, desc: d, condition: proc.name = x, output: o, priority: INFO}";
    let needed = event_types_needed(&load(everything));
    assert!(needed.len() > 300 && needed.contains("ptrace"));
    let rules = compile("- {rule: All, desc: d, condition: proc.name = cat, output: o, priority: INFO}");
    let (event, host) = (open(b"/x"), host());
    assert_eq!(evaluate(&rules, &view(&event, &host), Matching::First).len(), 1);
}

/// Scenario: a rule for every event between rules for some. Guarantees: load order decides in every type's list.
#[test]
fn a_rule_for_every_event_keeps_its_place() {
    let rule = |name, condition| {
        format!("- {{rule: {name}, desc: d, condition: {condition}, output: o, priority: INFO}}\n")
    };
    let text = [rule("A", "evt.type = openat"), rule("B", "proc.name = cat"), rule("C", "evt.type = openat")]
        .concat();
    let (rules, event, host) = (compile(&text), open(b"/x"), host());
    assert_eq!(names(&rules, &evaluate(&rules, &view(&event, &host), Matching::All)), ["A", "B", "C"]);
}

/// A rule on files of /etc but those of /etc/public, with and without the kernel's names.
fn on_etc(match_resolved: bool) -> CompiledRuleSet {
    compile(&format!(
        "- rule: etc\n  desc: d\n  condition: evt.type = openat and fd.name startswith /etc/ and not fd.name startswith /etc/public/\n  \
         output: '%fd.name reached %fd.resolved'\n  priority: INFO\n  match_resolved: {match_resolved}\n"
    ))
}

/// An open of one path that reaches another.
fn open_through(requested: &str, reached: &str) -> Event {
    let mut event = open(requested.as_bytes());
    if let Some(Kind::Open(Open { path: Some(path), .. })) = &mut event.kind {
        path.resolved = reached.into();
    }
    event
}

/// Scenario: links from outside into what a rule watches, from what it excludes to what it watches, from what it watches to
/// what it excludes, and plain opens. Guarantees: a rule that wants it matches by either name; an exclusion is no way round
/// it, and excludes nothing more than it did; one that does not want it sees the names that were asked for alone. The
/// message has those, too.
#[test]
fn rules_match_by_the_kernels_names_if_they_want_it() {
    let host = host();
    for (requested, reached, by_name, by_either) in [
        ("/etc/passwd", "/etc/passwd", true, true),
        ("/tmp/link", "/etc/shadow", false, true),
        ("/etc/public/link", "/etc/shadow", false, true),
        ("/etc/link", "/etc/public/readme", true, true),
        ("/etc/public/readme", "/etc/public/readme", false, false),
        ("/etc/public/link", "/etc/public/readme", false, false),
        ("/tmp/link", "/etc/public/readme", false, false),
        ("/etc/public/link", "/srv/x", false, false),
        ("/tmp/x", "", false, false),
    ] {
        let event = open_through(requested, reached);
        let matches = |wants| evaluate(&on_etc(wants), &view(&event, &host), Matching::All);
        let found = [false, true].map(|wants| !matches(wants).is_empty());
        assert_eq!(found, [by_name, by_either], "{requested} {reached}");
        if by_either {
            assert_eq!(matches(true)[0].message.split(' ').next(), Some(requested));
        }
    }
}

/// Scenario: a link in a container of which the image is still to be told, with a rule on file and image. Guarantees: by the
/// kernel's name the match waits, and what is left of it decides as the image does.
#[test]
fn a_match_by_the_kernels_name_can_wait() {
    let rules = compile(
        "- rule: etc\n  desc: d\n  condition: evt.type = openat and fd.name startswith /etc/ and container.image.repository = web\n  \
         output: o\n  priority: INFO\n  match_resolved: true\n",
    );
    let (event, host) = (open_through("/tmp/link", "/etc/shadow"), host_with_container());
    let waiting = EventView { container: ContainerView::Unknown, ..view(&event, &host) };
    let found = evaluate(&rules, &waiting, Matching::All);
    assert_eq!((found.len(), found[0].truth), (1, Truth::Unknown));
    let residual = found[0].residual.as_ref().expect("something is left");
    for (repository, expected) in [("web", Truth::True), ("db", Truth::False)] {
        let image = Some(Image { repository: repository.to_owned(), ..Image::default() });
        let container =
            Container { image, completeness: Completeness::Complete.into(), ..Container::default() };
        let told = EventView { container: ContainerView::Known(&container), ..view(&event, &host) };
        assert_eq!(residual.truth(&told, &mut Vec::new()), expected, "{repository}");
    }
}
