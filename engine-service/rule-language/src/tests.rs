//! Tests of the crate as callers see it: rules files in, rule sets and diagnostics out.

pub(crate) mod catalogue;
mod conditions;
mod corpus;
mod describe;
mod event_types;
mod files;
mod hostile;
mod properties;
mod stock;
mod templates;
mod used_fields;
mod warnings;
