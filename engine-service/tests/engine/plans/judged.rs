//! Which marked events are judged, and what is not asked for.

use super::*;

/// Two types that have no argument of this name, and one that has.
const IMPOSSIBLE: &str = "
- rule: Names
  desc: files by name
  condition: evt.type in (openat, mkdir, read) and evt.arg.name startswith /etc
  output: o
  priority: WARNING
- rule: Changes its groups
  desc: of a type that carries state
  condition: evt.type = prctl and proc.name = x
  output: o
  priority: WARNING
";

/// Scenario: an agent comes with the plan of an engine with other rules, and sends a marked event of that plan which a rule of
/// this engine matches; one of a plan that nobody has sent; then one of this engine's plan. Guarantees: only the last is a
/// fault, and only then the whole type is asked for.
#[tokio::test]
async fn plans_of_other_engines_are_not_judged() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, metrics) = start_narrow(directory.path(), PlanOptions::default()).await;
    let returning = Hello { plan_generation: 5, ..greeting() };
    let (mut agent, plan) = begin(&engine, returning).await;
    assert_eq!(plan.generation, 6);
    deliver(&mut agent, 1, vec![open(1, "/secret", 5, true), open(2, "/secret", 7, true)]).await;
    answer(&agent, &plan).await;
    deliver(&mut agent, 3, vec![switch(3, 6), open(4, "/secret", 6, true)]).await;
    assert_eq!(next_plan(&mut agent).await.generation, 7);
    covered(&engine, |row| !row.reasons.is_empty()).await;
    let listed = plans(&engine).await.remove(0);
    let violation = listed.violations.first().unwrap();
    assert_eq!((violation.count, violation.last_sequence, violation.last_generation), (1, 4, 6));
    let text = metrics.text().unwrap();
    let line = "eyrie_engine_filter_violations_total{reason=\"match\"} 1";
    assert!(text.lines().any(|found| found == line), "{text}");
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: a rule that names types on which it cannot hold, and one with conditions on a type that the model needs.
/// Guarantees: the former are not asked for unless there are no filters, the latter is asked for whole.
#[tokio::test]
async fn types_that_no_rule_can_hold_on_are_not_asked_for() {
    for has_filters in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let source = rule_language::Source { name: "r.yaml".into(), text: IMPOSSIBLE.into() };
        let evaluator = RuleEvaluator::compile(&[source], &RuleOptions::default()).unwrap().evaluator;
        let plans = PlanOptions { has_filters, ..PlanOptions::default() };
        let (engine, _metrics) = start(directory.path(), Arc::new(evaluator), plans).await;
        let (agent, plan) = begin(&engine, greeting()).await;
        let is_asked = |event_type: &str| plan.calls.iter().any(|call| call.event_type == event_type);
        assert_eq!(["openat", "mkdir", "read"].map(is_asked), [true, !has_filters, !has_filters]);
        assert_eq!(call(&plan, "openat").any_of.is_empty(), !has_filters);
        assert!(call(&plan, "prctl").any_of.is_empty());
        agent.leave_at_the_engines_end(engine).await;
    }
}
