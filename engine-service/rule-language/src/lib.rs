//! Falco's rule language: conditions, rules files, and diagnostics about them.
//!
//! Text goes in, a checked [`RuleSet`] or a list of diagnostics comes out. The crate knows no field of its own: it
//! asks a [`Catalogue`] what a name means. It evaluates nothing (that is `evaluator`'s) and reads no files on its own
//! account: callers hand it names and contents.
//!
//! The language is Falco 0.44's; `docs/falco-compatibility.md` lists where we differ.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod condition;
pub mod ruleset;

pub use catalogue::{ArgumentKind, Catalogue, FieldId, FieldInfo, FieldType};
pub use ruleset::{Priority, Rule, RuleSet};
