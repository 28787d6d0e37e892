//! Mutation and derived cases, measured and shown.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use rule_test::{
    Derived, Search,
    mutation::{self, LeafReport, Mutation, Options, RuleReport, Score},
};

use super::{Group, Results, report::shown};

/// Measures the rules that the cases of all groups expect.
pub(super) fn measure(groups: &[Group], options: Options<'_>) -> Vec<RuleReport> {
    let counts = groups.iter().map(|group| mutation::count_expected(&group.rules, &group.files, options));
    let bar = if io::stderr().is_terminal() {
        ProgressBar::new(counts.sum::<usize>() as u64)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} rules {wide_bar} {msg}") {
        bar.set_style(style);
    }
    let mut reports = Vec::new();
    for group in groups {
        reports.extend(mutation::mutate(&group.rules, &group.files, options, &mut |rule| {
            bar.set_message(shown(rule));
            bar.inc(1);
        }));
    }
    bar.finish_and_clear();
    reports
}

/// The derived cases, with their rules and the comparisons that decide in them.
pub(super) fn derived(reports: &[RuleReport]) -> impl Iterator<Item = (&RuleReport, &LeafReport, &Derived)> {
    let of_leaf = |leaf: &'_ LeafReport| match &leaf.derived {
        Some(Search::Found(_)) => true,
        Some(Search::Written | Search::NotFound(_)) | None => false,
    };
    let leaves = reports.iter().flat_map(|report| report.leaves.iter().map(move |leaf| (report, leaf)));
    leaves.filter(move |(_, leaf)| of_leaf(leaf)).filter_map(|(report, leaf)| match &leaf.derived {
        Some(Search::Found(derived)) => Some((report, leaf, &**derived)),
        _ => None,
    })
}

/// Derived cases in which a rule did not do what its own logic says, and what could not be derived.
pub(super) fn write_derived(output: &mut impl Write, reports: &[RuleReport]) -> io::Result<()> {
    let (mut passed, mut failed, mut impossible) = (0, 0, 0);
    for (report, leaf, derived) in self::derived(reports) {
        if derived.fired == derived.should_fire {
            passed += 1;
            continue;
        }
        failed += 1;
        let wrong = if derived.fired { "fired, and should not have" } else { "should have fired" };
        let changes = shown(&derived.changes.join(", "));
        writeln!(output, "{} {} / derived {changes}", "FAILED".red(), shown(&derived.case))?;
        writeln!(output, "    {} {wrong}: {} decides", shown(&report.rule), shown(&leaf.text))?;
    }
    for report in reports {
        for leaf in &report.leaves {
            let Some(Search::NotFound(reason)) = &leaf.derived else { continue };
            if impossible == 0 {
                writeln!(output, "comparisons that could not be made decisive by themselves:")?;
            }
            impossible += 1;
            writeln!(
                output,
                "    {}: {} ({}): {}",
                shown(&report.rule),
                shown(&leaf.text),
                place(leaf),
                shown(reason)
            )?;
        }
    }
    writeln!(output, "derived cases: {passed} passed, {failed} failed; {impossible} could not be derived")
}

/// The survivors and the score of each rule, and of all together without exceptions.
pub(super) fn write(output: &mut impl Write, results: &Results) -> io::Result<()> {
    for report in &results.reports {
        let score = report.score(false);
        let line =
            format!("{:5.1} %  {}/{}  {}", score.percent(), score.killed, score.all, shown(&report.rule));
        if score.killed == score.all {
            writeln!(output, "{}", line.green())
        } else {
            writeln!(output, "{line}")
        }?;
        for (leaf, mutation) in report.survivors() {
            let of_exception = if leaf.is_exception() { ", of an exception" } else { "" };
            let how = how(mutation);
            writeln!(
                output,
                "    {how}, no case notices: {} ({}{of_exception})",
                shown(&leaf.text),
                place(leaf)
            )?;
        }
    }
    let Score { killed, all } = results.score(false);
    if all == 0 {
        return writeln!(output, "mutation score: nothing was measured, as no case expects a rule");
    }
    writeln!(
        output,
        "mutation score: {:.1} % ({killed} of {all} mutants killed)",
        results.score(false).percent()
    )?;
    let of_exceptions = results.score(true);
    if of_exceptions.all > 0 {
        let Score { killed, all } = of_exceptions;
        writeln!(output, "exceptions apart: {:.1} % ({killed} of {all})", of_exceptions.percent())?;
    }
    Ok(())
}

pub(super) fn how(mutation: Mutation) -> &'static str {
    match mutation {
        Mutation::Deleted => "deleted",
        Mutation::Negated => "negated",
    }
}

/// Where a comparison stands.
pub(super) fn place(leaf: &LeafReport) -> String {
    let Some(origin) = &leaf.origin else { return "place not known".to_owned() };
    let of_macro = origin.in_macro.as_ref().map_or_else(String::new, |name| format!(" in macro {name}"));
    format!("{}:{}:{}{of_macro}", origin.file, origin.position.line, origin.position.column)
}
