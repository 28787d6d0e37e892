//! `eyrie rules check`: loads rules files as an engine would.

use std::{io::IsTerminal as _, io::Write as _, path::PathBuf, process::ExitCode};

use owo_colors::OwoColorize as _;
use rule_language::{Diagnostic, Loaded, Severity, Source, falco_describe_results, falco_load_results};

use crate::{
    args::{RulesCheckArguments, RulesDescribeArguments},
    diagnostics,
};

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

/// Carries out `eyrie rules describe`; ends with 1 if the rules cannot be used, or do not have the one that is asked for.
pub(crate) fn describe(arguments: &RulesDescribeArguments) -> anyhow::Result<ExitCode> {
    let sources = engine_service::rules::read_sources(&arguments.files)?;
    let described = match rule_language::describe(&sources, fields::catalogue()) {
        Ok(described) => described,
        Err(error) => {
            let is_coloured = std::io::stderr().is_terminal();
            error.errors().for_each(|error| eprintln!("{}", diagnostics::render(error, is_coloured)));
            anyhow::bail!("the rules cannot be used: {}", counted(error.errors().count(), "error"));
        }
    };
    let wanted = arguments.rule.as_deref();
    let Some(results) = falco_describe_results(&described, fields::catalogue(), wanted) else {
        let names = described.loaded.rule_set.rules.iter().map(|rule| rule.name.as_str());
        let near = rule_language::closest(wanted.unwrap_or_default(), names);
        let hint = near.map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
        anyhow::bail!("Rule \"{}\" is not loaded{hint}", wanted.unwrap_or_default());
    };
    let mut output = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &results)?;
    writeln!(output)?;
    Ok(ExitCode::SUCCESS)
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
