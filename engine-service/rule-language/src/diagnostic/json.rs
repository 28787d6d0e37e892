//! Diagnostics as Falco prints them under `-o json_output=true`.

use serde_json::{Value, json};

use super::{Diagnostic, Severity};
use crate::source::Source;

/// `{"falco_load_results": […]}`, one result for each source in order.
///
/// Positions count lines and columns from 0, as Falco's YAML parser does.
pub fn falco_load_results(sources: &[Source], diagnostics: &[Diagnostic]) -> Value {
    let results: Vec<Value> = sources
        .iter()
        .map(|source| {
            let of = |severity| {
                diagnostics
                    .iter()
                    .filter(|diagnostic| diagnostic.file() == source.name && diagnostic.severity == severity)
                    .map(result)
                    .collect::<Vec<_>>()
            };
            let errors = of(Severity::Error);
            json!({
                "name": source.name,
                "successful": errors.is_empty(),
                "errors": errors,
                "warnings": of(Severity::Warning),
            })
        })
        .collect();
    json!({ "falco_load_results": results })
}

fn result(diagnostic: &Diagnostic) -> Value {
    let locations: Vec<Value> = diagnostic
        .context
        .iter()
        .map(|item| {
            json!({
                "item_type": item.item_type,
                "item_name": item.item_name,
                "position": {
                    "name": diagnostic.file(),
                    "line": item.position.line.saturating_sub(1),
                    "column": item.position.column.saturating_sub(1),
                    "offset": item.position.offset,
                },
            })
        })
        .collect();
    json!({
        "code": diagnostic.code.as_str(),
        "codedesc": diagnostic.code.description(),
        "message": diagnostic.message,
        "context": { "locations": locations, "snippet": diagnostic.snippet() },
    })
}
