//! Reading exceptions, and checking them as soon as the rule is known.

use std::collections::HashSet;

use super::{Entry, Reader};
use crate::{
    check,
    condition::{Modifier, Operator},
    context::{Context, item_type},
    definitions::{Exception, Words},
    diagnostic::Code,
    reporter::{Report, Reported},
    yaml::{Content, Node},
};

/// Lists in values: tuples, and lists in tuples. Falco recurses without a bound and uses no more than these.
const MAX_WORDS_DEPTH: usize = 3;

impl Reader<'_> {
    /// The rule's exceptions, without those that are wrong; `fields` may be missing where they are appended to known ones.
    pub(super) fn exceptions(&mut self, entry: &Entry<'_>, are_appended: bool) -> Vec<Exception> {
        let mut exceptions: Vec<Exception> = Vec::new();
        let Some(node) = entry.get("exceptions").filter(|node| !node.is_null()) else { return exceptions };
        let context = entry.context.child(item_type::EXCEPTIONS, "", self.place(node.span()));
        let Content::Sequence(nodes) = &node.content else {
            let report = Report::new("Rule exceptions must be a sequence", &context);
            self.reporter.report(Code::LoadErrYamlValidate, report);
            return exceptions;
        };
        let mut names = HashSet::new();
        for node in nodes {
            if self.count_scalar(&context).is_err() {
                break;
            }
            let Ok(inner) = self.exception_entry(entry, &context, node) else { continue };
            if !names.insert(inner.context.name().to_owned()) {
                let message =
                    format!("Multiple definitions of exception '{}' in the same rule", inner.context.name());
                let report = Report::new(message, &inner.context);
                self.reporter.report(Code::LoadExceptionNameNotUnique, report);
            }
            exceptions.extend(self.exception(inner, are_appended).ok());
        }
        exceptions
    }

    /// The mapping that an exception is, by its name.
    fn exception_entry<'node>(
        &mut self,
        entry: &Entry<'_>,
        exceptions: &Context,
        node: &'node Node,
    ) -> Result<Entry<'node>, Reported> {
        let place = self.place(node.span());
        let context = exceptions.child(item_type::EXCEPTION, "", place.clone());
        let Content::Mapping(pairs) = &node.content else {
            let report = Report::new("Rule exception must be a mapping", &context);
            return Err(self.reporter.report(Code::LoadErrYamlValidate, report));
        };
        let mut inner = Entry { pairs, context };
        let name = self.required_text(&inner, "name")?;
        inner.context = entry.context.child(item_type::EXCEPTION, name, place);
        self.check_keys(&inner, &["name", "fields", "comps", "values"]);
        Ok(inner)
    }

    fn exception(&mut self, inner: Entry<'_>, is_appended: bool) -> Result<Exception, Reported> {
        if !is_appended && !inner.has("fields") {
            return Err(self.missing(&inner, "fields"));
        }
        let fields = self.words_of(&inner, "fields")?;
        let comps = self.words_of(&inner, "comps")?;
        let mut values = Vec::new();
        if let Some(node) = inner.get("values") {
            let context = inner.context.child(item_type::EXCEPTION_VALUES, "", self.place(node.span()));
            let Content::Sequence(nodes) = &node.content else {
                let report = Report::new("Rule exception values must be a sequence", &context);
                return Err(self.reporter.report(Code::LoadErrYamlValidate, report));
            };
            for value in nodes {
                let context = context.child(item_type::EXCEPTION_VALUE, "", self.place(value.span()));
                values.push(self.words(&context, "", value, 0)?);
            }
        } else if is_appended {
            let report = Report::new("Overriding/appending exception with no values", &inner.context);
            self.reporter.report(Code::LoadAppendNoValues, report);
        }
        let name = inner.context.name().to_owned();
        Ok(Exception { name, context: inner.context, fields, comps, values })
    }

    /// The value of a key; nothing if there is none or it is empty.
    fn words_of(&mut self, entry: &Entry<'_>, key: &str) -> Result<Option<Words>, Reported> {
        let Some(node) = entry.get(key) else { return Ok(None) };
        let words = self.words(&entry.context, key, node, 0)?;
        Ok(Some(words).filter(|words| !words.is_empty()))
    }

    /// A word, or a list of words. What is neither is an empty word, as in Falco.
    fn words(&mut self, parent: &Context, key: &str, node: &Node, depth: usize) -> Result<Words, Reported> {
        let context = parent.child(item_type::VALUE_FOR, key, self.place(node.span()));
        self.count_scalar(&context)?;
        let message = match &node.content {
            Content::Scalar(scalar) if !scalar.value.is_empty() => {
                let bytes = scalar.value.len();
                self.spend(&context, bytes)?;
                return Ok(Words::One(scalar.value.to_string()));
            }
            Content::Sequence(nodes) if depth < MAX_WORDS_DEPTH => {
                let mut words = Vec::with_capacity(nodes.len());
                for node in nodes {
                    let context = context.child(item_type::EXCEPTION, "", self.place(node.span()));
                    words.push(self.words(&context, "", node, depth + 1)?);
                }
                return Ok(Words::Many(words));
            }
            Content::Sequence(_) => "lists in exceptions are nested too deep",
            Content::Scalar(_) => "Value must be non-empty",
            Content::Mapping(_) | Content::Null => return Ok(Words::One(String::new())),
        };
        Err(self.reporter.report(Code::LoadErrYamlValidate, Report::new(message, &context)))
    }

    /// Fills in the default operators, and checks that operators and fields are known and fit each other.
    pub(super) fn check_exception(
        &mut self,
        exception: &mut Exception,
        check_fields: bool,
    ) -> Result<(), Reported> {
        let Some(fields) = exception.fields.clone() else {
            let message = "Rule exception item must have fields property with a list of fields";
            return Err(self.exception_error(exception, message));
        };
        let comps = match (&fields, exception.comps.take()) {
            (Words::One(_), None) => Words::One("in".to_owned()),
            (Words::Many(fields), None) => Words::Many(vec![Words::One("=".to_owned()); fields.len()]),
            (_, Some(comps)) => comps.trimmed(),
        };
        exception.comps = Some(comps.clone());
        let field_names = match (&fields, &comps) {
            (Words::One(field), Words::One(comp)) => {
                if !matches!(comp.as_str(), "in" | "pmatch" | "intersects") && !has_modifier(comp) {
                    let message = "When fields is a single value, comps must be one of (in, pmatch, intersects) \
                        or a modifier operator (e.g. startswith oneof)";
                    return Err(self.exception_error(exception, message));
                }
                vec![field.as_str()]
            }
            (Words::Many(fields), Words::Many(comps)) if fields.len() == comps.len() => {
                for comp in comps {
                    let comp = comp.one().unwrap_or_default();
                    if Operator::from_name(comp).is_none() && !has_modifier(comp) {
                        let message = format!("'{comp}' is not a supported comparison operator");
                        return Err(self.exception_error(exception, &message));
                    }
                }
                fields.iter().map(|field| field.one().unwrap_or_default()).collect()
            }
            (Words::One(_), Words::Many(_)) => {
                return Err(self.exception_error(exception, "Fields and comps must both be strings"));
            }
            (Words::Many(_), _) => {
                let message = "Fields and comps lists must have equal length";
                return Err(self.exception_error(exception, message));
            }
        };
        for field in field_names.into_iter().filter(|_| check_fields) {
            if !check::is_operand(field, self.catalogue) {
                let message = format!("'{field}' is not a supported filter field");
                return Err(self.exception_error(exception, &message));
            }
        }
        Ok(())
    }

    pub(super) fn exception_error(&mut self, exception: &Exception, message: &str) -> Reported {
        self.reporter.report(Code::LoadErrValidate, Report::new(message, &exception.context))
    }
}

/// Whether `comp` is a string operator with a modifier, as in `startswith oneof`.
pub(crate) fn has_modifier(comp: &str) -> bool {
    let mut words = comp.split_ascii_whitespace();
    let operator = words.next().and_then(Operator::from_name);
    let modifier = words.next().is_some_and(|word| Modifier::ALL.iter().any(|known| known.as_str() == word));
    let takes_modifier = !matches!(
        operator,
        None | Some(
            Operator::Lt
                | Operator::Le
                | Operator::Gt
                | Operator::Ge
                | Operator::In
                | Operator::Intersects
                | Operator::PMatch
                | Operator::Exists
        )
    );
    takes_modifier && modifier && words.next().is_none()
}

// === impl Words ===

impl Words {
    fn is_empty(&self) -> bool {
        match self {
            Self::One(word) => word.is_empty(),
            Self::Many(words) => words.is_empty(),
        }
    }

    /// The same without blanks around words.
    fn trimmed(self) -> Self {
        match self {
            Self::One(word) => Self::One(word.trim_matches([' ', '\t', '\r', '\n']).to_owned()),
            Self::Many(words) => Self::Many(words.into_iter().map(Self::trimmed).collect()),
        }
    }
}
