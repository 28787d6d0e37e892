//! What the runtimes' own interfaces tell, on its way to the thread that tells of containers.
//!
//! An interface is an asynchronous function beside this file:
//!
//! ```text
//! pub(super) async fn run(socket: PathBuf, asked: Receiver<String>, told: impl Fn(Told) + Send + Sync + 'static)
//! ```
//!
//! It connects, and connects again with growing pauses for as long as it runs, whether the socket is there or not; subscribes to
//! what the runtime says is going on; lists all containers that run after each connect; and answers the ids that it is asked for. Ids that
//! come while it has no connection it may drop: they are in the list that follows, or are asked for again. It ends when
//! `asked` is closed. It bounds in time and size whatever it waits for, and clips what it tells. It runs beside the others on one thread, so
//! that it must not block; it holds up nobody but those. A line in [`super::runtimes`] makes it known.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use eyrie_proto::metadata::Container;
use prost::Message as _;
use tracing::warn;

use super::left_out::LeftOut;

/// What waits for the thread, serialised: much more than all containers of a large node.
const MAX_BYTES: usize = 8 << 20;
/// Containers that wait.
const MAX_WAITING: usize = 4_096;
/// Of one container: more would not fit into a message to the engine together with what files say.
const MAX_CONTAINER_BYTES: usize = 256 << 10;

/// What one interface says of one container. A later one of the same interface takes its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// The whole id that the runtime gave.
    pub(super) id: String,
    /// For [`eyrie_proto::metadata::Provenance`]: `docker-api`, `containerd`, `cri`...
    pub(super) source: &'static str,
    /// Only what the runtime says: key, validity, completeness and provenance are not set. Empty if it does not know the container.
    pub(super) container: Container,
    /// Nothing more will come from this interface, unless the container changes.
    pub(super) is_whole: bool,
}

/// Which interface: its place in the table of [`super::runtimes`].
pub(super) type Interface = usize;

/// Where interfaces put what they tell, without waiting for anybody.
pub(super) struct ToldBox {
    waiting: Mutex<Waiting>,
    wake: Box<dyn Fn() + Send + Sync>,
    is_overflowing: AtomicBool,
    left_out: LeftOut,
}

#[derive(Debug, Default)]
struct Waiting {
    told: HashMap<(Interface, String), Told>,
    bytes: usize,
}

/// What an interface calls.
pub(super) type Teller = Box<dyn Fn(Told) + Send + Sync>;

// === impl ToldBox ===

impl ToldBox {
    /// `wake` is called when something came that was not taken yet, and must not wait.
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (waiting, left_out) = (Mutex::default(), LeftOut::default());
        Self { waiting, wake: Box::new(wake), is_overflowing: AtomicBool::new(false), left_out }
    }

    /// What there was no room for, here and around it.
    pub(super) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// What `interface` is given to tell by.
    pub(super) fn teller(self: &Arc<Self>, interface: Interface) -> Teller {
        let this = Arc::clone(self);
        Box::new(move |told| this.put(interface, told))
    }

    /// Everything that came since the last time.
    pub(super) fn take(&self) -> Vec<(Interface, Told)> {
        let taken = std::mem::take(&mut *self.lock());
        taken.told.into_iter().map(|((interface, _), told)| (interface, told)).collect()
    }

    fn put(&self, interface: Interface, told: Told) {
        let bytes = told.container.encoded_len();
        let mut waiting = self.lock();
        let is_first = waiting.told.is_empty();
        let is_full = waiting.told.len() >= MAX_WAITING || waiting.bytes + bytes > MAX_BYTES;
        let is_large = bytes > MAX_CONTAINER_BYTES;
        if is_full || is_large {
            drop(waiting);
            let reason = if is_large { &self.left_out.told_too_large } else { &self.left_out.told_too_much };
            reason.increment();
            if !self.is_overflowing.swap(true, Ordering::Relaxed) {
                warn!(
                    source = told.source,
                    container = told.id,
                    bytes,
                    "a runtime tells more than is kept: what it says of some containers will be missing"
                );
            }
            return;
        }
        let before = waiting.told.insert((interface, told.id.clone()), told);
        waiting.bytes = waiting.bytes + bytes - before.map_or(0, |before| before.container.encoded_len());
        drop(waiting);
        if is_first {
            (self.wake)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn told(id: &str, name: &str) -> Told {
        let container = Container { name: name.to_owned(), ..Container::default() };
        Told { id: id.to_owned(), source: "docker-api", container, is_whole: true }
    }

    /// Scenario: two interfaces tell of one container, one of them twice, before anybody takes it. Guarantees: one waking, the last of each is
    /// there, once.
    #[test]
    fn the_last_of_each_interface_waits() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let boxed = Arc::new(ToldBox::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let (first, second) = (boxed.teller(0), boxed.teller(1));
        first(told("a", "old"));
        first(told("a", "new"));
        second(told("a", "other"));
        let mut taken = boxed.take();
        taken.sort_by_key(|(interface, _)| *interface);
        assert_eq!(taken, [(0, told("a", "new")), (1, told("a", "other"))]);
        assert_eq!((boxed.take().len(), wakes.load(Ordering::Relaxed)), (0, 1));
        first(told("b", ""));
        assert_eq!((boxed.take().len(), wakes.load(Ordering::Relaxed)), (1, 2));
    }

    /// Scenario: a runtime that tells of containers without end, and of one that is endlessly large, while nobody takes it.
    /// Guarantees: no more is kept than the bounds say, what is left out is counted, and there is room again once it was taken.
    #[test]
    fn a_flood_is_bounded() {
        let boxed = Arc::new(ToldBox::new(|| {}));
        let tell = boxed.teller(0);
        tell(told("large", &"x".repeat(MAX_CONTAINER_BYTES)));
        assert_eq!(boxed.take(), []);
        let left_out = boxed.left_out().clone();
        assert_eq!((left_out.told_too_large.get(), left_out.told_too_much.get()), (1, 0));
        for number in 0..MAX_WAITING + 100 {
            tell(told(&number.to_string(), &"x".repeat(if number < 100 { 100_000 } else { 10 })));
        }
        let taken = boxed.take();
        assert!(taken.len() <= MAX_WAITING, "{}", taken.len());
        let bytes: usize = taken.iter().map(|(_, told)| told.container.encoded_len()).sum();
        assert!(bytes <= MAX_BYTES, "{bytes}");
        let left = MAX_WAITING + 100 - taken.len();
        assert_eq!(left_out.told_too_much.get(), u64::try_from(left).unwrap());
        tell(told("a", "again"));
        assert_eq!(boxed.take(), [(0, told("a", "again"))]);
    }
}
