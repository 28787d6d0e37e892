//! What coverage says of hosts in every condition.

use std::sync::Arc;

use eyrie_proto::{
    capture::{
        AgentInfo, CallFilter, CapturePlan, MissingAbility, PlanAnswer, UncapturedCall, UnresolvableName,
    },
    event::{HostBoot, Origin, SourceInstance},
};

use super::*;
use crate::plans::{Costs, KeptAnswer, PlanProgress, Violations, Violator};

const DIGEST: &str = "sha256:d";

fn call(event_type: &str, filters: usize) -> CallPlan {
    let filter =
        |number: usize| CallFilter { results: vec![i64::try_from(number).unwrap()], ..CallFilter::default() };
    CallPlan {
        event_type: event_type.to_owned(),
        any_of: (0..filters).map(filter).collect(),
        ..CallPlan::default()
    }
}

fn asked_calls() -> Vec<CallPlan> {
    vec![call("connect", 1), call("open", 2), call("openat", 2)]
}

fn rule(name: &str, types: &[&str]) -> RuleFacts {
    RuleFacts {
        name: name.to_owned(),
        is_enabled: true,
        source: "syscall".to_owned(),
        event_types: Some(types.iter().map(|name| (*name).to_owned()).collect()),
        ..RuleFacts::default()
    }
}

fn plan(generation: u64) -> CapturePlan {
    CapturePlan {
        generation,
        rule_set_digests: vec![DIGEST.to_owned()],
        calls: asked_calls(),
        ..CapturePlan::default()
    }
}

fn kept(answer: PlanAnswer) -> Option<Arc<KeptAnswer>> {
    Some(Arc::new(answer.into()))
}

fn answer_of(host: &mut HostPlan) -> &mut PlanAnswer {
    &mut Arc::make_mut(host.answer.as_mut().unwrap()).answer
}

/// A host that carries out plan 3 just as it was asked to.
fn covered() -> HostPlan {
    let mut progress = PlanProgress::default();
    progress.sent(&plan(3));
    progress.answered(3, true);
    progress.seen(3, 77);
    let boot = HostBoot { machine_id: "m".to_owned(), boot_id: "b".to_owned() };
    HostPlan {
        origin: Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) },
        agent: AgentInfo { hostname: "h1".to_owned(), ..AgentInfo::default() },
        is_connected: true,
        connected_since_ns: 5,
        answer: kept(PlanAnswer { generation: 3, effective: Some(plan(3)), ..PlanAnswer::default() }),
        progress,
        violations: Violations::default(),
        costs: Costs::default(),
    }
}

fn of(host: &HostPlan, rule: &RuleFacts) -> ListCoverageResponse {
    let calls = asked_calls();
    let asked = Asked::new(&calls, DIGEST);
    HostCoverage::new(host, &asked).of(rule)
}

/// Scenario: a host that carries out its plan. Guarantees: a rule is active since the plan's first record, from that
/// generation, and there is nothing to add.
#[test]
fn a_covered_rule_has_no_reasons() {
    let row = of(&covered(), &rule("R", &["open", "openat"]));
    assert_eq!((row.is_active, row.active_since_ns, row.plan_generation), (true, 77, 3));
    assert!(row.reasons.is_empty() && row.notes.is_empty(), "{row:?}");
    assert_eq!((&*row.digest, &*row.hostname), (DIGEST, "h1"));
}

/// Scenario: hosts that are away, have not answered, have answered and sent nothing, have refused, carry out another plan.
/// Guarantees: no rule is active, and the reason is that.
#[test]
fn what_keeps_all_rules_from_being_active_is_told() {
    let fresh = || {
        let mut progress = PlanProgress::default();
        progress.sent(&plan(4));
        HostPlan { progress, answer: None, ..covered() }
    };
    let mut accepted = fresh();
    accepted.progress.answered(4, true);
    let mut refused = fresh();
    refused.progress.answered(4, false);
    refused.answer = kept(PlanAnswer { generation: 4, failure: "too much".into(), ..PlanAnswer::default() });
    let foreign = HostPlan { progress: PlanProgress::default(), answer: None, ..covered() };
    for (host, reason) in [
        (HostPlan { is_connected: false, ..covered() }, "the host is not connected"),
        (fresh(), "the agent has not answered plan 4 yet"),
        (accepted, "no record of plan 4 has come yet"),
        (refused, "the agent refused plan 4: too much"),
        (foreign, "the agent carries out no plan that has these rules"),
    ] {
        let row = of(&host, &rule("R", &["open"]));
        assert!(!row.is_active && row.active_since_ns == 0, "{row:?}");
        assert_eq!(row.reasons.first().map(String::as_str), Some(reason), "{row:?}");
    }
}

/// Scenario: the host cannot record one of a rule's two event types, and then neither. Guarantees: with one it is active and
/// says what it cannot see; with none it is not active.
#[test]
fn what_is_not_captured_is_told() {
    let mut host = covered();
    let uncaptured =
        |event_type: &str| UncapturedCall { event_type: event_type.into(), reason: "over budget".into() };
    answer_of(&mut host).uncaptured = vec![uncaptured("openat")];
    let row = of(&host, &rule("R", &["open", "openat"]));
    assert_eq!((row.is_active, row.reasons), (true, vec!["openat: over budget".to_owned()]));
    assert!(of(&host, &rule("Other", &["connect"])).reasons.is_empty());
    answer_of(&mut host).uncaptured.push(uncaptured("open"));
    let row = of(&host, &rule("R", &["open", "openat"]));
    assert_eq!((row.is_active, row.reasons), (false, vec!["open, openat: over budget".to_owned()]));
}

/// Scenario: an agent whose answer has not a word of one type, tests conditions on a type of which it was asked for everything,
/// and leaves out a condition of a third. Guarantees: the first two are gaps; the third is told.
#[test]
fn silence_is_no_promise() {
    let mut host = covered();
    answer_of(&mut host).effective.as_mut().unwrap().calls = vec![call("openat", 1), call("connect", 1)];
    let row = of(&host, &rule("R", &["open"]));
    assert_eq!(
        (row.is_active, row.reasons),
        (false, vec!["open: the agent does not say that it records it".to_owned()])
    );
    let row = of(&host, &rule("R", &["openat"]));
    assert!(row.is_active && row.reasons.is_empty(), "{row:?}");
    assert!(
        row.notes.concat().starts_with("openat: conditions that were asked for are not among"),
        "{row:?}"
    );
    let whole = [call("connect", 0)];
    let row = HostCoverage::new(&host, &Asked::new(&whole, DIGEST)).of(&rule("R", &["connect"]));
    assert_eq!(
        (row.is_active, row.reasons),
        (false, vec!["connect: the agent records only some of it".to_owned()])
    );
}

/// Scenario: an answer that was too large to be kept. Guarantees: the rule is active, and that is noted.
#[test]
fn an_answer_that_was_cut_is_noted() {
    let mut host = covered();
    host.answer = Some(Arc::new(KeptAnswer { is_effective_cut: true, ..KeptAnswer::default() }));
    let row = of(&host, &rule("R", &["open"]));
    assert!(row.is_active && row.reasons.is_empty(), "{row:?}");
    assert_eq!(row.notes, ["what the agent says it records was too much to be kept"]);
}

/// Scenario: an agent whose conditions on two types were too many to be told, of one of which it was asked for every call. Guarantees: that is noted of
/// the first, and does not count as every call; the other is a gap.
#[test]
fn conditions_that_are_not_told_are_noted() {
    let mut host = covered();
    let cut = |event_type: &str| CallPlan { is_cut: true, ..call(event_type, 0) };
    answer_of(&mut host).effective.as_mut().unwrap().calls =
        vec![cut("connect"), cut("open"), call("openat", 2)];
    let row = of(&host, &rule("R", &["open", "openat"]));
    assert!(row.is_active && row.reasons.is_empty(), "{row:?}");
    assert_eq!(row.notes, ["open: the conditions that are tested are too many for the agent to tell"]);
    let whole = [call("connect", 0)];
    let row = HostCoverage::new(&host, &Asked::new(&whole, DIGEST)).of(&rule("R", &["connect"]));
    assert_eq!(row.reasons, ["connect: the agent records only some of it"]);
}

/// Scenario: an agent without an ability, a name that it does not resolve, a filter that kept back what a rule needed, on a
/// host that records more than it was asked for. Guarantees: the first three are reasons where they belong; the last is a
/// note and no gap.
#[test]
fn gaps_and_notes_are_told_apart() {
    let mut host = covered();
    host.agent.missing_abilities = vec![MissingAbility {
        name: "iter".into(),
        reason: "old kernel".into(),
        consequence: "no snapshot".into(),
    }];
    let answer = answer_of(&mut host);
    answer.unresolvable_names = vec![UnresolvableName { name: "a.test".into(), reason: "too long".into() }];
    let mut wider = call("openat", 1);
    wider.any_of[0].results = vec![0, 1];
    let effective = answer.effective.as_mut().unwrap();
    effective.calls = vec![call("connect", 1), call("open", 0), wider];
    host.violations.add(&Violator {
        rule: "R".into(),
        is_certain: true,
        event_type: "open",
        sequence: 9,
        generation: 3,
    });
    let named = RuleFacts { host_names: ["a.test".to_owned()].into(), ..rule("R", &["open", "openat"]) };
    let row = of(&host, &named);
    assert!(row.is_active);
    let reasons = row.reasons.join("\n");
    for part in [
        "the agent lacks iter: no snapshot (old kernel)",
        "number 9 under plan 3",
        "the name a.test is not resolved",
    ] {
        assert!(reasons.contains(part), "{reasons}");
    }
    assert_eq!(row.notes, ["open: every call is recorded", "openat: more is recorded than was asked for"]);
    let other = of(&host, &rule("Other", &["connect"]));
    assert_eq!((other.reasons.len(), other.notes.len()), (1, 0), "{other:?}");
}

/// Scenario: an agent that lacks programs for control groups, for the starts of connects, for its snapshot, and something that is not known here; a
/// rule on containers, one on connects, one on any type, and one on neither. Guarantees: each has those gaps that make it see less.
#[test]
fn what_an_agent_lacks_is_a_gap_of_who_needs_it() {
    let mut host = covered();
    let lacking = |name: &str| MissingAbility { name: name.into(), ..MissingAbility::default() };
    host.agent.missing_abilities =
        ["cgroup_scan", "connect_start", "task_snapshot", "anything"].map(lacking).to_vec();
    let gaps = |rule: &RuleFacts| {
        let row = of(&host, rule);
        assert!(row.is_active);
        let name = |reason: &String| reason.split([' ', ':']).nth(3).unwrap().to_owned();
        row.reasons.iter().map(name).collect::<Vec<_>>()
    };
    let of_containers = RuleFacts { asks_of_containers: true, ..rule("C", &["open"]) };
    assert_eq!(gaps(&of_containers), ["cgroup_scan", "anything"]);
    assert_eq!(gaps(&rule("N", &["open", "connect"])), ["connect_start", "anything"]);
    assert_eq!(gaps(&RuleFacts { event_types: None, ..rule("A", &[]) }), ["connect_start", "anything"]);
    assert_eq!(gaps(&rule("O", &["open"])), ["anything"]);
}

/// Scenario: a rule that is off, a rule for another source, and an instance of that source. Guarantees: the first two are
/// not active on a host, and say why; the last needs no plan.
#[test]
fn sources_and_switches_are_heeded() {
    let off = RuleFacts { is_enabled: false, ..rule("Off", &["open"]) };
    assert_eq!(of(&covered(), &off).reasons, ["the rule is switched off"]);
    let audit = RuleFacts { source: "k8s_audit".to_owned(), ..rule("Audit", &["pluginevent"]) };
    let row = of(&covered(), &audit);
    assert!(!row.is_active && row.reasons.concat().contains("for events of k8s_audit"), "{row:?}");
    let instance = SourceInstance { source: "k8s_audit".to_owned(), instance: "c1".to_owned() };
    let origin = Origin { tenant: String::new(), kind: Some(origin::Kind::Source(instance)) };
    let source = HostPlan { origin, answer: None, progress: PlanProgress::default(), ..covered() };
    let row = of(&source, &audit);
    assert_eq!((row.is_active, row.active_since_ns, row.reasons.len()), (true, 5, 0), "{row:?}");
}
