//! `override`, and the older `append`.

use std::collections::BTreeSet;

use super::{Entry, Reader};
use crate::{
    context::item_type,
    diagnostic::Code,
    reporter::{Report, Reported},
    yaml::Content,
};

const APPEND_IS_DEPRECATED: &str =
    "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
const OVERRIDE_AND_APPEND: &str = "Keys 'override' and 'append: true' cannot be used together. \
    Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";

/// Which keys an item appends and which it replaces.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) append: BTreeSet<&'static str>,
    pub(super) replace: BTreeSet<&'static str>,
    /// The older way to append.
    pub(super) append_flag: bool,
}

// === impl Overrides ===

impl Overrides {
    pub(super) fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Whether and how the item changes an earlier one.
    pub(super) fn overrides(
        &mut self,
        entry: &Entry<'_>,
        appendable: &[&'static str],
        replaceable: &[&'static str],
    ) -> Result<Overrides, Reported> {
        let append_flag = self.optional_bool(entry, "append")?.unwrap_or(false);
        if append_flag {
            self.report_of_item(Code::LoadDeprecatedItem, entry, "append", APPEND_IS_DEPRECATED);
        }
        let mut overrides = Overrides { append_flag, ..Overrides::default() };
        self.override_entries(entry, appendable, replaceable, &mut overrides)?;
        if append_flag && !overrides.is_empty() {
            let code = Code::LoadErrYamlValidate;
            return Err(self.report_of_item(code, entry, "override", OVERRIDE_AND_APPEND));
        }
        Ok(overrides)
    }

    /// Whether a list or a macro, whose only content is `key`, is appended to.
    pub(super) fn appends(&mut self, entry: &Entry<'_>, key: &'static str) -> Result<bool, Reported> {
        let overrides = self.overrides(entry, &[key], &[key])?;
        Ok(overrides.append_flag || !overrides.append.is_empty())
    }

    fn override_entries(
        &mut self,
        entry: &Entry<'_>,
        appendable: &[&'static str],
        replaceable: &[&'static str],
        overrides: &mut Overrides,
    ) -> Result<(), Reported> {
        let Some(node) = entry.get("override").filter(|node| !node.is_null()) else { return Ok(()) };
        let Content::Mapping(pairs) = &node.content else {
            // Falco goes through the pairs of whatever stands there, and finds none.
            let context = self.value_context(entry, "override");
            let report = Report::new("Value of 'override' is not a mapping. It will be ignored.", &context)
                .help("name keys with what to do, as in 'override: {condition: append}'");
            self.reporter.report(Code::LoadUnknownKey, report);
            return Ok(());
        };
        let context = entry.context.child(item_type::OVERRIDES, "", entry.context.place().clone());
        for (key, operation) in pairs {
            let name = key.scalar().unwrap_or_default();
            let append = appendable.iter().copied().find(|known| *known == name);
            let replace = replaceable.iter().copied().find(|known| *known == name);
            // What is nothing is called `null` there.
            let word = if operation.is_null() { "null" } else { operation.scalar().unwrap_or_default() };
            let (message, context) = match (word, append, replace) {
                ("append", Some(key), _) => {
                    overrides.append.insert(key);
                    continue;
                }
                ("replace", _, Some(key)) => {
                    overrides.replace.insert(key);
                    continue;
                }
                ("append", None, _) => {
                    let message = format!("Key '{name}' cannot be appended to, use 'replace' instead");
                    (message, context.child(item_type::OVERRIDES, name, self.place(key.span())))
                }
                ("replace", _, None) => {
                    let message = format!("Key '{name}' cannot be replaced");
                    (message, context.child(item_type::OVERRIDES, name, self.place(key.span())))
                }
                (other, append, replace) => {
                    let mut message = format!(
                        "Invalid override operation for key '{name}': '{other}'. Allowed values are: "
                    );
                    message.push_str(if append.is_some() { "append " } else { "" });
                    message.push_str(if replace.is_some() { "replace " } else { "" });
                    (message, context.child(item_type::VALUE_FOR, name, self.place(operation.span())))
                }
            };
            return Err(self.reporter.report(Code::LoadErrYamlValidate, Report::new(message, &context)));
        }
        Ok(())
    }
}
