//! Single conditions and outputs, without rules files around them: for filters, and for what configuration adds.

use std::sync::Arc;

use crate::{
    catalogue::Catalogue,
    check::{Checker, Empty, Problem},
    condition::Expr,
    diagnostic::{Diagnostic, Severity},
    limits::Budget,
    parser::parse_condition,
    ruleset::Template,
    source::Source,
    suggest::Allowance,
    template,
};

/// Parses and checks a condition that uses no macros and no lists. The diagnostic is about the first error.
pub fn compile_condition(text: &str, catalogue: &dyn Catalogue) -> Result<Expr, Diagnostic> {
    let node = parse_condition(text).map_err(|error| {
        let offset = error.position.offset;
        diagnostic("<condition>", text, Problem::error(offset..offset + 1, error.message))
    })?;
    let (mut budget, allowance) = (Budget::new(), Allowance::new());
    let (checked, problems) = Checker::new(catalogue, &Empty, &mut budget, &allowance).run(&node);
    first_error("<condition>", text, problems, checked.map(|checked| checked.expr))
}

/// Compiles an output. The diagnostic is about the first error.
pub fn compile_template(text: &str, catalogue: &dyn Catalogue) -> Result<Template, Diagnostic> {
    let (template, problems) = template::compile(text, catalogue, &Allowance::new());
    first_error("<output>", text, problems, template)
}

/// Compiles an output of which everything is to be told; `name` is where it comes from.
pub(crate) fn compile_output(
    name: &str,
    text: &str,
    catalogue: &dyn Catalogue,
) -> (Option<Template>, Vec<Diagnostic>) {
    let (template, problems) = template::compile(text, catalogue, &Allowance::new());
    (template, problems.into_iter().map(|problem| diagnostic(name, text, problem)).collect())
}

fn first_error<T>(
    name: &str,
    text: &str,
    problems: Vec<Problem>,
    result: Option<T>,
) -> Result<T, Diagnostic> {
    let error = problems.into_iter().find(|problem| problem.code.severity() == Severity::Error);
    match (error, result) {
        (None, Some(result)) => Ok(result),
        (Some(error), _) => Err(diagnostic(name, text, error)),
        (None, None) => Err(diagnostic(name, text, Problem::error(0..text.len(), "cannot be used"))),
    }
}

fn diagnostic(name: &str, text: &str, problem: Problem) -> Diagnostic {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let mut diagnostic = Diagnostic::new(problem.code, problem.message, source, problem.span);
    diagnostic.help = problem.help;
    diagnostic
}
