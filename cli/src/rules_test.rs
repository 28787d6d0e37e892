//! `eyrie rules test`: runs cases against rules.

mod mutation;
mod report;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use rule_language::{Diagnostic, Source, matches_wildcard};
use rule_test::{
    Rules, RulesError,
    cases::{self, Case, CaseFile},
    run::SceneReport,
};

use crate::{args::RulesTestArguments, diagnostics};

/// The cases that share their rules.
struct Group {
    rules: Rules,
    files: Vec<CaseFile>,
}

/// Carries out `eyrie rules test`; ends with 1 if a case fails.
pub(crate) fn run(arguments: &RulesTestArguments) -> anyhow::Result<ExitCode> {
    let files = read_cases(&arguments.files)?;
    let groups = group(files, &arguments.rules)?;
    let is_wanted = |case: &Case| {
        let is_named = arguments.case.as_ref().is_none_or(|pattern| matches_wildcard(pattern, &case.name));
        let mut rules = case.expected_rules().chain(case.expect_not.iter().map(|rule| rule.name.as_str()));
        is_named
            && arguments.rule.as_ref().is_none_or(|pattern| rules.any(|rule| matches_wildcard(pattern, rule)))
    };
    let mut scenes: Vec<SceneReport> = Vec::new();
    for group in &groups {
        for file in &group.files {
            scenes.extend(rule_test::run(&group.rules, file, &is_wanted));
        }
    }
    if scenes.is_empty() {
        anyhow::bail!("no case is left to run: --rule and --case leave none");
    }
    let mut output = anstream::stdout().lock();
    report::write(&mut output, &scenes)?;
    let mut has_failed = scenes.iter().any(|scene| !scene.failures.is_empty());
    if arguments.mutate || arguments.near_misses {
        let reports = mutation::measure(&groups, &is_wanted, arguments.near_misses);
        if arguments.near_misses {
            has_failed |= mutation::write_derived(&mut output, &reports)? > 0;
        }
        if arguments.mutate {
            let score = mutation::write(&mut output, &reports)?;
            has_failed |= arguments.min_score.is_some_and(|least| score.percent() < f64::from(least));
        }
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
    by_rules.into_iter().map(|(paths, files)| Ok(Group { rules: load(&paths)?, files })).collect()
}

/// The rules that a file names, relative to its own place.
fn paths_of(file: &CaseFile) -> Vec<PathBuf> {
    let folder = Path::new(&file.source.name).parent().unwrap_or(Path::new(""));
    file.rules.iter().map(|path| folder.join(path)).collect()
}

fn load(paths: &[PathBuf]) -> anyhow::Result<Rules> {
    let sources: Vec<Source> = engine_service::rules::read_sources(paths)?;
    Rules::load(&sources).map_err(|error| match error {
        RulesError::Load(error) => {
            let errors: Vec<Diagnostic> = error.errors().cloned().collect();
            told(&errors, "the rules cannot be used")
        }
        error => error.into(),
    })
}
