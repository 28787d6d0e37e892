//! Outputs of rules: the message, and the values in it.

use std::collections::BTreeMap;

use eyrie_proto::alert::{self, ValueList, value::Kind};
use fields::{EventView, Extracted, Fields, Value};
use rule_language::ruleset::{Template, TemplatePart};

use crate::{
    error::CompileProblem,
    operand::CompiledOperand,
    render::{self, NO_VALUE},
};

/// Values by the names that the output gives them; `None` for what has no value.
pub type OutputFields = BTreeMap<String, Option<Value<'static>>>;

/// Falco adds this to the fields of every alert.
const TIME: &str = "evt.time";

/// An output, resolved.
#[derive(Clone, Debug)]
pub(crate) struct CompiledTemplate {
    parts: Vec<CompiledPart>,
}

#[derive(Clone, Debug)]
pub(crate) enum CompiledPart {
    Text(String),
    Value { key: String, operand: CompiledOperand, width: usize },
}

// === impl CompiledTemplate ===

impl CompiledTemplate {
    pub(crate) fn new(fields: &'static Fields, template: &Template) -> Result<Self, CompileProblem> {
        let parts = template.parts.iter().map(|part| {
            Ok(match part {
                TemplatePart::Text(text) => CompiledPart::Text(text.clone()),
                TemplatePart::Value { key, operand, width } => CompiledPart::Value {
                    key: key.clone(),
                    operand: CompiledOperand::new(fields, operand)?,
                    width: width.unwrap_or(0),
                },
            })
        });
        Ok(Self { parts: parts.collect::<Result<_, CompileProblem>>()? })
    }

    pub(crate) fn from_parts(parts: Vec<CompiledPart>) -> Self {
        Self { parts }
    }

    pub(crate) fn parts(&self) -> &[CompiledPart] {
        &self.parts
    }

    /// The message and its values. Fields whose value is still to come show as missing and are added to `unknown`.
    pub(crate) fn fill(
        &self,
        view: &EventView<'_>,
        unknown: &mut Vec<&'static str>,
    ) -> (String, OutputFields) {
        let (message, mut fields) = self.fill_gaps(view, unknown);
        fields.entry(TIME.to_owned()).or_insert_with(|| Some(time(view.epoch_ns())));
        (message, fields)
    }

    /// The same without what every alert has.
    pub(crate) fn fill_gaps(
        &self,
        view: &EventView<'_>,
        unknown: &mut Vec<&'static str>,
    ) -> (String, OutputFields) {
        let mut message = String::new();
        let mut fields = OutputFields::new();
        for part in &self.parts {
            part.push(&mut message, view, unknown, &mut |key, value| {
                fields.insert(key.to_owned(), value);
            });
        }
        (message, fields)
    }
}

// === impl CompiledPart ===

impl CompiledPart {
    /// Adds the part to a message, and tells the value that was put in by its key.
    pub(crate) fn push(
        &self,
        message: &mut String,
        view: &EventView<'_>,
        unknown: &mut Vec<&'static str>,
        tell: &mut dyn FnMut(&str, Option<Value<'static>>),
    ) {
        match self {
            Self::Text(text) => message.push_str(text),
            Self::Value { key, operand, width } => {
                let value = match operand.extract(view, unknown) {
                    Extracted::Value(value) if value.is_there() => Some(value.into_owned()),
                    Extracted::Value(_) | Extracted::Absent | Extracted::Unknown => None,
                };
                push_value(message, value.as_ref(), *width);
                tell(key, value);
            }
        }
    }
}

fn push_value(message: &mut String, value: Option<&Value<'_>>, width: usize) {
    let start = message.len();
    match value {
        Some(value) => render::push_sanitised(message, value),
        None => message.push_str(NO_VALUE),
    }
    let length = message.get(start..).map_or(0, |text| text.chars().count());
    message.extend(std::iter::repeat_n(' ', width.saturating_sub(length)));
}

/// A value as alerts carry it; one without a kind stands for no value.
pub fn to_alert_value(value: Option<&Value<'_>>) -> alert::Value {
    let text = |value: &Value<'_>| match String::from_utf8(render::plain_bytes(value).into_owned()) {
        Ok(text) => Kind::Text(text),
        Err(error) => Kind::Raw(error.into_bytes()),
    };
    let kind = value.map(|value| match value {
        Value::Int(number) => Kind::Int(*number),
        Value::Uint(number) => Kind::Uint(*number),
        Value::Bool(value) => Kind::Bool(*value),
        Value::Double(number) => Kind::Double(*number),
        Value::Time { epoch_ns, .. } => Kind::TimeNs(*epoch_ns),
        Value::List(values) => {
            Kind::List(ValueList { values: values.iter().map(|value| to_alert_value(Some(value))).collect() })
        }
        Value::Bytes(_) | Value::Ip(_) | Value::AnyOf(_) | Value::EitherEnd(_) | Value::NamedIp(_) => {
            text(value)
        }
    });
    alert::Value { kind }
}

/// A time of which only the number matters.
fn time(epoch_ns: u64) -> Value<'static> {
    Value::Time { epoch_ns, text: epoch_ns.to_string() }
}
