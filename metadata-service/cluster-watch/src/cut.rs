//! Bounds of what is kept of one object. An object beyond them is cut, not left out: its name still says who it is.

use std::collections::BTreeMap;

/// Labels of an object; Kubernetes itself sets no bound.
const MAX_LABELS: usize = 256;
/// Bytes of all labels of an object together, and of a selector.
const MAX_LABEL_BYTES: usize = 32 * 1024;
/// Owners, and addresses.
const MAX_LIST: usize = 16;
/// A name is at most 253 bytes, a uid 36; the server that takes them has a bound of 256.
const MAX_NAME_BYTES: usize = 256;

/// Cuts, and notes whether anything was.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) is_cut: bool,
}

// === impl Cut ===

impl Cut {
    /// The first labels in the order of their names, as long as there is room.
    pub(crate) fn labels(&mut self, labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut bytes = 0_usize;
        let before = labels.len();
        let fits = |(key, value): &(String, String)| {
            bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
            bytes <= MAX_LABEL_BYTES
        };
        let kept: BTreeMap<_, _> = labels.into_iter().take(MAX_LABELS).take_while(fits).collect();
        self.is_cut |= kept.len() < before;
        kept
    }

    /// The first members.
    pub(crate) fn list<T>(&mut self, mut members: Vec<T>) -> Vec<T> {
        self.is_cut |= members.len() > MAX_LIST;
        members.truncate(MAX_LIST);
        members
    }

    /// A name as far as a name may go.
    pub(crate) fn name(&mut self, mut name: String) -> String {
        if name.len() > MAX_NAME_BYTES {
            self.is_cut = true;
            let end = (0..=MAX_NAME_BYTES).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
            name.truncate(end);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: labels, lists and names within and beyond the bounds. Guarantees: what is within is untouched, what is
    /// beyond is cut at a whole label or character, and noted.
    #[test]
    fn what_is_too_large_is_cut_and_noted() {
        let mut cut = Cut::default();
        let few: BTreeMap<_, _> = (0..10).map(|number| (format!("k{number}"), "v".to_owned())).collect();
        assert_eq!(cut.labels(few.clone()), few);
        assert_eq!(cut.list(vec![1, 2]), [1, 2]);
        assert_eq!(cut.name("web".into()), "web");
        assert!(!cut.is_cut);
        let many: BTreeMap<_, _> = (0..1_000).map(|number| (format!("k{number}"), "v".to_owned())).collect();
        assert_eq!(cut.labels(many).len(), MAX_LABELS);
        let large = BTreeMap::from([("a".into(), "v".into()), ("b".into(), "v".repeat(MAX_LABEL_BYTES))]);
        assert_eq!(cut.labels(large).into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(cut.list(vec![0; 100]).len(), MAX_LIST);
        assert_eq!(cut.name("ä".repeat(200)).len(), MAX_NAME_BYTES);
        assert!(cut.is_cut);
    }
}
