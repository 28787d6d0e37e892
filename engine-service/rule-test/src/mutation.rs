//! Mutation: which comparisons of a rule could be left out or turned round without any case noticing.
//!
//! Each leaf of a rule is deleted (it says what is neutral where it stands) and negated, one at a time. A mutant is killed if
//! some case, variant or near miss then comes out otherwise for this rule: it fires where it did not, or the other way
//! round. Nothing is evaluated anew for that: what each leaf says of an event, and whether the outcome hangs on it, is
//! known once (`Logic::decisive`).

use std::collections::BTreeMap;

use rule_language::LeafOrigin;

use crate::{
    cases::{Case, CaseFile, Change},
    derive::{Base, Search, search},
    logic::{Leaf, Logic},
    play::{Changed, Checking, play},
    rules::Rules,
};

/// What was done to a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The condition is as if the leaf were not there.
    Deleted,
    /// It says the opposite.
    Negated,
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A case noticed it.
    Killed,
    /// None did.
    Survived,
    /// Nobody can notice it: it does the same as the rule, because the leaf says the same of every event.
    Equivalent,
}

/// One leaf of a rule, with its mutants.
#[derive(Clone, Debug)]
pub struct LeafReport {
    /// Its number in the rule, from 0, from the left.
    pub number: usize,
    /// As rules are written.
    pub text: String,
    /// The field that it compares, as the rule names it, and the operator.
    pub subject: String,
    /// Where it stands.
    pub origin: Option<LeafOrigin>,
    /// Without it.
    pub deleted: Outcome,
    /// With its opposite.
    pub negated: Outcome,
    /// What the search for a derived case gave, if there was one.
    pub derived: Option<Search>,
}

/// A rule, with what the cases make of its leaves.
#[derive(Clone, Debug)]
pub struct RuleReport {
    /// Its name.
    pub rule: String,
    /// Its leaves from the left.
    pub leaves: Vec<LeafReport>,
}

/// How many mutants there were and how many were killed, without equivalent ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Noticed by a case.
    pub killed: usize,
    /// All of them.
    pub all: usize,
}

/// What to measure.
#[derive(Clone, Copy)]
pub struct Options<'o> {
    /// By which cases.
    pub is_case_wanted: &'o dyn Fn(&Case) -> bool,
    /// Which of the rules that they expect.
    pub is_rule_wanted: &'o dyn Fn(&str) -> bool,
    /// Derive cases, and let them count.
    pub derive: bool,
}

/// An event of a scene as the rule sees it.
struct Moment {
    /// Which event, from 0. A rule with `match_resolved` sees one twice if its file has two names.
    event: usize,
    truths: Vec<bool>,
    /// The outcome hangs on this leaf.
    decisive: Vec<bool>,
    holds: bool,
}

/// A scene that concerns a rule: its events, and what the case says of them.
struct SceneOfRule<'c> {
    case: &'c Case,
    change: Option<&'c Change>,
    moments: Vec<Moment>,
    /// The rule is to fire, or else to be quiet.
    should_fire: bool,
    /// At each of these events, or at any for `None`; one at least.
    expected_at: Vec<Option<usize>>,
}

/// Measures the rules that the cases expect. `progress` hears of each rule when it is done.
pub fn mutate(
    rules: &Rules,
    files: &[CaseFile],
    options: Options<'_>,
    progress: &mut dyn FnMut(&str),
) -> Vec<RuleReport> {
    let cases = cases(files, options);
    let mut reports = Vec::new();
    for place in expected_rules(rules, &cases, options) {
        let Some((rule, logic)) = rules.rule(place).zip(rules.logic(place)) else { continue };
        let scenes = scenes(rules, logic, &rule.name, &cases);
        reports.push(measure(rules, place, logic, &rule.name, scenes, options));
        progress(&rule.name);
    }
    reports
}

/// How many rules [`mutate`] will measure.
pub fn count_expected(rules: &Rules, files: &[CaseFile], options: Options<'_>) -> usize {
    expected_rules(rules, &cases(files, options), options).len()
}

fn cases<'c>(files: &'c [CaseFile], options: Options<'_>) -> Vec<&'c Case> {
    files.iter().flat_map(|file| &file.cases).filter(|case| (options.is_case_wanted)(case)).collect()
}

/// The rules that a case expects, in load order.
fn expected_rules(rules: &Rules, cases: &[&Case], options: Options<'_>) -> Vec<usize> {
    let names =
        cases.iter().flat_map(|case| case.expected_rules()).filter(|name| (options.is_rule_wanted)(name));
    let mut places: Vec<usize> = names.filter_map(|name| rules.place(name)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The scenes of the cases that say something of a rule.
fn scenes<'c>(rules: &Rules, logic: &Logic, rule: &str, cases: &[&'c Case]) -> Vec<SceneOfRule<'c>> {
    let mut scenes = Vec::new();
    for case in cases {
        let is_expected = case.expected_rules().any(|name| name == rule);
        let is_unwanted = case.expect_not.iter().any(|unwanted| unwanted.name == rule);
        if !is_expected && !is_unwanted && !case.is_quiet() {
            continue;
        }
        let as_written = std::iter::once(None).chain(case.variants.iter().map(Some));
        let near_misses = case.near_misses.iter().map(|change| (Some(change), false));
        for (change, should_fire) in as_written.map(|change| (change, is_expected)).chain(near_misses) {
            let moments = moments(rules, logic, case, change);
            let expected_at = if should_fire { expected_at(case, rule) } else { vec![None] };
            scenes.push(SceneOfRule { case, change, moments, should_fire, expected_at });
        }
    }
    scenes
}

/// The events at which a case expects a rule, from 0; `None` for any.
fn expected_at(case: &Case, rule: &str) -> Vec<Option<usize>> {
    let expected = case.expect.iter().flatten().filter(|expected| expected.rule.name == rule);
    expected.map(|expected| expected.event.map(|event| event - 1)).collect()
}

/// The events of a scene; none if it cannot be played, which a run tells.
fn moments(rules: &Rules, logic: &Logic, case: &Case, change: Option<&Change>) -> Vec<Moment> {
    let settings = change.map_or(&[][..], |change| &change.settings);
    let changed = Changed { event: case.events.len().saturating_sub(1), settings };
    let mut moments = Vec::new();
    let played = play(rules, case, changed, Checking::Lenient, &mut |event, view| {
        let truths = logic.truths_by_each_name(view);
        moments.extend(truths.into_iter().map(|truths| Moment::new(logic, event, truths)));
        Ok(true)
    });
    if played.is_ok() { moments } else { Vec::new() }
}

fn measure(
    rules: &Rules,
    place: usize,
    logic: &Logic,
    name: &str,
    scenes: Vec<SceneOfRule<'_>>,
    options: Options<'_>,
) -> RuleReport {
    let mut killed = vec![[false; 2]; logic.leaves.len()];
    for scene in &scenes {
        scene.kill(logic, &mut killed);
    }
    let bases: Vec<Base<'_>> = scenes.iter().filter_map(SceneOfRule::base).collect();
    let mut derived = BTreeMap::new();
    let is_constant = |number: &usize| logic.leaves.get(*number).is_some_and(Leaf::is_neutral_always);
    for number in (0..logic.leaves.len()).filter(|number| options.derive && !is_constant(number)) {
        let is_done = killed.get(number).is_some_and(|[deleted, _]| *deleted);
        let result = if is_done { Search::Written } else { search_from(rules, place, &bases, number) };
        if let Search::Found(found) = &result {
            let truths = std::iter::once(&found.truths).chain(&found.resolved_truths);
            let moments: Vec<Moment> = truths.map(|truths| Moment::new(logic, 0, truths.clone())).collect();
            let holds = moments.iter().any(|moment| moment.holds);
            kill(logic, &moments, (None, holds), &mut killed);
        }
        derived.insert(number, result);
    }
    let leaves = logic.leaves.iter().zip(killed).enumerate().map(|(number, (leaf, [deleted, negated]))| {
        let outcome = |is_killed| if is_killed { Outcome::Killed } else { Outcome::Survived };
        LeafReport {
            number,
            text: leaf.text.clone(),
            subject: format!("{} {}", leaf.check.lhs, leaf.check.operator),
            origin: leaf.origin.clone(),
            deleted: if leaf.is_neutral_always() { Outcome::Equivalent } else { outcome(deleted) },
            negated: outcome(negated),
            derived: derived.remove(&number),
        }
    });
    RuleReport { rule: name.to_owned(), leaves: leaves.collect() }
}

/// Looks from one firing scene after the other, and tells why it could not be found from the first.
fn search_from(rules: &Rules, place: usize, bases: &[Base<'_>], leaf: usize) -> Search {
    let mut first = None;
    for base in bases.iter().take(MAX_BASES) {
        match search(rules, place, base, leaf) {
            found @ Search::Found(_) => return found,
            other => first = first.or(Some(other)),
        }
    }
    first.unwrap_or_else(|| Search::NotFound("no case fires the rule".to_owned()))
}

/// Scenes from which one leaf's event is looked for.
const MAX_BASES: usize = 8;

// === impl SceneOfRule ===

impl<'c> SceneOfRule<'c> {
    fn kill(&self, logic: &Logic, killed: &mut [[bool; 2]]) {
        for event in &self.expected_at {
            kill(logic, &self.moments, (*event, self.should_fire), killed);
        }
    }

    /// The scene to begin with, if it fires. Its change is one of the last event, and so is what is derived.
    fn base(&self) -> Option<Base<'c>> {
        let last = self.moments.last()?.event;
        // By the path that was asked for: the search looks at that one.
        let first_of = |event: usize| self.moments.iter().find(|moment| moment.event == event);
        let fires = |event: &usize| first_of(*event).is_some_and(|moment| moment.holds);
        let event =
            if fires(&last) { last } else { (0..last).find(fires).filter(|_| self.change.is_none())? };
        Some(Base { case: self.case, change: self.change, event })
    }
}

// === impl Moment ===

impl Moment {
    fn new(logic: &Logic, event: usize, truths: Vec<bool>) -> Self {
        Self { decisive: logic.decisive(&truths), holds: logic.holds(&truths), event, truths }
    }

    /// Whether the rule would fire with this leaf mutated.
    fn holds_with(&self, leaf: usize, neutral: bool, mutation: Mutation) -> bool {
        let is_changed = match mutation {
            Mutation::Negated => true,
            Mutation::Deleted => self.truths.get(leaf) != Some(&neutral),
        };
        self.holds != (is_changed && self.decisive.get(leaf) == Some(&true))
    }
}

/// Marks the mutants with which the scene comes out otherwise: at the event that must fire, or at any. A scene that fails as it is notices
/// nothing.
fn kill(
    logic: &Logic,
    moments: &[Moment],
    (event, should_fire): (Option<usize>, bool),
    killed: &mut [[bool; 2]],
) {
    let concerned = || moments.iter().filter(|moment| event.is_none_or(|event| event == moment.event));
    let base = concerned().any(|moment| moment.holds);
    if base != should_fire {
        return;
    }
    for (leaf, (own, killed)) in logic.leaves.iter().zip(killed).enumerate() {
        for (mutation, killed) in [Mutation::Deleted, Mutation::Negated].into_iter().zip(killed) {
            *killed |= concerned().any(|moment| moment.holds_with(leaf, own.neutral, mutation)) != base;
        }
    }
}

// === impl RuleReport ===

impl RuleReport {
    /// The score over the leaves that an exception made, or over the others.
    pub fn score(&self, of_exceptions: bool) -> Score {
        let is_of = |leaf: &&LeafReport| leaf.is_exception() == of_exceptions;
        let outcomes = self.leaves.iter().filter(is_of).flat_map(|leaf| [leaf.deleted, leaf.negated]);
        outcomes.fold(Score::default(), |score, outcome| match outcome {
            Outcome::Killed => Score { killed: score.killed + 1, all: score.all + 1 },
            Outcome::Survived => Score { all: score.all + 1, ..score },
            Outcome::Equivalent => score,
        })
    }

    /// The leaves with mutants that survived, with these.
    pub fn survivors(&self) -> impl Iterator<Item = (&LeafReport, Mutation)> {
        self.leaves.iter().flat_map(|leaf| {
            let survived = |outcome, mutation| (outcome == Outcome::Survived).then_some((leaf, mutation));
            [survived(leaf.deleted, Mutation::Deleted), survived(leaf.negated, Mutation::Negated)]
                .into_iter()
                .flatten()
        })
    }
}

// === impl LeafReport ===

impl LeafReport {
    /// Whether an exception of the rule made it.
    pub fn is_exception(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin.is_exception)
    }
}

// === impl Score ===

impl Score {
    /// In per cent; of nothing all is killed.
    pub fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { 100.0 * self.killed as f64 / self.all as f64 }
    }
}

impl std::ops::Add for Score {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { killed: self.killed + other.killed, all: self.all + other.all }
    }
}
