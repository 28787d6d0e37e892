//! Changes to rules that are there already.

use super::{Entry, MATCH_RESOLVED, Reader};
use crate::{
    definitions::{Exception, RuleUpdate},
    diagnostic::Code,
    reporter::{Report, Reported},
    text::Text,
};

const NO_RULE_TO_APPEND_TO: &str =
    "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
const NO_RULE_TO_REPLACE_IN: &str =
    "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";
const NOTHING_TO_APPEND: &str = "Appended rule must have exceptions or condition property";

impl Reader<'_> {
    /// Reads the value of a key into `update`.
    pub(super) fn read_update(
        &mut self,
        entry: &Entry<'_>,
        key: &str,
        is_appended: bool,
        update: &mut RuleUpdate,
    ) -> Result<(), Reported> {
        match key {
            "condition" => {
                let scalar = self.required_scalar(entry, "condition")?;
                update.condition = Some(Text::of_scalar(self.source, scalar));
            }
            // Only where a rule is defined are blanks around its output cut.
            "output" => {
                let scalar = self.required_scalar(entry, "output")?;
                update.output = Some(Text::of_scalar(self.source, scalar));
            }
            "desc" => update.description = Some(self.required_text(entry, "desc")?),
            "priority" => update.priority = Some(self.priority(entry)?),
            "tags" => update.tags = Some(self.required_texts(entry, "tags")?.into_iter().collect()),
            "exceptions" => update.exceptions = Some(self.exceptions(entry, is_appended)),
            "capture" => update.capture = self.optional_bool(entry, "capture")?,
            "capture_duration" => update.capture_duration = self.capture_duration(entry)?,
            "enabled" => update.enabled = Some(self.required_bool(entry, "enabled")?),
            "warn_evttypes" => update.warn_event_types = Some(self.required_bool(entry, "warn_evttypes")?),
            "skip-if-unknown-filter" => {
                update.skip_if_unknown_filter = Some(self.required_bool(entry, "skip-if-unknown-filter")?);
            }
            MATCH_RESOLVED => update.match_resolved = Some(self.required_bool(entry, MATCH_RESOLVED)?),
            _ => {}
        }
        Ok(())
    }

    /// The number of a change of a rule that is there, and of the same source; otherwise `missing` is told.
    fn begin_change(&mut self, entry: &Entry<'_>, name: &str, missing: &str) -> Result<u64, Reported> {
        let source = self.source(entry)?;
        self.check_source(entry, name, source.as_deref())?;
        let number = self.definitions.next_number();
        if self.definitions.rules.get(name).is_some() {
            return Ok(number);
        }
        Err(self.no_previous(entry, missing, |definitions| definitions.rules.names().collect()))
    }

    pub(super) fn append_to_rule(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        update: RuleUpdate,
    ) -> Result<(), Reported> {
        let number = self.begin_change(entry, name, NO_RULE_TO_APPEND_TO)?;
        if update.is_empty() {
            let report = Report::new(NOTHING_TO_APPEND, &entry.context);
            return Err(self.reporter.report(Code::LoadErrValidate, report));
        }
        let Some(previous) = self.definitions.rules.get_mut(name) else { return Ok(()) };
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
        let mut result = Ok(());
        for exception in update.exceptions.unwrap_or_default() {
            result = result.and(self.append_exception(name, exception, check_fields));
        }
        result
    }

    fn append_exception(
        &mut self,
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
                self.check_exception(&mut exception, check_fields)?;
                if let Some(rule) = self.definitions.rules.get_mut(name) {
                    rule.value.exceptions.push(exception);
                }
                return Ok(());
            }
        };
        Err(self.exception_error(&exception, message))
    }

    pub(super) fn replace_in_rule(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        update: RuleUpdate,
    ) -> Result<(), Reported> {
        let number = self.begin_change(entry, name, NO_RULE_TO_REPLACE_IN)?;
        let previous = self.definitions.rules.get(name);
        // Falco takes these unchecked and without default operators, which only a parser's error can tell of.
        let check_fields = previous.is_some_and(|previous| !previous.value.source_is_unknown);
        let mut exceptions = update.exceptions;
        if let Some(exceptions) = &mut exceptions {
            exceptions.retain_mut(|exception| self.check_exception(exception, check_fields).is_ok());
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
        replace(&mut rule.match_resolved, update.match_resolved);
        replace(&mut rule.exceptions, exceptions);
        Ok(())
    }
}

fn replace<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

// === impl RuleUpdate ===

impl RuleUpdate {
    pub(super) fn is_empty(&self) -> bool {
        self.condition.is_none()
            && self.output.is_none()
            && self.description.is_none()
            && self.tags.is_none()
            && self.exceptions.is_none()
    }
}
