//! `eyrie rules check`: loads rules files as an engine would.

use std::{io::IsTerminal as _, io::Write as _, path::PathBuf, process::ExitCode};

use owo_colors::OwoColorize as _;
use rule_language::{Diagnostic, Loaded, Severity, Source, falco_load_results};

use crate::{args::RulesCheckArguments, diagnostics};

/// What loading gave.
pub(crate) struct Checked {
    pub(crate) sources: Vec<Source>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) loaded: Option<Loaded>,
}

/// Carries out `eyrie rules check`; ends with 1 if there is an error.
pub(crate) fn check(arguments: &RulesCheckArguments) -> anyhow::Result<ExitCode> {
    let checked = load(&arguments.files)?;
    if arguments.json {
        println!("{}", falco_load_results(&checked.sources, &checked.diagnostics));
    } else {
        print(&checked);
    }
    Ok(if checked.loaded.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Carries out `eyrie rules schema`.
pub(crate) fn schema() -> anyhow::Result<ExitCode> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &rule_language::rules_schema())?;
    writeln!(output)?;
    Ok(ExitCode::SUCCESS)
}

/// Loads the rules of files and folders.
pub(crate) fn load(paths: &[PathBuf]) -> anyhow::Result<Checked> {
    let sources = engine_service::rules::read_sources(paths)?;
    Ok(match rule_language::load(&sources, fields::catalogue()) {
        Ok(loaded) => Checked { sources, diagnostics: loaded.diagnostics.clone(), loaded: Some(loaded) },
        Err(error) => Checked { sources, diagnostics: error.diagnostics, loaded: None },
    })
}

fn print(checked: &Checked) {
    let is_coloured = std::io::stdout().is_terminal();
    for diagnostic in &checked.diagnostics {
        println!("{}", diagnostics::render(diagnostic, is_coloured));
    }
    for source in &checked.sources {
        let of = |severity| {
            let matching = |found: &&Diagnostic| found.severity == severity && found.file() == source.name;
            checked.diagnostics.iter().filter(matching).count()
        };
        let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
        let verdict = match (errors, warnings) {
            (0, 0) => "Ok".green().to_string(),
            (0, _) => format!("{}, with {}", "Ok".yellow(), counted(warnings, "warning")),
            _ => format!("{}, with {}", "Invalid".red(), counted(errors, "error")),
        };
        anstream::println!("{}: {verdict}", source.name);
    }
    if let Some(loaded) = &checked.loaded {
        let rules = &loaded.rule_set.rules;
        let enabled = rules.iter().filter(|rule| rule.enabled).count();
        println!("{}, {enabled} enabled; {}", counted(rules.len(), "rule"), loaded.rule_set.digest);
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
