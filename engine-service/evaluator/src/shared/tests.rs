//! Shared conditions against the plain interpreter.

use eyrie_proto::event::Event;
use fields::{ContainerView, EventView};
use host_model::HostModel;
use proptest::prelude::*;
use rule_language::{Source, condition::Expr};
use test_requirements::{Requirement, data_dir, requires};

use super::{Answers, Builder, NodeId, SharedConditions};
use crate::{
    CompiledCondition, Truth,
    fixture::{connect, host, host_with_container, open, view},
};

/// Comparisons of all kinds: true, false, without a value, still unknown, and mixed.
const CHECKS: [&str; 14] = [
    "proc.name = cat",
    "proc.name in (cat, dog)",
    "proc.name != val(proc.pname)",
    "proc.aname in (systemd, sshd)",
    "fd.name startswith /etc",
    "fd.name = /etc/shadow",
    "fd.sport = 443",
    "fd.sport exists",
    "tolower(proc.cmdline) contains shadow",
    "container.image.repository = web",
    "container.image.tag exists",
    "container.name = val(proc.name)",
    "proc.name = val(container.name)",
    "concat(proc.name, container.image.repository) = catweb",
];

fn checked(condition: &str) -> Expr {
    rule_language::compile_condition(condition, fields::catalogue())
        .unwrap_or_else(|error| panic!("{condition}: {}", error.message))
}

fn alone(condition: &Expr) -> CompiledCondition {
    CompiledCondition::new(fields::catalogue(), condition).expect("a condition that was checked")
}

fn shared(conditions: &[Expr]) -> (SharedConditions, Vec<NodeId>) {
    let mut builder = Builder::default();
    let ids = conditions
        .iter()
        .map(|condition| builder.add(fields::catalogue(), condition).expect("a condition that was checked"))
        .collect();
    (builder.build(), ids)
}

/// Both answers of every condition, in an order and as often as `order` says.
fn compare(conditions: &[Expr], order: &[usize], view: &EventView<'_>) {
    let plain: Vec<_> = conditions.iter().map(alone).collect();
    let (shared, ids) = shared(conditions);
    let mut answers = Answers::new(&shared, *view);
    for at in order.iter().map(|at| at % conditions.len()) {
        let (mut expected, mut told) = (Vec::new(), Vec::new());
        let truth = plain[at].evaluate(view, &mut expected);
        assert_eq!(answers.evaluate(ids[at], &mut told), truth, "{}", conditions[at]);
        assert_eq!(told, expected, "{}", conditions[at]);
    }
}

fn scenes() -> [(Event, HostModel, ContainerView<'static>); 4] {
    [
        (open(b"/etc/shadow"), host(), ContainerView::NotAsked),
        (open(b"/etc/shadow"), host_with_container(), ContainerView::Unknown),
        (open(b"/tmp/x"), host_with_container(), ContainerView::Absent),
        (connect(), host_with_container(), ContainerView::Unknown),
    ]
}

fn arbitrary_condition() -> impl Strategy<Value = Expr> {
    let check = prop::sample::select(&CHECKS[..]).prop_map(checked);
    check.prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts.clone().prop_map(Expr::And),
            parts.prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

proptest! {
    /// Scenario: conditions that are put together of few comparisons, so that they share much, some of which hang on what is unknown;
    /// asked in any order, some again. Guarantees: each answer and the names of what it hangs on are those of the plain
    /// interpreter, whatever was asked before.
    #[test]
    fn answers_are_those_of_the_plain_interpreter(
        conditions in prop::collection::vec(arbitrary_condition(), 1..8),
        order in prop::collection::vec(0_usize..8, 1..16),
    ) {
        for (event, host, container) in scenes() {
            let view = EventView { container, ..view(&event, &host) };
            compare(&conditions, &order, &view);
        }
    }
}

/// Scenario: the conditions of the stock rules on events that are in their reach. Guarantees: the same answers, with a value for more than ten
/// comparisons on average and many parts in common.
#[test]
fn stock_rules_answer_the_same() {
    requires!(Requirement::Data);
    let files = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"].map(|name| {
        let bytes =
            std::fs::read(data_dir().join("falco-rules").join(name)).expect("the stock file is there");
        Source::from_bytes(name, bytes).expect("the stock file is UTF-8")
    });
    let loaded = rule_language::load(&files, fields::catalogue()).expect("the stock files load");
    let conditions: Vec<_> = loaded.rule_set.rules.into_iter().map(|rule| rule.condition).collect();
    let order: Vec<_> = (0..conditions.len()).collect();
    for (event, host, container) in scenes() {
        let view = EventView { container, ..view(&event, &host) };
        compare(&conditions, &order, &view);
    }
    let checks: usize = conditions.iter().map(count_checks).sum();
    let (shared, _) = shared(&conditions);
    assert!(
        shared.operands.len() * 10 < checks,
        "{} operands in {checks} comparisons",
        shared.operands.len()
    );
    assert!(shared.shared_nodes * 10 > checks, "{} parts are shared", shared.shared_nodes);
}

fn count_checks(condition: &Expr) -> usize {
    match condition {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().map(count_checks).sum(),
        Expr::Not(part) => count_checks(part),
        Expr::Check(_) => 1,
    }
}

/// Scenario: one comparison in three conditions, and a value in two comparisons. Guarantees: they are one node and one operand,
/// answered and extracted once.
#[test]
fn what_is_the_same_is_one() {
    let conditions =
        ["proc.name = cat", "not proc.name = cat", "proc.name = cat and proc.name != dog"].map(checked);
    let (shared, ids) = shared(&conditions);
    assert_eq!((shared.nodes.len(), shared.operands.len()), (4, 1));
    let (event, host) = (open(b"/etc/shadow"), host());
    let mut answers = Answers::new(&shared, view(&event, &host));
    let truths: Vec<_> = ids.iter().map(|id| answers.evaluate(*id, &mut Vec::new())).collect();
    assert_eq!(truths, [Truth::True, Truth::False, Truth::True]);
    assert_eq!(answers.values.len(), 1);
}
