//! Transformers: `tolower(…)`, `basename(…)`, `join(…)` and their like.

mod getopt;

use std::borrow::Cow;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use fields::{EventView, Extracted, Fields, Value};
use rule_language::condition::{Transform, TransformArgument, Transformer};

use crate::{error::CompileProblem, operand::CompiledOperand, render};

/// Padding is taken away beforehand.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A transformer with its arguments, resolved.
#[derive(Clone, Debug)]
pub(crate) struct CompiledTransform {
    kind: Transformer,
    arguments: Vec<CompiledArgument>,
    selector: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum CompiledArgument {
    Operand(CompiledOperand),
    Text(Vec<u8>),
    List(Vec<CompiledArgument>),
}

// === impl CompiledTransform ===

impl CompiledTransform {
    pub(crate) fn new(fields: &'static Fields, transform: &Transform) -> Result<Self, CompileProblem> {
        let (least, most) = match transform.kind {
            Transformer::Join | Transformer::Getopt => (2, 2),
            Transformer::Concat => (2, usize::MAX),
            _ => (1, 1),
        };
        let problem = |what| CompileProblem::Operands {
            what,
            operator: format!("{:?}", transform.kind).to_lowercase(),
        };
        match transform.arguments.len() {
            count if count < least => return Err(problem("too few arguments")),
            count if count > most => return Err(problem("too many arguments")),
            _ => {}
        }
        let arguments = transform.arguments.iter().map(|argument| CompiledArgument::new(fields, argument));
        Ok(Self {
            kind: transform.kind,
            arguments: arguments.collect::<Result<_, _>>()?,
            selector: transform.selector.as_ref().map(|selector| selector.clone().into_bytes()),
        })
    }

    /// What the transformer makes of its arguments. A missing argument makes the whole missing.
    pub(crate) fn extract<'a>(&self, view: &EventView<'a>, unknown: &mut Vec<&'static str>) -> Extracted<'a> {
        let mut values = Vec::with_capacity(self.arguments.len());
        let mut is_unknown = false;
        for argument in &self.arguments {
            match argument.extract(view, unknown) {
                Extracted::Value(value) => values.push(value),
                Extracted::Absent => return Extracted::Absent,
                Extracted::Unknown => is_unknown = true,
            }
        }
        if is_unknown {
            return Extracted::Unknown;
        }
        self.apply(values).map_or(Extracted::Absent, Extracted::Value)
    }

    fn apply<'a>(&self, values: Vec<Value<'a>>) -> Option<Value<'a>> {
        let mut values = values.into_iter();
        let first = values.next()?;
        match self.kind {
            Transformer::ToLower => each_text(first, |text| Some(text.to_ascii_lowercase())),
            Transformer::ToUpper => each_text(first, |text| Some(text.to_ascii_uppercase())),
            Transformer::B64 => each_text(first, decode_base64),
            Transformer::Basename => each_text(first, |text| Some(basename(text).to_vec())),
            Transformer::Len => Some(Value::Uint(length(&first) as u64)),
            Transformer::Join => {
                let members = members(values.next()?);
                Some(Value::bytes(members.join(&*render::plain_bytes(&first))))
            }
            Transformer::Concat => {
                let rest = values.flat_map(|value| render::plain_bytes(&value).into_owned());
                let mut text = render::plain_bytes(&first).into_owned();
                text.extend(rest);
                Some(Value::bytes(text))
            }
            Transformer::Getopt => {
                let options = render::plain_bytes(&values.next()?).into_owned();
                getopt::apply(&members(first), &options, self.selector.as_deref())
            }
        }
    }
}

// === impl CompiledArgument ===

impl CompiledArgument {
    fn new(fields: &'static Fields, argument: &TransformArgument) -> Result<Self, CompileProblem> {
        Ok(match argument {
            TransformArgument::Operand(operand) => Self::Operand(CompiledOperand::new(fields, operand)?),
            TransformArgument::Text(text) => Self::Text(text.clone()),
            TransformArgument::Members(members) => {
                let members = members.iter().map(|member| Self::new(fields, member));
                Self::List(members.collect::<Result<_, _>>()?)
            }
            TransformArgument::List(texts) => Self::List(texts.iter().cloned().map(Self::Text).collect()),
        })
    }

    fn extract<'a>(&self, view: &EventView<'a>, unknown: &mut Vec<&'static str>) -> Extracted<'a> {
        match self {
            Self::Operand(operand) => operand.extract(view, unknown),
            Self::Text(text) => Extracted::Value(Value::bytes(text.clone())),
            Self::List(arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                let mut is_unknown = false;
                for argument in arguments {
                    match argument.extract(view, unknown) {
                        Extracted::Value(value) => values.push(value),
                        Extracted::Absent => return Extracted::Absent,
                        Extracted::Unknown => is_unknown = true,
                    }
                }
                if is_unknown { Extracted::Unknown } else { Extracted::Value(Value::List(values)) }
            }
        }
    }
}

/// Changes a text, or each of several. `None` if one of them cannot be changed.
fn each_text<'a>(value: Value<'a>, change: impl Fn(&[u8]) -> Option<Vec<u8>> + Copy) -> Option<Value<'a>> {
    let all = |values: Vec<Value<'a>>| {
        values.into_iter().map(|value| each_text(value, change)).collect::<Option<Vec<_>>>()
    };
    Some(match value {
        Value::List(values) => Value::List(all(values)?),
        Value::AnyOf(values) => Value::AnyOf(all(values)?),
        other => Value::Bytes(Cow::Owned(change(&render::plain_bytes(&other))?)),
    })
}

/// As Falco takes it: with one padding character, two, or none, whatever the length; with no blanks and no stray bits.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let once = text.strip_suffix(b"=").unwrap_or(text);
    let bare = if once.len() < text.len() { once.strip_suffix(b"=").unwrap_or(once) } else { once };
    if bare.is_empty() && !text.is_empty() { None } else { BASE64.decode(bare).ok() }
}

/// What follows the last slash; nothing if that is the last byte.
fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn length(value: &Value<'_>) -> usize {
    match value {
        Value::List(values) | Value::AnyOf(values) => values.len(),
        other => render::plain_bytes(other).len(),
    }
}

fn members(value: Value<'_>) -> Vec<Vec<u8>> {
    match value {
        Value::List(values) | Value::AnyOf(values) => {
            values.iter().map(|value| render::plain_bytes(value).into_owned()).collect()
        }
        other => vec![render::plain_bytes(&other).into_owned()],
    }
}

#[cfg(test)]
mod tests;
