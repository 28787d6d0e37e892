//! Whether rules ask for containers.

use rule_language::condition::{Check, Expr, Operand, Rhs};

/// Beginnings of the names of fields that a container, its pod or what is known of them has.
const FAMILIES: [&str; 2] = ["container.", "k8s"];

/// Whether a condition compares something of the container that a process runs in.
pub fn asks_of_containers(condition: &Expr) -> bool {
    // With a stack of its own: conditions may be nested deep.
    let mut pending = vec![condition];
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => pending.extend(parts),
            Expr::Not(part) => pending.push(part),
            Expr::Check(check) if is_of_container(check) => return true,
            Expr::Check(_) => {}
        }
    }
    false
}

fn is_of_container(check: &Check) -> bool {
    let right: Option<&Operand> = match &check.rhs {
        Rhs::Operand(operand) => Some(operand),
        Rhs::None | Rhs::Literal(_) | Rhs::List(_) => None,
    };
    let mut is_one = false;
    for operand in [Some(&check.lhs), right].into_iter().flatten() {
        operand.for_each_field(&mut |field| {
            is_one |= FAMILIES.iter().any(|family| field.name.starts_with(family));
        });
    }
    is_one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: conditions with a field of containers or pods on either side, in a transformer, below a negation, and without one. Guarantees: all but the
    /// last ask for containers.
    #[test]
    fn fields_of_containers_are_found() {
        let asks = |condition: &str| {
            let condition = rule_language::compile_condition(condition, fields::catalogue());
            asks_of_containers(&condition.unwrap_or_else(|error| panic!("{}", error.message)))
        };
        assert!(asks("evt.type = open and not (fd.name = /a or container.id != host)"));
        assert!(asks("k8s.ns.name = a"));
        assert!(asks("tolower(container.name) = a"));
        assert!(asks("proc.name = val(container.name)"));
        assert!(!asks("evt.type = open and proc.name = container.id"));
    }
}
