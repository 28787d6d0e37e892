//! Cases that nobody wrote: a case that fires, changed so that one comparison of the rule decides what becomes of it.
//!
//! For each comparison (leaf) such an event is looked for in which the outcome hangs on this leaf alone and the leaf says what it
//! is there to say: for one of an `and` that it does not hold, so that the rule stays quiet; for an alternative of an `or`
//! that it alone holds, so that the rule fires by it. Fields are changed one after the other, to values that come from
//! the comparisons themselves, as long as that leads nearer.
//!
//! What should come of such a case follows from the rule's own logic. So derived cases pin what a rule does; they do not
//! prove that it was meant.

mod candidates;

use evaluator::{Matching, RuleMatch, Truth};
use fields::EventView;

use crate::{
    cases::{Case, Change},
    given::{Given, Problem, Setting},
    logic::Logic,
    play::{Changed, Checking, play},
    rules::Rules,
};

use self::candidates::candidates;

/// Fields that are changed one after the other for one leaf.
const MAX_CHANGES: usize = 6;
/// Settings of a case that are left out because they cannot be together with a change.
const MAX_LEFT_OUT: usize = 6;
/// A place in no file, by which changes that are made here are told from what a case says.
const NOWHERE: std::ops::Range<usize> = usize::MAX..usize::MAX;

/// An event in which one leaf decides.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The case that it was made of, and what was changed of it.
    pub case: String,
    /// The changes, for people.
    pub changes: Vec<String>,
    /// Whether the rule should fire by its own logic.
    pub should_fire: bool,
    /// Whether it did.
    pub fired: bool,
    pub(crate) truths: Vec<bool>,
    /// By the kernel's own name of the file, for rules that ask for it.
    pub(crate) resolved_truths: Option<Vec<bool>>,
}

/// What became of the search for one leaf.
#[derive(Clone, Debug)]
pub enum Search {
    /// A written case does already what would be looked for.
    Written,
    /// Found.
    Found(Box<Derived>),
    /// Not found, because of this.
    NotFound(String),
}

/// A scene that fires, to begin with.
pub(crate) struct Base<'c> {
    pub(crate) case: &'c Case,
    pub(crate) change: Option<&'c Change>,
    /// The event at which it fires, from 0.
    pub(crate) event: usize,
}

/// Where the search stands.
#[derive(Clone)]
struct State {
    /// The case with what cannot be together with the changes left out.
    case: Case,
    changes: Vec<Setting>,
    /// What the leaves say.
    truths: Vec<bool>,
}

/// Looks for an event in which this leaf decides.
pub(crate) fn search(rules: &Rules, place: usize, base: &Base<'_>, leaf: usize) -> Search {
    let Some((logic, own)) = rules.logic(place).and_then(|logic| Some((logic, logic.leaves.get(leaf)?)))
    else {
        return Search::NotFound("there is no such comparison".to_owned());
    };
    if own.is_neutral_always() {
        return Search::NotFound(format!("it always says {}, whatever happens", own.neutral));
    }
    let search = Looking { rules, place, logic, leaf, event: base.event };
    let Some(mut state) = search.begin(base) else {
        return Search::NotFound("the case cannot be played".to_owned());
    };
    for _ in 0..=MAX_CHANGES {
        let Some(flips) = logic.to_make_decisive(leaf, &state.truths) else {
            return Search::NotFound("others that always say the same decide before it".to_owned());
        };
        let Some(next) = flips.first() else { return Search::Found(Box::new(search.found(state))) };
        // What is wanted of the leaf itself comes first; of the others any that leads nearer.
        let count = if *next == leaf { 1 } else { flips.len() };
        let tried = flips.get(..count).unwrap_or_default();
        let better = tried.iter().find_map(|flip| search.step(&state, *flip, flips.len()));
        match better {
            Some(better) => state = better,
            None => return Search::NotFound(search.reason(*next)),
        }
    }
    Search::NotFound(format!("it takes more than {MAX_CHANGES} changes"))
}

struct Looking<'r> {
    rules: &'r Rules,
    place: usize,
    logic: &'r Logic,
    leaf: usize,
    event: usize,
}

// === impl Looking ===

impl Looking<'_> {
    /// The scene as it is; its own change becomes part of the case.
    fn begin(&self, base: &Base<'_>) -> Option<State> {
        let changes = base.change.map_or_else(Vec::new, |change| change.settings.clone());
        let mut case = base.case.clone();
        case.events.truncate(self.event + 1);
        let truths = self.truths(&mut case, &changes)?;
        Some(State { case, changes, truths })
    }

    /// The nearest state to be had by changing the field of one leaf so that it says otherwise; `None` if none is nearer than
    /// `distance`.
    fn step(&self, state: &State, flip: usize, distance: usize) -> Option<State> {
        let leaf = self.logic.leaves.get(flip)?;
        let holds = *state.truths.get(flip)?;
        let field = candidates::field(&leaf.check)?;
        let current = self.value(state, &field);
        let mut best: Option<(usize, State)> = None;
        for value in candidates(&leaf.check, !holds, current.as_ref()) {
            let mut next = state.clone();
            next.changes.retain(|known| known.field != field);
            next.changes.push(Setting { field: field.clone(), value, span: NOWHERE });
            let Some(truths) = self.truths(&mut next.case, &next.changes) else { continue };
            next.truths = truths;
            if next.truths.get(flip) != Some(&!holds) {
                continue;
            }
            // The leaf itself may first lead away, by what else hangs on its field.
            let limit = if flip == self.leaf { usize::MAX } else { distance };
            let Some(left) = self.logic.to_make_decisive(self.leaf, &next.truths) else { continue };
            if left.len() < limit && best.as_ref().is_none_or(|(fewest, _)| left.len() < *fewest) {
                let is_there = left.is_empty();
                best = Some((left.len(), next));
                if is_there {
                    break;
                }
            }
        }
        best.map(|(_, state)| state)
    }

    /// What the leaves say with these changes; what cannot be together with them is left out of the case.
    fn truths(&self, case: &mut Case, changes: &[Setting]) -> Option<Vec<bool>> {
        for _ in 0..=MAX_LEFT_OUT {
            let mut truths = None;
            let played = self.look(case, changes, &mut |view| truths = Some(self.logic.truths(view)));
            let problem = match played {
                Ok(()) => return truths,
                Err(problem) => problem,
            };
            let settings = case.events.get_mut(self.event)?;
            let is_guilty = |setting: &Setting| setting.span == problem.span && setting.field != "evt.type";
            let guilty = settings.iter().position(is_guilty)?;
            settings.remove(guilty);
        }
        None
    }

    fn look(
        &self,
        case: &Case,
        changes: &[Setting],
        see: &mut dyn FnMut(&EventView<'_>),
    ) -> Result<(), Problem> {
        let changed = Changed { event: self.event, settings: changes };
        play(self.rules, case, changed, Checking::Lenient, &mut |number, view| {
            if number == self.event {
                see(view);
            }
            Ok(true)
        })
    }

    /// The value of a field as a case would give it.
    fn value(&self, state: &State, field: &str) -> Option<Given> {
        let setting = Setting { field: field.to_owned(), value: Given::Missing, span: NOWHERE };
        let extractor = self.rules.extractors.of(&setting).ok()?;
        let mut value = None;
        let played = self.look(&state.case, &state.changes, &mut |view| {
            value = candidates::given(&extractor.extract(view))
        });
        played.ok()?;
        value
    }

    fn found(&self, state: State) -> Derived {
        let (mut matches, mut resolved_truths) = (Vec::new(), None);
        let played = self.look(&state.case, &state.changes, &mut |view| {
            self.rules.set.evaluate(view, Matching::All, &mut matches);
            resolved_truths = self.logic.truths_by_each_name(view).into_iter().nth(1);
        });
        let is_it = |found: &RuleMatch| found.rule == self.place && found.truth == Truth::True;
        let fired = played.is_ok() && matches.iter().any(is_it);
        let by_resolved = resolved_truths.as_ref().is_some_and(|truths| self.logic.holds(truths));
        let should_fire = self.logic.holds(&state.truths) || by_resolved;
        let shown = |setting: &Setting| format!("{}: {}", setting.field, setting.value);
        Derived {
            case: state.case.name,
            changes: state.changes.iter().map(shown).collect(),
            should_fire,
            fired,
            truths: state.truths,
            resolved_truths,
        }
    }

    /// Why a leaf cannot be made to say otherwise by itself.
    fn reason(&self, flip: usize) -> String {
        let Some(leaf) = self.logic.leaves.get(flip) else { return String::new() };
        let which = if flip == self.leaf { "its own field".to_owned() } else { format!("'{}'", leaf.text) };
        match candidates::field(&leaf.check) {
            Some(field) => format!("no value of {field} was found that changes {which} and keeps the rest"),
            None => format!("{which} compares no single field"),
        }
    }
}

#[cfg(test)]
mod tests;
