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

/// For how long an answer about a container that has ended may be late.
const LATE_ANSWER_WITHIN: Duration = Duration::from_secs(60);

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
    /// That was all.
    is_complete: bool,
    end: Option<End>,
}

/// When a container ended.
#[derive(Clone, Copy, Debug)]
struct End {
    at: Instant,
    boot_ns: u64,
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
            is_complete: false,
            end: None,
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
        let (container, may_come) = self.known(sources);
        if is_due || !may_come {
            let pause = PAUSES_MS.get(self.attempts).filter(|_| may_come);
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

    /// What is known at its end; nothing if all that was given out already. Nobody shall wait for the rest, but what is there a little later is told.
    pub(super) fn last(&mut self, sources: &Sources, ended_boot_ns: u64) -> Option<Container> {
        self.end = Some(End { at: Instant::now(), boot_ns: ended_boot_ns });
        self.next()?;
        self.read(sources);
        self.ask(&sources.runtimes);
        let (container, _) = self.known(sources);
        self.give_out(container)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// When it ended so long ago that no answer is awaited; `None` while it runs.
    pub(super) fn forgotten_at(&self) -> Option<Instant> {
        self.end.map(|end| end.at + LATE_ANSWER_WITHIN)
    }

    /// Whether what was given out last lacks something.
    pub(super) fn lacks_something(&self) -> bool {
        !self.is_complete
    }

    /// Reads the files, unless they said everything already. What is left of them at the container's end may be less than before.
    fn read(&mut self, sources: &Sources) {
        if self.files.as_ref().is_some_and(|read| read.missing.is_minor()) {
            return;
        }
        let read = self.noticed.read(&sources.origin, &sources.places);
        let is_less = |before: &Read| before.missing.parts().len() < read.missing.parts().len();
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

    /// Everything that is known, and whether more may come. Of what has ended nothing counts as pending.
    fn known(&self, sources: &Sources) -> (Container, bool) {
        let Read { mut container, mut missing } =
            self.files.clone().unwrap_or_else(|| self.noticed.read(&sources.origin, &sources.places));
        for (told, observed_ns) in self.told.values() {
            if told.container != Container::default() {
                merge(&mut container, &told.container);
                missing.strike_out_told(told);
                container.provenance.push(provenance(told.source, *observed_ns));
            }
        }
        container.missing = missing.parts().into_iter().map(Into::into).collect();
        if let (Some(end), Some(validity)) = (self.end, &mut container.validity) {
            validity.until_ns = end.boot_ns;
        }
        if missing.is_minor() {
            container.set_completeness(Completeness::Complete);
            if self.noticed.runtime == "podman" {
                // They do not keep it from being complete: for most rules nothing is missing.
                let why = self.silence(&sources.runtimes).into_iter();
                container.reasons =
                    why.map(|why| format!("labels, addresses, health check: {why}")).collect();
            }
            return (container, false);
        }
        let may_come = self.next.is_some()
            && PAUSES_MS.get(self.attempts).is_some()
            && (self.noticed.may_be_read(self.attempts) || self.is_awaited(&sources.runtimes));
        container.reasons = missing.reasons();
        container
            .reasons
            .extend(self.told.values().flat_map(|(told, _)| told.container.reasons.iter().cloned()));
        container.reasons.extend(self.silence(&sources.runtimes));
        if self.has_ended() {
            container.reasons.push("it ended before more could be learnt".to_owned());
        }
        let is_pending = may_come && !self.has_ended();
        let completeness = if is_pending { Completeness::Pending } else { Completeness::FinalPartial };
        container.set_completeness(completeness);
        (container, may_come)
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
        self.is_complete = container.completeness() == Completeness::Complete;
        let digest = digest(container.clone());
        let is_new = self.given_out.replace(digest) != Some(digest);
        is_new.then_some(container)
    }
}

/// Whether there is something that may be a socket; a look at the name, which waits for nobody.
fn is_there(socket: &Path) -> bool {
    socket.try_exists().unwrap_or(false)
}

/// The same for what differs in nothing but when it was looked at, and in reasons why more may come: as long as it runs, or has ended.
fn digest(mut container: Container) -> u64 {
    container.provenance.iter_mut().for_each(|from| from.observed_ns = 0);
    let has_ended = container.validity.is_some_and(|validity| validity.until_ns != 0);
    if container.completeness() == Completeness::Pending || has_ended {
        container.reasons.clear();
        container.missing.clear();
    }
    let mut hasher = DefaultHasher::new();
    container.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}
