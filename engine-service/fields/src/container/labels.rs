//! Labels, of containers, pods, hosts and whatever else has a map of them.

use std::collections::BTreeMap;

use crate::{argument::Argument, value::Value};

/// What Falco leaves out where it shows all labels: what comes from annotations, and what Kubernetes gives of itself.
const INTERNAL: [&str; 2] = ["annotation.", "io.kubernetes."];

/// The label that the argument names.
pub(crate) fn one<'a>(labels: &'a BTreeMap<String, String>, argument: &Argument) -> Option<Value<'a>> {
    let value = match argument {
        Argument::Key(key) => labels.get(key)?,
        Argument::Index(number) => labels.get(&number.to_string())?,
        Argument::None => return None,
    };
    Some(Value::bytes(value.as_bytes()))
}

/// All labels in one text, by name; those without a value by their name alone.
pub(crate) fn all(labels: &BTreeMap<String, String>) -> Option<Value<'_>> {
    let shown = labels.iter().filter(|(name, _)| INTERNAL.iter().all(|prefix| !name.starts_with(prefix)));
    let texts: Vec<String> = shown
        .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}:{value}") })
        .collect();
    (!texts.is_empty()).then(|| Value::bytes(texts.join(", ").into_bytes()))
}
