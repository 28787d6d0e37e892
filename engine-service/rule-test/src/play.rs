//! Lets a case happen.

use fields::EventView;

use crate::{
    cases::Case,
    given::{Given, Problem, Setting},
    rules::Rules,
    world::{Primitives, World, matches, show},
};

/// Changes of one event of a case.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed<'c> {
    /// Which event, from 0.
    pub(crate) event: usize,
    pub(crate) settings: &'c [Setting],
}

/// Whether what a case sets has to come out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checking {
    /// Every field, or else the case is wrong.
    Strict,
    /// Nothing: for changes that nobody wrote, which may have changed other fields as well.
    Lenient,
}

/// Lets the events of a case happen, one after the other; `look` sees each at its time and says whether to go on.
pub(crate) fn play(
    rules: &Rules,
    case: &Case,
    changed: Changed<'_>,
    checking: Checking,
    look: &mut dyn FnMut(usize, &EventView<'_>) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut world = World::new(case, &rules.names)?;
    for (number, settings) in case.events.iter().enumerate() {
        let changes = if number == changed.event { changed.settings } else { &[] };
        let primitives = Primitives::new(settings, changes).map_err(|problem| at(problem, case))?;
        let to_check: Vec<&Setting> = match checking {
            Checking::Strict if primitives.is_retyped() => changes.iter().collect(),
            Checking::Strict => settings.iter().chain(changes).filter(|own| primitives.says(own)).collect(),
            Checking::Lenient => Vec::new(),
        };
        let event = world.happen(primitives).map_err(|problem| at(problem, case))?;
        let view = world.view(&event);
        for setting in to_check {
            check(rules, setting, &view)?;
        }
        if !look(number, &view)? {
            break;
        }
    }
    Ok(())
}

/// A problem that has no place is the whole case's.
fn at(problem: Problem, case: &Case) -> Problem {
    if problem.span == (0..0) { Problem { span: case.span.clone(), ..problem } } else { problem }
}

/// Whether a field that the case set is so.
fn check(rules: &Rules, setting: &Setting, view: &EventView<'_>) -> Result<(), Problem> {
    if setting.field == "container" {
        return Ok(());
    }
    let extractor = rules.extractors.of(setting)?;
    let extracted = extractor.extract(view);
    if matches(setting, &extracted, view) {
        return Ok(());
    }
    let Setting { field, value, .. } = setting;
    let found = show(&extracted);
    let message = match value {
        Given::Missing => format!("{field} cannot be missing here: it is {found}"),
        value => format!("{field} cannot be {value} together with the rest of the event: it is {found}"),
    };
    Err(setting.problem(message))
}
