//! The one pass against Falco's way: a pass over the text for each list.

use proptest::prelude::*;

use super::*;
use crate::context::Context;

/// Falco's `resolve_list`, one list after the other.
fn pass_by_pass(text: &str, lists: &ListTexts<'_>) -> String {
    let mut text = text.to_owned();
    for list in &lists.lists {
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(list.name)) {
            let (at, behind) = (from + found, from + found + list.name.len());
            let (before, rest) = (&text[..at], &text[behind..]);
            if !before.chars().next_back().is_none_or(is_delimiter)
                || !rest.chars().next().is_none_or(is_delimiter)
            {
                from = at + 1;
                continue;
            }
            let (mut before, mut rest) =
                (before.trim_end_matches(is_blank), rest.trim_start_matches(is_blank));
            if list.text.is_empty() {
                match before.strip_suffix(',') {
                    Some(shorter) => before = shorter,
                    None => rest = rest.strip_prefix(',').unwrap_or(rest),
                }
            }
            let start = if before.is_empty() { list.text.clone() } else { format!("{before} {}", list.text) };
            from = start.len() + 1;
            text = format!("{start} {rest}");
        }
    }
    text
}

fn words(text: &str) -> Vec<&str> {
    text.split(is_blank).filter(|word| !word.is_empty()).collect()
}

proptest! {
    /// Scenario: lists that name each other, themselves, and nothing, in texts in which blanks, commas, quotes and brackets
    /// stand everywhere. Guarantees: the text is the one that a pass for each list makes, but for how many blanks stand side
    /// by side: beside empty lists that depends on the order of the passes, and means something in quotes only.
    #[test]
    fn one_pass_is_as_good_as_one_for_each_list(
        items in prop::collection::vec(prop::collection::vec("[abcx]|x y|\"q a r\"|'b'|u,c|p\\(|b c| a", 0..4), 1..5),
        text in "f in \\(([abcx]|, |,|  |\"|\n|=|\\(){0,12}\\)?",
    ) {
        let mut table = Table::default();
        for (name, items) in ["a", "b", "c", "a-b"].into_iter().zip(items) {
            let list = List { context: Context::file(0).child("list", name, Context::file(0).place().clone()), items };
            table.define(name, list, u64::try_from(table.entries().len()).unwrap() + 1);
        }
        let mut budget = Budget::new();
        let lists = ListTexts::new(&table, &mut budget).unwrap();
        let expanded = lists.expand(&text, &mut budget).unwrap();
        let plain = pass_by_pass(&text, &lists);
        prop_assert_eq!(words(&expanded.text), words(&plain));
    }
}
