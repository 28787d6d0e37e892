//! Rules: defining, appending, overriding, enabling.

use std::time::Duration;

use super::{Entry, OVERRIDE_AND_APPEND, Reader, entry::Overrides};
use crate::{
    definitions::{Exception, Rule, RuleUpdate},
    diagnostic::Code,
    reporter::{Report, Reported},
    ruleset::Priority,
    text::Text,
};

const KEYS: [&str; 15] = [
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
    "tags",
    "exceptions",
    "override",
    "append",
];
const APPENDABLE: [&str; 5] = ["condition", "output", "desc", "tags", "exceptions"];
const REPLACEABLE: [&str; 11] = [
    "condition",
    "output",
    "desc",
    "tags",
    "exceptions",
    "priority",
    "capture",
    "capture_duration",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
];
const NO_RULE_TO_APPEND_TO: &str =
    "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
const NO_RULE_TO_REPLACE_IN: &str =
    "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";
const ENABLED_ALONE: &str = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a \
    'replace' entry under the 'override' key (i.e. 'enabled: replace').";

impl Reader<'_> {
    pub(super) fn rule(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        self.check_keys(entry, &KEYS);
        let name = self.required_text(entry, "rule")?;
        let append = self.append_flag(entry)?;
        let overrides = self.overrides(entry, &APPENDABLE, &REPLACEABLE)?;
        if append && !overrides.is_empty() {
            return Err(self.invalid(entry, "override", OVERRIDE_AND_APPEND));
        }
        if !overrides.is_empty() {
            return self.override_rule(entry, &name, &overrides);
        }
        if append {
            let keys = ["condition", "exceptions"].into_iter().filter(|key| entry.has(key)).collect();
            let overrides = Overrides { append: keys, ..Overrides::default() };
            let update = self.update(entry, &overrides.append, true)?;
            return self.append_to_rule(entry, &name, update);
        }
        if ["condition", "output", "desc", "priority"].iter().any(|key| entry.has(key)) {
            self.define_rule(entry, &name)
        } else {
            self.enable_rule(entry, &name)
        }
    }

    fn define_rule(&mut self, entry: &Entry<'_>, name: &str) -> Result<(), Reported> {
        let condition = self.required_scalar(entry, "condition")?;
        let output = self.required_scalar(entry, "output")?;
        let description = self.required_text(entry, "desc")?;
        let priority = self.priority(entry)?;
        let source = self.source(entry)?;
        let source_is_unknown = !self.catalogue.is_source(&source);
        let capture = self.capture(entry)?.unwrap_or(false);
        let capture_duration = self.capture_duration(entry)?.unwrap_or_default();
        let enabled = self.optional_bool(entry, "enabled")?.unwrap_or(true);
        let warn_event_types = self.optional_bool(entry, "warn_evttypes")?.unwrap_or(true);
        let skip_if_unknown_filter = self.optional_bool(entry, "skip-if-unknown-filter")?.unwrap_or(false);
        let tags = self.optional_texts(entry, "tags")?.unwrap_or_default().into_iter().collect();
        let mut exceptions = self.exceptions(entry, false)?;
        for exception in &mut exceptions {
            self.check_exception(entry, exception, !source_is_unknown)?;
        }
        let previous = self.definitions.rules.get(name);
        if previous.is_some_and(|previous| previous.value.source != source) {
            let message = "Rule has been re-defined with a different source".to_owned();
            return Err(self.report_at_key(Code::LoadErrValidate, entry, "source", message));
        }
        if source_is_unknown {
            let message = format!("Unknown source {source}, skipping");
            self.report_at_key(Code::LoadUnknownSource, entry, "source", message);
        }
        let rule = Rule {
            item: entry.item.clone(),
            condition: Text::of_scalar(self.source, condition),
            output: Text::of_scalar(self.source, output).trimmed(),
            description,
            priority,
            source,
            source_is_unknown,
            tags,
            enabled,
            capture,
            capture_duration,
            warn_event_types,
            skip_if_unknown_filter,
            exceptions,
        };
        let number = self.definitions.next_number();
        self.definitions.rules.define(name, rule, number);
        Ok(())
    }

    fn enable_rule(&mut self, entry: &Entry<'_>, name: &str) -> Result<(), Reported> {
        let enabled = self.required_bool(entry, "enabled")?;
        self.warn(Code::LoadDeprecatedItem, entry, "enabled", ENABLED_ALONE);
        match self.definitions.rules.get_mut(name) {
            Some(rule) => {
                rule.value.enabled = enabled;
                Ok(())
            }
            None => {
                let message = "Rule has 'enabled' key but no rule by that name already exists";
                Err(self.no_previous(entry, message, |definitions| definitions.rules.names().collect()))
            }
        }
    }

    fn override_rule(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        overrides: &Overrides,
    ) -> Result<(), Reported> {
        for (keys, kind) in [(&overrides.append, "An append"), (&overrides.replace, "An replace")] {
            if let Some(key) = keys.iter().find(|key| !entry.has(key)) {
                let message = format!("{kind} override for '{key}' was specified but '{key}' is not defined");
                return Err(self.invalid(entry, "override", message));
            }
        }
        let is_overridden = |key| overrides.append.contains(key) || overrides.replace.contains(key);
        if let Some(key) = REPLACEABLE.iter().find(|key| entry.has(key) && !is_overridden(*key)) {
            let message =
                format!("Unexpected key '{key}': no corresponding entry under 'override' is defined.");
            return Err(self.invalid(entry, key, message));
        }
        if !overrides.append.is_empty() {
            let update = self.update(entry, &overrides.append, true)?;
            self.append_to_rule(entry, name, update)?;
        }
        if !overrides.replace.is_empty() {
            let update = self.update(entry, &overrides.replace, true)?;
            self.replace_in_rule(entry, name, update)?;
        }
        Ok(())
    }

    /// The values of the keys that are overridden.
    fn update(
        &mut self,
        entry: &Entry<'_>,
        keys: &std::collections::BTreeSet<&'static str>,
        exceptions_may_lack_fields: bool,
    ) -> Result<RuleUpdate, Reported> {
        let mut update = RuleUpdate::default();
        for key in keys {
            match *key {
                "condition" => {
                    let scalar = self.required_scalar(entry, "condition")?;
                    update.condition = Some(Text::of_scalar(self.source, scalar));
                }
                "output" => {
                    let scalar = self.required_scalar(entry, "output")?;
                    update.output = Some(Text::of_scalar(self.source, scalar).trimmed());
                }
                "desc" => update.description = Some(self.required_text(entry, "desc")?),
                "priority" => update.priority = Some(self.priority(entry)?),
                "tags" => {
                    update.tags = self.optional_texts(entry, "tags")?.map(|tags| tags.into_iter().collect())
                }
                "exceptions" => update.exceptions = Some(self.exceptions(entry, exceptions_may_lack_fields)?),
                "enabled" => update.enabled = Some(self.required_bool(entry, "enabled")?),
                "warn_evttypes" => {
                    update.warn_event_types = Some(self.required_bool(entry, "warn_evttypes")?)
                }
                "skip-if-unknown-filter" => {
                    update.skip_if_unknown_filter =
                        Some(self.required_bool(entry, "skip-if-unknown-filter")?);
                }
                "capture" => update.capture = self.capture(entry)?,
                "capture_duration" => update.capture_duration = self.capture_duration(entry)?,
                _ => {}
            }
        }
        Ok(update)
    }

    fn append_to_rule(&mut self, entry: &Entry<'_>, name: &str, update: RuleUpdate) -> Result<(), Reported> {
        let number = self.definitions.next_number();
        let Some(previous) = self.definitions.rules.get_mut(name) else {
            return Err(self.no_previous(entry, NO_RULE_TO_APPEND_TO, |definitions| {
                definitions.rules.names().collect()
            }));
        };
        if update.is_empty() {
            let message = "Appended rule must have exceptions or condition property";
            let report = Report::new(message, &entry.item);
            return Err(self.reporter.report(Code::LoadErrValidate, &entry.item.place, report));
        }
        previous.visibility = number;
        let rule = &mut previous.value;
        let check_fields = !rule.source_is_unknown;
        if let Some(condition) = update.condition {
            rule.condition.append(condition);
        }
        if let Some(output) = update.output {
            rule.output.append(output);
        }
        if let Some(description) = update.description {
            rule.description.push(' ');
            rule.description.push_str(&description);
        }
        rule.tags.extend(update.tags.unwrap_or_default());
        for exception in update.exceptions.unwrap_or_default() {
            self.append_exception(entry, name, exception, check_fields)?;
        }
        Ok(())
    }

    fn append_exception(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        mut exception: Exception,
        check_fields: bool,
    ) -> Result<(), Reported> {
        let Some(rule) = self.definitions.rules.get_mut(name) else { return Ok(()) };
        let known = rule.value.exceptions.iter_mut().find(|known| known.name == exception.name);
        let message = match known {
            Some(_) if exception.fields.is_some() => {
                "Can not append exception fields to existing exception, only values"
            }
            Some(_) if exception.comps.is_some() => {
                "Can not append exception comps to existing exception, only values"
            }
            Some(known) => {
                known.values.append(&mut exception.values);
                return Ok(());
            }
            None if exception.fields.is_none() => {
                "Rule exception must have fields property with a list of fields"
            }
            None if exception.values.is_empty() => {
                "Rule exception must have values property with a list of values"
            }
            None => {
                self.check_exception(entry, &mut exception, check_fields)?;
                if let Some(rule) = self.definitions.rules.get_mut(name) {
                    rule.value.exceptions.push(exception);
                }
                return Ok(());
            }
        };
        Err(self.exception_error(entry, &exception, message))
    }

    fn replace_in_rule(&mut self, entry: &Entry<'_>, name: &str, update: RuleUpdate) -> Result<(), Reported> {
        let number = self.definitions.next_number();
        let Some(previous) = self.definitions.rules.get(name) else {
            return Err(self.no_previous(entry, NO_RULE_TO_REPLACE_IN, |definitions| {
                definitions.rules.names().collect()
            }));
        };
        let check_fields = !previous.value.source_is_unknown;
        let mut exceptions = update.exceptions;
        for exception in exceptions.iter_mut().flatten() {
            self.check_exception(entry, exception, check_fields)?;
        }
        let Some(previous) = self.definitions.rules.get_mut(name) else { return Ok(()) };
        previous.visibility = number;
        let rule = &mut previous.value;
        replace(&mut rule.condition, update.condition);
        replace(&mut rule.output, update.output);
        replace(&mut rule.description, update.description);
        replace(&mut rule.priority, update.priority);
        replace(&mut rule.tags, update.tags);
        replace(&mut rule.capture, update.capture);
        replace(&mut rule.capture_duration, update.capture_duration);
        replace(&mut rule.enabled, update.enabled);
        replace(&mut rule.warn_event_types, update.warn_event_types);
        replace(&mut rule.skip_if_unknown_filter, update.skip_if_unknown_filter);
        replace(&mut rule.exceptions, exceptions);
        Ok(())
    }

    fn priority(&mut self, entry: &Entry<'_>) -> Result<Priority, Reported> {
        let word = self.required_text(entry, "priority")?;
        word.parse().map_err(|unknown: crate::priority::UnknownPriority| {
            let node = entry.get("priority").map_or(entry.item.place.span.clone(), |node| node.span.clone());
            let report =
                Report::new("Invalid priority", &entry.item).part("rule priority").help(unknown.to_string());
            let place = self.place(node);
            self.reporter.report(Code::LoadErrYamlValidate, &place, report)
        })
    }

    /// The rule's source; a key without a value means the default.
    fn source(&mut self, entry: &Entry<'_>) -> Result<String, Reported> {
        let empty = entry.get("source").is_none_or(|node| node.is_null() || node.scalar() == Some(""));
        if empty { Ok("syscall".to_owned()) } else { self.required_text(entry, "source") }
    }

    /// `capture`, with a warning that it has no effect here.
    fn capture(&mut self, entry: &Entry<'_>) -> Result<Option<bool>, Reported> {
        let capture = self.optional_bool(entry, "capture")?;
        if capture == Some(true) {
            let message = "'capture' has no effect here: alerts carry their evidence, and no dump is written";
            self.warn(Code::LoadWarningExtension, entry, "capture", message);
        }
        Ok(capture)
    }

    /// `capture_duration`, in milliseconds.
    fn capture_duration(&mut self, entry: &Entry<'_>) -> Result<Option<Duration>, Reported> {
        let milliseconds = self.optional_number(entry, "capture_duration")?;
        Ok(milliseconds.map(|milliseconds| Duration::from_millis(milliseconds.into())))
    }
}

fn replace<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

// === impl RuleUpdate ===

impl RuleUpdate {
    fn is_empty(&self) -> bool {
        self.condition.is_none()
            && self.output.is_none()
            && self.description.is_none()
            && self.tags.is_none()
            && self.exceptions.is_none()
    }
}
