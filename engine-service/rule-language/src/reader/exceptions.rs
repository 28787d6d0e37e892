//! Reading exceptions, and checking them as soon as the rule is known.

use super::{Entry, Reader};
use crate::{
    check,
    condition::{Modifier, Operator},
    definitions::{Exception, Words},
    diagnostic::Code,
    reporter::{Item, Report, Reported},
    yaml::{Content, Node},
};

/// Lists in values: tuples, and lists in tuples. Falco recurses without a bound and uses no more than these.
const MAX_WORDS_DEPTH: usize = 3;

impl Reader<'_> {
    /// The rule's exceptions; `fields` may be missing where they are appended to known ones.
    pub(super) fn exceptions(
        &mut self,
        entry: &Entry<'_>,
        fields_optional: bool,
    ) -> Result<Vec<Exception>, Reported> {
        let Some(node) = entry.get("exceptions").filter(|node| !node.is_null()) else {
            return Ok(Vec::new());
        };
        let Content::Sequence(nodes) = &node.content else {
            return Err(self.invalid(entry, "exceptions", "Rule exceptions must be a sequence"));
        };
        let mut exceptions: Vec<Exception> = Vec::new();
        let mut names = std::collections::HashSet::new();
        for node in nodes {
            self.count_scalar(entry)?;
            let exception = self.exception(entry, node, fields_optional)?;
            if !names.insert(exception.name.clone()) {
                let message = format!("Multiple definitions of exception '{}'", exception.name);
                let report = Report::new(message, &entry.item).part("exception");
                self.reporter.report(Code::LoadExceptionNameNotUnique, &exception.place, report);
            }
            exceptions.push(exception);
        }
        Ok(exceptions)
    }

    fn exception(
        &mut self,
        entry: &Entry<'_>,
        node: &Node,
        fields_optional: bool,
    ) -> Result<Exception, Reported> {
        let place = self.place(node.span.clone());
        let Content::Mapping(pairs) = &node.content else {
            let report = Report::new("Rule exception must be a mapping", &entry.item).part("exception");
            return Err(self.reporter.report(Code::LoadErrYamlValidate, &place, report));
        };
        let item = Item { kind: "exception", name: String::new(), place: place.clone() };
        let mut inner = Entry { pairs, item };
        let name = self.required_text(&inner, "name")?;
        inner.item.name.clone_from(&name);
        self.check_keys(&inner, &["name", "fields", "comps", "values"]);
        let fields = self.words_of(&inner, "fields")?;
        if fields.is_none() && !fields_optional {
            let message = "Rule exception item must have fields property with a list of fields";
            let report = Report::new(message, &inner.item);
            return Err(self.reporter.report(Code::LoadErrValidate, &place, report));
        }
        let comps = self.words_of(&inner, "comps")?;
        let mut values = Vec::new();
        match inner.get("values").map(|values| &values.content) {
            None if fields_optional => {
                let message = "Overriding/appending exception with no values";
                let report = Report::new(message, &inner.item);
                self.reporter.report(Code::LoadAppendNoValues, &place, report);
            }
            None => {}
            Some(Content::Sequence(nodes)) => {
                for value in nodes {
                    values.push(self.words(&inner, value, 0)?);
                }
            }
            Some(_) => {
                return Err(self.invalid(&inner, "values", "Rule exception values must be a sequence"));
            }
        }
        Ok(Exception { name, place, fields, comps, values })
    }

    fn words_of(&mut self, entry: &Entry<'_>, key: &str) -> Result<Option<Words>, Reported> {
        match entry.get(key) {
            Some(node) => self.words(entry, node, 0).map(Some),
            None => Ok(None),
        }
    }

    fn words(&mut self, entry: &Entry<'_>, node: &Node, depth: usize) -> Result<Words, Reported> {
        self.count_scalar(entry)?;
        let message = match &node.content {
            Content::Scalar(scalar) if !scalar.value.is_empty() => {
                let bytes = scalar.value.len();
                self.spend(entry, |budget| budget.spend_bytes(bytes))?;
                return Ok(Words::One(scalar.value.clone()));
            }
            Content::Sequence(nodes) if depth < MAX_WORDS_DEPTH => {
                let words: Result<_, _> =
                    nodes.iter().map(|node| self.words(entry, node, depth + 1)).collect();
                return words.map(Words::Many);
            }
            Content::Sequence(_) => "lists in exceptions are nested too deep",
            Content::Scalar(_) | Content::Null => "Value must be non-empty",
            Content::Mapping(_) => "Could not decode scalar value",
        };
        let place = self.place(node.span.clone());
        let report = Report::new(message, &entry.item).part("exception value");
        Err(self.reporter.report(Code::LoadErrYamlValidate, &place, report))
    }

    /// Fills in the default operators, and checks that operators and fields are known and fit each other.
    pub(super) fn check_exception(
        &mut self,
        entry: &Entry<'_>,
        exception: &mut Exception,
        check_fields: bool,
    ) -> Result<(), Reported> {
        let Some(fields) = exception.fields.clone() else {
            let message = "Rule exception item must have fields property with a list of fields";
            return Err(self.exception_error(entry, exception, message));
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
                    let message = "When fields is a single value, comps must be one of (in, pmatch, intersects), \
                        or a string operator with a modifier";
                    return Err(self.exception_error(entry, exception, message));
                }
                vec![field.as_str()]
            }
            (Words::Many(fields), Words::Many(comps)) => {
                if fields.len() != comps.len() {
                    let message = "Fields and comps lists must have equal length";
                    return Err(self.exception_error(entry, exception, message));
                }
                for comp in comps {
                    let comp = comp.one().unwrap_or("<list>");
                    if Operator::from_name(comp).is_none() && !has_modifier(comp) {
                        let message = format!("'{comp}' is not a supported comparison operator");
                        return Err(self.exception_error(entry, exception, &message));
                    }
                }
                fields.iter().map(|field| field.one().unwrap_or("<list>")).collect()
            }
            (Words::One(_), Words::Many(_)) => {
                return Err(self.exception_error(entry, exception, "Fields and comps must both be strings"));
            }
            (Words::Many(_), Words::One(_)) => {
                return Err(self.exception_error(entry, exception, "Fields and comps must both be lists"));
            }
        };
        for field in field_names.into_iter().filter(|_| check_fields) {
            if !check::is_operand(field, self.catalogue) {
                let message = format!("'{field}' is not a supported filter field");
                return Err(self.exception_error(entry, exception, &message));
            }
        }
        Ok(())
    }

    pub(super) fn exception_error(
        &mut self,
        entry: &Entry<'_>,
        exception: &Exception,
        message: &str,
    ) -> Reported {
        let report = Report::new(message, &entry.item).part("exception");
        self.reporter.report(Code::LoadErrValidate, &exception.place, report)
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
    /// The same without blanks around words.
    fn trimmed(self) -> Self {
        match self {
            Self::One(word) => Self::One(word.trim().to_owned()),
            Self::Many(words) => Self::Many(words.into_iter().map(Self::trimmed).collect()),
        }
    }
}
