//! Diagnostics as Falco prints them under `-o json_output=true`.

use serde_json::{Value, json};

use super::{Diagnostic, Severity, falco_snippet};
use crate::source::Source;

/// `{"falco_load_results": […]}`, one result for each source in order.
///
/// Positions count lines and columns from 0, as Falco's YAML parser does. The first error of a source is the one that
/// Falco tells; it stops there.
pub fn falco_load_results(sources: &[Source], diagnostics: &[Diagnostic]) -> Value {
    let results: Vec<Value> = sources
        .iter()
        .map(|source| {
            let of = |severity| {
                let is_meant = |diagnostic: &&Diagnostic| {
                    diagnostic.file() == source.name && diagnostic.severity == severity
                };
                let mut found: Vec<&Diagnostic> = diagnostics.iter().filter(is_meant).collect();
                found.sort_by_key(|diagnostic| diagnostic.sequence);
                found.into_iter().map(result).collect::<Vec<_>>()
            };
            let errors = of(Severity::Error);
            json!({
                "name": source.name,
                "successful": errors.is_empty(),
                // As where Falco has no schema to hold files against: nobody looked.
                "schema_valid": "none",
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
                    "name": item.name,
                    "line": item.position.line.saturating_sub(1),
                    "column": item.position.column.saturating_sub(1),
                    "offset": item.position.offset,
                },
            })
        })
        .collect();
    let last = diagnostic.context.last();
    let offset = last.map_or(diagnostic.span.start, |last| last.position.offset);
    let excerpt = last.and_then(|last| last.excerpt.clone());
    let snippet = excerpt.unwrap_or_else(|| falco_snippet(&diagnostic.source.text, offset));
    json!({
        "code": diagnostic.code.as_str(),
        "codedesc": diagnostic.code.description(),
        "message": diagnostic.message,
        "context": { "locations": locations, "snippet": snippet },
    })
}
