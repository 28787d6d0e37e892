//! What is left of a match when everything but metadata is known.
//!
//! The condition shrinks to the comparisons whose value is still to come, the output to text with gaps. Both live on
//! without the event and the host's state that they came from, also across restarts ([`ResidualRecord`]): what is left
//! asks for nothing but the container and the host that the event happened in and on.

mod record;
mod reduce;
#[cfg(test)]
mod tests;

use fields::EventView;

pub use self::record::ResidualRecord;
use self::record::{FieldRecord, NodeRecord, PartRecord, node_record, part_record};
pub(crate) use self::reduce::reduce;
use crate::{
    condition::{CompiledCheck, Node},
    error::CompileProblem,
    output::{CompiledField, CompiledPart, CompiledTemplate, CompiledValue, OutputFields},
    truth::Truth,
};

/// A match that waits for metadata.
#[derive(Clone, Debug)]
pub struct Residual {
    record: ResidualRecord,
    /// `None` if the condition holds whatever comes.
    condition: Option<Node>,
    output: CompiledTemplate,
}

/// Why a stored residual cannot be used: it was written by another version.
#[derive(Debug, thiserror::Error)]
pub enum ResidualError {
    /// A part has none of the kinds that this version knows.
    #[error("a part of a waiting match is of a kind that this version does not know")]
    UnknownKind,
    /// A comparison or an output cannot be read any more.
    #[error("'{text}' of a waiting match cannot be read: {problem}")]
    Text {
        /// What was stored.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
}

// === impl Residual ===

impl Residual {
    /// A match that is decided, with a message that is whole: only the alert's own container is still to come.
    pub fn decided(message: String) -> Self {
        let parts = vec![PartRecord::text(message.clone())];
        let record = ResidualRecord { condition: None, parts, extra: Vec::new() };
        Self {
            record,
            condition: None,
            output: CompiledTemplate::from_parts(vec![CompiledPart::Text(message)], Vec::new()),
        }
    }

    /// Makes a residual of what was stored.
    pub fn restore(record: ResidualRecord) -> Result<Self, ResidualError> {
        let condition = record.condition.as_ref().map(node).transpose()?;
        let parts = record.parts.iter().map(part).collect::<Result<_, _>>()?;
        let extra = record.extra.iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { record, condition, output: CompiledTemplate::from_parts(parts, extra) })
    }

    /// What is to be stored.
    pub fn record(&self) -> &ResidualRecord {
        &self.record
    }

    /// What the rest of the condition says, as far as `view`'s container and host are known by now. Fields that are still unknown
    /// are added to `unknown`.
    pub fn truth(&self, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> Truth {
        self.condition.as_ref().map_or(Truth::True, |condition| condition.evaluate(view, unknown))
    }

    /// The message, and the values that were gaps in it.
    pub fn fill(&self, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> (String, OutputFields) {
        self.output.fill_gaps(view, unknown)
    }
}

impl PartialEq for Residual {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

fn node(record: &NodeRecord) -> Result<Node, ResidualError> {
    use node_record::Kind;
    let all = |parts: &[NodeRecord]| parts.iter().map(node).collect::<Result<Vec<_>, _>>();
    Ok(match record.kind.as_ref().ok_or(ResidualError::UnknownKind)? {
        Kind::And(nodes) => Node::And(all(&nodes.nodes)?),
        Kind::Or(nodes) => Node::Or(all(&nodes.nodes)?),
        Kind::Not(inner) => Node::Not(Box::new(node(inner)?)),
        Kind::Check(text) => Node::Check(check(text)?),
    })
}

fn check(text: &str) -> Result<CompiledCheck, ResidualError> {
    use rule_language::condition::Expr;
    let problem = |problem: String| ResidualError::Text { text: text.to_owned(), problem };
    let compiled = |error: CompileProblem| problem(error.to_string());
    let fields = fields::catalogue();
    match rule_language::compile_condition(text, fields) {
        Ok(Expr::Check(check)) => CompiledCheck::new(fields, &check).map_err(compiled),
        Ok(_) => Err(problem("it is no single comparison".to_owned())),
        Err(diagnostic) => Err(problem(diagnostic.message)),
    }
}

fn field(record: &FieldRecord) -> Result<CompiledField, ResidualError> {
    let parts = record.parts.iter().map(part).collect::<Result<_, _>>()?;
    Ok(CompiledField { name: record.name.clone(), parts, is_raw: record.is_raw })
}

fn part(record: &PartRecord) -> Result<CompiledPart, ResidualError> {
    use part_record::Kind;
    let gap = match record.kind.as_ref().ok_or(ResidualError::UnknownKind)? {
        Kind::Text(text) => return Ok(CompiledPart::Text(text.clone())),
        Kind::Gap(gap) => gap,
    };
    let text = format!("%{}", gap.key);
    let problem = |problem: String| ResidualError::Text { text: text.clone(), problem };
    let fields = fields::catalogue();
    let template =
        rule_language::compile_template(&text, fields).map_err(|diagnostic| problem(diagnostic.message))?;
    match template.parts.as_slice() {
        [rule_language::TemplatePart::Value { key, operand, .. }] if *key == gap.key => {
            let value = CompiledValue::new(fields, key, operand, gap.width as usize)
                .map_err(|error| problem(error.to_string()))?;
            Ok(CompiledPart::Value(value))
        }
        _ => Err(problem("it is no single field".to_owned())),
    }
}
