//! Descriptions in Falco's shape: what `falco -L` and `falco -l RULE` print with `json_output`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ConditionDetails, Described, ListDescription, MacroDescription, RuleDescription};
use crate::{
    catalogue::Catalogue,
    description::PluginVersion,
    ruleset::{Rule, TemplatePart},
};

/// What Falco compiles every rule of system calls for, whatever its condition says.
const ASYNC_EVENT: &str = "asyncevent";
/// The only event that other sources have.
const PLUGIN_EVENT: &str = "pluginevent";
/// Classes of fields that plugins bring in Falco, by the name of class and plugin.
const PLUGIN_CLASSES: [&str; 3] = ["container", "json", "k8smeta"];

/// What files define, as JSON: `required_engine_version`, `required_plugin_versions`, `rules`, `macros` and `lists`.
///
/// With the name of a rule, `rules` with that rule alone; `None` if there is no such rule.
pub fn falco_describe_results(
    described: &Described,
    catalogue: &dyn Catalogue,
    rule: Option<&str>,
) -> Option<Value> {
    let description = &described.description;
    let rules = described.loaded.rule_set.rules.iter().zip(&description.rules);
    let is_wanted = |name: &str| rule.is_none_or(|wanted| wanted == name);
    let rules: Vec<Value> = rules
        .filter(|(compiled, _)| is_wanted(&compiled.name))
        .map(|(compiled, about)| rule_json(compiled, about, catalogue))
        .collect();
    if rule.is_some() {
        return (!rules.is_empty()).then(|| json!({"rules": rules}));
    }
    let required = description.required_engine_version;
    Some(json!({
        "required_engine_version": required.map_or("0.0.0".to_owned(), |version| version.to_string()),
        "required_plugin_versions":
            description.required_plugin_versions.iter().map(|versions| required_plugin(versions)).collect::<Vec<_>>(),
        "rules": rules,
        "macros": description.macros.iter().map(|about| macro_json(about, catalogue)).collect::<Vec<_>>(),
        "lists": description.lists.iter().map(list_json).collect::<Vec<_>>(),
    }))
}

fn required_plugin(versions: &[PluginVersion]) -> Value {
    let plugin = |plugin: &PluginVersion| json!({"name": plugin.name, "version": plugin.version});
    match versions.split_first() {
        None => Value::Null,
        Some((first, others)) => json!({
            "name": first.name,
            "version": first.version,
            "alternatives": others.iter().map(plugin).collect::<Vec<_>>(),
        }),
    }
}

fn rule_json(rule: &Rule, about: &RuleDescription, catalogue: &dyn Catalogue) -> Value {
    let output_fields: Vec<&str> = rule
        .output
        .parts
        .iter()
        .filter_map(|part| match part {
            TemplatePart::Value { key, .. } => Some(key.as_str()),
            TemplatePart::Text(_) => None,
        })
        .collect();
    let excepted = about.exceptions.iter().filter(|exception| exception.has_values);
    let exception_fields: BTreeSet<&str> =
        excepted.flat_map(|exception| exception.fields.iter().map(String::as_str)).collect();
    let exception_operators: BTreeSet<&str> = about
        .exceptions
        .iter()
        .flat_map(|exception| exception.operators.iter().map(String::as_str))
        .collect();
    let fields = about.details.fields.iter().map(String::as_str);
    let plugins = plugins(
        fields.chain(output_fields.iter().copied()).chain(exception_fields.iter().copied()),
        catalogue,
    );
    let mut details = details_json(&about.details);
    let more = json!({
        "output_fields": output_fields,
        "exception_fields": exception_fields,
        "exception_names": about.exceptions.iter().map(|exception| exception.name.as_str()).collect::<Vec<_>>(),
        "exception_operators": exception_operators,
        "events": events(&rule.source, rule.event_types.as_deref(), catalogue),
        "output_compiled": rule.output.text,
        "plugins": plugins,
    });
    merge(&mut details, more);
    json!({
        "info": {
            "name": rule.name,
            "condition": about.condition,
            "priority": rule.priority.as_str(),
            "output": about.output,
            "description": rule.description,
            "enabled": rule.enabled,
            "source": rule.source,
            "capture": rule.capture,
            "capture_duration": u64::try_from(rule.capture_duration.as_millis()).unwrap_or(u64::MAX),
            "tags": rule.tags,
        },
        "details": details,
    })
}

fn macro_json(about: &MacroDescription, catalogue: &dyn Catalogue) -> Value {
    let mut details = details_json(&about.details);
    let more = json!({
        "used": about.is_used,
        "events": events("", about.event_types.as_deref(), catalogue),
        "plugins": plugins(about.details.fields.iter().map(String::as_str), catalogue),
    });
    merge(&mut details, more);
    json!({"info": {"name": about.name, "condition": about.condition}, "details": details})
}

fn list_json(about: &ListDescription) -> Value {
    json!({
        "info": {"name": about.name, "items": about.items},
        "details": {
            "used": about.is_used,
            "lists": about.lists,
            "items_compiled": about.items_compiled,
            "plugins": [],
        },
    })
}

fn details_json(details: &ConditionDetails) -> Value {
    json!({
        "macros": details.macros,
        "lists": details.lists,
        "condition_operators": details.operators,
        "condition_fields": details.fields,
        "condition_compiled": details.compiled.to_string(),
    })
}

/// The events that a condition can hold on; `None` are all of them.
fn events<'names>(
    source: &str,
    event_types: Option<&'names [String]>,
    catalogue: &'names dyn Catalogue,
) -> BTreeSet<&'names str> {
    if !matches!(source, "" | "syscall") {
        return BTreeSet::from([ASYNC_EVENT, PLUGIN_EVENT]);
    }
    let mut names: BTreeSet<&str> = match event_types {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => catalogue.event_types().iter().copied().collect(),
    };
    names.insert(ASYNC_EVENT);
    names
}

/// The plugins that these fields would need in Falco.
fn plugins<'field>(
    fields: impl Iterator<Item = &'field str>,
    catalogue: &dyn Catalogue,
) -> BTreeSet<&'static str> {
    let class = |field: &str| {
        let name = field.split('[').next().unwrap_or(field);
        let (id, _) = catalogue.lookup(name)?;
        PLUGIN_CLASSES.into_iter().find(|class| *class == catalogue.info(id).class.name)
    };
    fields.filter_map(class).collect()
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
