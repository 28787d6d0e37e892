//! What is allowed in a condition and probably not meant (`libsinsp/filter.cpp`, Falco's `filter_warning_resolver.cpp`).

use std::ops::Range;

use super::{Checker, Problem, is_operand};
use crate::{
    ast,
    condition::{Operand, Operator, Rhs, names::TRANSFORMER_NAMES},
    diagnostic::Code,
};

/// Shorter words are not taken for a misspelt list: process names are close to each other.
const MIN_LIST_NAME: usize = 8;

impl Checker<'_> {
    /// Every deprecated field in an operand, which stands at `span`.
    pub(super) fn warn_of_deprecation(&mut self, span: Range<usize>, operand: &Operand) {
        let mut deprecated = Vec::new();
        operand.for_each_field(&mut |field| {
            if self.catalogue.info(field.id).is_deprecated {
                deprecated.push(field.name.clone());
            }
        });
        for name in deprecated {
            let message =
                format!("usage of deprecated field '{name}' has been detected in the rule condition");
            self.problem(Problem::new(Code::LoadDeprecatedItem, span.clone(), message));
        }
    }

    pub(super) fn warn_of_values(&mut self, written: &ast::Check, lhs: &Operand, rhs: &Rhs) {
        let span = written.rhs_offset..written.end;
        let literals = match rhs {
            Rhs::Literal(literal) => std::slice::from_ref(literal),
            Rhs::List(literals) => literals.as_slice(),
            Rhs::None | Rhs::Operand(_) => return,
        };
        if let ast::Rhs::Word(word) = &written.rhs {
            let near = self.scope.near_list(word);
            let message = format!("'{word}' is not a list: it is compared with as a word");
            let help = near.map(|near| format!("did you mean the list '{near}'?"));
            self.problem(Problem::new(Code::LoadCompileCondition, span.clone(), message).help(help));
        }
        for literal in literals {
            let Ok(text) = std::str::from_utf8(&literal.text) else { continue };
            self.warn_of_value(written, &span, text);
            self.warn_of_na(written.operator, lhs, &span, text);
        }
    }

    fn warn_of_value(&mut self, written: &ast::Check, span: &Range<usize>, text: &str) {
        // Nearly all values are plain words, and lists can be long.
        if written.operator != Operator::Regex && !text.contains(['.', '(', '_']) {
            return;
        }
        let mut warn = |message: String, help: Option<String>| {
            self.problem(Problem::new(Code::LoadCompileCondition, span.clone(), message).help(help));
        };
        if written.operator == Operator::Regex && regex_is_simple(text) {
            let message = format!(
                "regex check with '{text}' may be optimized with simpler operators such as \
                '=', 'contains', 'startswith', 'endswith'"
            );
            warn(message, None);
        }
        let stripped: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let is_call = TRANSFORMER_NAMES.split(", ").any(|name| {
            let behind = stripped.strip_prefix(name.trim_matches('\''));
            behind.is_some_and(|behind| behind.starts_with('(') && behind.ends_with(')'))
        });
        if is_call {
            let message =
                format!("'{text}' may be a valid field transformer misused as a const string value");
            warn(message, Some("outside of quotes and lists it is a transformer".to_owned()));
        } else if stripped.contains('.') && is_operand(&stripped, self.catalogue) {
            let message = format!("'{text}' may be a valid field misused as a const string value");
            self.problem(
                Problem::new(Code::LoadCompileCondition, span.clone(), message)
                    .help(Some(format!("to compare with the field, write val({stripped})"))),
            );
        } else if text.len() >= MIN_LIST_NAME
            && text.contains('_')
            && matches!(&written.rhs, ast::Rhs::List(_))
            && let Some(near) = self.scope.near_list(text)
        {
            let message = format!("'{text}' is not a list: it is compared with as a word");
            let help = Some(format!("did you mean the list '{near}'?"));
            self.problem(Problem::new(Code::LoadCompileCondition, span.clone(), message).help(help));
        }
    }

    fn warn_of_na(&mut self, operator: Operator, lhs: &Operand, span: &Range<usize>, text: &str) {
        let compares = matches!(
            operator,
            Operator::Eq | Operator::Ne | Operator::In | Operator::Intersects | Operator::PMatch
        );
        if text != "<NA>" || !compares {
            return;
        }
        let mut is_unsafe = false;
        lhs.for_each_field(&mut |field| {
            is_unsafe |= field.name.starts_with("ka.") || field.name.starts_with("jevt.");
        });
        if is_unsafe {
            let message = "comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of \
                the rule condition. If you need to check for the existence of a field, consider using the \
                'exists' operator instead.";
            self.problem(Problem::new(Code::LoadUnsafeNaCheck, span.clone(), message));
        }
    }
}

/// Whether a pattern has nothing special but anchors, and wildcards at its ends.
fn regex_is_simple(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let at = |index: usize| bytes.get(index).copied();
    let mut index = 0;
    while let Some(byte) = at(index) {
        let last = index + 1 == bytes.len();
        let is_anchor = index == 0 && byte == b'^' || last && byte == b'$';
        let is_wildcard = byte == b'.'
            && (index == 0 || index + 2 == bytes.len())
            && matches!(at(index + 1), Some(b'+' | b'*' | b'?'));
        if is_wildcard {
            index += 1;
        } else if !is_anchor && b".+*?^$()[]{}|\\".contains(&byte) {
            return false;
        }
        index += 1;
    }
    true
}
