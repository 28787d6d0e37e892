//! Comparisons that the event type decides.

use fields::Value;
use rule_language::{Catalogue as _, condition::Operator};

use super::{
    super::need::Need,
    leaf::{Leaf, whole},
};

/// Names of calls that are no event type, and of whose calls the events are others'.
const OTHER_CALLS: [&str; 4] = ["pread64", "prlimit64", "pwrite64", "socketcall"];
/// The parameters of calls without any of their own.
const GENERIC_PARAMETERS: [&str; 2] = ["id", "native_id"];

/// Beginnings of the names of fields whose value is there or not, and never still to come: of the others, a comparison may be unknown for a while.
const KNOWN_AT_ONCE: [&str; 6] = ["evt.", "fd.", "fs.", "proc.", "user.", "group."];
/// But of these the control group has to be known, or the container.
const KNOWN_LATER: [&str; 2] = ["fd.container", "proc.is_container_"];

/// What is necessary, if it is the same for all calls of the type.
pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    if is_never_there(leaf) || is_with_nothing(leaf) {
        return Some(Need::of_constant(leaf.is_negated));
    }
    let event_type = leaf.event_type();
    match leaf.field.name.as_str() {
        "evt.type" => Some(of_value(leaf, &text(event_type))),
        "evt.type.is" => {
            let is_wanted = leaf.field.argument.as_deref() == Some(event_type);
            Some(of_value(leaf, &Value::Uint(is_wanted.into())))
        }
        "syscall.type" => of_call_name(leaf),
        // Events are reported when their calls end, and none beside the stream.
        "evt.dir" => Some(of_value(leaf, &text("<"))),
        "evt.is_async" => Some(of_value(leaf, &Value::Bool(false))),
        "evt.num" => number_holds(leaf).map(|holds| Need::of_constant(holds != leaf.is_negated)),
        _ => None,
    }
}

fn text(text: &str) -> Value<'_> {
    Value::bytes(text.as_bytes())
}

fn of_value(leaf: &Leaf<'_>, value: &Value<'_>) -> Need {
    Need::of_constant(leaf.may_hold(value))
}

/// Whether the field has no value in any event of the type.
fn is_never_there(leaf: &Leaf<'_>) -> bool {
    let is_absent = fields::catalogue().info(leaf.field.id).absent_because.is_some();
    let is_parameter = matches!(leaf.field.name.as_str(), "evt.arg" | "evt.rawarg");
    is_absent
        || (is_parameter
            && leaf.field.argument.as_deref().is_some_and(|name| !is_parameter_of(leaf.event_type(), name)))
}

/// Whether it is a comparison with an empty list, as one that users may add to: nothing is in it. (A list without values is in every list.)
fn is_with_nothing(leaf: &Leaf<'_>) -> bool {
    let has_one_of =
        |beginnings: &[&str]| beginnings.iter().any(|beginning| leaf.field.name.starts_with(beginning));
    leaf.literals.is_empty()
        && leaf.operator != Operator::Exists
        && !fields::catalogue().info(leaf.field.id).is_list
        && has_one_of(&KNOWN_AT_ONCE)
        && !has_one_of(&KNOWN_LATER)
}

/// By name; a number may be any.
fn is_parameter_of(event_type: &str, name: &str) -> bool {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    match fields::parameters_of(event_type) {
        Some(parameters) => parameters.iter().any(|(own, _)| *own == name),
        None => GENERIC_PARAMETERS.contains(&name),
    }
}

/// An event may be of a call of another name, or of none, and then there is no value.
fn of_call_name(leaf: &Leaf<'_>) -> Option<Need> {
    let is_possible = leaf.is_negated
        || leaf.holds_text(leaf.event_type())
        || OTHER_CALLS.iter().any(|name| leaf.holds_text(name));
    (!is_possible).then(Need::impossible)
}

/// Events are numbered from 1, so that `evt.num=0` is the way to write a condition that never holds.
fn number_holds(leaf: &Leaf<'_>) -> Option<bool> {
    let [literal] = leaf.literals else { return None };
    match (leaf.operator, whole(literal)?) {
        (Operator::Eq | Operator::In | Operator::Le, 0) | (Operator::Lt, 0 | 1) => Some(false),
        (Operator::Ne | Operator::Gt, 0) | (Operator::Ge, 0 | 1) => Some(true),
        _ => None,
    }
}
