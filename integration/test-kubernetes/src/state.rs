//! Objects, their history, and faults.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Changes that are kept for watches; the oldest leave, as they do with a real server after some minutes.
const MAX_HISTORY: usize = 200_000;
/// Requests that are remembered.
const MAX_REQUESTS: usize = 100_000;

#[derive(Debug)]
pub(crate) struct State {
    known: Mutex<Known>,
    /// The last version.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) version: u64,
    /// Changes up to this one are forgotten.
    pub(crate) forgotten: u64,
    pub(crate) is_gone_an_event: bool,
    objects: BTreeMap<(String, String, String), Value>,
    pub(crate) history: Vec<Change>,
    /// What is left of lists that were begun, by token.
    pages: HashMap<String, Page>,
    next_page: u64,
    forbidden: HashSet<String>,
    requests: Vec<String>,
    /// Cancelled when the server goes away; none while it is.
    here: Option<CancellationToken>,
    /// Cancelled when watches are cut off.
    watches: CancellationToken,
}

/// A change of an object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) plural: String,
    pub(crate) event: &'static str,
    pub(crate) object: Value,
}

/// The rest of a list, and the version that it is of.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) version: u64,
    pub(crate) rest: Vec<Value>,
}

// === impl State ===

impl Default for State {
    fn default() -> Self {
        let known = Known { version: 1, here: Some(CancellationToken::new()), ..Known::default() };
        Self { known: Mutex::new(known), changed: watch::Sender::new(1) }
    }
}

impl State {
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says when there is something new.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn put(&self, plural: &str, mut object: Value) -> u64 {
        let mut known = self.known();
        let version = known.version + 1;
        let text =
            |object: &Value, name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        let key = (plural.to_owned(), text(&object, "namespace"), text(&object, "name"));
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let before = known.objects.insert(key, object.clone());
        let event = if before.is_some() { "MODIFIED" } else { "ADDED" };
        known.note(version, plural, event, object);
        drop(known);
        self.changed.send_replace(version);
        version
    }

    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        let mut known = self.known();
        let version = known.version + 1;
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = known.objects.remove(&key).expect("only what is there can be deleted");
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        known.note(version, plural, "DELETED", object);
        drop(known);
        self.changed.send_replace(version);
    }

    pub(crate) fn forget_history(&self, as_event: bool) {
        let mut known = self.known();
        // A version that no object has: whoever has seen everything has to list again, too.
        known.version += 1;
        known.forgotten = known.version;
        known.history.clear();
        known.is_gone_an_event = as_event;
        std::mem::take(&mut known.watches).cancel();
    }

    pub(crate) fn expire_pages(&self) {
        self.known().pages.clear();
    }

    pub(crate) fn drop_watches(&self) {
        std::mem::take(&mut self.known().watches).cancel();
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        let mut known = self.known();
        match (is_away, known.here.take()) {
            (true, Some(here)) => here.cancel(),
            (true, None) => {}
            (false, here) => known.here = Some(here.unwrap_or_default()),
        }
    }

    /// Cancelled when the server goes away; none while it is.
    pub(crate) fn here(&self) -> Option<CancellationToken> {
        self.known().here.clone()
    }

    pub(crate) fn forbid(&self, plural: &str, is_forbidden: bool) {
        let forbidden = &mut self.known().forbidden;
        if is_forbidden {
            forbidden.insert(plural.to_owned());
        } else {
            forbidden.remove(plural);
        }
    }

    pub(crate) fn requests(&self, containing: &str) -> usize {
        self.known().requests.iter().filter(|request| request.contains(containing)).count()
    }
}

// === impl Known ===

impl Known {
    fn note(&mut self, version: u64, plural: &str, event: &'static str, object: Value) {
        self.version = version;
        self.history.push(Change { version, plural: plural.to_owned(), event, object });
        if self.history.len() > MAX_HISTORY {
            let oldest = self.history.remove(0);
            self.forgotten = oldest.version;
        }
    }

    pub(crate) fn note_request(&mut self, request: String) {
        if self.requests.len() < MAX_REQUESTS {
            self.requests.push(request);
        }
    }

    pub(crate) fn is_forbidden(&self, plural: &str) -> bool {
        self.forbidden.contains(plural)
    }

    pub(crate) fn watches(&self) -> CancellationToken {
        self.watches.clone()
    }

    /// All objects of a kind, in the order of namespaces and names.
    pub(crate) fn all(&self, plural: &str) -> Page {
        let is_kind = |((kind, ..), object): (&(String, String, String), &Value)| {
            (kind == plural).then(|| object.clone())
        };
        Page { version: self.version, rest: self.objects.iter().filter_map(is_kind).collect() }
    }

    /// Keeps the rest of a list; gives the token that it is had by.
    pub(crate) fn keep(&mut self, page: Page) -> String {
        self.next_page += 1;
        let token = format!("page-{}", self.next_page);
        self.pages.insert(token.clone(), page);
        token
    }

    pub(crate) fn page(&self, token: &str) -> Option<Page> {
        self.pages.get(token).cloned()
    }
}
