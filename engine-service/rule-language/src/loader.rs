//! From files to a rule set: read, then put lists, macros and exceptions in, then check.

mod describe;
mod leaves;
mod macros;
mod rules;

use sha2::{Digest, Sha256};

pub use self::{
    describe::describe,
    leaves::{LeafOrigin, load_with_leaves},
};
use self::{macros::Macros, rules::Rules};
use crate::{
    ast::Node,
    catalogue::Catalogue,
    check::Problem,
    context::Context,
    definitions::Definitions,
    diagnostic::{Code, Diagnostic, LoadError},
    limits::Budget,
    lists::{Expanded, ListTexts, TooLarge},
    parser::parse_within,
    reader::Reader,
    reporter::{Expression, Report, Reporter},
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
/// Everything that is wrong is told at once, and nothing that only follows from it: where a file is no YAML, it may
/// define the macros, lists and rules that others use without there being any.
pub fn load(sources: &[Source], catalogue: &dyn Catalogue) -> Result<Loaded, LoadError> {
    let Outcome { rule_set, diagnostics, .. } = run(sources, catalogue, true, |_, _| ())?;
    Ok(Loaded { rule_set, diagnostics })
}

/// What is wrong with `sources` if others that belong to them could not be read, and may define what these use.
pub fn check_incomplete(sources: &[Source], catalogue: &dyn Catalogue) -> Vec<Diagnostic> {
    match run(sources, catalogue, false, |_, _| ()) {
        Ok(outcome) => outcome.diagnostics,
        Err(error) => error.diagnostics,
    }
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
    are_complete: bool,
    look: impl FnOnce(&Compiled<'_>, &[Rule]) -> T,
) -> Result<Outcome<T>, LoadError> {
    let mut reporter = Reporter::new(sources);
    let mut definitions = Definitions::default();
    let mut budget = Budget::new();
    let allowance = Allowance::new();
    let mut reader = Reader::new(catalogue, &mut reporter, &mut definitions, &mut budget, &allowance);
    reader.lost_a_file = !are_complete;
    for (index, source) in sources.iter().enumerate() {
        reader.read(index, &source.text);
    }
    let (left_out, lost_a_file) = (reader.left_out, reader.lost_a_file);
    let (mut rules, mut result) = (Vec::new(), None);
    let (definitions, left_out, allowance) = (&definitions, &left_out, &allowance);
    let run = Run { catalogue, definitions, left_out, lost_a_file, allowance };
    if let Some(compiled) = run.compile(&mut reporter, &mut budget) {
        rules = Rules { compiled: &compiled }.compile(&mut reporter, &mut budget);
        if !reporter.has_errors() && !lost_a_file {
            compiled.warn_of_unused(&mut reporter);
            result = Some(look(&compiled, &rules));
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
    /// A whole file is missing: any name may be one of its.
    lost_a_file: bool,
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
    /// The rule or macro.
    context: &'run Context,
    /// The condition or output of it.
    part: &'run Context,
    is_condition: bool,
    text: Text,
    expanded: Expanded,
}

// === impl Run ===

impl<'run> Run<'run> {
    /// Whether `name` may be defined by what could not be read.
    fn may_be_missing(&self, name: &str) -> bool {
        self.lost_a_file || self.left_out.contains(name)
    }

    /// Nothing if the lists are too large, which is told.
    fn compile(&'run self, reporter: &mut Reporter, budget: &mut Budget) -> Option<Compiled<'run>> {
        let lists = match ListTexts::new(&self.definitions.lists, budget) {
            Ok(lists) => lists,
            Err(too_large) => {
                self.report_too_large(&too_large, reporter);
                return None;
            }
        };
        let mut macros = Macros::new(self, &lists, reporter, budget);
        macros.check(self, &lists, reporter, budget);
        Some(Compiled { run: self, lists, macros })
    }

    /// Tells that the lists are too large, at the one that is.
    fn report_too_large(&self, too_large: &TooLarge, reporter: &mut Reporter) {
        let name = too_large.chain.first().map(String::as_str).unwrap_or_default();
        if let Some(list) = self.definitions.lists.get(name) {
            let report = Report::new(too_large.message(), &list.value.context)
                .help("lists that hold each other more than once multiply");
            reporter.report(Code::LoadErrValidate, report);
        }
    }
}

// === impl Compiled ===

impl Compiled<'_> {
    fn warn_of_unused(&self, reporter: &mut Reporter) {
        let lists = self.lists.unused().filter_map(|position| {
            let list = self.run.definitions.lists.entries().get(position)?;
            Some((Code::LoadUnusedList, "List", &list.value.context))
        });
        let macros = self.macros.unused().map(|context| (Code::LoadUnusedMacro, "Macro", context));
        // Falco's order.
        for (code, kind, context) in macros.chain(lists) {
            let message = format!("{kind} not referred to by any other rule/macro");
            reporter.report(code, Report::new(message, context));
        }
    }
}

// === impl Unit ===

impl<'run> Unit<'run> {
    /// An output, in which lists mean nothing.
    fn of_output(context: &'run Context, part: &'run Context, text: Text) -> Self {
        Self { context, part, is_condition: false, text, expanded: Expanded::default() }
    }

    /// Replaces the lists in `text` and parses it; `None` after an error, which is told.
    fn parse(
        context: &'run Context,
        part: &'run Context,
        text: Text,
        lists: &ListTexts<'_>,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> (Self, Option<Node>) {
        let mut unit = Self { context, part, is_condition: true, text, expanded: Expanded::default() };
        if budget.is_told() {
            return (unit, None);
        }
        match lists.expand(&unit.text.value, budget) {
            Ok(expanded) => unit.expanded = expanded,
            Err(too_large) => {
                if budget.tell() {
                    let report = Report::new(too_large.message(), part)
                        .help("lists that hold each other more than once multiply");
                    reporter.report(Code::LoadErrValidate, report);
                }
                return (unit, None);
            }
        }
        match parse_within(&unit.expanded.text, budget.parsed()) {
            Ok(node) => (unit, Some(node)),
            Err(error) => {
                if *budget.parsed() == 0 && !budget.tell() {
                    return (unit, None);
                }
                let offset = error.position.offset;
                let problem = Problem::error(offset..offset + 1, error.message);
                unit.report_as(&unit.expanded.text, &problem, reporter);
                (unit, None)
            }
        }
    }

    fn report(&self, problem: &Problem, reporter: &mut Reporter) {
        self.report_as(&self.text.value, problem, reporter);
    }

    /// `name` is what Falco calls the condition by the start of.
    fn report_as(&self, name: &str, problem: &Problem, reporter: &mut Reporter) {
        if reporter.is_only_counted(problem.code) {
            return;
        }
        let place = {
            let span = self.expanded.origin(problem.span.clone());
            self.text.place(span, &reporter.texts())
        };
        // To Falco undefined macros are a matter of the whole item, and so is a deprecated part of an output.
        let is_of_item = match problem.code {
            Code::LoadErrValidate => self.is_condition,
            Code::LoadDeprecatedItem => problem.is_of_item,
            _ => false,
        };
        let context = if is_of_item { self.context } else { self.part };
        let mut report =
            Report::new(problem.message.clone(), context).at(place).maybe_help(problem.help.clone());
        let has_position = !matches!(problem.code, Code::LoadDeprecatedItem | Code::LoadUnsafeNaCheck);
        if self.is_condition && has_position {
            let (text, offset) = (self.expanded.text.as_str(), problem.span.start);
            report = report.in_condition(Expression { name, text, offset });
        }
        reporter.report(problem.code, report);
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
