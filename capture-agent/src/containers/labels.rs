//! Which labels of a container are kept.

use std::collections::BTreeMap;

/// Values longer than this are left out, as Falco does unless it is told otherwise (`label_max_len`): they are documents and not labels.
const MAX_VALUE_BYTES: usize = 100;
const MAX_NAME_BYTES: usize = 256;
/// Of one container: with all others what is kept of labels stays below 50 KiB.
const MAX_LABELS: usize = 128;

/// The labels that are not too long, by name.
pub(super) fn kept(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_kept = |(name, value): &(String, String)| {
        name.len() <= MAX_NAME_BYTES && value.len() <= MAX_VALUE_BYTES && !name.is_empty()
    };
    labels.into_iter().filter(is_kept).take(MAX_LABELS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: labels of all lengths, and too many. Guarantees: those that are kept are whole, and bounded.
    #[test]
    fn long_labels_are_left_out() {
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        let labels =
            [("a", "1"), ("", "2"), ("long", &long), (&"n".repeat(MAX_NAME_BYTES + 1), "3"), ("b", "")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let names: Vec<_> = kept(BTreeMap::from(labels)).into_keys().collect();
        assert_eq!(names, ["a", "b"]);
        let many = (0..1_000).map(|number| (number.to_string(), String::new())).collect();
        assert_eq!(kept(many).len(), MAX_LABELS);
    }
}
