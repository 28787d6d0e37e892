//! From YAML to definitions: the keys of items, what they may hold, and what appending and overriding mean
//! (`rule_loader_reader.cpp` and `rule_loader_collector.cpp`).
//!
//! An item that is wrong is reported and left out; reading goes on with the next one, so that one run shows all errors.
//! Within an item, what is looked at first is what Falco looks at first, so that the first error is Falco's.

mod entry;
mod exceptions;
mod lists;
mod macros;
mod overrides;
mod requirements;
mod rule;

use std::{collections::HashSet, ops::Range, rc::Rc};

use self::entry::Entry;
pub(crate) use self::exceptions::has_modifier;
use crate::{
    catalogue::Catalogue,
    context::{Context, item_type},
    definitions::Definitions,
    diagnostic::Code,
    limits::{Budget, MAX_SCALARS},
    reporter::{Report, Reported, Reporter},
    suggest::{Allowance, closest},
    text::Place,
    yaml::{self, Content, Node},
};

/// The keys that say what an item is, in the order in which Falco looks for them.
const KINDS: [&str; 5] =
    [item_type::REQUIRED_ENGINE_VERSION, PLUGIN_VERSIONS, item_type::LIST, item_type::MACRO, item_type::RULE];
/// The one that Falco calls by another name.
const PLUGIN_VERSIONS: &str = "required_plugin_versions";

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
    /// How many more values are read.
    scalars: usize,
    /// The source that is read now.
    source: usize,
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
        let file = Context::file(source);
        let documents = match yaml::parse(text) {
            Ok(documents) => documents,
            Err(error) => {
                let place = self.place(error.offset..error.offset + 1);
                let context = file.child(item_type::VALUE_FOR, "", place);
                self.reporter.report(Code::LoadErrYamlParse, Report::new(error.message, &context));
                self.lost_a_file = true;
                return;
            }
        };
        for document in documents.iter().filter(|document| !document.is_null()) {
            let message = match &document.content {
                Content::Sequence(items) => {
                    items.iter().filter(|item| !item.is_null()).for_each(|item| self.item(&file, item));
                    continue;
                }
                Content::Mapping(_) => "Rules content is not yaml array of objects",
                _ => "Rules content is not yaml",
            };
            let report = Report::new(message, &file)
                .at(self.place(document.span()))
                .help("a rules file is a sequence: each item starts with '- '");
            self.reporter.report(Code::LoadErrYamlValidate, report);
            self.lost_a_file = true;
        }
    }

    fn item(&mut self, file: &Context, node: &Rc<Node>) {
        let place = self.place(node.span());
        let Content::Mapping(pairs) = &node.content else {
            let context = file.child(item_type::RULES_CONTENT_ITEM, "", place);
            let message = "Unexpected element type. Each element should be a yaml associative array.";
            self.reporter.report(Code::LoadErrYamlValidate, Report::new(message, &context));
            return;
        };
        let named = KINDS.into_iter().find_map(|kind| {
            let (_, value) = pairs.iter().find(|(key, _)| key.scalar() == Some(kind))?;
            Some((kind, value))
        });
        let Some((kind, value)) = named else {
            let first = pairs.first().and_then(|(key, _)| key.scalar()).unwrap_or_default();
            let context = file.child(item_type::RULES_CONTENT_ITEM, first, place);
            let help = closest(first, KINDS).map(|near| format!("did you mean '{near}'?"));
            let report = Report::new("Unknown top level item", &context).maybe_help(help);
            self.reporter.report(Code::LoadUnknownItem, report);
            return;
        };
        let item_type = if kind == PLUGIN_VERSIONS { item_type::REQUIRED_PLUGIN_VERSIONS } else { kind };
        let entry = Entry { pairs, context: file.child(item_type, "", place) };
        let result = match kind {
            item_type::REQUIRED_ENGINE_VERSION => self.engine_version(&entry),
            PLUGIN_VERSIONS => self.plugin_versions(file, &entry),
            item_type::LIST => self.list(entry),
            item_type::MACRO => self.macro_(entry),
            _ => self.rule(entry),
        };
        if let (Err(Reported), Some(name)) = (result, value.scalar()) {
            self.left_out.insert(name.to_owned());
        }
    }

    fn no_previous(
        &mut self,
        entry: &Entry<'_>,
        message: &str,
        names: impl Fn(&Definitions) -> Vec<&str>,
    ) -> Reported {
        if self.lost_a_file || self.left_out.contains(entry.context.name()) {
            return Reported;
        }
        let near = self.allowance.closest(entry.context.name(), names(self.definitions));
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "files are read in order: define it in this file above, or in an earlier file".to_owned(),
        };
        let report = Report::new(message, &entry.context).help(help);
        self.reporter.report(Code::LoadErrValidate, report)
    }

    /// Makes room for bytes that are copied from the file, or tells that there is none.
    fn spend(&mut self, context: &Context, bytes: usize) -> Result<(), Reported> {
        self.budget.spend_read(bytes).map_err(|exhausted| {
            if self.budget.tell() {
                self.reporter.report(Code::LoadErrValidate, Report::new(exhausted.message(), context));
            }
            Reported
        })
    }

    /// Counts a value that is read from a sequence; aliases can make few bytes many values.
    fn count_scalar(&mut self, context: &Context) -> Result<(), Reported> {
        match self.scalars.checked_sub(1) {
            Some(left) => {
                self.scalars = left;
                Ok(())
            }
            None => {
                if self.budget.tell() {
                    let report = Report::new("the rules files hold more words than are read", context)
                        .help(format!("at most {MAX_SCALARS} are read"));
                    self.reporter.report(Code::LoadErrYamlValidate, report);
                }
                Err(Reported)
            }
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place { source: self.source, span }
    }
}
