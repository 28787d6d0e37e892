//! From a rule and an event to what is left of the match.

use fields::{EventView, Fields, Scope};
use rule_language::{
    ExtraField, Rule, Template, TemplatePart,
    condition::{Check, Expr, Operand, Rhs, TransformArgument},
};

use super::{
    Residual,
    record::{FieldRecord, NodeRecord, Nodes, PartRecord, ResidualRecord, node_record::Kind},
};
use crate::{
    condition::{CompiledCondition, Node},
    output::{CompiledField, CompiledPart, CompiledTemplate},
    truth::Truth,
};

/// What a part of a condition comes to.
enum Reduced {
    Decided(bool),
    Open(NodeRecord),
}

/// What is left of a match. `None` where it cannot wait: a comparison or a value mixes what is unknown with what only this
/// event knows (`concat(container.name, proc.name)`), or the condition has turned out false. The condition may hold of the
/// event by the names that were asked for or, if they differ and the rule wants that, by the kernel's.
pub(crate) fn reduce(
    fields: &'static Fields,
    rule: &Rule,
    (compiled, filled): (&CompiledCondition, &CompiledTemplate),
    view: &EventView<'_>,
    resolved: Option<&EventView<'_>>,
) -> Option<Residual> {
    let reducer = Reducer { fields, view };
    let mut open = Vec::new();
    let mut is_decided = false;
    for view in std::iter::once(view).chain(resolved) {
        match (Reducer { fields, view }).node(&rule.condition, compiled.node())? {
            Reduced::Decided(holds) => is_decided |= holds,
            Reduced::Open(node) => open.push(node),
        }
    }
    let condition = match joined(open, false, Kind::Or) {
        _ if is_decided => None,
        Reduced::Decided(_) => return None,
        Reduced::Open(node) => Some(node),
    };
    let parts = reducer.parts(&rule.output, filled.parts())?;
    let extra = reducer.extra(&rule.extra_fields, filled.extra())?;
    Residual::restore(ResidualRecord { condition, parts, extra }).ok()
}

struct Reducer<'a> {
    fields: &'static Fields,
    view: &'a EventView<'a>,
}

// === impl Reducer ===

impl Reducer<'_> {
    /// An expression and what was compiled of it have the same shape.
    fn node(&self, expression: &Expr, node: &Node) -> Option<Reduced> {
        match (expression, node) {
            (Expr::And(parts), Node::And(nodes)) => Some(match self.open_parts(parts, nodes, false)? {
                None => Reduced::Decided(false),
                Some(open) => joined(open, true, Kind::And),
            }),
            (Expr::Or(parts), Node::Or(nodes)) => Some(match self.open_parts(parts, nodes, true)? {
                None => Reduced::Decided(true),
                Some(open) => joined(open, false, Kind::Or),
            }),
            (Expr::Not(part), Node::Not(node)) => Some(match self.node(part, node)? {
                Reduced::Decided(holds) => Reduced::Decided(!holds),
                Reduced::Open(open) => Reduced::Open(NodeRecord::of(Kind::Not(Box::new(open)))),
            }),
            (Expr::Check(check), Node::Check(compiled)) => {
                match compiled.evaluate(self.view, &mut Vec::new()) {
                    Truth::True => Some(Reduced::Decided(true)),
                    Truth::False => Some(Reduced::Decided(false)),
                    Truth::Unknown => self
                        .is_about_metadata(check)
                        .then(|| Reduced::Open(NodeRecord::of(Kind::Check(check.to_string())))),
                }
            }
            _ => None,
        }
    }

    /// The parts that are open; `Some(None)` if one part decides all by being `deciding`.
    #[allow(clippy::option_option, reason = "the outer one is `node`'s")]
    fn open_parts(&self, parts: &[Expr], nodes: &[Node], deciding: bool) -> Option<Option<Vec<NodeRecord>>> {
        let mut open = Some(Vec::new());
        for (part, node) in parts.iter().zip(nodes) {
            match self.node(part, node) {
                Some(Reduced::Decided(holds)) if holds == deciding => return Some(None),
                Some(Reduced::Decided(_)) => {}
                Some(Reduced::Open(record)) => open.iter_mut().for_each(|open| open.push(record.clone())),
                // Nothing can come of it, unless a later part decides.
                None => open = None,
            }
        }
        open.map(Some)
    }

    /// The fields beside the message that have gaps, and those whose text might be given up for a gap's value that has the
    /// same name; the others are told already.
    fn extra(&self, fields: &[ExtraField], filled: &[CompiledField]) -> Option<Vec<FieldRecord>> {
        let with_gaps = fields.iter().zip(filled).filter(|(_, compiled)| {
            let mut parts = compiled.parts.iter();
            let is_gap =
                |part: &CompiledPart| matches!(part, CompiledPart::Value(value) if value.is_unknown(self.view));
            !compiled.is_raw || parts.any(is_gap)
        });
        let records = with_gaps.map(|(field, compiled)| {
            let parts = self.parts(&field.template, &compiled.parts)?;
            Some(FieldRecord { name: field.name.clone(), parts, is_raw: field.is_raw })
        });
        records.collect()
    }

    fn parts(&self, template: &Template, filled: &[CompiledPart]) -> Option<Vec<PartRecord>> {
        let mut records = Vec::new();
        let mut text = String::new();
        for (source, part) in template.parts.iter().zip(filled) {
            match (source, part) {
                (TemplatePart::Value { operand, .. }, CompiledPart::Value(value))
                    if value.is_unknown(self.view) =>
                {
                    if !self.is_of_metadata(operand) {
                        return None;
                    }
                    records.extend((!text.is_empty()).then(|| PartRecord::text(std::mem::take(&mut text))));
                    records.push(PartRecord::gap(value.key.clone(), value.width));
                }
                (_, part) => part.push(&mut text, self.view, &mut Vec::new(), &mut |_, _| {}),
            }
        }
        records.extend((!text.is_empty()).then(|| PartRecord::text(text)));
        Some(records)
    }

    fn is_about_metadata(&self, check: &Check) -> bool {
        let is_right = match &check.rhs {
            Rhs::Operand(operand) => self.is_of_metadata(operand),
            Rhs::None | Rhs::Literal(_) | Rhs::List(_) => true,
        };
        is_right && self.is_of_metadata(&check.lhs)
    }

    /// Whether nothing but the container and the host has to be known for the value.
    fn is_of_metadata(&self, operand: &Operand) -> bool {
        match operand {
            Operand::Field(field) => {
                matches!(self.fields.scope(field.id), Some(Scope::Container | Scope::Host))
            }
            Operand::Transformed(transform) => {
                transform.arguments.iter().all(|argument| self.is_argument_of_metadata(argument))
            }
        }
    }

    fn is_argument_of_metadata(&self, argument: &TransformArgument) -> bool {
        match argument {
            TransformArgument::Operand(operand) => self.is_of_metadata(operand),
            TransformArgument::Text(_) | TransformArgument::List(_) => true,
            TransformArgument::Members(members) => {
                members.iter().all(|member| self.is_argument_of_metadata(member))
            }
        }
    }
}

/// Open parts as one node; `neutral` is what none comes to.
fn joined(mut open: Vec<NodeRecord>, neutral: bool, kind: fn(Nodes) -> Kind) -> Reduced {
    match (open.pop(), open.is_empty()) {
        (None, _) => Reduced::Decided(neutral),
        (Some(only), true) => Reduced::Open(only),
        (Some(last), false) => {
            open.push(last);
            Reduced::Open(NodeRecord::of(kind(Nodes { nodes: open })))
        }
    }
}
