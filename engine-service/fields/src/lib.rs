//! The catalogue of fields: name, type, documentation and extraction of each.
#![forbid(unsafe_code)]
