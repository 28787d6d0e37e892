//! From YAML to definitions: the keys of items, what they may hold, and what appending and overriding mean.
//!
//! An item that is wrong is reported and left out; reading goes on with the next one, so that one run shows all errors.

mod entry;
mod exceptions;
mod requirements;
mod rule;

use std::{collections::HashSet, rc::Rc};

use self::entry::Entry;
pub(crate) use self::exceptions::has_modifier;
use crate::{
    catalogue::Catalogue,
    definitions::{Definitions, List, Macro},
    diagnostic::Code,
    limits::{Budget, Exhausted, MAX_SCALARS},
    reporter::{Item, Report, Reported, Reporter},
    suggest::Allowance,
    text::{Place, Text},
    yaml::{self, Content, Node},
};

const APPEND_IS_DEPRECATED: &str =
    "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
const OVERRIDE_AND_APPEND: &str = "Keys 'override' and 'append: true' cannot be used together. \
    Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";

/// Reads files into definitions.
pub(crate) struct Reader<'run> {
    pub(crate) catalogue: &'run dyn Catalogue,
    pub(crate) reporter: &'run mut Reporter,
    pub(crate) definitions: &'run mut Definitions,
    pub(crate) budget: &'run mut Budget,
    pub(crate) allowance: &'run Allowance,
    /// Names of items that were left out: whoever refers to them is not wrong on top of that.
    pub(crate) left_out: HashSet<String>,
    /// Whether a whole file was left out.
    pub(crate) lost_a_file: bool,
    pub(crate) scalars: usize,
    /// The source that is read now.
    pub(crate) source: usize,
}

// === impl Reader ===

impl<'run> Reader<'run> {
    pub(crate) fn new(
        catalogue: &'run dyn Catalogue,
        reporter: &'run mut Reporter,
        definitions: &'run mut Definitions,
        budget: &'run mut Budget,
        allowance: &'run Allowance,
    ) -> Self {
        let left_out = HashSet::new();
        Self {
            catalogue,
            reporter,
            definitions,
            budget,
            allowance,
            left_out,
            lost_a_file: false,
            scalars: MAX_SCALARS,
            source: 0,
        }
    }

    pub(crate) fn read(&mut self, source: usize, text: &str) {
        self.source = source;
        let whole = Item { kind: "rules content", name: String::new(), place: self.place(0..0) };
        let documents = match yaml::parse(text) {
            Ok(documents) => documents,
            Err(error) => {
                let place = self.place(error.offset..error.offset + 1);
                let report = Report { message: error.message, ..Report::default() };
                self.reporter.report(Code::LoadErrYamlParse, &place, report);
                self.lost_a_file = true;
                return;
            }
        };
        for document in documents.iter().filter(|document| !document.is_null()) {
            let place = self.place(document.span.clone());
            let message = match &document.content {
                Content::Sequence(items) => {
                    items.iter().filter(|item| !item.is_null()).for_each(|item| self.item(item));
                    continue;
                }
                Content::Mapping(_) => "Rules content is not yaml array of objects",
                _ => "Rules content is not yaml",
            };
            let report =
                Report::new(message, &whole).help("a rules file is a sequence: each item starts with '- '");
            self.reporter.report(Code::LoadErrYamlValidate, &place, report);
            self.lost_a_file = true;
        }
    }

    fn item(&mut self, node: &Rc<Node>) {
        let place = self.place(node.span.clone());
        let Content::Mapping(pairs) = &node.content else {
            let item = Item { kind: "rules content item", name: String::new(), place: place.clone() };
            let message = "Unexpected element type. Each element should be a yaml associative array.";
            self.reporter.report(Code::LoadErrYamlValidate, &place, Report::new(message, &item));
            return;
        };
        let has = |wanted| pairs.iter().any(|(key, _)| key.scalar() == Some(wanted));
        let kinds = ["required_engine_version", "required_plugin_versions", "list", "macro", "rule"];
        let Some(kind) = kinds.into_iter().find(|kind| has(kind)) else {
            let item = Item { kind: "rules content item", name: String::new(), place: place.clone() };
            let first = pairs.first().and_then(|(key, _)| key.scalar()).unwrap_or_default();
            let mut report = Report::new("Unknown top level item", &item);
            report.help = crate::suggest::closest(first, kinds).map(|near| format!("did you mean '{near}'?"));
            self.reporter.report(Code::LoadUnknownItem, &place, report);
            return;
        };
        let name =
            pairs.iter().find(|(key, _)| key.scalar() == Some(kind)).and_then(|(_, name)| name.scalar());
        let name = name.unwrap_or_default().to_owned();
        let shown_kind = if kind == "required_plugin_versions" { "required plugin versions" } else { kind };
        let shown_name = if kind.starts_with("required") { String::new() } else { name.clone() };
        let entry = Entry { pairs, item: Item { kind: shown_kind, name: shown_name, place } };
        let result = match kind {
            "required_engine_version" => self.engine_version(&entry),
            "required_plugin_versions" => self.plugin_versions(&entry),
            "list" => self.list(&entry),
            "macro" => self.macro_(&entry),
            _ => self.rule(&entry),
        };
        if let Err(Reported) = result {
            self.left_out.insert(name);
        }
    }

    fn list(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        self.check_keys(entry, &["list", "items", "append", "override"]);
        let name = self.required_text(entry, "list")?;
        if !is_list_name(&name) {
            let message = "List has an invalid name. List names must match a regular expression: ([^()\"'[:space:]=,]+)";
            self.warn(Code::LoadInvalidListName, entry, "list", message);
        }
        let items = self.required_texts(entry, "items")?;
        let bytes = items.iter().map(String::len).sum();
        self.spend(entry, |budget| budget.spend_bytes(bytes))?;
        let append = self.appends(entry, "items")?;
        let number = self.definitions.next_number();
        if !append {
            let list = List { item: entry.item.clone(), items };
            self.definitions.lists.define(&name, list, number);
            return Ok(());
        }
        match self.definitions.lists.get_mut(&name) {
            Some(list) => {
                list.value.items.extend(items);
                list.visibility = number;
                Ok(())
            }
            None => Err(self.no_previous(
                entry,
                "List uses 'append' or 'override.items: append' but no list by that name already exists",
                |definitions| definitions.lists.names().collect(),
            )),
        }
    }

    fn macro_(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        self.check_keys(entry, &["macro", "condition", "append", "override"]);
        let name = self.required_text(entry, "macro")?;
        if !is_identifier(&name) {
            let message = "Macro has an invalid name. Macro names must match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)";
            self.warn(Code::LoadInvalidMacroName, entry, "macro", message);
        }
        let condition = self.required_scalar(entry, "condition")?;
        let condition = Text::of_scalar(self.source, condition);
        let append = self.appends(entry, "condition")?;
        let number = self.definitions.next_number();
        if !append {
            let definition = Macro { item: entry.item.clone(), condition };
            self.definitions.macros.define(&name, definition, number);
            return Ok(());
        }
        match self.definitions.macros.get_mut(&name) {
            Some(definition) => {
                definition.value.condition.append(condition);
                definition.visibility = number;
                Ok(())
            }
            None => Err(self.no_previous(
                entry,
                "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
                |definitions| definitions.macros.names().collect(),
            )),
        }
    }

    /// Whether a list or a macro, whose only content is `key`, is appended to.
    fn appends(&mut self, entry: &Entry<'_>, key: &'static str) -> Result<bool, Reported> {
        let append = self.append_flag(entry)?;
        let overrides = self.overrides(entry, &[key], &[key])?;
        if append && !overrides.is_empty() {
            return Err(self.invalid(entry, "override", OVERRIDE_AND_APPEND));
        }
        Ok(append || !overrides.append.is_empty())
    }

    /// The deprecated `append: true`.
    fn append_flag(&mut self, entry: &Entry<'_>) -> Result<bool, Reported> {
        let append = self.optional_bool(entry, "append")?.unwrap_or(false);
        if append {
            self.warn(Code::LoadDeprecatedItem, entry, "append", APPEND_IS_DEPRECATED);
        }
        Ok(append)
    }

    fn no_previous(
        &mut self,
        entry: &Entry<'_>,
        message: &str,
        names: impl Fn(&Definitions) -> Vec<&str>,
    ) -> Reported {
        let near = self.allowance.closest(&entry.item.name, names(self.definitions));
        let mut report = Report::new(message, &entry.item);
        report.help = match near {
            Some(near) => Some(format!("did you mean '{near}'?")),
            None => Some(
                "files are read in order: define it in this file above, or in an earlier file".to_owned(),
            ),
        };
        self.reporter.report(Code::LoadErrValidate, &entry.item.place.clone(), report)
    }

    fn spend(
        &mut self,
        entry: &Entry<'_>,
        spend: impl FnOnce(&mut Budget) -> Result<(), Exhausted>,
    ) -> Result<(), Reported> {
        spend(self.budget).map_err(|exhausted| {
            let report = Report::new(exhausted.message(), &entry.item);
            self.reporter.report(Code::LoadErrValidate, &entry.item.place, report)
        })
    }

    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place { source: self.source, span }
    }
}

fn is_list_name(name: &str) -> bool {
    !name.contains(|c: char| {
        matches!(c, '(' | ')' | '"' | '\'' | '=' | ',' | '\u{b}') || c.is_ascii_whitespace()
    })
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
