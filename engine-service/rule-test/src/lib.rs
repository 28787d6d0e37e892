//! Tests of rules by their authors.
//!
//! A case says what happens, in the names of fields that rules are written in, and which alerts should come of it. The crate
//! makes a host and events of that (`world`, the inverse of extraction), evaluates the rules on them exactly as an engine
//! does, and compares ([`run()`]). From cases that fire it derives near misses, in which one comparison of the rule is turned round
//! ([`derive`](mod@derive)), and it measures which comparisons of a rule no case would miss ([`mutate`]).
//!
//! The crate reads no files and has no clock: names and contents of files come in, results come out as plain data. It does
//! not say what a rule should do: that only its author can.
#![forbid(unsafe_code)]

pub mod cases;
pub mod derive;
#[cfg(test)]
mod fixture;
mod given;
mod logic;
pub mod mutation;
mod play;
pub mod recorded;
mod rules;
pub mod run;
mod why;
mod world;

pub use self::{
    derive::{Derived, Search},
    given::{Given, Problem, Setting},
    mutation::mutate,
    rules::{Rules, RulesError},
    run::run,
    why::Reason,
};
