//! The values of an item's keys, with Falco's demands on them.

use std::{collections::BTreeSet, rc::Rc};

use super::Reader;
use crate::{
    context::{Context, item_type},
    diagnostic::Code,
    reporter::{Report, Reported},
    suggest::closest,
    yaml::{Content, Node},
};

/// A mapping, and what it is.
pub(super) struct Entry<'node> {
    pub(super) pairs: &'node [(Rc<Node>, Rc<Node>)],
    pub(super) context: Context,
}

// === impl Entry ===

impl<'node> Entry<'node> {
    /// The value of `key`; the first, if there are several.
    pub(super) fn get(&self, key: &str) -> Option<&'node Rc<Node>> {
        self.pairs.iter().find(|(name, _)| name.scalar() == Some(key)).map(|(_, value)| value)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Warns of keys that the item does not have, and of keys that are there twice.
    pub(super) fn check_keys(&mut self, entry: &Entry<'_>, known: &[&'static str]) {
        let mut seen = BTreeSet::new();
        for (key, _) in entry.pairs {
            let name = key.scalar().unwrap_or_default();
            let (message, help) = if !known.contains(&name) {
                let near = closest(name, known.iter().copied());
                let help = near.map(|near| format!("did you mean '{near}'?"));
                (format!("Unknown key '{name}'. The key will be ignored."), help)
            } else if !seen.insert(name) {
                (format!("Key '{name}' is given twice; the first one counts."), None)
            } else {
                continue;
            };
            let context = entry.context.child(item_type::VALUE_FOR, name, self.place(key.span()));
            self.reporter.report(Code::LoadUnknownKey, Report::new(message, &context).maybe_help(help));
        }
    }

    /// A scalar that has to be there and to be something.
    pub(super) fn required_scalar<'node>(
        &mut self,
        entry: &Entry<'node>,
        key: &'static str,
    ) -> Result<&'node Rc<Node>, Reported> {
        let Some(node) = entry.get(key) else { return Err(self.missing(entry, key)) };
        match &node.content {
            Content::Null => {
                let report = Report::new(format!("Mapping for key '{key}' is empty"), &entry.context)
                    .at(self.place(node.span()));
                Err(self.reporter.report(Code::LoadErrYamlValidate, report))
            }
            Content::Scalar(scalar) if scalar.value.is_empty() => {
                Err(self.invalid(entry, key, "Value must be non-empty"))
            }
            Content::Scalar(scalar) => {
                let bytes = scalar.value.len();
                self.spend(&entry.context, bytes)?;
                Ok(node)
            }
            _ => Err(self.invalid(entry, key, "Value is not a scalar value")),
        }
    }

    pub(super) fn required_text(&mut self, entry: &Entry<'_>, key: &'static str) -> Result<String, Reported> {
        let node = self.required_scalar(entry, key)?;
        Ok(node.scalar().unwrap_or_default().to_owned())
    }

    pub(super) fn optional_text(
        &mut self,
        entry: &Entry<'_>,
        key: &'static str,
    ) -> Result<Option<String>, Reported> {
        if entry.has(key) { self.required_text(entry, key).map(Some) } else { Ok(None) }
    }

    /// A truth value in any of YAML's older spellings, as Falco's YAML library reads them: in lower case, in upper case,
    /// or with a capital.
    pub(super) fn required_bool(&mut self, entry: &Entry<'_>, key: &'static str) -> Result<bool, Reported> {
        let text = self.required_text(entry, key)?;
        let rest = text.get(1..).unwrap_or_default();
        let is_regular = text.bytes().all(|byte| byte.is_ascii_lowercase())
            || text.starts_with(|first: char| first.is_ascii_uppercase())
                && (rest.bytes().all(|byte| byte.is_ascii_lowercase())
                    || rest.bytes().all(|byte| byte.is_ascii_uppercase()));
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" if is_regular => Ok(true),
            "false" | "no" | "off" | "n" if is_regular => Ok(false),
            _ => {
                let context = self.value_context(entry, key);
                let report = Report::new("Can't decode YAML scalar value", &context)
                    .help(format!("'{key}' is true or false"));
                Err(self.reporter.report(Code::LoadErrYamlValidate, report))
            }
        }
    }

    pub(super) fn optional_bool(
        &mut self,
        entry: &Entry<'_>,
        key: &'static str,
    ) -> Result<Option<bool>, Reported> {
        if entry.has(key) { self.required_bool(entry, key).map(Some) } else { Ok(None) }
    }

    /// A number of 32 bits, in C's spellings: Falco's YAML library leaves the base to them.
    pub(super) fn optional_number(
        &mut self,
        entry: &Entry<'_>,
        key: &'static str,
    ) -> Result<Option<u32>, Reported> {
        let Some(text) = self.optional_text(entry, key)? else { return Ok(None) };
        match number(&text) {
            Some(number) => Ok(Some(number)),
            None => Err(self.invalid(entry, key, "Can't decode YAML scalar value")),
        }
    }

    /// A sequence of words.
    pub(super) fn required_texts(
        &mut self,
        entry: &Entry<'_>,
        key: &'static str,
    ) -> Result<Vec<String>, Reported> {
        let Some(node) = entry.get(key) else { return Err(self.missing(entry, key)) };
        let Content::Sequence(nodes) = &node.content else {
            return Err(self.invalid(entry, key, "Value is not a sequence"));
        };
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            self.count_scalar(&entry.context)?;
            match node.scalar() {
                Some(text) => texts.push(text.to_owned()),
                None => {
                    let context = self.value_context(entry, key);
                    let context = context.child(item_type::LIST_ITEM, "", self.place(node.span()));
                    let report = Report::new("sequence value is not scalar", &context);
                    return Err(self.reporter.report(Code::LoadErrYamlValidate, report));
                }
            }
        }
        Ok(texts)
    }

    pub(super) fn missing(&mut self, entry: &Entry<'_>, key: &str) -> Reported {
        let report = Report::new(format!("Item has no mapping for key '{key}'"), &entry.context)
            .help(format!("add '{key}: …' to the item"));
        self.reporter.report(Code::LoadErrYamlValidate, report)
    }

    /// Reports that the value of `key` is not what it should be.
    pub(super) fn invalid(&mut self, entry: &Entry<'_>, key: &str, message: impl Into<String>) -> Reported {
        let context = self.value_context(entry, key);
        self.reporter.report(Code::LoadErrYamlValidate, Report::new(message, &context))
    }

    pub(super) fn value_context(&self, entry: &Entry<'_>, key: &str) -> Context {
        let node = entry.get(key);
        let place = node.map_or_else(|| entry.context.place().clone(), |node| self.place(node.span()));
        entry.context.child(item_type::VALUE_FOR, key, place)
    }

    /// Reports something about the item as a whole, which people can see at a key.
    pub(super) fn report_of_item(
        &mut self,
        code: Code,
        entry: &Entry<'_>,
        key: &str,
        message: &str,
    ) -> Reported {
        let place = entry.get(key).map(|node| self.place(node.span()));
        let place = place.unwrap_or_else(|| entry.context.place().clone());
        self.reporter.report(code, Report::new(message, &entry.context).at(place))
    }
}

/// Decimal, `0x` and hexadecimal, or `0` and octal digits.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (digits, base) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    // The parser of numbers takes a sign of its own.
    let is_digit = digits.starts_with(|first: char| first.is_ascii_hexdigit());
    is_digit.then(|| u32::from_str_radix(digits, base).ok()).flatten()
}
