//! The conditions of many rules, with what they have in common once.
//!
//! Rules are made of macros and of the same few comparisons again and again. Here every distinct part of a condition is one
//! node, however many conditions it is in, and every distinct value that comparisons need is one operand. Of an event
//! each node that several refer to is answered at most once, and each value that several need is extracted at most once
//! ([`Answers`]). What comes out is what [`CompiledCondition`](crate::CompiledCondition) says, to the names of what is unknown.

mod answers;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use fields::Fields;
use rule_language::condition::Expr;

pub(crate) use self::answers::Answers;
use crate::{
    condition::{CompiledCheck, Test},
    error::CompileProblem,
    operand::CompiledOperand,
};

/// All nodes and operands.
#[derive(Debug, Default)]
pub(crate) struct SharedConditions {
    nodes: Vec<Node>,
    operands: Vec<Operand>,
    /// Nodes that several refer to.
    shared_nodes: usize,
    /// Operands that several comparisons need.
    shared_operands: usize,
}

/// Where a condition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(usize);

#[derive(Debug)]
struct Node {
    part: Part,
    /// Its place among the answers that are kept, if it has one.
    place: Option<usize>,
}

#[derive(Debug)]
enum Part {
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    Check(usize, Box<Test>),
}

#[derive(Debug)]
struct Operand {
    extractor: CompiledOperand,
    /// Its place among the values that are kept, if it has one.
    place: Option<usize>,
}

/// Makes [`SharedConditions`].
#[derive(Debug, Default)]
pub(crate) struct Builder {
    made: SharedConditions,
    nodes: HashMap<Key, NodeId>,
    /// By what their operands are, in full.
    operands: HashMap<String, usize>,
    node_uses: Vec<usize>,
    operand_uses: Vec<usize>,
}

/// What makes a node the same as another one.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    /// The comparison in full: it holds floating point numbers, so that it has no hash of its own.
    Check(String),
}

// === impl Builder ===

impl Builder {
    /// Adds a condition that was checked against this catalogue.
    pub(crate) fn add(
        &mut self,
        fields: &'static Fields,
        condition: &Expr,
    ) -> Result<NodeId, CompileProblem> {
        let id = match condition {
            Expr::And(parts) => {
                let parts = self.add_all(fields, parts)?;
                self.node(Key::And(parts.clone()), || Part::And(parts))
            }
            Expr::Or(parts) => {
                let parts = self.add_all(fields, parts)?;
                self.node(Key::Or(parts.clone()), || Part::Or(parts))
            }
            Expr::Not(part) => {
                let part = self.add(fields, part)?;
                self.node(Key::Not(part), || Part::Not(part))
            }
            Expr::Check(check) => {
                let key = Key::Check(format!("{check:?}"));
                match self.nodes.get(&key) {
                    Some(known) => *known,
                    None => {
                        let CompiledCheck { lhs, test } = CompiledCheck::new(fields, check)?;
                        let operand = self.operand(format!("{:?}", check.lhs), lhs);
                        self.node(key, || Part::Check(operand, Box::new(test)))
                    }
                }
            }
        };
        if let Some(uses) = self.node_uses.get_mut(id.0) {
            *uses += 1;
        }
        Ok(id)
    }

    fn add_all(&mut self, fields: &'static Fields, parts: &[Expr]) -> Result<Box<[NodeId]>, CompileProblem> {
        parts.iter().map(|part| self.add(fields, part)).collect()
    }

    fn node(&mut self, key: Key, part: impl FnOnce() -> Part) -> NodeId {
        *self.nodes.entry(key).or_insert_with(|| {
            self.made.nodes.push(Node { part: part(), place: None });
            self.node_uses.push(0);
            NodeId(self.made.nodes.len() - 1)
        })
    }

    fn operand(&mut self, key: String, extractor: CompiledOperand) -> usize {
        let index = *self.operands.entry(key).or_insert_with(|| {
            self.made.operands.push(Operand { extractor, place: None });
            self.operand_uses.push(0);
            self.made.operands.len() - 1
        });
        if let Some(uses) = self.operand_uses.get_mut(index) {
            *uses += 1;
        }
        index
    }

    /// Gives places to what is worth to be kept.
    pub(crate) fn build(mut self) -> SharedConditions {
        for (node, uses) in self.made.nodes.iter_mut().zip(&self.node_uses) {
            if *uses > 1 {
                node.place = Some(self.made.shared_nodes);
                self.made.shared_nodes += 1;
            }
        }
        for (operand, uses) in self.made.operands.iter_mut().zip(&self.operand_uses) {
            if *uses > 1 {
                operand.place = Some(self.made.shared_operands);
                self.made.shared_operands += 1;
            }
        }
        self.made
    }
}
