//! The grammar of conditions (`libsinsp/filter/parser.h` has it as EBNF): text in, [`Node`] out.
//!
//! Parentheses are followed with a stack of our own, so that hostile nesting ends in an error and not in an exhausted
//! stack. Only transformers recurse, to a small depth.

mod lexer;
mod operand;
#[cfg(test)]
mod tests;

use self::lexer::Lexer;
use crate::{
    ast::{Check, Identifier, Node, Operand, Rhs},
    condition::{
        Modifier, Operator,
        names::{LIST_OPERATORS, NUMBER_OPERATORS, OPERATOR_NAMES, STRING_OPERATORS, TRANSFORMER_NAMES},
    },
    limits::{Exhausted, MAX_EXPANDED_NODES},
    text_position::Position,
};

pub(crate) use self::operand::parse_operand_prefix;

/// How deep parentheses, and the nodes of a tree after macros are put in, may be nested.
///
/// Falco asks its parser for the same limit. Whoever walks a tree may recurse: a thousand frames fit any stack.
pub const MAX_DEPTH: usize = 1000;

/// How deep transformers may be nested; `MAX_DEPTH` recursions with their larger frames would not fit a thread's stack.
pub const MAX_TRANSFORMER_DEPTH: usize = 100;

/// How many characters of a token a message repeats.
const MAX_TOKEN_SHOWN: usize = 40;

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {}, column {})", position.line, position.column)]
pub struct ParseError {
    /// Where, in the condition.
    pub position: Position,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Parses a condition, without knowing macros or fields.
pub fn parse_condition(text: &str) -> Result<Node, ParseError> {
    parse_within(text, &mut { MAX_EXPANDED_NODES })
}

/// The same, of as many nodes and literals as are left; takes away what there are. None are left after a failure for want
/// of them.
pub(crate) fn parse_within(text: &str, nodes_left: &mut usize) -> Result<Node, ParseError> {
    let mut parser = Parser { nodes_left: *nodes_left, ..Parser::new(text) };
    let result = parser.condition();
    *nodes_left = parser.nodes_left;
    result.map_err(|Failure { offset, message }| ParseError { position: Position::of(text, offset), message })
}

/// An error inside the parser, which does not yet count lines.
pub(crate) struct Failure {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

struct Parser<'text> {
    lexer: Lexer<'text>,
    /// How many nodes and literals may still come: text of 64 MB can mean a gigabyte of them.
    nodes_left: usize,
}

/// An expression with the number of nodes on its longest path.
struct Deep {
    node: Node,
    depth: usize,
}

/// What stands before the cursor inside one pair of parentheses.
#[derive(Default)]
struct Frame {
    alternatives: Vec<Node>,
    conjuncts: Vec<Node>,
    conjuncts_depth: usize,
    alternatives_depth: usize,
    /// Whether the operand to come is negated; several `not` toggle.
    negated: bool,
    /// Whether the operand to come is an alternative by itself: what follows `or` without a blank.
    is_closed: bool,
}

// === impl Parser ===

impl<'text> Parser<'text> {
    fn new(text: &'text str) -> Self {
        Self { lexer: Lexer::new(text), nodes_left: MAX_EXPANDED_NODES }
    }

    fn condition(&mut self) -> Result<Node, Failure> {
        if self.lexer.rest().is_empty() {
            return Err(self.fail("filter input string is empty"));
        }
        let mut open = Vec::new();
        let mut frame = Frame::default();
        loop {
            frame.negated = self.negations();
            let opens = if self.lexer.take("not(") {
                frame.negated = !frame.negated;
                true
            } else {
                self.lexer.take("(")
            };
            if opens {
                open.push(std::mem::take(&mut frame));
                if open.len() > MAX_DEPTH {
                    return Err(self.too_deep());
                }
                continue;
            }
            let node = self.leaf()?;
            let depth = 1;
            let mut operand = Deep { node, depth };
            // Behind an operand stands an operator, the end, or what closes this and perhaps outer parentheses.
            loop {
                frame.push(operand, self)?;
                self.lexer.skip_blanks();
                let is_closed = std::mem::take(&mut frame.is_closed);
                if is_closed && self.lexer.rest().starts_with("and") {
                    return Err(self.and_behind_closed());
                }
                if self.lexer.take("and") {
                    self.blank_or_open("and")?;
                    break;
                }
                if self.lexer.take("or") {
                    frame.close_conjuncts(self)?;
                    frame.is_closed = !self.blank_or_open("or")?;
                    break;
                }
                operand = frame.close(self)?;
                match open.pop() {
                    None if self.lexer.rest().is_empty() => return Ok(operand.node),
                    None => return Err(self.unexpected()),
                    Some(_) if !self.lexer.take(")") => {
                        return Err(self.fail("expected a ')' token, 'and', or 'or'"));
                    }
                    Some(outer) => frame = outer,
                }
            }
        }
    }

    /// Consumes `not` as often as it stands there.
    fn negations(&mut self) -> bool {
        let mut negated = false;
        self.lexer.skip_blanks();
        while self.lexer.take_not() {
            negated = !negated;
        }
        self.lexer.skip_blanks();
        negated
    }

    /// Whether there are blanks; else there is a parenthesis.
    fn blank_or_open(&mut self, word: &str) -> Result<bool, Failure> {
        if self.lexer.skip_blanks() {
            return Ok(true);
        }
        if self.lexer.rest().starts_with('(') {
            return Ok(false);
        }
        Err(self.fail(format!("expected blank or '(' after '{word}'")))
    }

    /// A comparison, or the name of a macro.
    fn leaf(&mut self) -> Result<Node, Failure> {
        self.spend_node()?;
        if let Some(lhs) = self.operand(0)? {
            return self.comparison(lhs).map(|check| Node::Check(Box::new(check)));
        }
        let offset = self.lexer.offset();
        match self.lexer.identifier() {
            Some(name) => Ok(Node::Identifier(Identifier { offset, name: name.to_owned() })),
            None => Err(self.fail("expected a '(' token, a field check, or an identifier")),
        }
    }

    fn comparison(&mut self, lhs: Operand) -> Result<Check, Failure> {
        self.lexer.skip_blanks();
        let operator_offset = self.lexer.offset();
        let (operator_text, operator, modifier, rhs_offset, rhs);
        if self.lexer.take("exists") {
            (operator_text, operator, modifier) = ("exists", Operator::Exists, None);
            (rhs_offset, rhs) = (self.lexer.offset(), Rhs::None);
        } else if let Some(spelling) = self.lexer.operator(&NUMBER_OPERATORS) {
            (operator_text, operator, modifier) = (spelling.text, spelling.operator, None);
            (rhs_offset, rhs) = self.number_side()?;
        } else if let Some(spelling) = self.lexer.operator(&STRING_OPERATORS) {
            (operator_text, operator) = (spelling.text, spelling.operator);
            let (found, offset, side) = self.string_side()?;
            (modifier, rhs_offset, rhs) = (found, offset, side);
        } else if let Some(spelling) = self.lexer.operator(&LIST_OPERATORS) {
            (operator_text, operator, modifier) = (spelling.text, spelling.operator, None);
            (rhs_offset, rhs) = self.list_side()?;
        } else {
            return Err(self.fail(format!("expected a valid check operator: one of {OPERATOR_NAMES}")));
        }
        let end = self.lexer.offset();
        Ok(Check { lhs, operator, operator_text, operator_offset, modifier, rhs, rhs_offset, end })
    }

    fn number_side(&mut self) -> Result<(usize, Rhs), Failure> {
        self.lexer.skip_blanks();
        let offset = self.lexer.offset();
        if let Some(rhs) = self.extracted_side()? {
            return Ok((offset, rhs));
        }
        match self.lexer.number() {
            Some(number) => Ok((offset, Rhs::Value(number.as_bytes().to_vec()))),
            None => Err(self.fail(format!(
                "expected a number value or a field with a valid transformer: {TRANSFORMER_NAMES}"
            ))),
        }
    }

    fn string_side(&mut self) -> Result<(Option<Modifier>, usize, Rhs), Failure> {
        self.lexer.skip_blanks();
        if let Some(modifier) = self.lexer.modifier() {
            let (offset, rhs) = self.list_side()?;
            return Ok((Some(modifier), offset, rhs));
        }
        let offset = self.lexer.offset();
        if let Some(rhs) = self.extracted_side()? {
            return Ok((None, offset, rhs));
        }
        match self.lexer.string()? {
            Some(value) => Ok((None, offset, Rhs::Value(value))),
            None => Err(self.fail(format!(
                "expected a string value or a field with a valid transformer: {TRANSFORMER_NAMES}"
            ))),
        }
    }

    fn list_side(&mut self) -> Result<(usize, Rhs), Failure> {
        self.lexer.skip_blanks();
        let offset = self.lexer.offset();
        if self.lexer.take("(") {
            return Ok((offset, Rhs::List(self.strings()?)));
        }
        if let Some(rhs) = self.extracted_side()? {
            return Ok((offset, rhs));
        }
        match self.lexer.identifier() {
            Some(word) => Ok((offset, Rhs::Word(word.to_owned()))),
            None => Err(self.fail(format!(
                "expected a list, an identifier, or a field with a valid transformer: {TRANSFORMER_NAMES}"
            ))),
        }
    }

    /// What stands behind the `(` of a list, and its `)`.
    fn strings(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut values = Vec::new();
        self.lexer.skip_blanks();
        if self.lexer.take(")") {
            return Ok(values);
        }
        loop {
            self.spend_node()?;
            self.lexer.skip_blanks();
            match self.lexer.string()? {
                Some(value) => values.push(value),
                None => return Err(self.fail("expected a string value")),
            }
            self.lexer.skip_blanks();
            if self.lexer.take(")") {
                return Ok(values);
            }
            if !self.lexer.take(",") {
                return Err(self.fail("expected a ')' token or a ',' in the list"));
            }
        }
    }

    fn spend_node(&mut self) -> Result<(), Failure> {
        self.nodes_left = self.nodes_left.saturating_sub(1);
        if self.nodes_left == 0 {
            return Err(self.fail(Exhausted::Nodes.message()));
        }
        Ok(())
    }

    fn fail(&self, message: impl Into<String>) -> Failure {
        Failure { offset: self.lexer.offset(), message: message.into() }
    }

    fn too_deep(&self) -> Failure {
        self.fail(format!("exceeded max depth limit of {MAX_DEPTH}"))
    }

    fn unexpected(&self) -> Failure {
        let last = self.lexer.last_token();
        self.fail(format!("unexpected token after '{}', expecting 'or', 'and'", shortened(last)))
    }

    /// The grammar takes `or(a)` for a whole alternative.
    fn and_behind_closed(&self) -> Failure {
        let message = "unexpected token after ')', expecting 'or', 'and': an 'and' cannot follow what stands in \
            parentheses right behind 'or'; put a blank between 'or' and '('";
        self.fail(message)
    }
}

/// The start of a long token.
fn shortened(token: &str) -> String {
    let mut shown: String = token.chars().take(MAX_TOKEN_SHOWN).collect();
    if shown.len() < token.len() {
        shown.push('…');
    }
    shown
}

// === impl Frame ===

impl Frame {
    fn push(&mut self, operand: Deep, parser: &Parser<'_>) -> Result<(), Failure> {
        let Deep { mut node, mut depth } = operand;
        if std::mem::take(&mut self.negated) {
            node = Node::Not(Box::new(node));
            depth += 1;
        }
        if depth > MAX_DEPTH {
            return Err(parser.too_deep());
        }
        self.conjuncts_depth = self.conjuncts_depth.max(depth);
        self.conjuncts.push(node);
        Ok(())
    }

    fn close_conjuncts(&mut self, parser: &Parser<'_>) -> Result<(), Failure> {
        let depth = std::mem::take(&mut self.conjuncts_depth);
        let Deep { node, depth } = join(std::mem::take(&mut self.conjuncts), depth, Node::And, parser)?;
        self.alternatives_depth = self.alternatives_depth.max(depth);
        self.alternatives.push(node);
        Ok(())
    }

    fn close(&mut self, parser: &Parser<'_>) -> Result<Deep, Failure> {
        self.close_conjuncts(parser)?;
        join(std::mem::take(&mut self.alternatives), self.alternatives_depth, Node::Or, parser)
    }
}

fn join(
    mut nodes: Vec<Node>,
    depth: usize,
    make: fn(Vec<Node>) -> Node,
    parser: &Parser<'_>,
) -> Result<Deep, Failure> {
    if nodes.len() == 1
        && let Some(node) = nodes.pop()
    {
        return Ok(Deep { node, depth });
    }
    if depth >= MAX_DEPTH {
        return Err(parser.too_deep());
    }
    Ok(Deep { node: make(nodes), depth: depth + 1 })
}
