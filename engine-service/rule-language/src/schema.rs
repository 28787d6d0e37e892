//! The JSON schema of rules files, for editors.
//!
//! Falco's own schema throws the keys of all kinds of items together; this one has a form for each kind, so that an
//! editor proposes what fits. It takes everything that [`load`](crate::load) takes without a warning about form, and
//! like Falco's it wants priorities in capitals, though loading does not mind.

use serde_json::{Map, Value, json};

use crate::ruleset::Priority;

/// The schema of one rules file (JSON Schema, draft 7).
pub fn rules_schema() -> Value {
    let kinds = ["rule", "macro", "list", "required_engine_version", "required_plugin_versions"];
    let forms: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            json!({
                "if": {"required": [kind]},
                "then": {"$ref": format!("#/definitions/{kind}")},
            })
        })
        .collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Falco rules file",
        "description": "Rules, macros and lists, in the order in which they are read.",
        "type": "array",
        "items": {
            "type": ["object", "null"],
            "anyOf": kinds.map(|kind| json!({"required": [kind]})).into_iter()
                .chain([json!({"type": "null"})]).collect::<Vec<_>>(),
            "allOf": forms,
        },
        "definitions": {
            "rule": rule(),
            "macro": macro_(),
            "list": list(),
            "required_engine_version": required_engine_version(),
            "required_plugin_versions": required_plugin_versions(),
            "exception": exception(),
            "plugin": plugin(),
            "operation": {"enum": ["append", "replace"]},
        },
    })
}

fn rule() -> Value {
    let priorities: Vec<String> = Priority::ALL
        .iter()
        .map(|priority| priority.to_string().to_uppercase())
        .chain(["INFO".to_owned()])
        .collect();
    let text = |description: &str| json!({"type": "string", "description": description});
    let flag = |description: &str, default: bool| json!({"type": "boolean", "default": default, "description": description});
    let properties = json!({
        "rule": text("The rule's name, which its alerts carry."),
        "desc": text("What the rule finds, for those who read its alerts."),
        "condition": text("What has to hold for an event: a filter over fields, macros and lists."),
        "output": text("The alert's text, with %field in it where a value belongs."),
        "priority": {"enum": priorities, "description": "How grave the rule's alerts are."},
        "source": {"type": "string", "default": "syscall", "description": "Whose events the rule looks at."},
        "enabled": flag("Whether the rule is evaluated.", true),
        "tags": {"type": "array", "items": {"type": "string"}, "description": "Words to find and select rules by."},
        "warn_evttypes": flag("Whether to warn if the condition names no event types, or too many.", true),
        "skip-if-unknown-filter":
            flag("Leave the rule out, with a warning, where a field or an event type is not known.", false),
        "match_resolved": flag(
            "Whether an event counts as well that matches with the paths that the kernel reached, links followed. Eyrie's own key.",
            false,
        ),
        "capture": flag("Whether a match starts a capture of events.", false),
        "capture_duration":
            {"type": "integer", "minimum": 0, "description": "How long the capture lasts, in milliseconds."},
        "exceptions": {"type": "array", "items": {"$ref": "#/definitions/exception"},
            "description": "Combinations of values for which the rule does not match."},
        "append": appended(),
        "override": overrides(&[
            "condition", "output", "desc", "priority", "tags", "exceptions", "enabled", "warn_evttypes",
            "skip-if-unknown-filter", "match_resolved", "capture", "capture_duration",
        ]),
    });
    let mut rule = item(&["rule"], properties);
    // Whoever changes a rule that exists gives only what changes, and whoever only switches it on or off says so.
    insert(
        &mut rule,
        "anyOf",
        json!([
            {"required": ["condition", "output", "desc", "priority"]},
            {"required": ["override"]},
            {"required": ["append"], "properties": {"append": {"const": true}}},
            {"required": ["enabled"], "not": {"anyOf": [
                {"required": ["condition"]}, {"required": ["output"]}, {"required": ["desc"]}, {"required": ["priority"]},
            ]}},
        ]),
    );
    rule
}

fn macro_() -> Value {
    item(
        &["macro", "condition"],
        json!({
            "macro": {"type": "string", "pattern": "^[a-zA-Z]+[a-zA-Z0-9_]*$",
                "description": "The name by which conditions use the macro."},
            "condition": {"type": "string", "description": "The part of a condition that the name stands for."},
            "append": appended(),
            "override": overrides(&["condition"]),
        }),
    )
}

fn list() -> Value {
    item(
        &["list", "items"],
        json!({
            "list": {"type": "string", "pattern": "^[^()\"'\\s=,]+$",
                "description": "The name that conditions and other lists use."},
            "items": {"type": "array", "items": {"type": ["string", "number", "boolean"]},
                "description": "Values, and names of other lists, in the place of which their items are put."},
            "append": appended(),
            "override": overrides(&["items"]),
        }),
    )
}

fn required_engine_version() -> Value {
    item(
        &["required_engine_version"],
        json!({
            "required_engine_version": {
                "description": "The oldest version of Falco's rules engine that can take this file.",
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+\\.[0-9]+)?$"},
                ],
            },
        }),
    )
}

fn required_plugin_versions() -> Value {
    let mut required = plugin();
    if let Some(properties) = required.get_mut("properties") {
        insert(
            properties,
            "alternatives",
            json!({
                "type": "array", "items": {"$ref": "#/definitions/plugin"},
                "description": "Plugins that serve as well.",
            }),
        );
    }
    item(
        &["required_plugin_versions"],
        json!({
            "required_plugin_versions": {"type": "array", "items": required,
                "description": "Plugins that the file's rules need."},
        }),
    )
}

fn plugin() -> Value {
    item(
        &["name", "version"],
        json!({
            "name": {"type": "string", "description": "The plugin's name."},
            "version": {"type": "string", "description": "The oldest version that serves."},
        }),
    )
}

fn exception() -> Value {
    let one_or_many = |description: &str| json!({"type": ["string", "array"], "description": description});
    item(
        &["name"],
        json!({
            "name": {"type": "string", "description": "The exception's name, by which values can be appended."},
            "fields": one_or_many("The field, or the fields, whose values are compared."),
            "comps": one_or_many("The operator for each field; '=' each, or 'in' for a single field, if left out."),
            "values": {"type": "array", "description": "What the fields are compared with: a tuple for several, a value for one."},
        }),
    )
}

fn appended() -> Value {
    json!({"type": "boolean", "deprecated": true,
        "description": "Whether this adds to an item of that name. Use 'override' in its place."})
}

fn overrides(keys: &[&str]) -> Value {
    let operations: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), json!({"$ref": "#/definitions/operation"}))).collect();
    json!({"type": "object", "properties": operations, "additionalProperties": false, "minProperties": 1,
        "description": "Which keys of an item that exists are changed by this one, and how."})
}

fn item(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn insert(node: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = node {
        map.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a file with every key that the schema has, in each kind of item. Guarantees: loading knows all of them.
    #[test]
    fn loading_knows_every_key_of_the_schema() {
        let schema = rules_schema();
        for kind in ["rule", "macro", "list"] {
            let Some(Value::Object(properties)) = schema.pointer(&format!("/definitions/{kind}/properties"))
            else {
                panic!("{kind} has no properties")
            };
            let keys: String = properties
                .keys()
                .filter(|key| *key != kind)
                .fold(String::new(), |keys, key| format!("{keys}  {key}: x\n"));
            let source = crate::Source { name: "x".to_owned(), text: format!("- {kind}: x\n{keys}") };
            let diagnostics = match crate::load(&[source], &crate::tests::catalogue::TestCatalogue::new()) {
                Ok(loaded) => loaded.diagnostics,
                Err(error) => error.diagnostics,
            };
            let unknown: Vec<_> =
                diagnostics.iter().filter(|d| d.code == crate::Code::LoadUnknownKey).collect();
            assert!(unknown.is_empty(), "{unknown:?}");
        }
    }
}
