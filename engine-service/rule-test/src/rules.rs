//! The rules that are tested.

use std::collections::{BTreeSet, HashMap};

use evaluator::{CompileError, CompiledRuleSet};
use rule_language::{
    Diagnostic, LoadError, Rule, RuleSet, Source,
    condition::{Check, Expr, Literal, Operand, Rhs},
    load_with_leaves,
};

use crate::{cases::RuleName, given::Problem, logic::Logic, world::Extractors};

/// Rules, ready to be tested. Those that their files have off are on: whoever tests a rule means it.
pub struct Rules {
    pub(crate) set: CompiledRuleSet,
    /// By their places in the rule set.
    pub(crate) logics: Vec<Logic>,
    by_name: HashMap<String, usize>,
    /// Names of addresses that rules mention.
    pub(crate) names: Vec<String>,
    pub(crate) extractors: Extractors,
    /// What loading had to say.
    pub warnings: Vec<Diagnostic>,
}

/// Why rules cannot be tested.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// They are wrong.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// They passed the checks and cannot be evaluated.
    #[error("the rules cannot be used: {0}")]
    Compile(#[from] CompileError),
}

// === impl Rules ===

impl Rules {
    /// Loads rules as an engine does.
    pub fn load(sources: &[Source]) -> Result<Self, RulesError> {
        let (mut loaded, origins) = load_with_leaves(sources, fields::catalogue())?;
        loaded.rule_set.rules.iter_mut().for_each(|rule| rule.enabled = true);
        let rules = &loaded.rule_set.rules;
        let logics = rules.iter().zip(&origins).map(|(rule, origins)| Logic::new(rule, origins));
        let logics = logics.collect::<Result<_, _>>()?;
        let by_name = rules.iter().enumerate().map(|(place, rule)| (rule.name.clone(), place)).collect();
        let names = names(&loaded.rule_set);
        let set = CompiledRuleSet::new(loaded.rule_set, fields::catalogue())?;
        let warnings = loaded.diagnostics;
        Ok(Self { set, logics, by_name, names, extractors: Extractors::default(), warnings })
    }

    /// Their names, in load order.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.set.source().rules.iter().map(|rule| rule.name.as_str())
    }

    /// A rule that does not exist could neither fire nor be quiet.
    pub(crate) fn check_names<'n>(
        &self,
        names: impl IntoIterator<Item = &'n RuleName>,
    ) -> Result<(), Problem> {
        let missing = names.into_iter().find(|rule| self.place(&rule.name).is_none());
        let Some(RuleName { name, span }) = missing else { return Ok(()) };
        let problem = Problem::new(span, format!("no rule is called '{name}'"));
        Err(match rule_language::closest(name, self.rule_names()) {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem,
        })
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn rule(&self, place: usize) -> Option<&Rule> {
        self.set.source().rules.get(place)
    }

    pub(crate) fn logic(&self, place: usize) -> Option<&Logic> {
        self.logics.get(place)
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("rules", &self.logics.len()).finish_non_exhaustive()
    }
}

/// The names that the ends of connections are compared with: an agent resolves them all.
fn names(rules: &RuleSet) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut pending: Vec<&Expr> = rules.rules.iter().map(|rule| &rule.condition).collect();
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => pending.extend(parts),
            Expr::Not(part) => pending.push(part),
            Expr::Check(check) => names.extend(names_of(check)),
        }
    }
    names.into_iter().collect()
}

fn names_of(check: &Check) -> impl Iterator<Item = String> {
    let is_name = matches!(&check.lhs, Operand::Field(field) if field.name.ends_with("ip.name"));
    let literals: &[Literal] = match &check.rhs {
        _ if !is_name => &[],
        Rhs::Literal(literal) => std::slice::from_ref(literal),
        Rhs::List(literals) => literals,
        Rhs::None | Rhs::Operand(_) => &[],
    };
    literals.iter().filter_map(|literal| String::from_utf8(literal.text.clone()).ok())
}
