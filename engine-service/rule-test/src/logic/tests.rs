//! The logic of leaves against the plain way: conditions that are changed and evaluated anew.

use evaluator::{CompiledCondition, Truth};
use proptest::prelude::*;
use rule_language::{Source, condition::Expr, load_with_leaves};

use super::Logic;
use crate::{
    fixture::{cases, rule, rules},
    play::{Changed, Checking, play},
};

fn logic(condition: &str) -> Logic {
    let source = Source { name: "r".to_owned(), text: rule("R", condition) };
    let (loaded, origins) = load_with_leaves(&[source], fields::catalogue()).unwrap();
    Logic::new(&loaded.rule_set.rules[0], &origins[0]).unwrap()
}

/// A condition over leaves that are numbered in their order, and what each of them says.
fn conditions() -> impl Strategy<Value = (String, Vec<bool>)> {
    let leaf = Just("proc.name = x".to_owned());
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        let joined = |word: &'static str, parts: Vec<String>| format!("({})", parts.join(word));
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(move |parts| joined(" and ", parts)),
            prop::collection::vec(inner.clone(), 2..4).prop_map(move |parts| joined(" or ", parts)),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    });
    tree.prop_flat_map(|condition| {
        let leaves = condition.matches("proc.name").count();
        (Just(condition), prop::collection::vec(any::<bool>(), leaves))
    })
}

proptest! {
    /// Scenario: any condition, whatever its leaves say. Guarantees: a leaf decides exactly if flipping it alone changes the outcome;
    /// flipping what is missing makes the condition hold; and flipping what a leaf needs makes it decide without saying what
    /// is neutral.
    #[test]
    fn leaves_decide_as_flipping_them_shows((condition, truths) in conditions()) {
        let logic = logic(&condition);
        prop_assert_eq!(logic.leaves.len(), truths.len());
        let flipped = |leaves: &[usize]| {
            let mut truths = truths.clone();
            leaves.iter().for_each(|leaf| truths[*leaf] = !truths[*leaf]);
            truths
        };
        let decisive = logic.decisive(&truths);
        for leaf in 0..truths.len() {
            prop_assert_eq!(decisive[leaf], logic.holds(&truths) != logic.holds(&flipped(&[leaf])));
            let after = flipped(&logic.to_make_decisive(leaf, &truths).unwrap());
            prop_assert!(logic.decisive(&after)[leaf]);
            prop_assert_ne!(after[leaf], logic.leaves[leaf].neutral);
        }
        prop_assert!(logic.holds(&flipped(&logic.missing(&truths))));
    }
}

/// Puts something in the place of one leaf, and takes the leaf out where it is nothing.
fn replaced(expr: &Expr, place: &mut usize, with: &dyn Fn(&Expr) -> Option<Expr>) -> Option<Expr> {
    let all = |parts: &[Expr], place: &mut usize| -> Vec<Expr> {
        parts.iter().filter_map(|part| replaced(part, place, with)).collect()
    };
    match expr {
        Expr::And(parts) => Some(all(parts, place)).filter(|parts| !parts.is_empty()).map(Expr::And),
        Expr::Or(parts) => Some(all(parts, place)).filter(|parts| !parts.is_empty()).map(Expr::Or),
        Expr::Not(part) => replaced(part, place, with).map(|part| Expr::Not(Box::new(part))),
        Expr::Check(_) => {
            let is_it = *place == 0;
            *place = place.wrapping_sub(1);
            if is_it { with(expr) } else { Some(expr.clone()) }
        }
    }
}

/// Scenario: a rule with every kind of node, on events of all outcomes; each of its leaves taken out of the condition, and put under
/// a `not`, and the condition compiled and evaluated anew. Guarantees: the outcome is the one that the leaves' own
/// truths give.
#[test]
fn mutants_are_what_changed_conditions_are() {
    let condition = "evt.type in (open, openat) and (fd.name startswith /etc or fd.name contains shadow or proc.name = x) \
        and not (proc.name = login or (user.uid = 0 and proc.tty != 0)) and not fd.name = /etc/passwd";
    let rules = rules(&rule("R", condition));
    let file = cases(
        "
cases:
  - name: c
    events:
      - {evt.type: openat, fd.name: /etc/shadow}
      - {evt.type: openat, fd.name: /srv/shadow}
      - {evt.type: openat, fd.name: /srv/x, proc.name: x}
      - {evt.type: openat, fd.name: /srv/x, proc.name: y}
      - {evt.type: openat, fd.name: /etc/passwd}
      - {evt.type: openat, fd.name: /etc/hosts, proc.name: login}
      - {evt.type: openat, fd.name: /etc/hosts, proc.name: y, user.uid: 0, proc.tty: 1}
      - {evt.type: read, fd.name: /etc/hosts, user.uid: 0, proc.tty: 0}
    expect: [R]
",
    );
    let logic = rules.logic(0).unwrap();
    let whole = &rules.rule(0).unwrap().condition;
    let mut compared = 0;
    play(&rules, &file.cases[0], Changed::default(), Checking::Strict, &mut |_, view| {
        let truths = logic.truths(view);
        let decisive = logic.decisive(&truths);
        let evaluate = |expr: &Expr| {
            CompiledCondition::new(fields::catalogue(), expr).unwrap().evaluate(view, &mut Vec::new())
                == Truth::True
        };
        assert_eq!(logic.holds(&truths), evaluate(whole));
        for (number, leaf) in logic.leaves.iter().enumerate() {
            let negated =
                replaced(whole, &mut { number }, &|leaf| Some(Expr::Not(Box::new(leaf.clone())))).unwrap();
            assert_eq!(evaluate(&negated), logic.holds(&truths) != decisive[number], "not {}", leaf.text);
            let deleted = replaced(whole, &mut { number }, &|_| None).unwrap();
            let changes = decisive[number] && truths[number] != leaf.neutral;
            assert_eq!(evaluate(&deleted), logic.holds(&truths) != changes, "without {}", leaf.text);
            compared += 2;
        }
        Ok(true)
    })
    .unwrap();
    assert_eq!(compared, 2 * 8 * logic.leaves.len());
}

/// Scenario: comparisons that say the same of every event. Guarantees: they are known, and leaving them out is no mutant.
#[test]
fn what_always_says_the_same_is_known() {
    let logic =
        logic("proc.name = x and not evt.num = 0 and evt.num >= 1 and not proc.name in () and evt.num > 1");
    let constants: Vec<_> = logic.leaves.iter().map(|leaf| leaf.constant).collect();
    assert_eq!(constants, [None, Some(false), Some(true), Some(false), None]);
    let neutral: Vec<_> = logic.leaves.iter().map(super::Leaf::is_neutral_always).collect();
    assert_eq!(neutral, [false, true, true, true, false]);
}
