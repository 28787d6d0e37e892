//! Type checking: from a written condition ([`ast::Node`]) to one that can be evaluated ([`Expr`]).
//!
//! Macros are put in on the way: [`Scope`] says what a name stands for. What is wrong is collected, not stopped at.

mod event_names;
mod literal;
mod operand;
mod service;
mod types;
mod warnings;

use std::{ops::Range, rc::Rc};

pub(crate) use self::operand::{is_operand, resolve_operand};
use crate::{
    ast::{self, Node},
    catalogue::Catalogue,
    condition::{Check, Expr, Literal, Operand, Operator, Rhs, TransformArgument},
    diagnostic::Code,
    limits::Budget,
    parser::MAX_DEPTH,
    suggest::Allowance,
};

/// How many problems of one condition are told.
const MAX_PROBLEMS: usize = 50;

/// How many macros a message about too large an expansion names.
const MAX_CHAIN: usize = 8;

/// Something wrong, or odd, in a condition or an output.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// In bytes of the text that was checked.
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Whether `skip-if-unknown-filter` makes it a warning.
    pub(crate) is_unknown_name: bool,
    /// Whether Falco tells it of the whole item, not of the part.
    pub(crate) is_of_item: bool,
}

/// A condition with its cost, so that putting it in somewhere can be counted before it is copied.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) expr: Expr,
    nodes: usize,
    bytes: usize,
    depth: usize,
    /// The macros that make it large, from the outermost in.
    chain: Vec<String>,
}

/// What the name of a macro stands for.
pub(crate) enum Found {
    Macro(Rc<Checked>),
    /// It has problems of its own, which are told where it stands.
    Broken,
    Undefined {
        help: Option<String>,
    },
}

/// What names mean around a condition.
pub(crate) trait Scope {
    fn macro_(&self, name: &str) -> Found;

    /// Whether `word` may be the name of a list that could not be read, which has been told.
    fn may_be_missing(&self, word: &str) -> bool;

    /// A list whose name is so close to `word` that it may be meant.
    fn near_list(&self, word: &str) -> Option<String>;
}

/// No macros and no lists.
pub(crate) struct Empty;

/// Checks one condition.
pub(crate) struct Checker<'run> {
    pub(crate) catalogue: &'run dyn Catalogue,
    pub(crate) scope: &'run dyn Scope,
    pub(crate) budget: &'run mut Budget,
    pub(crate) allowance: &'run Allowance,
    problems: Vec<Problem>,
    chain: Vec<String>,
    chain_nodes: usize,
    is_exhausted: bool,
}

/// An expression with its cost.
struct Costed {
    expr: Expr,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), help: None, is_unknown_name: false, is_of_item: false }
    }

    pub(crate) fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Code::LoadErrCompileCondition, span, message)
    }

    pub(crate) fn unknown(mut self) -> Self {
        self.is_unknown_name = true;
        self
    }

    pub(crate) fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

// === impl Empty ===

impl Scope for Empty {
    fn macro_(&self, _: &str) -> Found {
        Found::Undefined { help: Some("macros cannot be used here".to_owned()) }
    }

    fn may_be_missing(&self, _: &str) -> bool {
        false
    }

    fn near_list(&self, _: &str) -> Option<String> {
        None
    }
}

// === impl Checker ===

impl<'run> Checker<'run> {
    pub(crate) fn new(
        catalogue: &'run dyn Catalogue,
        scope: &'run dyn Scope,
        budget: &'run mut Budget,
        allowance: &'run Allowance,
    ) -> Self {
        let (problems, chain) = (Vec::new(), Vec::new());
        Self { catalogue, scope, budget, allowance, problems, chain, chain_nodes: 0, is_exhausted: false }
    }

    /// The checked condition unless there were errors, and everything that was found.
    pub(crate) fn run(mut self, node: &Node) -> (Option<Checked>, Vec<Problem>) {
        let costed = self.node(node);
        let checked = costed.map(|Costed { expr, nodes, bytes, depth }| Checked {
            expr,
            nodes,
            bytes,
            depth,
            chain: self.chain,
        });
        (checked, self.problems)
    }

    /// Recurses as deep as the condition is nested, which the parser bounds; its frame is kept small.
    fn node(&mut self, node: &Node) -> Option<Costed> {
        match node {
            Node::And(children) => self.children(children, Expr::And),
            Node::Or(children) => self.children(children, Expr::Or),
            Node::Not(child) => {
                let child = self.node(child)?;
                self.wrap(child)
            }
            Node::Identifier(identifier) => self.identifier(identifier),
            Node::Check(check) => self.leaf(check),
        }
    }

    fn children(&mut self, children: &[Node], make: fn(Vec<Expr>) -> Expr) -> Option<Costed> {
        let mut exprs = Vec::with_capacity(children.len());
        let (mut nodes, mut bytes, mut depth) = (1, 0, 0);
        for child in children {
            // A part that is wrong does not keep the others from being looked at.
            if let Some(child) = self.node(child) {
                nodes += child.nodes;
                bytes += child.bytes;
                depth = depth.max(child.depth);
                exprs.push(child.expr);
            }
        }
        if exprs.len() < children.len() {
            return None;
        }
        self.spend(1, 0)?;
        self.deeper(Costed { expr: make(exprs), nodes, bytes, depth })
    }

    #[inline(never)]
    fn wrap(&mut self, child: Costed) -> Option<Costed> {
        self.spend(1, 0)?;
        let Costed { expr, nodes, bytes, depth } = child;
        self.deeper(Costed { expr: Expr::Not(Box::new(expr)), nodes: nodes + 1, bytes, depth })
    }

    #[inline(never)]
    fn deeper(&mut self, mut costed: Costed) -> Option<Costed> {
        costed.depth += 1;
        if costed.depth <= MAX_DEPTH {
            return Some(costed);
        }
        let message =
            format!("with its macros the condition is nested deeper than {MAX_DEPTH}{}", self.via());
        self.problem(Problem::error(0..0, message));
        None
    }

    #[inline(never)]
    fn identifier(&mut self, identifier: &ast::Identifier) -> Option<Costed> {
        let span = identifier.offset..identifier.offset + identifier.name.len();
        match self.scope.macro_(&identifier.name) {
            Found::Macro(checked) => {
                if checked.nodes > self.chain_nodes {
                    self.chain_nodes = checked.nodes;
                    self.chain.clear();
                    self.chain.push(identifier.name.clone());
                    self.chain.extend(checked.chain.iter().take(MAX_CHAIN).cloned());
                }
                self.spend(checked.nodes, checked.bytes)?;
                let (nodes, bytes, depth) = (checked.nodes, checked.bytes, checked.depth);
                Some(Costed { expr: checked.expr.clone(), nodes, bytes, depth })
            }
            Found::Broken => None,
            Found::Undefined { help } => {
                let message = format!("Undefined macro '{}' used in filter.", identifier.name);
                self.problem(Problem::new(Code::LoadErrValidate, span, message).help(help));
                None
            }
        }
    }

    #[inline(never)]
    fn leaf(&mut self, written: &ast::Check) -> Option<Costed> {
        let check = match self.check(written) {
            Ok(check) => check,
            Err(problem) => {
                // What is no value for the field may be a list that is not there.
                if problem.span.start != written.rhs_offset || !self.may_lack_list(&written.rhs) {
                    self.problem(problem);
                }
                return None;
            }
        };
        let (nodes, bytes) = cost_of_check(&check);
        self.spend(nodes, bytes)?;
        Some(Costed { expr: Expr::Check(check), nodes, bytes, depth: 1 })
    }

    fn may_lack_list(&self, rhs: &ast::Rhs) -> bool {
        let may_be_missing =
            |word: &[u8]| str::from_utf8(word).is_ok_and(|word| self.scope.may_be_missing(word));
        match rhs {
            ast::Rhs::Value(word) => may_be_missing(word),
            ast::Rhs::Word(word) => self.scope.may_be_missing(word),
            ast::Rhs::List(words) => words.iter().any(|word| may_be_missing(word)),
            ast::Rhs::None | ast::Rhs::Val(_) | ast::Rhs::Call(_) => false,
        }
    }

    fn check(&mut self, written: &ast::Check) -> Result<Check, Problem> {
        let lhs = self.operand(&written.lhs)?;
        self.warn_of_deprecation(written.lhs.offset()..written.operator_offset, &lhs);
        let operator = written.operator;
        let span = written.operator_offset..written.rhs_offset;
        types::check_operator(operator, &lhs).map_err(|message| {
            Problem::error(span.clone(), message).help(Some(types::operators_help(&lhs)))
        })?;
        if operator == Operator::Exists {
            return Ok(Check { lhs, operator, modifier: None, rhs: Rhs::None });
        }
        let rhs = self.rhs(written, &lhs)?;
        self.check_event_types(written, &lhs, &rhs)?;
        self.warn_of_values(written, &lhs, &rhs);
        Ok(Check { lhs, operator, modifier: written.modifier, rhs })
    }

    fn rhs(&mut self, written: &ast::Check, lhs: &Operand) -> Result<Rhs, Problem> {
        let span = written.rhs_offset..written.end;
        let literal = |text: &[u8]| {
            literal::convert(text, written.operator, lhs)
                .map(|value| Literal { text: text.to_vec(), value })
                .map_err(|misfit| Problem::error(span.clone(), misfit.message).help(misfit.help))
        };
        let operand = match &written.rhs {
            ast::Rhs::None => return Ok(Rhs::None),
            ast::Rhs::Value(text) => return literal(text).map(Rhs::Literal),
            ast::Rhs::Word(word) => return literal(word.as_bytes()).map(|only| Rhs::List(vec![only])),
            ast::Rhs::List(texts) => {
                let literals: Result<_, _> = texts.iter().map(|text| literal(text)).collect();
                return literals.map(Rhs::List);
            }
            ast::Rhs::Val(field) => Operand::Field(self.field(field)?),
            ast::Rhs::Call(call) => self.operand(&ast::Operand::Call(call.clone()))?,
        };
        self.warn_of_deprecation(span.clone(), &operand);
        let fits = types::check_rhs(written.operator, written.modifier, (lhs, &operand), self.catalogue);
        fits.map_err(|message| Problem::error(span, message))?;
        Ok(Rhs::Operand(operand))
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// `None` after the budget is used up, which is told once.
    fn spend(&mut self, nodes: usize, bytes: usize) -> Option<()> {
        if self.is_exhausted {
            return None;
        }
        let Err(exhausted) = self.budget.spend_nodes(nodes, bytes) else { return Some(()) };
        self.is_exhausted = true;
        if !self.budget.tell() {
            return None;
        }
        let message = format!("{}{}", exhausted.message(), self.via());
        let help = Some("macros that use each other more than once multiply".to_owned());
        self.problem(Problem::new(Code::LoadErrValidate, 0..0, message).help(help));
        None
    }

    /// The macros through which the condition grows.
    fn via(&self) -> String {
        if self.chain.is_empty() {
            return String::new();
        }
        let shown: Vec<&str> = self.chain.iter().take(MAX_CHAIN).map(String::as_str).collect();
        let more = if self.chain.len() > MAX_CHAIN { " → …" } else { "" };
        format!(", by way of the macros {}{more}", shown.join(" → "))
    }
}

/// How many nodes and literals, and how many bytes of text, a comparison holds.
fn cost_of_check(check: &Check) -> (usize, usize) {
    let (mut nodes, mut bytes) = cost_of_operand(&check.lhs);
    let rhs = match &check.rhs {
        Rhs::None => (0, 0),
        Rhs::Literal(literal) => (1, literal.text.len()),
        Rhs::List(literals) => (literals.len(), literals.iter().map(|literal| literal.text.len()).sum()),
        Rhs::Operand(operand) => cost_of_operand(operand),
    };
    nodes += rhs.0;
    bytes += rhs.1;
    (nodes, bytes)
}

fn cost_of_operand(operand: &Operand) -> (usize, usize) {
    match operand {
        Operand::Field(field) => (1, field.name.len() + field.argument.as_ref().map_or(0, String::len)),
        Operand::Transformed(transform) => {
            let selector = transform.selector.as_ref().map_or(0, String::len);
            let costs = transform.arguments.iter().map(cost_of_argument);
            costs.fold((1, selector), |sum, cost| (sum.0 + cost.0, sum.1 + cost.1))
        }
    }
}

fn cost_of_argument(argument: &TransformArgument) -> (usize, usize) {
    match argument {
        TransformArgument::Operand(operand) => cost_of_operand(operand),
        TransformArgument::Text(text) => (1, text.len()),
        TransformArgument::List(texts) => (texts.len(), texts.iter().map(Vec::len).sum()),
        TransformArgument::Members(members) => {
            members.iter().map(cost_of_argument).fold((0, 0), |sum, cost| (sum.0 + cost.0, sum.1 + cost.1))
        }
    }
}
