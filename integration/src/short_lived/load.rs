use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use test_containers::Image;

use super::{MARKER, NAME};

/// A container as podman was told to make it, and the id that it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The whole id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Repository and tag of its image.
    pub image: String,
    /// podman removes it as soon as it has ended.
    pub is_removed: bool,
}

/// Containers that are being started, some at a time.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    /// Numbers that were given out.
    next: AtomicUsize,
    count: usize,
    /// In turn.
    lives: &'static [Life],
    /// What tells them from those of other loads.
    tag: String,
    started: Mutex<Vec<Started>>,
}

/// What becomes of a container.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// Acts and ends.
    ActsAndEnds,
    /// The same, and is removed.
    ActsAndIsRemoved,
    /// Acts, and ends 20 ms later.
    Lingers,
    /// Acts 20 ms after its start, and ends.
    ActsLast,
    /// Acts, and stays.
    Stays,
}

const SHORT: &[Life] = &[Life::ActsAndEnds, Life::ActsAndIsRemoved, Life::Lingers, Life::ActsLast];
const LONG: &[Life] = &[Life::Stays];

// === impl Load ===

impl Load {
    /// Starts `count` short-lived containers of the images, in turn, `at_once` at a time. podman keeps most of them until their storage
    /// goes.
    pub fn begin(images: &Arc<[Image]>, count: usize, at_once: usize) -> Self {
        Self::of(SHORT, images, count, at_once)
    }

    /// The same with containers that do not end.
    pub(super) fn of_long_lived(images: &Arc<[Image]>, count: usize) -> Self {
        Self::of(LONG, images, count, count)
    }

    fn of(lives: &'static [Life], images: &Arc<[Image]>, count: usize, at_once: usize) -> Self {
        static LOADS: AtomicUsize = AtomicUsize::new(0);
        let tag = format!("{}-{}", std::process::id(), LOADS.fetch_add(1, Ordering::Relaxed));
        let shared = Shared { next: AtomicUsize::new(0), count, lives, tag, started: Mutex::default() };
        let shared = Arc::new(shared);
        let start = |_| {
            let (shared, images) = (Arc::clone(&shared), Arc::clone(images));
            thread::spawn(move || shared.start_all(&images))
        };
        Self { threads: (0..at_once).map(start).collect(), shared }
    }

    /// How many have been started.
    pub fn count(&self) -> usize {
        self.shared.started().len()
    }

    /// Waits until all have been started.
    pub fn finish(mut self) -> anyhow::Result<Vec<Started>> {
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow::anyhow!("a thread that starts containers panicked"))??;
        }
        Ok(std::mem::take(&mut self.shared.started()))
    }
}

impl Drop for Load {
    /// Starts no more, and waits for those that are being started.
    fn drop(&mut self) {
        self.shared.next.fetch_add(self.shared.count, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

// === impl Shared ===

impl Shared {
    fn start_all(&self, images: &[Image]) -> anyhow::Result<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let parts = images.iter().cycle().nth(number).zip(self.lives.iter().cycle().nth(number));
            let Some((image, life)) = parts.filter(|_| number < self.count) else { return Ok(()) };
            let started = self.start(image, *life, number)?;
            self.started().push(started);
        }
    }

    fn start(&self, image: &Image, life: Life, number: usize) -> anyhow::Result<Started> {
        let name = format!("{NAME}{}-{number}", self.tag);
        let is_removed = matches!(life, Life::ActsAndIsRemoved);
        let options: &[&str] = if is_removed { &["--rm"] } else { &[] };
        let id = image.start_and_leave(options, &name, &["/bin/sh", "-c", &life.script()])?;
        Ok(Started { id, name, image: image.reference(), is_removed })
    }

    fn started(&self) -> MutexGuard<'_, Vec<Started>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Life ===

impl Life {
    fn script(self) -> String {
        match self {
            Self::ActsAndEnds | Self::ActsAndIsRemoved => format!(": > {MARKER}"),
            Self::Lingers => format!(": > {MARKER}; exec /bin/sleep 0.02"),
            Self::Stays => format!(": > {MARKER}; exec /bin/sleep 600"),
            Self::ActsLast => format!("/bin/sleep 0.02; : > {MARKER}"),
        }
    }
}
