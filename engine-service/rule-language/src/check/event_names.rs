//! What `evt.type` and `syscall.type` may be compared with (`libsinsp/filter/ppm_codes.cpp`).

use super::{Checker, Problem};
use crate::{
    ast,
    condition::{FieldRef, Operand, Operator, Rhs},
};

impl Checker<'_> {
    /// What `evt.type` equals has to be known from the condition alone, and to be names of events.
    pub(super) fn check_event_types(
        &mut self,
        written: &ast::Check,
        lhs: &Operand,
        rhs: &Rhs,
    ) -> Result<(), Problem> {
        let is_exact = matches!(written.operator, Operator::Eq | Operator::Ne | Operator::In);
        let names_events = matches!(lhs, Operand::Field(field) if is_event_type(field));
        let refused = if names_events && is_exact && matches!(rhs, Rhs::Operand(_)) {
            "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search"
        } else if is_exact && !names_events && has_event_type(lhs) {
            "event code search does not support `evt.type` checks with transformers"
        } else {
            ""
        };
        if !refused.is_empty() {
            return Err(Problem::error(written.lhs.offset()..written.end, refused));
        }
        if !names_events || !is_exact {
            return Ok(());
        }
        let span = written.rhs_offset..written.end;
        let literals = match rhs {
            Rhs::Literal(literal) => std::slice::from_ref(literal),
            Rhs::List(literals) => literals.as_slice(),
            Rhs::None | Rhs::Operand(_) => &[],
        };
        for literal in literals {
            let name = String::from_utf8_lossy(&literal.text);
            if !self.catalogue.is_event_type(&name) {
                let near = self.allowance.closest(&name, self.catalogue.event_types().iter().copied());
                let help = near.map(|near| format!("did you mean '{near}'?"));
                return Err(Problem::error(span, format!("unknown event type {name}")).unknown().help(help));
            }
        }
        Ok(())
    }
}

fn is_event_type(field: &FieldRef) -> bool {
    matches!(field.name.as_str(), "evt.type" | "syscall.type")
}

fn has_event_type(operand: &Operand) -> bool {
    let mut has = false;
    operand.for_each_field(&mut |field| has |= is_event_type(field));
    has
}
