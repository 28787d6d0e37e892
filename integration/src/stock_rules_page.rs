//! The page on Falco's stock rules, `docs/stock-rules.md`: how each was seen live, and what cases leave undecided.
//!
//! Each section is made of a list that tests are held to, by a module of its own. Of the rules only the names are in them.

mod live;
mod undecided;

pub use self::{
    live::{Place, SeenRule, seen_rules},
    undecided::{Group, Leaf, undecided_leaves},
};

const HEAD: &str = "\
# Falco's stock rules

What is known of how Eyrie evaluates the rules that come with Falco: the three files `falco_rules.yaml`, `falco-incubating_rules.yaml`
and `falco-sandbox_rules.yaml`, loaded in this order. They are input to the tests and no part of this project.

This page is made by `make stock-rules-doc`.
";

/// The whole page.
pub fn page() -> String {
    [HEAD.to_owned(), live::section(), undecided::section()].join("\n")
}
