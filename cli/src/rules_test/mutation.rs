//! Mutation and derived cases, measured and shown.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use rule_test::{
    Search,
    cases::Case,
    mutation::{self, LeafReport, Mutation, Options, RuleReport, Score},
};

use super::{Group, report::shown};

/// Measures the rules that the cases of all groups expect.
pub(super) fn measure(groups: &[Group], is_wanted: &dyn Fn(&Case) -> bool, derive: bool) -> Vec<RuleReport> {
    let count: usize =
        groups.iter().map(|group| mutation::count_expected(&group.rules, &group.files, is_wanted)).sum();
    let bar = if io::stderr().is_terminal() { ProgressBar::new(count as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} rules {wide_bar} {msg}") {
        bar.set_style(style);
    }
    let mut reports = Vec::new();
    for group in groups {
        reports.extend(mutation::mutate(
            &group.rules,
            &group.files,
            is_wanted,
            Options { derive },
            &mut |rule| {
                bar.set_message(rule.to_owned());
                bar.inc(1);
            },
        ));
    }
    bar.finish_and_clear();
    reports
}

/// Derived cases in which a rule did not do what its own logic says; how many there were in all.
pub(super) fn write_derived(output: &mut impl Write, reports: &[RuleReport]) -> io::Result<usize> {
    let (mut found, mut failed, mut not_found) = (0, 0, Vec::new());
    for report in reports {
        for leaf in &report.leaves {
            match &leaf.derived {
                Some(Search::Found(derived)) if derived.fired != derived.should_fire => {
                    failed += 1;
                    let wrong = if derived.fired { "fired, and should not" } else { "should have fired" };
                    let changes = shown(&derived.changes.join(", "));
                    writeln!(output, "{} {} / derived {changes}", "FAILED".red(), derived.case)?;
                    writeln!(output, "    {} {wrong}: decided by {}", report.rule, shown(&leaf.text))?;
                }
                Some(Search::Found(_)) => found += 1,
                Some(Search::NotFound(reason)) => not_found.push((report, leaf, reason)),
                Some(Search::Written) | None => {}
            }
        }
    }
    if !not_found.is_empty() {
        writeln!(output, "comparisons that no derived case could make decisive by themselves:")?;
    }
    for (report, leaf, reason) in &not_found {
        writeln!(output, "    {}: {} ({}): {}", report.rule, shown(&leaf.text), place(leaf), shown(reason))?;
    }
    writeln!(output, "derived: {found} passed, {failed} failed, {} not possible", not_found.len())?;
    Ok(failed)
}

/// The survivors and the score of each rule, and of all together without exceptions.
pub(super) fn write(output: &mut impl Write, reports: &[RuleReport]) -> io::Result<Score> {
    let (mut total, mut of_exceptions) = (Score::default(), Score::default());
    for report in reports {
        let score = report.score(false);
        (total, of_exceptions) = (total + score, of_exceptions + report.score(true));
        let line = format!("{:5.1} %  {}/{}  {}", score.percent(), score.killed, score.all, report.rule);
        if score.killed == score.all {
            writeln!(output, "{}", line.green())
        } else {
            writeln!(output, "{line}")
        }?;
        for (leaf, mutation) in report.survivors() {
            let how = match mutation {
                Mutation::Deleted => "deleted",
                Mutation::Negated => "negated",
            };
            let of_exception = if leaf.is_exception() { ", of an exception" } else { "" };
            writeln!(
                output,
                "    {how}, no case notices: {} ({}{of_exception})",
                shown(&leaf.text),
                place(leaf)
            )?;
        }
    }
    writeln!(
        output,
        "mutation score: {:.1} % ({} of {} mutants killed)",
        total.percent(),
        total.killed,
        total.all
    )?;
    if of_exceptions.all > 0 {
        let Score { killed, all } = of_exceptions;
        writeln!(output, "exceptions apart: {:.1} % ({killed} of {all})", of_exceptions.percent())?;
    }
    Ok(total)
}

fn place(leaf: &LeafReport) -> String {
    let Some(origin) = &leaf.origin else { return "place not known".to_owned() };
    let of_macro = origin.in_macro.as_ref().map_or_else(String::new, |name| format!(" in macro {name}"));
    format!("{}:{}:{}{of_macro}", origin.file, origin.position.line, origin.position.column)
}
