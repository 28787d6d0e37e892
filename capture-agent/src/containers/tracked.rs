//! One container from its notice to its end: what files said of it, what runtimes told, and what is still awaited.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    path::Path,
    time::{Duration, Instant},
};

use eyrie_proto::{
    event::Origin,
    metadata::{Completeness, Container},
};
use prost::Message as _;

use super::{
    merging::merge,
    places::Places,
    reading::{Noticed, Read, provenance},
    runtimes::Runtimes,
    told::{Interface, Told},
};

/// Pauses between attempts: most is there at once, and what is not after 7 seconds will not come.
pub(super) const PAUSES_MS: [u64; 8] = [20, 50, 100, 250, 500, 1_000, 2_000, 3_000];
/// How long a runtime whose socket is there may take to answer before what it would say counts as missing.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Whom it is learnt from.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) origin: Origin,
    pub(super) places: Places,
    pub(super) runtimes: Runtimes,
}

/// A container.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) noticed: Noticed,
    /// When to read its users and groups (again).
    pub(super) next_accounts: Instant,
    pub(super) accounts_attempts: usize,
    noticed_at: Instant,
    attempts: usize,
    /// When to try again; `None` once there is nothing more to learn, unless a runtime tells something.
    next: Option<Instant>,
    /// A runtime told something that was not looked at yet.
    has_news: bool,
    files: Option<Read>,
    /// With the time at which it was told.
    told: BTreeMap<Interface, (Told, u64)>,
    /// Of what was given out last.
    given_out: Option<u64>,
}

// === impl Tracked ===

impl Tracked {
    pub(super) fn new(noticed: Noticed, told: Vec<(Interface, Told)>) -> Self {
        let now = Instant::now();
        let mut tracked = Self {
            noticed,
            next_accounts: now,
            accounts_attempts: 0,
            noticed_at: now,
            attempts: 0,
            next: Some(now),
            has_news: false,
            files: None,
            told: BTreeMap::new(),
            given_out: None,
        };
        told.into_iter().for_each(|(interface, told)| tracked.take(interface, told));
        tracked
    }

    /// When there is something to do: at once where something was told.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.has_news { Some(self.noticed_at) } else { self.next }
    }

    pub(super) fn take(&mut self, interface: Interface, mut told: Told) {
        self.noticed.correct(&mut told.container);
        let observed_ns = crate::clock::read().epoch_ns;
        self.told.insert(interface, (told, observed_ns));
        self.has_news = true;
    }

    /// What it takes in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let files = self.files.iter().map(|read| &read.container);
        let all = files.chain(self.told.values().map(|(told, _)| &told.container));
        all.map(Container::encoded_len).sum()
    }

    /// Reads and asks for what is missing if it is time to, and gives what is known if it was not given out yet.
    pub(super) fn attempt(&mut self, sources: &Sources) -> Option<Container> {
        let is_due = self.next.is_some_and(|at| at <= Instant::now());
        if is_due {
            self.read(sources);
            self.ask(&sources.runtimes);
        }
        let (container, is_pending) = self.known(sources, false);
        if is_due || !is_pending {
            let pause = PAUSES_MS.get(self.attempts).filter(|_| is_pending);
            self.next = pause.map(|&pause| self.after(Duration::from_millis(pause)));
            self.attempts = self.attempts.saturating_add(1);
        }
        self.has_news = false;
        self.give_out(container)
    }

    /// A moment so much later, but not past the one at which a runtime is waited for no longer.
    fn after(&self, pause: Duration) -> Instant {
        let left = ANSWER_WITHIN.checked_sub(self.noticed_at.elapsed()).filter(|left| !left.is_zero());
        Instant::now() + left.map_or(pause, |left| left.min(pause))
    }

    /// What is known at its end, after which nothing will come; nothing if all that was given out already.
    pub(super) fn last(&mut self, sources: &Sources) -> Option<Container> {
        self.next()?;
        self.read(sources);
        let (container, _) = self.known(sources, true);
        self.give_out(container)
    }

    /// Reads the files, unless they said everything already. What is left of them at the container's end may be less than before.
    fn read(&mut self, sources: &Sources) {
        if self.files.as_ref().is_some_and(|read| read.missing.is_nothing()) {
            return;
        }
        let read = self.noticed.read(&sources.origin, &sources.places);
        let is_less = |before: &Read| before.missing.parts() < read.missing.parts();
        if !self.files.as_ref().is_some_and(is_less) {
            self.files = Some(read);
        }
    }

    fn ask(&self, runtimes: &Runtimes) {
        for (interface, ..) in runtimes.of(self.noticed.asked_runtime()) {
            if !self.told.get(&interface).is_some_and(|(told, _)| told.is_whole) {
                runtimes.ask(interface, &self.noticed.id);
            }
        }
    }

    /// Everything that is known, and whether more may come.
    fn known(&self, sources: &Sources, has_ended: bool) -> (Container, bool) {
        let Read { mut container, mut missing } =
            self.files.clone().unwrap_or_else(|| self.noticed.read(&sources.origin, &sources.places));
        for (told, observed_ns) in self.told.values() {
            if told.container != Container::default() {
                merge(&mut container, &told.container);
                missing.strike_out(&told.container);
                container.provenance.push(provenance(told.source, *observed_ns));
            }
        }
        if missing.is_nothing() {
            container.set_completeness(Completeness::Complete);
            if self.noticed.runtime == "podman" {
                // They do not keep it from being complete: for most rules nothing is missing.
                let why = self.silence(&sources.runtimes).into_iter();
                container.reasons =
                    why.map(|why| format!("labels, addresses, health check: {why}")).collect();
            }
            return (container, false);
        }
        let is_pending = !has_ended
            && self.next.is_some()
            && PAUSES_MS.get(self.attempts).is_some()
            && (self.noticed.may_be_read(self.attempts) || self.is_awaited(&sources.runtimes));
        container.reasons = missing.reasons();
        container.reasons.extend(self.silence(&sources.runtimes));
        if has_ended {
            container.reasons.push("it ended before more could be learnt".to_owned());
        }
        let completeness = if is_pending { Completeness::Pending } else { Completeness::FinalPartial };
        container.set_completeness(completeness);
        (container, is_pending)
    }

    /// Whether a runtime that is there has time left to answer.
    fn is_awaited(&self, runtimes: &Runtimes) -> bool {
        let is_silent =
            |interface: &Interface| !self.told.get(interface).is_some_and(|(told, _)| told.is_whole);
        self.noticed_at.elapsed() < ANSWER_WITHIN
            && runtimes
                .of(self.noticed.asked_runtime())
                .any(|(interface, _, socket)| is_silent(&interface) && is_there(socket))
    }

    /// Why each runtime that may know it has not told of it.
    fn silence(&self, runtimes: &Runtimes) -> Vec<String> {
        let why = |(interface, source, socket): (Interface, &str, &Path)| {
            let socket_name = socket.display();
            match self.told.get(&interface).map(|(told, _)| told) {
                Some(told) if told.container == Container::default() => {
                    Some(format!("{source}: {socket_name} does not know the container"))
                }
                Some(_) => None,
                None if is_there(socket) => Some(format!("{source}: {socket_name} has not answered")),
                None => Some(format!("{source}: there is no {socket_name}")),
            }
        };
        runtimes.of(self.noticed.asked_runtime()).filter_map(why).collect()
    }

    fn give_out(&mut self, container: Container) -> Option<Container> {
        let digest = digest(container.clone());
        let is_new = self.given_out.replace(digest) != Some(digest);
        is_new.then_some(container)
    }
}

/// Whether there is something that may be a socket; a look at the name, which waits for nobody.
fn is_there(socket: &Path) -> bool {
    socket.try_exists().unwrap_or(false)
}

/// The same for what differs in nothing but when it was looked at, and in reasons why more may come.
fn digest(mut container: Container) -> u64 {
    container.provenance.iter_mut().for_each(|from| from.observed_ns = 0);
    if container.completeness() == Completeness::Pending {
        container.reasons.clear();
    }
    let mut hasher = DefaultHasher::new();
    container.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}
