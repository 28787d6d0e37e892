//! `eyrie rules test`: runs cases against rules.

mod json;
mod junit;
mod mutation;
mod recorded;
mod report;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use rule_language::{Diagnostic, Source, matches_wildcard};
use rule_test::{
    Rules, RulesError,
    cases::{self, Case, CaseFile, RecordedCase, RuleName},
    mutation::{Options, RuleReport, Score},
    run::SceneReport,
};

use crate::{args::RulesTestArguments, diagnostics};

/// The cases that share their rules.
struct Group {
    rules: Rules,
    /// What they were loaded from.
    sources: Vec<Source>,
    files: Vec<CaseFile>,
}

/// What came of it.
struct Results {
    scenes: Vec<SceneReport>,
    reports: Vec<RuleReport>,
}

/// Carries out `eyrie rules test`; ends with 1 if a case fails.
pub(crate) fn run(arguments: &RulesTestArguments) -> anyhow::Result<ExitCode> {
    let files = read_cases(&arguments.files)?;
    let groups = group(files, &arguments.rules)?;
    let is_wanted = |case: &Case| {
        let expected = case.expected_rules();
        is_chosen(arguments, &case.name, case.is_quiet(), expected.chain(names_of(&case.expect_not)))
    };
    let is_recording_wanted = |case: &RecordedCase| {
        let expected = case.expected_rules();
        is_chosen(arguments, &case.name, case.is_quiet(), expected.chain(names_of(&case.expect_not)))
    };
    // Before the work: a path that cannot be written to is told at once.
    let junit = arguments.junit.as_ref().map(|path| {
        File::create(path)
            .map(|file| (path, file))
            .with_context(|| format!("cannot write {}", path.display()))
    });
    let junit = junit.transpose()?;
    let mut scenes: Vec<SceneReport> = Vec::new();
    for group in &groups {
        for file in &group.files {
            scenes.extend(rule_test::run(&group.rules, file, &is_wanted));
            let recordings = file.recordings.iter().filter(|case| is_recording_wanted(case));
            scenes.extend(recordings.map(|case| recorded::run(&group.rules, &group.sources, file, case)));
        }
    }
    if scenes.is_empty() {
        anyhow::bail!("there is no case to run: the files have none, or --rule and --case leave none");
    }
    let is_rule_wanted =
        |rule: &str| arguments.rule.as_ref().is_none_or(|pattern| matches_wildcard(pattern, rule));
    let options = Options {
        is_case_wanted: &is_wanted,
        is_rule_wanted: &is_rule_wanted,
        derive: arguments.near_misses,
    };
    let is_measured = arguments.mutate || arguments.near_misses;
    let reports = if is_measured { mutation::measure(&groups, options) } else { Vec::new() };
    let results = Results { scenes, reports };
    if let Some((path, file)) = junit {
        junit::write(file, &results).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut output = anstream::stdout().lock();
    if arguments.json {
        writeln!(output, "{}", json::of(&results, is_measured))?;
    } else {
        results.write(&mut output, arguments)?;
    }
    let is_poor = arguments.min_score.is_some_and(|least| results.is_below(least));
    Ok(if results.has_failed() || is_poor { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether `--rule` and `--case` leave a case that names these rules.
fn is_chosen<'c>(
    arguments: &RulesTestArguments,
    case: &str,
    is_quiet: bool,
    mut rules: impl Iterator<Item = &'c str>,
) -> bool {
    let is_named = arguments.case.as_ref().is_none_or(|pattern| matches_wildcard(pattern, case));
    // That nothing at all may fire says something of every rule.
    let mut is_of = |pattern: &String| is_quiet || rules.any(|rule| matches_wildcard(pattern, rule));
    is_named && arguments.rule.as_ref().is_none_or(&mut is_of)
}

fn names_of(rules: &[RuleName]) -> impl Iterator<Item = &str> {
    rules.iter().map(|rule| rule.name.as_str())
}

// === impl Results ===

impl Results {
    fn has_failed(&self) -> bool {
        self.scenes.iter().any(|scene| !scene.failures.is_empty())
            || mutation::derived(&self.reports).any(|(_, _, derived)| derived.fired != derived.should_fire)
    }

    /// Of all rules together, over the leaves of exceptions or over the others.
    fn score(&self, of_exceptions: bool) -> Score {
        self.reports.iter().fold(Score::default(), |score, report| score + report.score(of_exceptions))
    }

    /// Whether the score is below a least one: of nothing that was measured it is.
    fn is_below(&self, least: u8) -> bool {
        let score = self.score(false);
        score.all == 0 || score.percent() < f64::from(least)
    }

    fn write(&self, output: &mut impl io::Write, arguments: &RulesTestArguments) -> io::Result<()> {
        report::write(output, &self.scenes)?;
        if arguments.near_misses {
            mutation::write_derived(output, &self.reports)?;
        }
        if arguments.mutate {
            mutation::write(output, self)?;
        }
        Ok(())
    }
}

fn read_cases(paths: &[PathBuf]) -> anyhow::Result<Vec<CaseFile>> {
    let (mut files, mut diagnostics) = (Vec::new(), Vec::new());
    for read in engine_service::rules::read_each(paths).context("there are no cases to run")? {
        match read.map(|source| cases::read(&source)) {
            Ok(Ok(file)) => files.push(file),
            Ok(Err(wrong)) => diagnostics.extend(wrong),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    if diagnostics.is_empty() { Ok(files) } else { Err(told(&diagnostics, "the cases cannot be run")) }
}

/// Tells what is wrong, and gives a summary.
fn told(diagnostics: &[Diagnostic], summary: &str) -> anyhow::Error {
    let is_coloured = io::stderr().is_terminal();
    for diagnostic in diagnostics {
        eprintln!("{}", diagnostics::render(diagnostic, is_coloured));
    }
    let count = diagnostics.len();
    anyhow::anyhow!("{summary}: {count} error{}", if count == 1 { "" } else { "s" })
}

/// Loads each set of rules once: those of the command line, or those that the files name.
fn group(files: Vec<CaseFile>, rules: &[PathBuf]) -> anyhow::Result<Vec<Group>> {
    let mut by_rules: BTreeMap<Vec<PathBuf>, Vec<CaseFile>> = BTreeMap::new();
    for file in files {
        let paths = if rules.is_empty() { paths_of(&file) } else { rules.to_vec() };
        if paths.is_empty() {
            anyhow::bail!("{} names no rules: give `rules:` in it, or --rules", file.source.name);
        }
        by_rules.entry(paths).or_default().push(file);
    }
    let group = |(paths, files): (Vec<PathBuf>, _)| {
        let (rules, sources) = load(&paths)?;
        Ok(Group { rules, sources, files })
    };
    by_rules.into_iter().map(group).collect()
}

/// The rules that a file names, relative to its own place.
fn paths_of(file: &CaseFile) -> Vec<PathBuf> {
    let folder = Path::new(&file.source.name).parent().unwrap_or(Path::new(""));
    // By one spelling, so that files that name the same rules are measured together; what is not there is told by who reads it.
    let in_full = |path: PathBuf| path.canonicalize().unwrap_or(path);
    file.rules.iter().map(|path| in_full(folder.join(path))).collect()
}

fn load(paths: &[PathBuf]) -> anyhow::Result<(Rules, Vec<Source>)> {
    let sources: Vec<Source> = engine_service::rules::read_sources(paths)?;
    let rules = Rules::load(&sources).map_err(|error| match error {
        RulesError::Load(error) => {
            let errors: Vec<Diagnostic> = error.errors().cloned().collect();
            told(&errors, "the rules cannot be used")
        }
        error => error.into(),
    });
    Ok((rules?, sources))
}
