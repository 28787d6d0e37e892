//! Reads users and groups on a thread of its own: a container that has mounted a file system of its own making over its `/etc` may let whoever reads there wait for
//! ever. Who is let wait for too long is left to it, and another thread goes on with the others.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use eyrie_proto::event::UsersFact;
use tracing::warn;

/// Containers that wait to be read, of some 100 bytes each. Those beyond are read later.
const MAX_WAITING: usize = 256;
/// How long one may take; a disk needs some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Threads that may be left to wait; once they are as many, nobody's users are read until one of them ends.
const MAX_STUCK: usize = 8;

type Read = dyn Fn(u32, &str) -> Option<UsersFact> + Send + Sync;

/// See the module.
pub(in crate::containers) struct AccountWorker {
    shared: Arc<Shared>,
    current: Option<Current>,
}

struct Shared {
    read: Box<Read>,
    /// Called when something was read; must not wait.
    wake: Box<dyn Fn() + Send + Sync>,
    done: Mutex<Vec<UsersFact>>,
    stuck: AtomicUsize,
}

/// The thread that reads, and what it reads at the moment.
struct Current {
    jobs: SyncSender<(u32, String)>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    at: Mutex<Option<(Instant, String)>>,
    /// Another thread has taken its place.
    is_given_up: AtomicBool,
}

// === impl AccountWorker ===

impl AccountWorker {
    /// The thread is started when it is needed first, and ends when this is dropped.
    pub(in crate::containers) fn new(
        read: impl Fn(u32, &str) -> Option<UsersFact> + Send + Sync + 'static,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (read, wake) = (Box::new(read), Box::new(wake));
        let shared = Shared { read, wake, done: Mutex::default(), stuck: AtomicUsize::new(0) };
        Self { shared: Arc::new(shared), current: None }
    }

    /// Has a container read by one of its processes. Never waits; where there is no room it is not read this time.
    pub(in crate::containers) fn read(&mut self, pid: u32, container_id: &str) {
        if self.current.is_none() && self.shared.stuck.load(Ordering::Relaxed) < MAX_STUCK {
            self.current = Current::start(&self.shared);
        }
        if let Some(current) = &self.current {
            let _ = current.jobs.try_send((pid, container_id.to_owned()));
        }
    }

    /// What was read since the last time.
    pub(in crate::containers) fn take(&self) -> Vec<UsersFact> {
        std::mem::take(&mut *lock(&self.shared.done))
    }

    /// The container that has let the thread wait for too long, if one has: it is not to be read again. The others that waited are.
    pub(in crate::containers) fn take_stuck(&mut self) -> Option<String> {
        let progress = &self.current.as_ref()?.progress;
        let at = lock(&progress.at).clone();
        let (_, container_id) = at.filter(|(since, _)| since.elapsed() > PATIENCE)?;
        progress.is_given_up.store(true, Ordering::Release);
        let stuck = self.shared.stuck.fetch_add(1, Ordering::Relaxed) + 1;
        warn!(container = container_id, stuck, "reading a container's users hangs: they are not told");
        self.current = None;
        Some(container_id)
    }
}

// === impl Current ===

impl Current {
    fn start(shared: &Arc<Shared>) -> Option<Self> {
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let progress: Arc<Progress> = Arc::default();
        let (shared, own) = (Arc::clone(shared), Arc::clone(&progress));
        let run = move || {
            run(&shared, &waiting, &own);
            if own.is_given_up.load(Ordering::Acquire) {
                shared.stuck.fetch_sub(1, Ordering::Relaxed);
            }
        };
        match thread::Builder::new().name("accounts".to_owned()).spawn(run) {
            Ok(_) => Some(Self { jobs, progress }),
            Err(error) => {
                warn!("no thread to read containers' users on: {error}");
                None
            }
        }
    }
}

fn run(shared: &Shared, waiting: &Receiver<(u32, String)>, progress: &Progress) {
    while let Ok((pid, container_id)) = waiting.recv() {
        *lock(&progress.at) = Some((Instant::now(), container_id.clone()));
        let found = (shared.read)(pid, &container_id);
        *lock(&progress.at) = None;
        if let Some(found) = found {
            lock(&shared.done).push(found);
            (shared.wake)();
        }
        if progress.is_given_up.load(Ordering::Acquire) {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Waits until something is so.
    fn until(mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < deadline, "it does not come about");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Scenario: one container's files hang, then those of many, while others' are read. Guarantees: nobody waits, who hangs is named, the others are read by another thread, no more threads
    /// than the bound are left to wait, and there are new ones once those have ended.
    #[test]
    fn who_hangs_holds_up_nobody_else() {
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let read = move |_, id: &str| {
            if id.starts_with("hangs") {
                let _ = released.lock().unwrap().recv();
            }
            Some(UsersFact { container_id: id.to_owned(), ..UsersFact::default() })
        };
        let mut worker = AccountWorker::new(read, || {});
        for number in 0..MAX_STUCK {
            let id = format!("hangs {number}");
            worker.read(1, &id);
            worker.read(1, "waits behind it");
            until(|| worker.take_stuck().is_some_and(|stuck| stuck == id));
        }
        worker.read(1, "other");
        assert!(worker.current.is_none(), "enough wait");
        drop(release);
        until(|| worker.shared.stuck.load(Ordering::Relaxed) == 0);
        worker.read(1, "other");
        until(|| worker.take().iter().any(|fact| fact.container_id == "other"));
        assert_eq!(worker.take_stuck(), None);
    }
}
