//! From files to a rule set: read, then put lists, macros and exceptions in, then check.

mod describe;
mod macros;
mod rules;

use sha2::{Digest, Sha256};

pub use self::describe::describe;
use self::{macros::Macros, rules::Rules};
use crate::{
    ast::Node,
    catalogue::Catalogue,
    check::Problem,
    definitions::Definitions,
    diagnostic::{Code, Diagnostic, LoadError},
    limits::{Budget, Exhausted},
    lists::{Expanded, ListTexts},
    parser::parse_condition,
    reader::Reader,
    reporter::{Item, Report, Reporter},
    ruleset::{Rule, RuleSet},
    source::Source,
    suggest::Allowance,
    text::Text,
};

/// Rules that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The rules.
    pub rule_set: RuleSet,
    /// Warnings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads `sources`, in their order, as one set of rules.
///
/// Everything that is wrong is told at once, as far as one error does not hide another: a file that is no YAML keeps
/// the conditions of all files from being checked, since it may define what they use.
pub fn load(sources: &[Source], catalogue: &dyn Catalogue) -> Result<Loaded, LoadError> {
    let Outcome { rule_set, diagnostics, .. } = run(sources, catalogue, |_, _| ())?;
    Ok(Loaded { rule_set, diagnostics })
}

/// What a run gave, with what somebody wanted to know of it.
struct Outcome<T> {
    rule_set: RuleSet,
    diagnostics: Vec<Diagnostic>,
    result: Option<T>,
}

/// Reads and compiles; `look` sees what was compiled if there were no errors.
fn run<T>(
    sources: &[Source],
    catalogue: &dyn Catalogue,
    look: impl FnOnce(&Compiled<'_>, &[Rule]) -> T,
) -> Result<Outcome<T>, LoadError> {
    let mut reporter = Reporter::new(sources);
    let mut definitions = Definitions::default();
    let mut budget = Budget::new();
    let allowance = Allowance::new();
    let mut reader = Reader::new(catalogue, &mut reporter, &mut definitions, &mut budget, &allowance);
    for (index, source) in sources.iter().enumerate() {
        reader.read(index, &source.text);
    }
    let (left_out, lost_a_file) = (reader.left_out, reader.lost_a_file);
    let (mut rules, mut result) = (Vec::new(), None);
    if !lost_a_file {
        let run = Run { catalogue, definitions: &definitions, left_out: &left_out, allowance: &allowance };
        if let Some(compiled) = run.compile(&mut reporter, &mut budget) {
            rules = Rules { compiled: &compiled }.compile(&mut reporter, &mut budget);
            if !reporter.has_errors() {
                compiled.warn_of_unused(&mut reporter);
                result = Some(look(&compiled, &rules));
            }
        }
    }
    let has_errors = reporter.has_errors();
    let diagnostics = reporter.finish();
    if has_errors {
        return Err(LoadError { diagnostics });
    }
    Ok(Outcome { rule_set: RuleSet { rules, digest: digest(sources) }, diagnostics, result })
}

/// What compiling works on.
struct Run<'run> {
    catalogue: &'run dyn Catalogue,
    definitions: &'run Definitions,
    /// Names that are missing because their items were wrong, which has been told.
    left_out: &'run std::collections::HashSet<String>,
    allowance: &'run Allowance,
}

/// Lists and macros, ready for rules.
struct Compiled<'run> {
    run: &'run Run<'run>,
    lists: ListTexts<'run>,
    macros: Macros<'run>,
}

/// A condition or an output with the way from its bytes to the files.
struct Unit<'run> {
    item: &'run Item,
    /// Falco's name for the part of the item.
    part: &'static str,
    text: Text,
    expanded: Expanded,
}

// === impl Run ===

impl<'run> Run<'run> {
    /// Nothing if the lists are too large, which is told.
    fn compile(&'run self, reporter: &mut Reporter, budget: &mut Budget) -> Option<Compiled<'run>> {
        let lists = match ListTexts::new(&self.definitions.lists, budget) {
            Ok(lists) => lists,
            Err(exhausted) => {
                self.report_exhausted(exhausted, reporter);
                return None;
            }
        };
        let mut macros = Macros::new(self, &lists, reporter, budget);
        macros.check(self, &lists, reporter, budget);
        Some(Compiled { run: self, lists, macros })
    }

    /// Tells that the lists are too large, at the largest of them.
    fn report_exhausted(&self, exhausted: Exhausted, reporter: &mut Reporter) {
        let largest = self.definitions.lists.entries().iter().max_by_key(|list| list.value.items.len());
        if let Some(list) = largest {
            let item = &list.value.item;
            let report = Report::new(exhausted.message(), item).help("lists that hold each other multiply");
            reporter.report(Code::LoadErrValidate, &item.place, report);
        }
    }
}

// === impl Compiled ===

impl Compiled<'_> {
    fn warn_of_unused(&self, reporter: &mut Reporter) {
        let lists = self.lists.unused().filter_map(|position| {
            let list = self.run.definitions.lists.entries().get(position)?;
            Some((Code::LoadUnusedList, "List", &list.value.item))
        });
        let macros = self.macros.unused().map(|item| (Code::LoadUnusedMacro, "Macro", item));
        // Falco's order.
        for (code, kind, item) in macros.chain(lists) {
            let message = format!("{kind} not referred to by any other rule/macro");
            reporter.report(code, &item.place, Report::new(message, item));
        }
    }
}

// === impl Unit ===

impl<'run> Unit<'run> {
    /// Replaces the lists in `text` and parses it; `None` after an error, which is told.
    fn parse(
        item: &'run Item,
        part: &'static str,
        text: Text,
        lists: &ListTexts<'_>,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> (Self, Option<Node>) {
        let mut unit = Self { item, part, text, expanded: Expanded::default() };
        match lists.expand(&unit.text.value, budget) {
            Ok(expanded) => unit.expanded = expanded,
            Err(exhausted) => {
                let message = format!("{} in the lists of this condition", exhausted.message());
                let help = Some("lists that hold each other more than once multiply".to_owned());
                unit.report(&Problem::new(Code::LoadErrValidate, 0..0, message).help(help), reporter);
                return (unit, None);
            }
        }
        match parse_condition(&unit.expanded.text) {
            Ok(node) => (unit, Some(node)),
            Err(error) => {
                let offset = error.position.offset;
                unit.report(&Problem::error(offset..offset + 1, error.message), reporter);
                (unit, None)
            }
        }
    }

    fn report(&self, problem: &Problem, reporter: &mut Reporter) {
        if reporter.is_only_counted(problem.code) {
            return;
        }
        let place = {
            let span = self.expanded.origin(problem.span.clone());
            self.text.place(span, &reporter.texts())
        };
        let mut report = Report::new(problem.message.clone(), self.item).part(self.part);
        report.help.clone_from(&problem.help);
        reporter.report(problem.code, &place, report);
    }
}

/// `sha256:` and the digest of the sources' texts, each after its length, so that no two sequences are alike.
fn digest(sources: &[Source]) -> String {
    let mut hasher = Sha256::new();
    for source in sources {
        hasher.update((source.text.len() as u64).to_le_bytes());
        hasher.update(source.text.as_bytes());
    }
    hasher.finalize().iter().fold("sha256:".to_owned(), |digest, byte| digest + &format!("{byte:02x}"))
}
