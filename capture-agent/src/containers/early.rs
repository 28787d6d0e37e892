//! What runtimes told of containers before their control groups were seen.
//!
//! A runtime says that a container is made before it makes its control group; who waits for that to ask would be later than need be.

use std::collections::VecDeque;

use prost::Message as _;

use super::told::{Interface, Told};

/// The oldest go first: what was not seen by then is somebody else's, or was made and never started.
const MAX_TOLD: usize = 1_024;
/// Of all together, serialised.
const MAX_BYTES: usize = 4 << 20;

/// The oldest first.
#[derive(Debug, Default)]
pub(super) struct Early {
    told: VecDeque<(Interface, Told)>,
    bytes: usize,
}

// === impl Early ===

impl Early {
    pub(super) fn put(&mut self, interface: Interface, told: Told) {
        self.remove(|of, known| of == interface && known.id == told.id);
        self.bytes += told.container.encoded_len();
        self.told.push_back((interface, told));
        while self.told.len() > MAX_TOLD || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.told.pop_front() else { break };
            self.bytes -= oldest.container.encoded_len();
        }
    }

    /// What was told of a container.
    pub(super) fn take(&mut self, id: &str) -> Vec<(Interface, Told)> {
        self.remove(|_, known| known.id == id)
    }

    fn remove(&mut self, is_it: impl Fn(Interface, &Told) -> bool) -> Vec<(Interface, Told)> {
        let told = std::mem::take(&mut self.told);
        let (taken, rest): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|(interface, told)| is_it(*interface, told));
        self.told = rest.into();
        self.bytes -= taken.iter().map(|(_, told)| told.container.encoded_len()).sum::<usize>();
        taken
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::metadata::Container;

    use super::*;

    fn told(id: usize, name: &str) -> Told {
        let container = Container { name: name.to_owned(), ..Container::default() };
        Told { id: id.to_string(), source: "docker-api", container, is_whole: true }
    }

    /// Scenario: two interfaces tell of a container, one of them twice; then more is told, and more at a time, than is kept. Guarantees: the last of
    /// each is given out, once; the oldest go first, and the bounds hold.
    #[test]
    fn the_latest_is_kept() {
        let mut early = Early::default();
        early.put(0, told(7, "old"));
        early.put(1, told(7, "other"));
        early.put(0, told(7, "new"));
        assert_eq!(early.take("7"), [(1, told(7, "other")), (0, told(7, "new"))]);
        assert_eq!((early.take("7").len(), early.bytes), (0, 0));
        for number in 0..MAX_TOLD + 10 {
            early.put(0, told(number, "x"));
        }
        assert!(early.take("9").is_empty() && early.take("10").len() == 1);
        for number in 0..8 {
            early.put(0, told(10_000 + number, &"x".repeat(MAX_BYTES / 4)));
        }
        assert!(early.bytes <= MAX_BYTES && early.told.len() == 3, "{}", early.told.len());
    }
}
