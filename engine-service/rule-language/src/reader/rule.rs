//! Items that are rules: defining, appending, overriding, enabling.

mod change;

use std::time::Duration;

use super::{Entry, Reader, overrides::Overrides};
use crate::{
    context::item_type,
    definitions::{Rule, RuleUpdate},
    diagnostic::Code,
    priority::UnknownPriority,
    reporter::{Report, Reported},
    ruleset::Priority,
    text::Text,
};

const KEYS: [&str; 16] = [
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    MATCH_RESOLVED,
    "tags",
    "exceptions",
    "override",
    "append",
];
/// In the order in which Falco looks for them.
const APPENDABLE: [&str; 5] = ["condition", "exceptions", "output", "desc", "tags"];
/// In the order in which Falco looks for them.
const REPLACEABLE: [&str; 12] = [
    "condition",
    "exceptions",
    "output",
    "desc",
    "tags",
    "priority",
    "capture",
    "capture_duration",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    MATCH_RESOLVED,
];
/// Ours: Falco warns of it, as of any key that it does not know, and goes on.
const MATCH_RESOLVED: &str = "match_resolved";
const ENABLED_ALONE: &str = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a \
    'replace' entry under the 'override' key (i.e. 'enabled: replace').";
const NO_RULE_TO_ENABLE: &str = "Rule has 'enabled' key but no rule by that name already exists";
const OTHER_SOURCE: &str = "Rule has been re-defined with a different source";

impl Reader<'_> {
    pub(super) fn rule(&mut self, mut entry: Entry<'_>) -> Result<(), Reported> {
        self.check_keys(&entry, &KEYS);
        let name = self.name(&mut entry, item_type::RULE)?;
        let overrides = self.overrides(&entry, &APPENDABLE, &REPLACEABLE)?;
        if !overrides.is_empty() {
            return self.override_rule(&entry, &name, &overrides);
        }
        if overrides.append_flag {
            let mut update = RuleUpdate::default();
            let mut result = Ok(());
            for key in ["condition", "exceptions"].into_iter().filter(|key| entry.has(key)) {
                result = result.and(self.read_update(&entry, key, true, &mut update));
            }
            if result.is_ok() || !update.is_empty() {
                self.append_to_rule(&entry, &name, update)?;
            }
            return result;
        }
        if ["condition", "output", "desc", "priority"].iter().any(|key| entry.has(key)) {
            self.define_rule(&entry, &name)
        } else {
            self.enable_rule(&entry, &name)
        }
    }

    /// Defines a rule. What is wrong with one key hides nothing that is wrong with another: as a default in its place, it
    /// lets the rest be checked, and the rules are not used anyway.
    fn define_rule(&mut self, entry: &Entry<'_>, name: &str) -> Result<(), Reported> {
        let condition = self.required_scalar(entry, "condition");
        let output = self.required_scalar(entry, "output");
        let description = self.required_text(entry, "desc").unwrap_or_default();
        let priority = self.priority(entry).unwrap_or(Priority::Debug);
        let source = self.source(entry).map(|source| source.unwrap_or_else(|| "syscall".to_owned()));
        let capture = self.optional_bool(entry, "capture").unwrap_or_default().unwrap_or(false);
        let capture_duration = self.capture_duration(entry).unwrap_or_default().unwrap_or_default();
        let enabled = self.optional_bool(entry, "enabled").unwrap_or_default().unwrap_or(true);
        // What is wrong with these two should not bring about what they may have been meant to keep away.
        let warn_event_types =
            self.optional_bool(entry, "warn_evttypes").unwrap_or(Some(false)).unwrap_or(true);
        let skip_if_unknown_filter =
            self.optional_bool(entry, "skip-if-unknown-filter").unwrap_or(Some(true)).unwrap_or(false);
        let match_resolved = self.optional_bool(entry, MATCH_RESOLVED).unwrap_or_default().unwrap_or(false);
        let tags = if entry.has("tags") { self.required_texts(entry, "tags") } else { Ok(Vec::new()) };
        let exceptions = self.exceptions(entry, false);

        // Which fields there are depends on the source.
        let source = source?;
        self.check_source(entry, name, Some(&source))?;
        let source_is_unknown = !self.catalogue.is_source(&source);
        if source_is_unknown {
            let message = format!("Unknown source {source}, skipping");
            self.report_of_item(Code::LoadUnknownSource, entry, "source", &message);
        }
        let mut sound = Vec::with_capacity(exceptions.len());
        for mut exception in exceptions {
            if self.check_exception(&mut exception, !source_is_unknown).is_ok() {
                sound.push(exception);
            }
        }
        let (condition, output) = (condition?, output?);
        let part = |kind, node: &crate::yaml::Node| entry.context.child(kind, "", self.place(node.span()));
        let rule = Rule {
            context: entry.context.clone(),
            condition_context: part(item_type::RULE_CONDITION, condition),
            output_context: part(item_type::RULE_OUTPUT, output),
            condition: Text::of_scalar(self.source, condition),
            output: Text::of_scalar(self.source, output).trimmed(),
            description,
            priority,
            source,
            source_is_unknown,
            tags: tags.unwrap_or_default().into_iter().collect(),
            enabled,
            capture,
            capture_duration,
            warn_event_types,
            skip_if_unknown_filter,
            match_resolved,
            exceptions: sound,
        };
        let number = self.definitions.next_number();
        self.definitions.rules.define(name, rule, number);
        Ok(())
    }

    fn enable_rule(&mut self, entry: &Entry<'_>, name: &str) -> Result<(), Reported> {
        let enabled = self.required_bool(entry, "enabled")?;
        self.report_of_item(Code::LoadDeprecatedItem, entry, "enabled", ENABLED_ALONE);
        match self.definitions.rules.get_mut(name) {
            Some(rule) => {
                rule.value.enabled = enabled;
                Ok(())
            }
            None => {
                Err(self
                    .no_previous(entry, NO_RULE_TO_ENABLE, |definitions| definitions.rules.names().collect()))
            }
        }
    }

    /// Each key that is overridden has to be there, and each that is there has to be overridden.
    fn override_rule(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        overrides: &Overrides,
    ) -> Result<(), Reported> {
        let is_overridden = |key| overrides.append.contains(key) || overrides.replace.contains(key);
        let mut unexpected: Vec<&str> =
            REPLACEABLE.into_iter().filter(|key| entry.has(key) && !is_overridden(*key)).collect();
        // Falco has them in a sorted set, and looks at them in the end.
        unexpected.sort_unstable();
        let unexpected = unexpected.first().and_then(|key| Some((*key, entry.get(key)?)));
        let before = unexpected.and_then(|_| self.definitions.rules.get(name)).map(|rule| rule.value.clone());
        let mut result = Ok(());
        if !overrides.append.is_empty() {
            let mut update = RuleUpdate::default();
            for key in APPENDABLE.into_iter().filter(|key| overrides.append.contains(key)) {
                let read = self.read_overridden(entry, key, "append", &mut update);
                result = result.and(read);
            }
            if result.is_ok() || !update.is_empty() {
                self.append_to_rule(entry, name, update)?;
            }
        }
        if !overrides.replace.is_empty() {
            let mut update = RuleUpdate::default();
            for key in REPLACEABLE.into_iter().filter(|key| overrides.replace.contains(key)) {
                let read = self.read_overridden(entry, key, "replace", &mut update);
                result = result.and(read);
            }
            if result.is_ok() || !update.is_empty() {
                self.replace_in_rule(entry, name, update)?;
            }
        }
        let Some((key, node)) = unexpected else { return result };
        // What has been changed would only give errors that follow from this one.
        if let Some((rule, before)) = self.definitions.rules.get_mut(name).zip(before) {
            rule.value = before;
        }
        let message = format!("Unexpected key '{key}': no corresponding entry under 'override' is defined.");
        let context = entry.context.child(item_type::OVERRIDES, key, self.place(node.span()));
        Err(self.reporter.report(Code::LoadErrYamlValidate, Report::new(message, &context)))
    }

    /// Reads a key that is appended or replaced, and therefore has to be there.
    fn read_overridden(
        &mut self,
        entry: &Entry<'_>,
        key: &str,
        operation: &str,
        update: &mut RuleUpdate,
    ) -> Result<(), Reported> {
        if entry.has(key) {
            return self.read_update(entry, key, operation == "append", update);
        }
        let message = format!("An {operation} override for '{key}' was specified but '{key}' is not defined");
        Err(self.report_of_item(Code::LoadErrYamlValidate, entry, "override", &message))
    }

    /// Two definitions of a rule, or a rule and a change of it, that both say where its events come from say the same.
    fn check_source(&mut self, entry: &Entry<'_>, name: &str, source: Option<&str>) -> Result<(), Reported> {
        let previous = self.definitions.rules.get(name).map(|previous| previous.value.source.as_str());
        match (previous, source) {
            (Some(previous), Some(source)) if previous != source => {
                Err(self.report_of_item(Code::LoadErrValidate, entry, "source", OTHER_SOURCE))
            }
            _ => Ok(()),
        }
    }

    fn priority(&mut self, entry: &Entry<'_>) -> Result<Priority, Reported> {
        let word = self.required_text(entry, "priority")?;
        word.parse().map_err(|unknown: UnknownPriority| {
            let place = self.value_context(entry, "priority").place().clone();
            let context = entry.context.child(item_type::RULE_PRIORITY, "", place);
            let report = Report::new("Invalid priority", &context).help(unknown.to_string());
            self.reporter.report(Code::LoadErrYamlValidate, report)
        })
    }

    /// The rule's source, if it gives one; an empty one is none.
    fn source(&mut self, entry: &Entry<'_>) -> Result<Option<String>, Reported> {
        let is_empty = entry.get("source").is_none_or(|node| node.is_null() || node.scalar() == Some(""));
        if is_empty { Ok(None) } else { self.required_text(entry, "source").map(Some) }
    }

    /// `capture_duration`, in milliseconds.
    fn capture_duration(&mut self, entry: &Entry<'_>) -> Result<Option<Duration>, Reported> {
        let milliseconds = self.optional_number(entry, "capture_duration")?;
        Ok(milliseconds.map(|milliseconds| Duration::from_millis(milliseconds.into())))
    }
}
