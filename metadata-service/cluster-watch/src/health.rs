//! How each kind's watch is doing: for health checks, metrics and people.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use telemetry::{
    Meter,
    observe::{self, Count, Name},
};

use crate::kind::Kind;

/// What is wrong, kind by kind.
#[derive(Debug)]
pub struct Health {
    kinds: Mutex<[KindHealth; Kind::ALL.len()]>,
}

#[derive(Clone, Debug)]
struct KindHealth {
    is_listed: bool,
    heard: Instant,
    problem: Option<String>,
}

/// What the watches count.
#[derive(Clone, Debug, Default)]
pub struct WatchMetrics {
    /// Lists that were begun.
    pub lists: Count,
    /// Watches that were opened.
    pub watches: Count,
    /// Answers of 410 Gone.
    pub expired: Count,
    /// Requests that failed, or watches that broke.
    pub failures: Count,
    /// Objects without a uid.
    pub nameless: Count,
    /// Objects that were cut to what is kept at the most.
    pub cut: Count,
    /// Objects that there was no room for.
    pub refused: Count,
}

// === impl Health ===

impl Default for Health {
    fn default() -> Self {
        let kind = KindHealth { is_listed: false, heard: Instant::now(), problem: None };
        Self { kinds: Mutex::new(std::array::from_fn(|_| kind.clone())) }
    }
}

impl Health {
    /// Why the picture is not up to date, if it is not.
    pub fn check(&self) -> Result<(), String> {
        let kinds = self.kinds();
        let problem = |kind: Kind| {
            let health = kinds.get(kind.index())?;
            let seconds = health.heard.elapsed().as_secs();
            match (&health.problem, health.is_listed) {
                (None, true) => None,
                (None, false) => Some(format!("{}: not listed yet", kind.plural())),
                (Some(problem), true) => Some(format!("{}: as of {seconds} s ago, {problem}", kind.plural())),
                (Some(problem), false) => Some(format!("{}: never listed, {problem}", kind.plural())),
            }
        };
        let problems: Vec<String> = Kind::ALL.into_iter().filter_map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// How long ago the kind that was unheard for longest was heard of.
    pub fn unheard(&self) -> Duration {
        let longest = |health: &KindHealth| health.problem.as_ref().map(|_| health.heard.elapsed());
        self.kinds().iter().filter_map(longest).max().unwrap_or_default()
    }

    pub(crate) fn heard(&self, kind: Kind) {
        self.change(kind, |health| {
            health.heard = Instant::now();
            health.problem = None;
        });
    }

    pub(crate) fn listed(&self, kind: Kind) {
        self.change(kind, |health| health.is_listed = true);
        self.heard(kind);
    }

    pub(crate) fn failed(&self, kind: Kind, problem: String) {
        self.change(kind, |health| health.problem = Some(problem));
    }

    fn change(&self, kind: Kind, change: impl FnOnce(&mut KindHealth)) {
        if let Some(health) = self.kinds().get_mut(kind.index()) {
            change(health);
        }
    }

    fn kinds(&self) -> MutexGuard<'_, [KindHealth; Kind::ALL.len()]> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl WatchMetrics ===

impl WatchMetrics {
    /// Makes them visible; `unheard` says how long the API server is away.
    pub fn show(&self, meter: &Meter, unheard: impl Fn() -> Option<Duration> + Send + Sync + 'static) {
        let counts = [
            (&self.lists, "eyrie.metadata.kubernetes.lists", "Lists of the Kubernetes API that were begun"),
            (
                &self.watches,
                "eyrie.metadata.kubernetes.watches",
                "Watches of the Kubernetes API that were opened",
            ),
            (
                &self.expired,
                "eyrie.metadata.kubernetes.expired",
                "Resource versions that were gone (410), and led to a list",
            ),
            (
                &self.failures,
                "eyrie.metadata.kubernetes.failures",
                "Requests to the Kubernetes API that failed, and watches that broke",
            ),
            (&self.nameless, "eyrie.metadata.kubernetes.objects_nameless", "Objects without a uid, left out"),
            (
                &self.cut,
                "eyrie.metadata.kubernetes.objects_cut",
                "Objects with more labels, owners or addresses than are kept",
            ),
            (
                &self.refused,
                "eyrie.metadata.kubernetes.objects_refused",
                "Objects beyond --max-cluster-objects, left out",
            ),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
        let name = Name {
            name: "eyrie.metadata.kubernetes.seconds_unheard",
            description: "Seconds since a kind of objects was heard of whose watch fails; 0 if none does",
        };
        observe::gauge(meter, name, move || unheard().map(|unheard| unheard.as_secs()));
    }
}
