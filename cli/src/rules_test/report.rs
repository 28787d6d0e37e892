//! Results for people.

use std::io::{self, IsTerminal as _, Write};

use owo_colors::OwoColorize as _;
use rule_test::{
    Reason,
    run::{Failure, Scene, SceneReport},
};

use crate::diagnostics;

/// Letters of a comparison or value that a line shows; the stock rules have lists of thousands.
const MAX_SHOWN: usize = 160;

/// A block for each scene that failed, and the count.
pub(super) fn write(output: &mut impl Write, scenes: &[SceneReport]) -> io::Result<()> {
    let mut failed = 0;
    for scene in scenes.iter().filter(|scene| !scene.failures.is_empty()) {
        failed += 1;
        let name = shown(&name(scene));
        writeln!(output, "{} {name} ({}:{})", "FAILED".red(), scene.file, scene.line)?;
        for failure in &scene.failures {
            write_failure(output, failure)?;
        }
        if !scene.fired.is_empty() {
            let fired: Vec<String> =
                scene.fired.iter().map(|(rule, event)| format!("{rule} (event {event})")).collect();
            writeln!(output, "    fired: {}", shown(&fired.join(", ")))?;
        }
    }
    let passed = scenes.len() - failed;
    let summary = format!("{passed} passed, {failed} failed");
    if failed == 0 { writeln!(output, "{}", summary.green()) } else { writeln!(output, "{}", summary.red()) }
}

/// The case, and what of it.
pub(super) fn name(scene: &SceneReport) -> String {
    match &scene.scene {
        Scene::Case | Scene::Recording => scene.case.clone(),
        Scene::Variant(change) => format!("{} / variant {change}", scene.case),
        Scene::NearMiss(change) => format!("{} / near miss {change}", scene.case),
    }
}

/// A failure with its explanation, a line for each part, without colours.
pub(super) fn text(failure: &Failure) -> String {
    let mut output = anstream::StripStream::new(Vec::new());
    // Writing into memory cannot fail.
    let _ = write_failure(&mut output, failure);
    String::from_utf8_lossy(&output.into_inner()).into_owned()
}

fn write_failure(output: &mut impl Write, failure: &Failure) -> io::Result<()> {
    match failure {
        Failure::Broken(diagnostic) => {
            let text = diagnostics::render(diagnostic, io::stdout().is_terminal());
            text.lines().try_for_each(|line| writeln!(output, "    {line}"))
        }
        Failure::NotFired { rule, event, reasons } => {
            writeln!(output, "    {} should have fired at event {event}, but:", shown(rule))?;
            reasons.iter().try_for_each(|reason| write_reason(output, reason))
        }
        Failure::Fired { rule, event, message } => {
            writeln!(output, "    {} should not have fired at event {event}: {}", shown(rule), shown(message))
        }
        Failure::Field { rule, field, expected, found } => {
            writeln!(
                output,
                "    {}: {field} should be {}, and is {}",
                shown(rule),
                shown(expected),
                shown(found)
            )
        }
        Failure::Count { rule, with, expected, found, of_rule } => {
            let expected = expected.map_or_else(|| "at least once".to_owned(), times);
            let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
            let (rule, with, found) = (shown(rule), shown(&with), times(*found));
            writeln!(
                output,
                "    {rule} should have fired {expected}{with}, and did {found}; in all {}",
                times(*of_rule)
            )
        }
        Failure::Unreadable { reason } => {
            writeln!(output, "    the recording cannot be used: {}", shown(reason))
        }
        Failure::Unknown { rule, fields } => {
            writeln!(output, "    {} hangs on what is not known: {}", shown(rule), fields.join(", "))
        }
    }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn write_reason(output: &mut impl Write, reason: &Reason) -> io::Result<()> {
    let says = if reason.holds { "holds, and should not" } else { "does not hold" };
    writeln!(output, "      {} {says}", shown(&reason.leaf).bold())?;
    for (field, value) in &reason.values {
        writeln!(output, "        {field} is {}", shown(value))?;
    }
    if let Some(origin) = &reason.origin {
        let of = origin.in_macro.as_ref().map_or_else(String::new, |name| format!(", in macro {name}"));
        writeln!(
            output,
            "        at {}:{}:{}{of}",
            origin.file, origin.position.line, origin.position.column
        )?;
    }
    Ok(())
}

/// A text without what could drive a terminal, and not too long.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).filter(|letter| !letter.is_control()).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
