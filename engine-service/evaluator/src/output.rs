//! Outputs of rules: the message, and the values in it.

use std::collections::BTreeMap;

use eyrie_proto::alert::{self, ValueList, value::Kind};
use fields::{EventView, Extracted, Fields, Value};
use rule_language::{
    TypeClass,
    condition::Operand,
    ruleset::{ExtraField, Template, TemplatePart},
};

use crate::{
    error::CompileProblem,
    operand::CompiledOperand,
    render::{self, NO_VALUE},
};

/// Values by the names that the output gives them; `None` for what has no value.
pub type OutputFields = BTreeMap<String, Option<Value<'static>>>;

/// Falco adds this to the fields of every alert.
const TIME: &str = "evt.time";

/// Fields that text shows with nine digits at least (`PF_10_PADDED_DEC` in libsinsp's declarations).
const PADDED: [&str; 5] =
    ["evt.rawtime.ns", "evt.reltime", "evt.reltime.ns", "evt.latency.ns", "evt.deltatime.ns"];

/// An output, resolved.
#[derive(Clone, Debug)]
pub(crate) struct CompiledTemplate {
    parts: Vec<CompiledPart>,
    extra: Vec<CompiledField>,
}

/// A field beside the message.
#[derive(Clone, Debug)]
pub(crate) struct CompiledField {
    pub(crate) name: String,
    pub(crate) parts: Vec<CompiledPart>,
    /// Whether it is the value of its only part, of its own type.
    pub(crate) is_raw: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum CompiledPart {
    Text(String),
    Value(CompiledValue),
}

/// A value in an output.
#[derive(Clone, Debug)]
pub(crate) struct CompiledValue {
    /// What stands behind the `%`.
    pub(crate) key: String,
    operand: CompiledOperand,
    pub(crate) width: usize,
    /// Whether it is raw bytes, of which text shows what can be printed.
    is_buffer: bool,
    /// Whether text shows it with zeros in front.
    is_padded: bool,
    told: Told,
}

/// What an alert's fields get of a value in its message.
#[derive(Clone, Debug)]
enum Told {
    /// The value itself, by the field's name.
    Itself(String),
    /// Of a transformer the fields in it, as Falco has it.
    Fields(Vec<(String, CompiledOperand, bool)>),
}

// === impl CompiledTemplate ===

impl CompiledTemplate {
    /// An output with the fields that configuration puts beside it.
    pub(crate) fn new(
        fields: &'static Fields,
        template: &Template,
        extra: &[ExtraField],
    ) -> Result<Self, CompileProblem> {
        let extra = extra.iter().map(|field| {
            let parts = compiled_parts(fields, &field.template)?;
            Ok(CompiledField { name: field.name.clone(), parts, is_raw: field.is_raw })
        });
        let extra = extra.collect::<Result<_, CompileProblem>>()?;
        Ok(Self { parts: compiled_parts(fields, template)?, extra })
    }

    pub(crate) fn from_parts(parts: Vec<CompiledPart>, extra: Vec<CompiledField>) -> Self {
        Self { parts, extra }
    }

    pub(crate) fn extra(&self) -> &[CompiledField] {
        &self.extra
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
        for field in &self.extra {
            fields.insert(field.name.clone(), field.value(view, unknown));
        }
        (message, fields)
    }
}

fn compiled_parts(fields: &'static Fields, template: &Template) -> Result<Vec<CompiledPart>, CompileProblem> {
    let parts = template.parts.iter().map(|part| {
        Ok(match part {
            TemplatePart::Text(text) => CompiledPart::Text(text.clone()),
            TemplatePart::Value { key, operand, width } => {
                CompiledPart::Value(CompiledValue::new(fields, key, operand, width.unwrap_or(0))?)
            }
        })
    });
    parts.collect()
}

// === impl CompiledField ===

impl CompiledField {
    fn value(&self, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> Option<Value<'static>> {
        if let (true, [CompiledPart::Value(value)]) = (self.is_raw, self.parts.as_slice()) {
            return shown(&value.operand, value.is_buffer, view, unknown);
        }
        let mut text = String::new();
        for part in &self.parts {
            part.push(&mut text, view, unknown, &mut |_, _| {});
        }
        Some(Value::bytes(text.into_bytes()))
    }
}

// === impl CompiledPart ===

impl CompiledPart {
    /// Adds the part to a message, and tells the values in it by the names that an alert's fields have.
    pub(crate) fn push(
        &self,
        message: &mut String,
        view: &EventView<'_>,
        unknown: &mut Vec<&'static str>,
        tell: &mut dyn FnMut(&str, Option<Value<'static>>),
    ) {
        match self {
            Self::Text(text) => message.push_str(text),
            Self::Value(value) => value.push(message, view, unknown, tell),
        }
    }
}

// === impl CompiledValue ===

impl CompiledValue {
    pub(crate) fn new(
        fields: &'static Fields,
        key: &str,
        operand: &Operand,
        width: usize,
    ) -> Result<Self, CompileProblem> {
        let told = match operand {
            Operand::Field(field) => Told::Itself(field.to_string()),
            Operand::Transformed(_) => {
                let mut inner = Vec::new();
                operand.for_each_field(&mut |field| inner.push(Operand::Field(field.clone())));
                let compiled = inner.iter().map(|field| {
                    Ok((field.to_string(), CompiledOperand::new(fields, field)?, is_buffer(field)))
                });
                Told::Fields(compiled.collect::<Result<_, CompileProblem>>()?)
            }
        };
        Ok(Self {
            key: key.to_owned(),
            operand: CompiledOperand::new(fields, operand)?,
            width,
            is_buffer: is_buffer(operand),
            is_padded: matches!(operand, Operand::Field(field) if PADDED.contains(&field.name.as_str())),
            told,
        })
    }

    /// Whether something of it is still to come.
    pub(crate) fn is_unknown(&self, view: &EventView<'_>) -> bool {
        let is_unknown =
            |operand: &CompiledOperand| operand.extract(view, &mut Vec::new()) == Extracted::Unknown;
        let in_fields = match &self.told {
            Told::Itself(_) => false,
            Told::Fields(fields) => fields.iter().any(|(_, operand, _)| is_unknown(operand)),
        };
        in_fields || is_unknown(&self.operand)
    }

    fn push(
        &self,
        message: &mut String,
        view: &EventView<'_>,
        unknown: &mut Vec<&'static str>,
        tell: &mut dyn FnMut(&str, Option<Value<'static>>),
    ) {
        let value = shown(&self.operand, self.is_buffer, view, unknown);
        match &value {
            Some(Value::Uint(number)) if self.is_padded => {
                let padded = Value::bytes(format!("{number:09}").into_bytes());
                push_value(message, Some(&padded), self.width);
            }
            value => push_value(message, value.as_ref(), self.width),
        }
        match &self.told {
            Told::Itself(name) => tell(name, value),
            Told::Fields(fields) => {
                for (name, operand, is_buffer) in fields {
                    tell(name, shown(operand, *is_buffer, view, unknown));
                }
            }
        }
    }
}

fn is_buffer(operand: &Operand) -> bool {
    operand.field_type().class() == TypeClass::Buffer
}

fn shown(
    operand: &CompiledOperand,
    is_buffer: bool,
    view: &EventView<'_>,
    unknown: &mut Vec<&'static str>,
) -> Option<Value<'static>> {
    match operand.extract(view, unknown) {
        Extracted::Value(Value::Bytes(bytes)) if is_buffer => Some(Value::bytes(render::printable(&bytes))),
        Extracted::Value(value) if value.is_there() => Some(value.into_owned()),
        Extracted::Value(_) | Extracted::Absent | Extracted::Unknown => None,
    }
}

/// Adds a value, filled or cut to its width in bytes (0 for none). A letter that would be cut is left out.
fn push_value(message: &mut String, value: Option<&Value<'_>>, width: usize) {
    let start = message.len();
    match value {
        Some(value) => render::push_sanitised(message, value),
        None => message.push_str(NO_VALUE),
    }
    if width == 0 {
        return;
    }
    let end = message.floor_char_boundary(start + width);
    message.truncate(end);
    message.extend(std::iter::repeat_n(' ', start + width - end));
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

#[cfg(test)]
mod tests;
