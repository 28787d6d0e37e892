//! Outputs: text with `%fields` in it (`libsinsp/eventformatter.cpp`).

use std::ops::Range;

use crate::{
    catalogue::Catalogue,
    check::{Problem, resolve_operand},
    condition::Operand,
    diagnostic::Code,
    parser::parse_operand_prefix,
    ruleset::{Template, TemplatePart},
    suggest::Allowance,
};

/// The widest that a value may be asked to be.
const MAX_WIDTH: usize = 4096;

/// How long a name is looked for in what follows a `%`; each letter costs a look-up.
const MAX_NAME: usize = 256;

/// How many closing parentheses are tried as a transformer's end.
const MAX_CALLS: usize = 64;

/// How many problems of one output are told.
const MAX_PROBLEMS: usize = 50;

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
        if text.is_empty() {
            self.problems.push(Problem::new(Code::LoadErrCompileOutput, 0..0, "empty formatting token"));
            return;
        }
        // A leading star meant that values may be missing; Falco adds one always, so it says nothing.
        let mut at = usize::from(text.starts_with('*'));
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if self.problems.len() >= MAX_PROBLEMS {
                return;
            }
            let literal = rest.find('%').unwrap_or(rest.len());
            if literal > 0 {
                self.push_text(rest.get(..literal).unwrap_or_default());
                at += literal;
                continue;
            }
            // Wherever it stands: Falco looks for nothing but these letters.
            if rest.starts_with(CONTAINER_INFO) {
                self.warn_of_container_info(at..at + CONTAINER_INFO.len());
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
                    let message = format!("a value can be {MAX_WIDTH} characters wide at most");
                    return Err(Problem::error(at..at + start, message));
                }
            },
        };
        let (operand, length) = self.longest_operand(behind).map_err(|problem| {
            let span = at + start + problem.span.start..at + start + problem.span.end;
            Problem { span, ..problem }
        })?;
        let key = behind.get(..length).unwrap_or_default().to_owned();
        self.warn_of_deprecation(&operand, at + start..at + start + length);
        self.parts.push(TemplatePart::Value { key, operand, width });
        Ok(start + length)
    }

    /// The longest beginning of `text` that is a field or a transformer, and its length: what follows is text again, so
    /// that a name may touch it.
    fn longest_operand(&self, text: &str) -> Result<(Operand, usize), Problem> {
        let failure = match self.operand(text, self.allowance) {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        let name = text
            .bytes()
            .take(MAX_NAME)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"._".contains(byte));
        let calls = text.match_indices(')').map(|(end, _)| end + 1).take(MAX_CALLS);
        let ends: Vec<usize> = (1..=name.count()).chain(calls).collect();
        let nothing = Allowance::none();
        let mut shorter = ends.iter().rev().filter_map(|end| text.get(..*end));
        shorter.find_map(|shorter| self.operand(shorter, &nothing).ok()).ok_or(failure)
    }

    /// The field or transformer that `text` begins with, and its length.
    fn operand(&self, text: &str, allowance: &Allowance) -> Result<(Operand, usize), Problem> {
        let token: String = text.chars().take_while(|letter| !letter.is_whitespace()).take(60).collect();
        let invalid =
            |reason: &str| Problem::error(0..token.len(), format!("unknown filter: {reason}")).unknown();
        let (written, length) = match parse_operand_prefix(text) {
            Ok(Some(found)) => found,
            Ok(None) => {
                let help = "a field or a transformer has to follow '%'; there is no way to write a % alone";
                return Err(invalid(&format!("'{token}' is no field")).help(Some(help.to_owned())));
            }
            Err(failure) => return Err(invalid(&failure.message)),
        };
        let operand = resolve_operand(&written, self.catalogue, allowance).map_err(|problem| {
            let message = format!("unknown filter: {}", problem.message);
            let span = problem.span.start..problem.span.end.min(length);
            Problem { span, message, is_unknown_name: true, ..problem }
        })?;
        let mut hidden = None;
        operand.for_each_field(&mut |field| {
            if !self.catalogue.info(field.id).allowed_in_output {
                hidden = Some(field.to_string());
            }
        });
        match hidden {
            Some(field) => {
                Err(invalid(&format!("{field} is filter only and cannot be used as a display field")))
            }
            None => Ok((operand, length)),
        }
    }

    /// Once for an output, as Falco does.
    fn warn_of_container_info(&mut self, span: Range<usize>) {
        let message = "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The \
            container plugin will automatically add required fields to the output message.";
        if self.problems.iter().all(|problem| problem.message != message) {
            let problem = Problem::new(Code::LoadDeprecatedItem, span, message);
            self.problems.push(Problem { is_of_item: true, ..problem });
        }
    }

    fn warn_of_deprecation(&mut self, operand: &Operand, span: Range<usize>) {
        operand.for_each_field(&mut |field| {
            if !self.catalogue.info(field.id).is_deprecated {
                return;
            }
            let message =
                format!("usage of deprecated field '{}' has been detected in the rule output", field.name);
            if self.problems.iter().all(|problem| problem.message != message) {
                self.problems.push(Problem::new(Code::LoadDeprecatedItem, span.clone(), message));
            }
        });
    }

    fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(TemplatePart::Text(last)) => last.push_str(text),
            _ => self.parts.push(TemplatePart::Text(text.to_owned())),
        }
    }
}
