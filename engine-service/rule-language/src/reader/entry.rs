//! The values of an item's keys, with Falco's demands on them.

use std::{collections::BTreeSet, rc::Rc};

use super::Reader;
use crate::{
    diagnostic::Code,
    reporter::{Item, Report, Reported},
    yaml::{Content, Node},
};

/// A mapping, and the item that it is or belongs to.
pub(super) struct Entry<'node> {
    pub(super) pairs: &'node [(Rc<Node>, Rc<Node>)],
    pub(super) item: Item,
}

/// Which keys an item's `override` appends and which it replaces.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) append: BTreeSet<&'static str>,
    pub(super) replace: BTreeSet<&'static str>,
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

// === impl Overrides ===

impl Overrides {
    pub(super) fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Warns of keys that the item does not have, and of keys that are there twice.
    pub(super) fn check_keys(&mut self, entry: &Entry<'_>, known: &[&'static str]) {
        let mut seen = BTreeSet::new();
        for (key, _) in entry.pairs {
            let name = key.scalar().unwrap_or("<not a word>");
            let place = self.place(key.span.clone());
            let mut report = if !known.contains(&name) {
                let mut report =
                    Report::new(format!("Unknown key '{name}'. The key will be ignored."), &entry.item);
                let near = crate::suggest::closest(name, known.iter().copied());
                report.help = near.map(|near| format!("did you mean '{near}'?"));
                report
            } else if !seen.insert(name) {
                Report::new(format!("Key '{name}' is given twice; the first one counts."), &entry.item)
            } else {
                continue;
            };
            report.part = Some("value for");
            self.reporter.report(Code::LoadUnknownKey, &place, report);
        }
    }

    pub(super) fn required_scalar<'node>(
        &mut self,
        entry: &Entry<'node>,
        key: &'static str,
    ) -> Result<&'node Rc<Node>, Reported> {
        let Some(node) = entry.get(key) else {
            let message = format!("Item has no mapping for key '{key}'");
            let report = Report::new(message, &entry.item).help(format!("add '{key}: …' to the item"));
            return Err(self.reporter.report(Code::LoadErrYamlValidate, &entry.item.place.clone(), report));
        };
        match &node.content {
            Content::Null => Err(self.invalid(entry, key, format!("Mapping for key '{key}' is empty"))),
            Content::Scalar(scalar) if scalar.value.is_empty() => {
                Err(self.invalid(entry, key, "Value must be non-empty"))
            }
            Content::Scalar(scalar) => {
                let bytes = scalar.value.len();
                self.spend(entry, |budget| budget.spend_bytes(bytes))?;
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

    /// A truth value in any of YAML's older spellings, as Falco's YAML library reads them.
    pub(super) fn required_bool(&mut self, entry: &Entry<'_>, key: &'static str) -> Result<bool, Reported> {
        let text = self.required_text(entry, key)?;
        let regular = text.chars().skip(1).all(char::is_lowercase) || text.chars().all(char::is_uppercase);
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" if regular => Ok(true),
            "false" | "no" | "off" | "n" if regular => Ok(false),
            _ => Err(self.invalid(entry, key, "Can't decode YAML scalar value: expected true or false")),
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
        let Some(node) = entry.get(key) else {
            return self.required_scalar(entry, key).map(|_| Vec::new());
        };
        let Content::Sequence(nodes) = &node.content else {
            return Err(self.invalid(entry, key, "Value is not a sequence"));
        };
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            self.count_scalar(entry)?;
            match node.scalar() {
                Some(text) => texts.push(text.to_owned()),
                None => {
                    let place = self.place(node.span.clone());
                    let report = Report::new("sequence value is not scalar", &entry.item).part("list item");
                    return Err(self.reporter.report(Code::LoadErrYamlValidate, &place, report));
                }
            }
        }
        Ok(texts)
    }

    pub(super) fn optional_texts(
        &mut self,
        entry: &Entry<'_>,
        key: &'static str,
    ) -> Result<Option<Vec<String>>, Reported> {
        if entry.has(key) { self.required_texts(entry, key).map(Some) } else { Ok(None) }
    }

    pub(super) fn overrides(
        &mut self,
        entry: &Entry<'_>,
        appendable: &[&'static str],
        replaceable: &[&'static str],
    ) -> Result<Overrides, Reported> {
        let mut overrides = Overrides::default();
        let Some(node) = entry.get("override").filter(|node| !node.is_null()) else { return Ok(overrides) };
        let Content::Mapping(pairs) = &node.content else {
            return Err(self.invalid(entry, "override", "Value of 'override' is not a mapping"));
        };
        for (key, operation) in pairs {
            let name = key.scalar().unwrap_or_default();
            let append = appendable.iter().copied().find(|known| *known == name);
            let replace = replaceable.iter().copied().find(|known| *known == name);
            let message = match (operation.scalar().unwrap_or_default(), append, replace) {
                ("append", Some(key), _) => {
                    overrides.append.insert(key);
                    continue;
                }
                ("replace", _, Some(key)) => {
                    overrides.replace.insert(key);
                    continue;
                }
                ("append", None, _) => format!("Key '{name}' cannot be appended to, use 'replace' instead"),
                ("replace", _, None) => format!("Key '{name}' cannot be replaced"),
                (other, append, replace) => {
                    let mut message = format!(
                        "Invalid override operation for key '{name}': '{other}'. Allowed values are: "
                    );
                    message.push_str(if append.is_some() { "append " } else { "" });
                    message.push_str(if replace.is_some() { "replace " } else { "" });
                    message
                }
            };
            let place = self.place(key.span.start..operation.span.end.max(key.span.end));
            let report = Report::new(message, &entry.item).part("overrides");
            return Err(self.reporter.report(Code::LoadErrYamlValidate, &place, report));
        }
        Ok(overrides)
    }

    /// Reports that the value of `key` is not what it should be.
    pub(super) fn invalid(&mut self, entry: &Entry<'_>, key: &str, message: impl Into<String>) -> Reported {
        self.report_at_key(Code::LoadErrYamlValidate, entry, key, message.into())
    }

    pub(super) fn warn(&mut self, code: Code, entry: &Entry<'_>, key: &str, message: &str) {
        self.report_at_key(code, entry, key, message.to_owned());
    }

    pub(super) fn report_at_key(
        &mut self,
        code: Code,
        entry: &Entry<'_>,
        key: &str,
        message: String,
    ) -> Reported {
        let node = entry.get(key);
        let place = node.map_or_else(|| entry.item.place.clone(), |node| self.place(node.span.clone()));
        let mut report = Report::new(message, &entry.item);
        report.part = node.map(|_| "value for");
        self.reporter.report(code, &place, report)
    }

    /// Counts a scalar that is read from a sequence; aliases can make few bytes many scalars.
    pub(super) fn count_scalar(&mut self, entry: &Entry<'_>) -> Result<(), Reported> {
        match self.scalars.checked_sub(1) {
            Some(left) => {
                self.scalars = left;
                Ok(())
            }
            None => {
                let report = Report::new("the rules files hold more words than are read", &entry.item)
                    .help(format!("at most {} are read", crate::limits::MAX_SCALARS));
                Err(self.reporter.report(Code::LoadErrYamlValidate, &entry.item.place, report))
            }
        }
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
