//! What configuration adds to the outputs of rules: Falco's `append_output`.
//!
//! Entries say which rules they are for and what those get: text behind their output, fields beside it, and the fields
//! that the catalogue suggests for the rule's source. They apply to rules that were loaded already.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Catalogue,
    compile::compile_output,
    diagnostic::{Diagnostic, LoadError, Severity},
    ruleset::{ExtraField, Rule, RuleSet, Template},
};

/// One entry of `append_output`, with Falco's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputAddition {
    /// Which rules it is for.
    #[serde(rename = "match")]
    pub matching: RuleMatcher,
    /// Text with fields, put behind a rule's output and a blank.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub extra_output: String,
    /// Fields beside the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_fields: Vec<FieldAddition>,
    /// Whether ` name=%name` is added for each field that the rule's source suggests.
    pub suggested_output: bool,
}

/// Which rules an addition is for; what is not said fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleMatcher {
    /// The source of their events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Tags, all of which a rule has to have.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// The name of the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A field beside the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldAddition {
    /// A field's value as it is, by its name: `proc.aname[2]`.
    Raw(String),
    /// Text with fields, by a name of its own; one.
    Formatted(BTreeMap<String, String>),
}

/// What one addition comes to for rules of one source.
struct Compiled {
    text: Option<Template>,
    fields: Vec<ExtraField>,
}

/// Adds what `additions` say to the rules that they are for, in their order; of fields with one name the last counts.
///
/// Gives warnings. Nothing is changed if one of the additions is wrong.
pub fn append_outputs(
    rule_set: &mut RuleSet,
    additions: &[OutputAddition],
    catalogue: &dyn Catalogue,
) -> Result<Vec<Diagnostic>, LoadError> {
    let sources: BTreeSet<String> = rule_set.rules.iter().map(|rule| rule.source.clone()).collect();
    let (mut compiled, mut diagnostics) = (Vec::new(), Vec::new());
    for addition in additions {
        for source in sources.iter().filter(|source| addition.matching.has_source(source)) {
            compiled.push((addition, source, addition.compile(source, catalogue, &mut diagnostics)));
        }
    }
    if diagnostics.iter().any(|found: &Diagnostic| found.severity == Severity::Error) {
        return Err(LoadError { diagnostics });
    }
    for rule in &mut rule_set.rules {
        for (addition, source, compiled) in &compiled {
            if rule.source == **source && addition.matching.fits(rule) {
                compiled.apply(rule);
            }
        }
    }
    Ok(diagnostics)
}

// === impl OutputAddition ===

impl OutputAddition {
    /// The suggested fields for every rule: what Falco does unless told otherwise.
    pub fn suggested() -> Self {
        Self { suggested_output: true, ..Self::default() }
    }

    fn compile(&self, source: &str, catalogue: &dyn Catalogue, found: &mut Vec<Diagnostic>) -> Compiled {
        let mut text = String::new();
        if !self.extra_output.is_empty() {
            text = format!(" {}", self.extra_output);
        }
        if self.suggested_output {
            text.extend(suggested(source, catalogue));
        }
        let text =
            (!text.is_empty()).then(|| compile("append_output: extra_output", &text, catalogue, found));
        let mut fields = Vec::new();
        for field in &self.extra_fields {
            for (name, text, is_raw) in field.definitions() {
                let template = compile("append_output: extra_fields", &text, catalogue, found);
                fields.extend(template.map(|template| ExtraField { name, template, is_raw }));
            }
        }
        Compiled { text: text.flatten(), fields }
    }
}

/// ` container_id=%container.id`, and so on.
fn suggested(source: &str, catalogue: &dyn Catalogue) -> Vec<String> {
    let fields = catalogue.suggested_output(source).into_iter();
    fields.map(|name| format!(" {}=%{name}", name.replace('.', "_"))).collect()
}

fn compile(
    what: &str,
    text: &str,
    catalogue: &dyn Catalogue,
    found: &mut Vec<Diagnostic>,
) -> Option<Template> {
    let (template, mut diagnostics) = compile_output(what, text, catalogue);
    // Rules of several sources have the same problems.
    diagnostics.retain(|diagnostic| !found.contains(diagnostic));
    found.append(&mut diagnostics);
    template
}

// === impl RuleMatcher ===

impl RuleMatcher {
    fn has_source(&self, source: &str) -> bool {
        self.source.as_ref().is_none_or(|own| own.is_empty() || own == source)
    }

    fn fits(&self, rule: &Rule) -> bool {
        self.tags.iter().all(|tag| rule.tags.contains(tag))
            && self.rule.as_ref().is_none_or(|own| own.is_empty() || *own == rule.name)
    }
}

// === impl FieldAddition ===

impl FieldAddition {
    /// Names, texts, and whether the value stays as it is.
    fn definitions(&self) -> Vec<(String, String, bool)> {
        match self {
            Self::Raw(name) => vec![(name.clone(), format!("%{name}"), true)],
            Self::Formatted(texts) => {
                texts.iter().map(|(name, text)| (name.clone(), text.clone(), false)).collect()
            }
        }
    }
}

// === impl Compiled ===

impl Compiled {
    fn apply(&self, rule: &mut Rule) {
        if let Some(text) = &self.text {
            rule.output.append(text);
        }
        for field in &self.fields {
            rule.extra_fields.retain(|own| own.name != field.name);
            rule.extra_fields.push(field.clone());
        }
    }
}

#[cfg(test)]
mod tests;
