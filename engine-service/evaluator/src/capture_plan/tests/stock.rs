//! Falco's stock rules.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
};

use eyrie_proto::capture::{CallFilter, CallPlan, ContainerScope, NetworkEnd, path_filter::Kind};
use rule_language::{RuleSet, Source};
use test_requirements::{Requirement, data_dir, requires};

use super::{super::RulePlans, path};
use crate::filter_text;

const FILES: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

/// Event types of which every call is needed, with the first rule that forces it, and which part of its condition.
const FORCED: &[(&str, &str, &str)] = &[
    ("execve", "Run shell untrusted", "proc.name in"),
    ("execveat", "Run shell untrusted", "proc.name in"),
    ("setns", "Change thread namespace", "not proc.name in"),
    ("symlink", "Create Symlink Over Sensitive Files", "evt.arg.target in"),
    ("symlinkat", "Create Symlink Over Sensitive Files", "evt.arg.target in"),
    (
        "userfaultfd",
        "Unprivileged Delegation of Page Faults Handling to a Userspace Process",
        "user.uid != 0",
    ),
];

fn stock(files: &[&str]) -> RuleSet {
    let source = |name: &&str| {
        let bytes = fs::read(data_dir().join("falco-rules").join(name)).expect("the stock file is there");
        Source::from_bytes(*name, bytes).expect("the stock file is UTF-8")
    };
    let sources: Vec<_> = files.iter().map(source).collect();
    rule_language::load(&sources, fields::catalogue()).expect("the stock files load").rule_set
}

fn calls(files: &[&str]) -> BTreeMap<String, CallPlan> {
    let calls = RulePlans::new(&stock(files)).calls();
    calls.into_iter().map(|call| (call.event_type.clone(), call)).collect()
}

/// Scenario: all stock rules. Guarantees: these event types and no others are needed whole, for these rules and parts of them: a change of
/// what can be derived is seen here.
#[test]
fn these_event_types_are_forced() {
    requires!(Requirement::Data);
    let plans = RulePlans::new(&stock(&FILES));
    let forced: Vec<_> = plans.calls().into_iter().filter(|call| call.any_of.is_empty()).collect();
    let told: Vec<_> =
        forced.iter().map(|call| (call.event_type.as_str(), call.forced_by_rule.as_str())).collect();
    let expected: Vec<_> = FORCED.iter().map(|(event_type, rule, _)| (*event_type, *rule)).collect();
    assert_eq!(told, expected);
    for (event_type, rule, clause) in FORCED {
        let plan = plans.rules().iter().find(|plan| plan.rule == *rule).unwrap();
        let call = plan.calls.iter().find(|call| call.event_type == *event_type).unwrap();
        let why = call.forced.as_ref().unwrap();
        assert!(why.clause.starts_with(clause), "{event_type}: {why:?}");
    }
}

/// Scenario: all stock rules. Guarantees: of these calls the filters are those that a reader of the rules expects.
#[test]
fn calls_have_the_expected_filters() {
    requires!(Requirement::Data);
    let calls = calls(&FILES);
    let only = |event_type: &str| -> &CallFilter {
        let [filter] = &*calls[event_type].any_of else { panic!("{:#?}", calls[event_type]) };
        filter
    };
    let socket = only("socket");
    assert_eq!(socket.container_scope(), ContainerScope::Container);
    assert_eq!(socket.arguments[0].values, [17], "AF_PACKET");
    assert_eq!(only("ptrace").arguments[0].values, [0, 4, 5, 13, 16, 0x4205, 0x4206]);
    assert_eq!(only("bpf").arguments[0].values, [5]);
    assert_eq!(only("unshare").container_scope(), ContainerScope::Container);
    assert_eq!(only("dup2").results, [0, 1, 2]);
    assert_eq!(only("linkat").paths[0], path(Kind::Exact, "/etc/shadow"));
    let is_by_mode = |filter: &CallFilter| matches!(&*filter.arguments, [mode] if mode.index == 1);
    assert!(calls["chmod"].any_of.iter().all(is_by_mode));
    let outbound = &calls["connect"].any_of;
    let is_narrow = |filter: &CallFilter| {
        filter.socket_families == [2, 10]
            && (filter.container_scope() == ContainerScope::Container
                || filter
                    .outside_networks
                    .iter()
                    .any(|network| network.ip == [127, 0, 0, 0] && network.end() == NetworkEnd::Remote))
    };
    assert!(outbound.len() <= 4 && outbound.iter().all(is_narrow), "{outbound:#?}");
    for open in ["open", "openat", "openat2"] {
        let filters = &calls[open].any_of;
        let has_test = |filter: &CallFilter| {
            !filter.paths.is_empty() || filter.container_scope() == ContainerScope::Container
        };
        assert!(!filters.is_empty() && filters.iter().all(has_test), "{open}: {:#?}", in_words(filters));
    }
}

/// Scenario: all stock rules. Guarantees: no call's filters look for more different bytes in paths than programs have room for.
#[test]
fn few_bytes_are_looked_for_anywhere_in_paths() {
    requires!(Requirement::Data);
    for (event_type, call) in calls(&FILES) {
        let paths = call.any_of.iter().flat_map(|filter| &filter.paths);
        let parts: HashSet<_> = paths.filter(|path| matches!(path.kind, Some(Kind::Contains(_)))).collect();
        assert!(parts.len() <= 4, "{event_type}: {:#?}", in_words(&call.any_of));
    }
}

fn in_words(filters: &[CallFilter]) -> Vec<String> {
    filters.iter().map(|filter| format!("{:?}: {}", filter.rules, filter_text(filter))).collect()
}

/// Scenario: the stock rule on keys of SSH, which asks for bytes in the path and for a pattern. Guarantees: opens are tested for the bytes: that a path is
/// of somebody's home says less.
#[test]
fn keys_of_users_are_told_by_their_directory() {
    requires!(Requirement::Data);
    let plans = RulePlans::new(&stock(&FILES));
    let rule = plans.rules().iter().find(|plan| plan.rule == "Read ssh information").unwrap();
    let open = rule.calls.iter().find(|call| call.event_type == "openat").unwrap();
    let paths: Vec<_> = open.any_of.iter().flat_map(|filter| &filter.paths).collect();
    assert!(paths.contains(&&path(Kind::Contains, "/.ssh/")), "{:#?}", in_words(&open.any_of));
    assert!(!paths.contains(&&path(Kind::Prefix, "/home/")), "{:#?}", in_words(&open.any_of));
}

/// Scenario: the stock rules that count as stable. Guarantees: every open is tested by its path.
#[test]
fn stable_rules_test_the_paths_of_opens() {
    requires!(Requirement::Data);
    let calls = calls(&FILES[..1]);
    for open in ["open", "openat", "openat2"] {
        let filters = &calls[open].any_of;
        assert!(!filters.is_empty() && filters.iter().all(|filter| !filter.paths.is_empty()), "{filters:#?}");
    }
}
