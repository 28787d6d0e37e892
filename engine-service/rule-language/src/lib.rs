//! Falco's rule language: conditions, rules files, and diagnostics about them.
//!
//! Text goes in, a checked [`RuleSet`] or a list of diagnostics comes out. The crate knows no field of its own: it
//! asks a [`Catalogue`] what a name means. It evaluates nothing (that is `evaluator`'s) and reads no files on its own
//! account: callers hand it names and contents.
//!
//! [`load`] takes files through these steps: `yaml` keeps scalars as they are written, `reader` makes definitions of
//! items, `lists` and `exceptions` change conditions as text, `parser` makes an [`ast`] of them, `check` puts macros in
//! and gives every literal the type that it is compared with, `event_types` and `template` do the rest of a rule.
//! `text` leads from a byte of a condition back to the file, whatever was put together or put in.
//!
//! The language is Falco 0.44's; `docs/falco-compatibility.md` lists where we differ.
#![forbid(unsafe_code)]

mod append_output;
pub mod ast;
pub mod catalogue;
mod check;
mod compile;
pub mod condition;
mod context;
mod definitions;
mod description;
pub mod diagnostic;
mod escape;
mod event_types;
mod exceptions;
mod limits;
mod lists;
mod loader;
mod parser;
mod posix_regex;
mod priority;
mod reader;
mod reporter;
pub mod ruleset;
mod schema;
mod selection;
mod source;
mod suggest;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod text_position;
mod used_fields;
mod version;
pub mod yaml;

pub use append_output::{FieldAddition, OutputAddition, RuleMatcher, append_outputs};
pub use catalogue::{
    ArgumentError, ArgumentKind, ArgumentNotation, Catalogue, FieldClass, FieldId, FieldInfo, FieldType,
    TypeClass,
};
pub use compile::{compile_condition, compile_template};
pub use description::{
    ConditionDetails, Described, Description, ExceptionDescription, ListDescription, MacroDescription,
    PluginVersion, RuleDescription, falco_describe_results,
};
pub use diagnostic::{Code, Diagnostic, LoadError, Severity, falco_load_results};
pub use limits::{MAX_EXPANDED_BYTES, MAX_EXPANDED_NODES};
pub use loader::{LeafOrigin, Loaded, check_incomplete, describe, load, load_with_leaves};
pub use parser::{MAX_DEPTH, MAX_TRANSFORMER_DEPTH, ParseError, parse_condition};
pub use posix_regex::{RegexError, compile_regex};
pub use priority::UnknownPriority;
pub use ruleset::{ExtraField, Priority, Rule, RuleSet, Template, TemplatePart};
pub use schema::rules_schema;
pub use selection::{RuleSelector, Selection, matches_wildcard};
pub use source::Source;
pub use suggest::closest;
pub use text_position::Position;
pub use used_fields::{absent_fields, used_fields};
pub use version::{ENGINE_VERSION, Version};
