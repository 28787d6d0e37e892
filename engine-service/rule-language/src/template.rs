//! Outputs: text with `%fields` in it (`libsinsp/eventformatter.cpp`).

use crate::{
    ast,
    catalogue::Catalogue,
    check::{Problem, resolve_operand},
    condition::{Operand, TransformArgument},
    diagnostic::Code,
    parser::parse_operand_prefix,
    ruleset::{Template, TemplatePart},
    suggest::Allowance,
};

/// The widest that a value may be asked to be filled to.
const MAX_WIDTH: usize = 4096;

/// Once a field, now nothing; rules may still name it.
const CONTAINER_INFO: &str = "%container.info";

/// The output in pieces unless there were errors, and everything that was found.
pub(crate) fn compile(
    text: &str,
    catalogue: &dyn Catalogue,
    allowance: &Allowance,
) -> (Option<Template>, Vec<Problem>) {
    let mut compiler = Compiler { catalogue, allowance, parts: Vec::new(), problems: Vec::new() };
    compiler.run(text);
    let failed = compiler.problems.iter().any(|problem| problem.code == Code::LoadErrCompileOutput);
    let template = (!failed).then(|| Template { text: text.to_owned(), parts: compiler.parts });
    (template, compiler.problems)
}

struct Compiler<'run> {
    catalogue: &'run dyn Catalogue,
    allowance: &'run Allowance,
    parts: Vec<TemplatePart>,
    problems: Vec<Problem>,
}

// === impl Compiler ===

impl Compiler<'_> {
    fn run(&mut self, text: &str) {
        // A leading star meant that values may be missing; Falco adds one always, so it says nothing.
        let mut at = usize::from(text.starts_with('*'));
        if text.len() == at {
            self.problems.push(Problem::new(
                Code::LoadErrCompileOutput,
                0..text.len(),
                "empty formatting token",
            ));
            return;
        }
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let literal = rest.find('%').unwrap_or(rest.len());
            if literal > 0 {
                self.push_text(rest.get(..literal).unwrap_or_default());
                at += literal;
                continue;
            }
            if rest.starts_with(CONTAINER_INFO) && !continues_name(rest, CONTAINER_INFO.len()) {
                let message = "%container.info is deprecated and no more useful, and will be dropped by Falco \
                    1.0.0. The container plugin will automatically add required fields to the output message.";
                let span = at..at + CONTAINER_INFO.len();
                let problem = Problem::new(Code::LoadDeprecatedItem, span, message);
                self.problems.push(Problem { is_of_item: true, ..problem });
                at += CONTAINER_INFO.len();
                continue;
            }
            at = match self.value(rest, at) {
                Ok(length) => at + length,
                Err(problem) => {
                    let behind = problem.span.end.max(at + 1);
                    self.problems.push(Problem { code: Code::LoadErrCompileOutput, ..problem });
                    behind
                }
            };
        }
    }

    /// A `%` and what belongs to it; gives its length.
    fn value(&mut self, rest: &str, at: usize) -> Result<usize, Problem> {
        let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        let start = 1 + digits;
        let behind = rest.get(start..).unwrap_or_default();
        if behind.is_empty() {
            let end = if digits > 0 { "a number" } else { "a %" };
            let message = format!("invalid formatting syntax: formatting cannot end with {end}");
            return Err(Problem::error(at..at + start, message));
        }
        let width = match rest.get(1..start).unwrap_or_default() {
            "" => None,
            number => match number.parse::<usize>() {
                Ok(0) => None,
                Ok(width) if width <= MAX_WIDTH => Some(width),
                _ => {
                    let message = format!("a value can be filled to {MAX_WIDTH} characters at most");
                    return Err(Problem::error(at..at + start, message));
                }
            },
        };
        let token: String = behind.chars().take_while(|letter| !letter.is_whitespace()).take(60).collect();
        let invalid = |reason: String| {
            let message = format!("invalid formatting token {token}{reason}");
            Problem::error(at..at + start + token.len(), message).unknown()
        };
        let (written, length) = match parse_operand_prefix(behind) {
            Ok(Some(found)) => found,
            Ok(None) => {
                let help = "a field or a transformer has to follow '%'; there is no way to write a % alone";
                return Err(invalid(String::new()).help(Some(help.to_owned())));
            }
            Err(failure) => return Err(invalid(format!(": {}", failure.message))),
        };
        let key = behind.get(..length).unwrap_or_default().to_owned();
        let operand = resolve_operand(&written, self.catalogue, self.allowance).map_err(|problem| {
            let is_unknown_name = problem.is_unknown_name;
            let span = at + start + problem.span.start..at + start + problem.span.end.min(length);
            let message = format!("invalid formatting token {key}: {}", problem.message);
            Problem { span, message, is_unknown_name, ..problem }
        })?;
        self.warn_of_deprecation(&written, &operand, at + start);
        self.parts.push(TemplatePart::Value { key, operand, width });
        Ok(start + length)
    }

    fn warn_of_deprecation(&mut self, written: &ast::Operand, operand: &Operand, at: usize) {
        let mut pending = vec![operand];
        while let Some(operand) = pending.pop() {
            match operand {
                Operand::Field(field) if self.catalogue.info(field.id).is_deprecated => {
                    let message = format!(
                        "usage of deprecated field '{}' has been detected in the rule output",
                        field.name
                    );
                    let span = at + written.offset()..at + written.offset() + field.name.len();
                    self.problems.push(Problem::new(Code::LoadDeprecatedItem, span, message));
                }
                Operand::Field(_) => {}
                Operand::Transformed(transform) => {
                    pending.extend(transform.arguments.iter().filter_map(|argument| match argument {
                        TransformArgument::Operand(operand) => Some(operand),
                        _ => None,
                    }));
                }
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(TemplatePart::Text(last)) => last.push_str(text),
            _ => self.parts.push(TemplatePart::Text(text.to_owned())),
        }
    }
}

fn continues_name(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
