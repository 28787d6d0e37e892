//! Evaluates the conditions of rules on events.
//!
//! A checked rule set goes in once ([`CompiledRuleSet::new`]: fields are resolved, regular expressions compiled, what
//! conditions have in common is made one, rules are indexed by event type); then every event is evaluated and gives its
//! matches, with the output put together. A [`CompiledCondition`] by itself is walked as written: the plain interpreter, the
//! oracle that anything faster is tested against.
//!
//! Logic is three-valued ([`Truth`]). A missing value makes every comparison false, `!=` and `in` included, as Falco
//! has it. A value that metadata has not brought yet makes a comparison unknown, and and/or/not follow Kleene: a
//! condition is unknown only if the missing answer can still decide it. What is then left of a match can be kept and
//! decided later, without the event ([`Residual`]).
//!
//! The crate does not parse (`rule-language`), does not say what a field is (`fields`), and keeps nothing from one event
//! to the next.
#![forbid(unsafe_code)]

mod capture_plan;
mod compare;
mod condition;
mod container_fields;
mod error;
mod filter_text;
#[cfg(test)]
mod fixture;
mod greedy;
mod host_names;
mod operand;
mod output;
mod render;
mod residual;
mod rule_set;
mod shared;
mod transform;
mod truth;

pub use self::capture_plan::{Forced, RuleCall, RulePlan, RulePlans, admits};
pub use self::condition::CompiledCondition;
pub use self::container_fields::asks_of_containers;
pub use self::error::{CompileError, CompileProblem};
pub use self::filter_text::{filter_text, filters_text, whole_filter_text, whole_filters_text};
pub use self::greedy::{Greed, greedy};
pub use self::host_names::{host_names_needed, host_names_of};
pub use self::output::{OutputFields, to_alert_value};
pub use self::residual::{Residual, ResidualError, ResidualRecord};
pub use self::rule_set::{CompiledRuleSet, Matching, RuleMatch, event_types_needed};
pub use self::truth::Truth;
