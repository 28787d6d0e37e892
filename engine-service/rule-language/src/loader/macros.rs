//! Macros: which of them a macro sees, in which order they are checked, and what is wrong with those that a rule uses.

use std::{cell::Cell, collections::HashSet, ops::Range, rc::Rc};

use super::{Run, Unit};
use crate::{
    ast::Node,
    check::{Checked, Checker, Found, Problem, Scope},
    condition::Expr,
    context::Context,
    definitions,
    diagnostic::Code,
    limits::Budget,
    lists::ListTexts,
    reporter::Reporter,
};

/// All macros, in order of first definition.
pub(super) struct Macros<'run> {
    macros: Vec<Macro<'run>>,
    /// Their places in the order in which they were checked: each after those that it uses.
    checked_order: Vec<usize>,
}

struct Macro<'run> {
    unit: Unit<'run>,
    node: Option<Node>,
    /// The macros that it uses and sees.
    uses: Vec<Use>,
    progress: Progress,
    checked: Option<Rc<Checked>>,
    /// What is wrong with it, to be told where a rule uses it.
    problems: Vec<Problem>,
    is_used: Cell<bool>,
    /// Whether its problems have been told.
    is_told: Cell<bool>,
}

struct Use {
    position: usize,
    span: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Begun,
    Done,
}

/// What names mean to the user of macros with an index below `visibility`.
pub(super) struct Visible<'scope> {
    pub(super) run: &'scope Run<'scope>,
    pub(super) lists: &'scope ListTexts<'scope>,
    pub(super) macros: &'scope Macros<'scope>,
    pub(super) visibility: u64,
}

// === impl Macros ===

impl<'run> Macros<'run> {
    /// Parses all macros.
    pub(super) fn new(
        run: &Run<'run>,
        lists: &ListTexts<'_>,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> Self {
        let table = &run.definitions.macros;
        let mut macros = Vec::with_capacity(table.entries().len());
        for entry in table.entries() {
            let text = entry.value.condition.clone();
            let definitions::Macro { context, condition_context, .. } = &entry.value;
            let (unit, node) = Unit::parse(context, condition_context, text, lists, reporter, budget);
            let mut uses = Vec::new();
            if let Some(node) = &node {
                node.for_each_identifier(&mut |identifier| {
                    let known = table.get(&identifier.name).zip(table.position(&identifier.name));
                    let seen = known.filter(|(used, _)| used.index < entry.visibility);
                    let span = identifier.offset..identifier.offset + identifier.name.len();
                    uses.extend(seen.map(|(_, position)| Use { position, span }));
                });
            }
            macros.push(Macro {
                unit,
                node,
                uses,
                progress: Progress::Waiting,
                checked: None,
                problems: Vec::new(),
                is_used: Cell::new(false),
                is_told: Cell::new(false),
            });
        }
        Self { macros, checked_order: Vec::new() }
    }

    /// Checks all macros, each after those that it uses. What is wrong whatever uses them is told at once.
    pub(super) fn check(
        &mut self,
        run: &Run<'_>,
        lists: &ListTexts<'_>,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) {
        for start in 0..self.macros.len() {
            // Chains of macros can be long: the way down is kept in a list.
            let mut path = vec![(start, 0)];
            while let Some((position, next)) = path.last_mut() {
                let position = *position;
                let Some(current) = self.macros.get_mut(position) else { break };
                if current.progress == Progress::Done {
                    path.pop();
                    continue;
                }
                current.progress = Progress::Begun;
                match current.uses.get(*next).map(|used| (used.position, used.span.clone())) {
                    Some((used, span)) => {
                        *next += 1;
                        self.use_macro(position, used, span, &mut path);
                    }
                    None => {
                        path.pop();
                        self.check_one(position, run, lists, budget);
                    }
                }
            }
        }
        for definition in &self.macros {
            let always = definition.problems.iter().filter(|problem| problem.code == Code::LoadErrValidate);
            always.for_each(|problem| definition.unit.report(problem, reporter));
        }
    }

    fn use_macro(
        &mut self,
        position: usize,
        used: usize,
        span: Range<usize>,
        path: &mut Vec<(usize, usize)>,
    ) {
        let Some(target) = self.macros.get_mut(used) else { return };
        target.is_used.set(true);
        match target.progress {
            Progress::Waiting => path.push((used, 0)),
            Progress::Done => {}
            Progress::Begun => {
                let message = format!("reference loop in macro '{}'", target.unit.context.name());
                let help = "a macro that is defined again, or appended to, sees what was defined in between";
                let problem = Problem::new(Code::LoadErrValidate, span, message).help(Some(help.to_owned()));
                if let Some(current) = self.macros.get_mut(position) {
                    current.problems.push(problem);
                }
            }
        }
    }

    fn check_one(&mut self, position: usize, run: &Run<'_>, lists: &ListTexts<'_>, budget: &mut Budget) {
        let entry = run.definitions.macros.entries().get(position);
        let visibility = entry.map_or(0, |definition| definition.visibility);
        let node = self.macros.get_mut(position).and_then(|current| current.node.take());
        let result = node.map(|node| {
            let scope = Visible { run, lists, macros: self, visibility };
            Checker::new(run.catalogue, &scope, budget, run.allowance).run(&node)
        });
        self.checked_order.push(position);
        if let Some(current) = self.macros.get_mut(position) {
            current.progress = Progress::Done;
            if let Some((checked, problems)) = result {
                current.checked = checked.map(Rc::new);
                current.problems.extend(problems);
            }
        }
    }

    /// Calls `visit` with the problems of macros, and of those that they use.
    ///
    /// With `once`, macros that were visited so before are left out.
    pub(super) fn for_each_problem(
        &self,
        positions: Vec<usize>,
        once: bool,
        visit: &mut dyn FnMut(&Unit<'_>, &Problem),
    ) {
        let mut pending = positions;
        let mut visited = HashSet::new();
        while let Some(position) = pending.pop() {
            let Some(current) = self.macros.get(position) else { continue };
            let seen = if once { current.is_told.replace(true) } else { !visited.insert(position) };
            if seen {
                continue;
            }
            current.problems.iter().for_each(|problem| visit(&current.unit, problem));
            pending.extend(current.uses.iter().map(|used| used.position));
        }
    }

    /// Books that a rule uses a macro.
    pub(super) fn mark_used(&self, position: usize) {
        if let Some(definition) = self.macros.get(position) {
            definition.is_used.set(true);
        }
    }

    pub(super) fn is_used(&self, position: usize) -> bool {
        self.macros.get(position).is_some_and(|definition| definition.is_used.get())
    }

    /// Whether the macro can be put into a condition.
    pub(super) fn is_sound(&self, position: usize) -> bool {
        self.expr(position).is_some()
    }

    /// The checked condition, with other macros put in.
    pub(super) fn expr(&self, position: usize) -> Option<&Expr> {
        self.macros.get(position)?.checked.as_ref().map(|checked| &checked.expr)
    }

    pub(super) fn checked_order(&self) -> impl Iterator<Item = usize> {
        self.checked_order.iter().copied()
    }

    pub(super) fn unused(&self) -> impl Iterator<Item = &'run Context> {
        self.macros
            .iter()
            .filter(|definition| !definition.is_used.get())
            .map(|definition| definition.unit.context)
    }
}

// === impl Visible ===

impl Scope for Visible<'_> {
    fn macro_(&self, name: &str) -> Found {
        let table = &self.run.definitions.macros;
        let known = table.get(name).zip(table.position(name));
        if let Some((_, position)) = known.filter(|(entry, _)| entry.index < self.visibility) {
            let found = self.macros.macros.get(position).and_then(|definition| definition.checked.clone());
            return found.map_or(Found::Broken, Found::Macro);
        }
        if known.is_none() && self.run.may_be_missing(name) {
            return Found::Broken;
        }
        let help = if known.is_some() {
            Some(format!("macro '{name}' is defined further down: a macro sees only what stands above it"))
        } else if self.run.definitions.lists.get(name).is_some() {
            Some(format!("'{name}' is a list: use it behind an operator, as in 'proc.name in ({name})'"))
        } else {
            let near = self.run.allowance.closest(name, table.names());
            near.map(|near| format!("did you mean '{near}'?"))
        };
        Found::Undefined { help }
    }

    fn may_be_missing(&self, word: &str) -> bool {
        self.run.may_be_missing(word)
    }

    fn near_list(&self, word: &str) -> Option<String> {
        if self.run.may_be_missing(word) {
            return None;
        }
        self.run.allowance.closest(word, self.lists.names()).map(str::to_owned)
    }
}
