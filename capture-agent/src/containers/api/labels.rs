//! What every interface says in the same form.

use std::collections::BTreeMap;

/// Characters of a name that are kept.
pub(in crate::containers) const MAX_TEXT: usize = 1_024;
/// Labels of one container: at most 64 KiB.
const MAX_LABELS: usize = 64;
/// Bytes of a label, with its key. Kubernetes' have at most 380.
const MAX_LABEL_BYTES: usize = 1_024;

/// The labels that are kept. One that is too large is left out: a part of it would be another label.
pub(in crate::containers) fn bounded_labels(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fits = |(key, value): &(String, String)| key.len() + value.len() <= MAX_LABEL_BYTES;
    labels.into_iter().filter(fits).take(MAX_LABELS).collect()
}

/// Nanoseconds since the epoch; 0 for what is not told, and for times before it, which Go's zero is.
pub(in crate::containers) fn epoch_ns(nanoseconds: impl Into<i128>) -> u64 {
    u64::try_from(nanoseconds.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: labels without end, and some without measure. Guarantees: what is kept is bounded and whole; times before the epoch are not
    /// told.
    #[test]
    fn labels_are_bounded() {
        let mut labels: BTreeMap<_, _> = (0..1_000).map(|n| (format!("{n}"), "x".repeat(n))).collect();
        labels.insert("0large".to_owned(), "x".repeat(MAX_LABEL_BYTES + 1));
        labels.insert("k".repeat(MAX_LABEL_BYTES), String::new());
        let kept = bounded_labels(labels.clone());
        assert_eq!(kept.len(), MAX_LABELS);
        assert!(kept.iter().all(|(key, value)| labels.get(key) == Some(value)));
        assert!(!kept.contains_key("0large"));
        assert_eq!((epoch_ns(-62_135_596_800_000_000_000_i128), epoch_ns(7_i64)), (0, 7));
    }
}
