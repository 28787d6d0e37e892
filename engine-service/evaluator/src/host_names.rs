//! Names of hosts that rules compare addresses with.

use std::collections::BTreeSet;

use fields::HOST_NAME_FIELDS;
use rule_language::{
    RuleSet,
    condition::{Check, Expr, Literal, Operand, Operator, Rhs},
};

/// The longest name that a host can have (RFC 1035).
const MAX_NAME_BYTES: usize = 253;

/// The names that the enabled rules compare addresses with (`fd.sip.name = "…"`): somebody has to resolve them.
///
/// Those are the names that a comparison means whole: equal, not equal, one of a list; and patterns in which nothing is a
/// wildcard. Parts of names and patterns mean no name that could be resolved; they are held against those that are.
pub fn host_names_needed(rules: &RuleSet) -> BTreeSet<String> {
    let enabled = rules.rules.iter().filter(|rule| rule.enabled);
    enabled.flat_map(|rule| host_names_of(&rule.condition)).collect()
}

/// The same of one condition.
pub fn host_names_of(condition: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // With a stack of its own: conditions may be nested deep.
    let mut pending = vec![condition];
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => pending.extend(parts),
            Expr::Not(part) => pending.push(part),
            Expr::Check(check) => names.extend(names_of(check).filter_map(text).map(str::to_owned)),
        }
    }
    names
}

fn names_of(check: &Check) -> impl Iterator<Item = &Literal> {
    let is_host_name =
        matches!(&check.lhs, Operand::Field(field) if HOST_NAME_FIELDS.contains(&&*field.name));
    let literals = match &check.rhs {
        Rhs::Literal(literal) if is_host_name => std::slice::from_ref(literal),
        Rhs::List(literals) if is_host_name => literals,
        _ => &[],
    };
    literals.iter().filter(|literal| means_whole_name(check.operator, &literal.text))
}

fn means_whole_name(operator: Operator, text: &[u8]) -> bool {
    match operator {
        Operator::Eq | Operator::Ne | Operator::In | Operator::Intersects => true,
        Operator::Glob | Operator::IGlob | Operator::PMatch => {
            !text.iter().any(|byte| b"*?[]\\/".contains(byte))
        }
        _ => false,
    }
}

/// What is no text, or too long, is nobody's name.
fn text(literal: &Literal) -> Option<&str> {
    str::from_utf8(&literal.text).ok().filter(|text| (1..=MAX_NAME_BYTES).contains(&text.len()))
}

#[cfg(test)]
mod tests {
    use rule_language::Source;

    use super::*;

    fn names(conditions: &[(&str, bool)]) -> Vec<String> {
        let rule = |(number, (condition, enabled)): (usize, &(&str, bool))| {
            format!(
                "- rule: r{number}\n  desc: d\n  condition: evt.type=connect and ({condition})\n  output: o\n  \
                 priority: INFO\n  enabled: {enabled}\n"
            )
        };
        let macros =
            "- list: hosts\n  items: [a.test, b.test]\n- macro: known\n  condition: fd.cip.name in (hosts)\n";
        let text = macros.to_owned() + &conditions.iter().enumerate().map(rule).collect::<String>();
        let source = Source { name: "rules.yaml".to_owned(), text };
        let loaded = rule_language::load(&[source], fields::catalogue()).unwrap();
        host_names_needed(&loaded.rule_set).into_iter().collect()
    }

    /// Scenario: names under every operator that means them whole, through macros, lists and negations. Guarantees: each is
    /// found once, whatever its field.
    #[test]
    fn whole_names_are_found() {
        let found = names(&[
            ("fd.sip.name = one.test or not fd.rip.name != two.test", true),
            ("not known and fd.lip.name in (c.test, a.test)", true),
            ("fd.sip.name = oneof (d.test) or fd.sip.name intersects (e.test)", true),
            ("fd.sip.name glob f.test and fd.sip.name pmatch (g.test)", true),
        ]);
        let expected = "a.test b.test c.test d.test e.test f.test g.test one.test two.test";
        assert_eq!(found.join(" "), expected);
    }

    /// Scenario: patterns and parts of names, other fields, what is too long, and a rule that is switched off. Guarantees: nothing is to be resolved
    /// for them.
    #[test]
    fn nothing_else_is() {
        let found = names(&[
            ("fd.sip.name endswith .test or fd.sip.name contains part or fd.sip.name startswith one.", true),
            ("fd.sip.name glob *.test or fd.sip.name regex 'a[.]test' or fd.sip.name exists", true),
            ("proc.name = x.test and fd.sip = 10.0.0.1 and fd.name = y.test", true),
            (&format!("fd.sip.name in ({})", "x".repeat(MAX_NAME_BYTES + 1)), true),
            ("fd.sip.name = off.test", false),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
