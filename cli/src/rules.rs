//! `eyrie rules check`: loads rules files as an engine would.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
    process::ExitCode,
};

use ::fields::FieldSettings;
use engine_service::{StaticField, rules::RulesError};
use evaluator::{Greed, RulePlans};
use owo_colors::OwoColorize as _;
use rule_language::{
    Diagnostic, Loaded, Severity, Source, absent_fields, falco_describe_results, falco_load_results,
};
use serde_json::{Value, json};

use crate::{
    args::{RulesCheckArguments, RulesDescribeArguments},
    diagnostics,
};

/// Rules that ask for nearly everything and are named; the others are counted.
const GREEDY_NAMED: usize = 10;

/// What loading gave.
pub(crate) struct Checked {
    sources: Vec<Source>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) loaded: Option<Loaded>,
}

/// Carries out `eyrie rules check`; ends with 1 if there is an error.
pub(crate) fn check(arguments: &RulesCheckArguments) -> anyhow::Result<ExitCode> {
    let settings = settings(&arguments.static_fields)?;
    let checked = Checked::of_files(&arguments.files, &settings)?;
    let mut output = anstream::stdout().lock();
    if arguments.json {
        writeln!(output, "{}", checked.to_json())?;
    } else {
        checked.write(&mut output)?;
    }
    Ok(if checked.loaded.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Carries out `eyrie rules describe`; ends with 1 if the rules cannot be used, or do not have the one that is asked for.
pub(crate) fn describe(arguments: &RulesDescribeArguments) -> anyhow::Result<ExitCode> {
    let sources = engine_service::rules::read_sources(&arguments.files)?;
    let settings = settings(&arguments.static_fields)?;
    let described = match rule_language::describe(&sources, &fields::catalogue().configured(&settings)) {
        Ok(described) => described,
        Err(error) => {
            let is_coloured = io::stderr().is_terminal();
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
    writeln!(io::stdout().lock(), "{results:#}")?;
    Ok(ExitCode::SUCCESS)
}

/// What an engine with these static fields makes of fields.
pub(crate) fn settings(given: &[StaticField]) -> anyhow::Result<FieldSettings> {
    let static_fields = engine_service::static_fields(given.to_vec());
    let static_fields = static_fields
        .map_err(|key| anyhow::anyhow!("the static field '{key}' is given twice: leave one of them away"))?;
    Ok(FieldSettings { static_fields, ..FieldSettings::default() })
}

/// Carries out `eyrie rules schema`.
pub(crate) fn schema() -> anyhow::Result<ExitCode> {
    writeln!(io::stdout().lock(), "{:#}", rule_language::rules_schema())?;
    Ok(ExitCode::SUCCESS)
}

// === impl Checked ===

impl Checked {
    /// Loads the rules of files and folders.
    pub(crate) fn of_files(paths: &[PathBuf], settings: &FieldSettings) -> Result<Self, RulesError> {
        let (mut sources, mut readable, mut diagnostics) = (Vec::new(), Vec::new(), Vec::new());
        for read in engine_service::rules::read_each(paths)? {
            match read {
                Ok(source) => {
                    sources.push(source.clone());
                    readable.push(source);
                }
                // As much a result as any: it has its place in Falco's JSON, too.
                Err(diagnostic) => {
                    sources.push((*diagnostic.source).clone());
                    diagnostics.push(*diagnostic);
                }
            }
        }
        if diagnostics.is_empty() {
            return Ok(Self::of(sources, settings));
        }
        diagnostics
            .extend(rule_language::check_incomplete(&readable, &fields::catalogue().configured(settings)));
        Ok(Self { sources, diagnostics, loaded: None })
    }

    fn of(sources: Vec<Source>, settings: &FieldSettings) -> Self {
        match rule_language::load(&sources, &fields::catalogue().configured(settings)) {
            Ok(loaded) => Self { sources, diagnostics: loaded.diagnostics.clone(), loaded: Some(loaded) },
            Err(error) => Self { sources, diagnostics: error.diagnostics, loaded: None },
        }
    }

    /// Falco's load results; beside them, if there are any, the rules that use fields that no event has values of, and
    /// those that ask for every event of frequent types.
    fn to_json(&self) -> Value {
        let mut results = falco_load_results(&self.sources, &self.diagnostics);
        let rules = self.absent_fields();
        if let (false, Some(results)) = (rules.is_empty(), results.as_object_mut()) {
            let field = |(name, because): &(&str, &str)| json!({"name": name, "because": because});
            let rules = rules.iter().map(|(rule, fields)| {
                json!({"rule": rule, "fields": fields.iter().map(field).collect::<Vec<_>>()})
            });
            results.insert("eyrie_absent_fields".to_owned(), rules.collect());
        }
        let greedy = self.greedy();
        if let (false, Some(results)) = (greedy.is_empty(), results.as_object_mut()) {
            let greedy = greedy.into_iter().map(|greed| {
                json!({
                    "rule": greed.rule,
                    "event_types": greed.event_types,
                    "filters": greed.any_of.iter().map(evaluator::whole_filter_text).collect::<Vec<_>>(),
                    "forced_clause": greed.clause,
                    "forced_reason": greed.reason,
                })
            });
            results.insert("eyrie_greedy_rules".to_owned(), greedy.collect());
        }
        results
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let is_coloured = io::stdout().is_terminal();
        for diagnostic in &self.diagnostics {
            writeln!(output, "{}", diagnostics::render(diagnostic, is_coloured))?;
        }
        for (rule, fields) in self.absent_fields() {
            for (field, because) in fields {
                let note = "note:".cyan();
                writeln!(
                    output,
                    "{note} rule '{rule}' uses {field}, which is always absent, because {because}"
                )?;
            }
        }
        self.write_greed(output)?;
        for source in &self.sources {
            writeln!(output, "{}: {}", source.name, self.verdict(source))?;
        }
        if let Some(loaded) = &self.loaded {
            let rules = &loaded.rule_set.rules;
            let enabled = rules.iter().filter(|rule| rule.enabled).count();
            writeln!(
                output,
                "{}, {enabled} enabled; {}",
                counted(rules.len(), "rule"),
                loaded.rule_set.digest
            )?;
        }
        Ok(())
    }

    /// Names rules that keep hosts from dropping what is frequent.
    fn write_greed(&self, output: &mut impl Write) -> io::Result<()> {
        let (note, greedy) = ("note:".cyan(), self.greedy());
        for greed in greedy.iter().take(GREEDY_NAMED) {
            writeln!(output, "{note} {greed}")?;
        }
        match greedy.len().saturating_sub(GREEDY_NAMED) {
            0 => Ok(()),
            more => writeln!(output, "{note} and {more} more rules ask for every event of frequent types"),
        }
    }

    fn greedy(&self) -> Vec<Greed> {
        let plans = self.loaded.iter().map(|loaded| RulePlans::new(&loaded.rule_set));
        plans.flat_map(|plans| evaluator::greedy(&plans)).collect()
    }

    fn verdict(&self, source: &Source) -> String {
        let of = |severity| {
            let matching = |found: &&Diagnostic| found.severity == severity && found.file() == source.name;
            self.diagnostics.iter().filter(matching).count()
        };
        match (of(Severity::Error), of(Severity::Warning)) {
            (0, 0) => "Ok".green().to_string(),
            (0, warnings) => format!("{}, with {}", "Ok".yellow(), counted(warnings, "warning")),
            (errors, _) => format!("{}, with {}", "Invalid".red(), counted(errors, "error")),
        }
    }

    /// The rules that use fields that no event has values of, with these fields and the reasons. Comparisons with them are
    /// false.
    fn absent_fields(&self) -> Vec<(&str, Vec<(&'static str, &'static str)>)> {
        let rules = self.loaded.iter().flat_map(|loaded| &loaded.rule_set.rules);
        rules
            .map(|rule| (rule.name.as_str(), absent_fields(rule, fields::catalogue())))
            .filter(|(_, fields)| !fields.is_empty())
            .collect()
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "- rule: Watched\n  desc: d\n  condition: evt.type=open and CONDITION\n  output: o\n  priority: INFO\n";

    fn checked(texts: &[&str]) -> Checked {
        let source = |(number, text): (usize, &&str)| Source {
            name: format!("{number}.yaml"),
            text: (*text).to_owned(),
        };
        Checked::of(texts.iter().enumerate().map(source).collect(), FieldSettings::unset())
    }

    fn text(checked: &Checked) -> String {
        let mut output = anstream::StripStream::new(Vec::new());
        checked.write(&mut output).unwrap();
        String::from_utf8(output.into_inner()).unwrap()
    }

    /// Scenario: a rule on a field that no event has a value of, beside one that is fine. Guarantees: both load, and the note
    /// says which rule, which field and why, in text and JSON; a rule without such fields is not mentioned.
    #[test]
    fn absent_fields_are_named() {
        let unread = RULE.replace("CONDITION", "fd.name=x and evt.pluginname=x").replace("Watched", "Unread");
        let checked = checked(&[&RULE.replace("CONDITION", "fd.name=x"), &unread]);
        let shown = text(&checked);
        let because = "system calls come from no plugin, and no other source is there yet";
        let note = "note: rule 'Unread' uses evt.pluginname, which is always absent, because ";
        assert!(shown.contains(&format!("{note}{because}\n")), "{shown}");
        assert!(shown.contains("0.yaml: Ok\n1.yaml: Ok\n2 rules, 2 enabled; sha256:"), "{shown}");
        let field = json!({"name": "evt.pluginname", "because": because});
        let expected = json!([{"rule": "Unread", "fields": [field]}]);
        assert_eq!(checked.to_json()["eyrie_absent_fields"], expected);
    }

    /// Scenario: a dozen rules on all opens whose conditions only the engine can test, and one on a rare type. Guarantees:
    /// ten are named and the others counted; JSON has them all, and not the rare one.
    #[test]
    fn rules_that_ask_for_nearly_everything_are_named() {
        let greedy =
            |number| RULE.replace("CONDITION", "proc.args=x").replace("Watched", &format!("R{number}"));
        let rules: String = (0..12).map(greedy).collect();
        let rare = RULE.replace("evt.type=open and CONDITION", "evt.type=ptrace");
        let checked = checked(&[&(rules + &rare)]);
        let shown = text(&checked);
        assert_eq!(shown.matches("asks for every event of open").count(), 10, "{shown}");
        assert!(shown.contains("note: rule 'R0' asks for"), "{shown}");
        assert!(shown.contains("note: and 2 more rules ask for every event of frequent types"), "{shown}");
        assert_eq!(checked.to_json()["eyrie_greedy_rules"].as_array().map(Vec::len), Some(12));
    }

    /// Scenario: a rule on a static field, where it is configured and where it is not. Guarantees: it loads with it; without, the error
    /// says how to set it.
    #[test]
    fn static_fields_are_there_if_they_are_configured() {
        let rule = RULE.replace("CONDITION", "static.site = berlin");
        let shown = text(&checked(&[&rule]));
        assert!(shown.contains("nonexistent field 'static.site'"), "{shown}");
        assert!(shown.contains("static-fields = [\"site=VALUE\"]"), "{shown}");
        let settings = settings(&["site=rome".parse().unwrap()]).unwrap();
        let source = Source { name: "0.yaml".to_owned(), text: rule };
        assert!(Checked::of(vec![source], &settings).loaded.is_some());
        assert!(super::settings(&["a=1".parse().unwrap(), "a=2".parse().unwrap()]).is_err());
    }

    /// Scenario: two files, an error in each. Guarantees: both are told, with their files; Falco's results say the same.
    #[test]
    fn errors_of_all_files_are_told() {
        let wrong = RULE.replace("CONDITION", "no_such_macro").replace("Watched", "Other");
        let checked = checked(&[&RULE.replace("CONDITION", "proc.nmae=x"), &wrong]);
        let shown = text(&checked);
        assert!(shown.contains("did you mean 'proc.name'?") && shown.contains("no_such_macro"), "{shown}");
        assert!(shown.ends_with("0.yaml: Invalid, with 1 error\n1.yaml: Invalid, with 1 error\n"), "{shown}");
        let results = &checked.to_json()["falco_load_results"];
        assert_eq!((&results[0]["successful"], &results[1]["successful"]), (&json!(false), &json!(false)));
    }

    /// Scenario: a file that is not there beside one with an error and one without. Guarantees: both errors are told, and each
    /// file has its result in Falco's JSON, in order.
    #[test]
    fn a_missing_file_hides_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("wrong.yaml"), RULE.replace("CONDITION", "proc.nmae=x and some_macro")).unwrap();
        std::fs::write(path("right.yaml"), RULE.replace("CONDITION", "proc.name=x")).unwrap();
        let checked = Checked::of_files(
            &[path("right.yaml"), path("missing.yaml"), path("wrong.yaml")],
            FieldSettings::unset(),
        )
        .unwrap();
        let messages: Vec<&str> = checked.diagnostics.iter().map(|found| found.message.as_str()).collect();
        assert!(messages[0].starts_with("Could not open"), "{messages:?}");
        assert_eq!(messages[1..], ["nonexistent field 'proc.nmae'"]);
        let results = checked.to_json()["falco_load_results"].clone();
        let successful: Vec<_> =
            results.as_array().unwrap().iter().map(|found| found["successful"].clone()).collect();
        assert_eq!(successful, [true, false, false]);
    }
}
