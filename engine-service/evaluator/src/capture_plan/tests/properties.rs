//! Whatever a rule may hold on is let through.

use std::cell::Cell;

use eyrie_proto::{
    capture::{CallFilter, CallPlan},
    event::Event,
};
use fields::EventView;
use host_model::HostModel;
use proptest::{collection::vec, prelude::*, strategy::ValueTree as _, test_runner::TestCaseError};
use prost::Message as _;
use rule_language::{Catalogue as _, condition::Expr};

use super::{
    super::{
        RulePlans, admission, admits,
        derive::{self, Calls},
        filter::{are_one, both, either, implies},
        path_test::Preference,
    },
    conditions, events, load, rule,
};
use crate::{
    CompiledCondition, CompiledRuleSet, Matching, Truth,
    fixture::{host, host_with_container, view},
};

/// Events per condition.
const EVENTS: usize = 24;

/// The condition, if what was put together is one.
fn checked(condition: &str) -> Option<Expr> {
    rule_language::compile_condition(condition, fields::catalogue()).ok()
}

fn hosts() -> [HostModel; 2] {
    [host(), host_with_container()]
}

/// Whether the condition is true or unknown of an event, by the names asked for or the kernel's.
fn may_hold(condition: &CompiledCondition, view: &EventView<'_>, is_match_resolved: bool) -> bool {
    let may_hold = |view: &EventView<'_>| condition.evaluate(view, &mut Vec::new()) != Truth::False;
    may_hold(view) || (is_match_resolved && view.resolved().is_some_and(|resolved| may_hold(&resolved)))
}

/// Fails if the condition may hold on an event that its filters do not let through.
fn let_through(condition: &str, events: &[Event]) -> Result<(), TestCaseError> {
    let Some(expr) = checked(condition) else { return Ok(()) };
    let compiled = CompiledCondition::new(fields::catalogue(), &expr).unwrap();
    for host in hosts() {
        for event in events {
            let view = view(event, &host);
            let event_type = fields::event_type(event, view.architecture).unwrap();
            let narrow = Preference::Narrow;
            for (is_match_resolved, preference) in
                [(false, narrow), (true, narrow), (false, Preference::FewParts)]
            {
                if !may_hold(&compiled, &view, is_match_resolved) {
                    continue;
                }
                let need = derive::need(&expr, false, Calls { event_type, is_match_resolved, preference });
                prop_assert!(!need.is_impossible(), "{condition}\nnever on {event_type}: {event:?}");
                let filters = need.into_filters();
                prop_assert!(
                    admits(&filters, &view),
                    "{condition}\n{filters:#?}\ndo not let through {event_type} {event:?}"
                );
            }
        }
    }
    Ok(())
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(1_500))]

    /// Scenario: one comparison of any kind, negated or not, and events of all kinds with hostile paths, odd addresses, failures and missing
    /// parts. Guarantees: if it may hold on an event, its filters let the event through.
    #[test]
    fn comparisons_are_over_approximated(
        leaf in conditions::leaf(), is_negated: bool, events in vec(events::arbitrary(), EVENTS)
    ) {
        let_through(&if is_negated { format!("not {leaf}") } else { leaf }, &events)?;
    }

    /// Scenario: one comparison of a path, and calls with paths. Guarantees: the same, where more is derived than of other fields.
    #[test]
    fn comparisons_of_paths_are_over_approximated(
        leaf in conditions::path_leaf(), events in vec(events::with_paths(), 4 * EVENTS)
    ) {
        let_through(&leaf, &events)?;
    }

    /// Scenario: conditions of many comparisons, nested. Guarantees: the same.
    #[test]
    fn conditions_are_over_approximated(
        condition in conditions::arbitrary(), events in vec(events::arbitrary(), EVENTS)
    ) {
        let_through(&condition, &events)?;
    }

    /// Scenario: conditions with more alternatives than are kept. Guarantees: the same, and no more than the bound.
    #[test]
    fn too_many_alternatives_are_over_approximated(
        condition in conditions::wide(), events in vec(events::arbitrary(), EVENTS)
    ) {
        let_through(&condition, &events)?;
        if let Some(expr) = checked(&condition) {
            for event_type in ["openat", "connect", "renameat2"] {
                let calls = Calls { event_type, is_match_resolved: false, preference: Preference::Narrow };
                let filters = derive::need(&expr, false, calls).into_filters();
                prop_assert!(filters.len() <= super::super::need::MAX_ALTERNATIVES);
            }
        }
    }

    /// Scenario: pairs of filters, and events. Guarantees: what follows from one or both of them lets through what they do; what stands for
    /// either lets through that and no more.
    #[test]
    fn logic_of_filters_is_sound(
        conditions in [conditions::arbitrary(), conditions::arbitrary()], events in vec(events::arbitrary(), EVENTS)
    ) {
        let host = host_with_container();
        for event in &events {
            let view = view(event, &host);
            let event_type = fields::event_type(event, view.architecture).unwrap();
            let filters_of = |condition: &String| {
                let calls = Calls { event_type, is_match_resolved: false, preference: Preference::Narrow };
                checked(condition).map(|expr| derive::need(&expr, false, calls).into_filters()).unwrap_or_default()
            };
            let passes = |filter: &CallFilter| admission::passes(filter, &view);
            for first in &filters_of(&conditions[0]) {
                for second in &filters_of(&conditions[1]) {
                    let (own, other) = (passes(first), passes(second));
                    prop_assert!(!(own && implies(first, second)) || other, "{first:?}\n{second:?}");
                    prop_assert!(!(own || other) || passes(&either(first.clone(), second)), "{first:?}\n{second:?}");
                    if are_one(first, second) {
                        let one = either(first.clone(), second);
                        prop_assert_eq!(passes(&one), own || other, "{:?}\n{:?}", first, second);
                    }
                    if let Some(both) = both(first, second, Preference::Narrow) {
                        prop_assert!(!(own && other) || passes(&both), "{first:?}\n{second:?}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(150))]

    /// Scenario: sets of rules, some with match_resolved, and events. Guarantees: what a rule matches is let through by what it needs
    /// itself, and what that lets through, all rules together do; plans are the same when they have been sent.
    #[test]
    fn plans_let_through_what_rules_match(
        conditions in vec(conditions::arbitrary(), 1..6), events in vec(events::arbitrary(), EVENTS), resolved: [bool; 6]
    ) {
        let conditions: Vec<_> = conditions.into_iter().filter(|text| checked(text).is_some()).collect();
        let text: String = conditions
            .iter()
            .zip(resolved)
            .enumerate()
            .map(|(number, (condition, resolved))| {
                rule(&format!("r{number}"), condition, &format!("  match_resolved: {resolved}\n"))
            })
            .collect();
        if text.is_empty() {
            return Ok(());
        }
        let rules = load(text);
        let plans = RulePlans::new(&rules);
        let calls = plans.calls();
        let compiled = CompiledRuleSet::new(rules, fields::catalogue()).unwrap();
        let host = host_with_container();
        for event in &events {
            let view = view(event, &host);
            let event_type = fields::event_type(event, view.architecture).unwrap();
            let call = calls.iter().find(|call| call.event_type == event_type);
            let mut matches = Vec::new();
            compiled.evaluate(&view, Matching::All, &mut matches);
            for found in matches {
                let name = &compiled.source().rules[found.rule].name;
                let plan = plans.rules().iter().find(|plan| plan.rule == *name).unwrap();
                let own = plan.calls.iter().find(|call| call.event_type == event_type);
                prop_assert!(own.is_some_and(|own| admits(&own.any_of, &view)), "{name} on {event:?}");
            }
            let of_one = plans.rules().iter().flat_map(|plan| &plan.calls);
            let mut of_one = of_one.filter(|own| own.event_type == event_type);
            if of_one.any(|own| admits(&own.any_of, &view)) {
                prop_assert!(call.is_some_and(|call| admits(&call.any_of, &view)), "{calls:#?}\n{event:?}");
            }
        }
        for call in calls {
            prop_assert_eq!(&CallPlan::decode(&*call.encode_to_vec()).unwrap(), &call);
        }
    }
}

/// Scenario: each field that there is, with and without an argument, compared with an empty list, and events of which metadata is not known yet.
/// Guarantees: only what the interpreter says is false asks for nothing.
#[test]
fn empty_lists_are_false_where_nothing_is_asked_for() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let events = vec(events::arbitrary(), 4 * EVENTS).new_tree(&mut runner).unwrap().current();
    let mut count = 0;
    for info in fields::catalogue().fields() {
        for comparison in ["in ()", "pmatch ()", "intersects ()", "contains allof ()"] {
            for argument in ["", "[1]", ".name"] {
                let condition = format!("{}{argument} {comparison}", info.name);
                count += u32::from(checked(&condition).is_some());
                let_through(&condition, &events).unwrap();
                let_through(&format!("not {condition}"), &events).unwrap();
            }
        }
    }
    assert!(count > 500, "{count} conditions");
}

/// Scenario: the same conditions and events as above. Guarantees: filters are not all empty: of the events on which a condition does not
/// hold, many are left out, and of those that it may hold on there are enough to tell.
#[test]
fn filters_leave_out_much() {
    let (left_out, held) = (Cell::new(0), Cell::new(0));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let host = host_with_container();
    for _ in 0..400 {
        let strategy = (conditions::leaf(), vec(events::arbitrary(), EVENTS));
        let (condition, events) = strategy.new_tree(&mut runner).unwrap().current();
        let Some(expr) = checked(&condition) else { continue };
        let compiled = CompiledCondition::new(fields::catalogue(), &expr).unwrap();
        for event in &events {
            let view = view(event, &host);
            let event_type = fields::event_type(event, view.architecture).unwrap();
            let calls = Calls { event_type, is_match_resolved: false, preference: Preference::Narrow };
            let need = derive::need(&expr, false, calls);
            if need.is_impossible() {
                continue;
            }
            let filters = need.into_filters();
            left_out.set(left_out.get() + u32::from(!admits(&filters, &view)));
            let is_tested = !filters.is_empty() && may_hold(&compiled, &view, false);
            held.set(held.get() + u32::from(is_tested));
        }
    }
    assert!(left_out.get() > 300 && held.get() > 100, "{} left out, {} held", left_out.get(), held.get());
}
