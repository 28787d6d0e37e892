//! One kind: lists it, watches it, and goes on whatever happens.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kube::core::WatchEvent;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{ApiError, ApiServer, Events},
    health::{Health, WatchMetrics},
    kind::Kind,
    picture::{Listing, Picture},
    slim::Slim,
};

/// A page that is too large is asked for with half as many objects, down to so many.
const MIN_PAGE: u32 = 8;
/// A watch that lasted for so long, or brought something, was a good one.
const GOOD_WATCH: Duration = Duration::from_secs(5);

/// How a cluster is watched.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Objects of a page of a list.
    pub page: u32,
    /// The server is asked to end a watch after so long; it is opened again at once.
    pub watch_lifetime: Duration,
    /// How long a page may take, and how long beyond its lifetime a watch may say nothing.
    pub answer_wait: Duration,
    /// Between tries: doubles from the first to the last.
    pub first_retry: Duration,
    /// The longest.
    pub last_retry: Duration,
}

/// Keeps one kind in a picture up to date.
pub struct Watcher {
    /// Which.
    pub kind: Kind,
    /// Whom it asks.
    pub server: ApiServer,
    /// What it tells.
    pub picture: Arc<Picture>,
    /// How it is doing.
    pub health: Arc<Health>,
    /// What it counts.
    pub metrics: WatchMetrics,
    /// How it asks.
    pub options: WatchOptions,
}

/// Grows from try to try, with jitter.
struct BackOff {
    next: Duration,
    first: Duration,
    last: Duration,
}

// === impl WatchOptions ===

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            page: 500,
            watch_lifetime: Duration::from_secs(240),
            answer_wait: Duration::from_secs(30),
            first_retry: Duration::from_millis(500),
            last_retry: Duration::from_secs(30),
        }
    }
}

// === impl Watcher ===

impl Watcher {
    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch_forever() => {}
        }
    }

    async fn watch_forever(&self) {
        let mut back_off = BackOff::new(&self.options);
        let mut version: Option<String> = None;
        loop {
            let result = match version.take() {
                None => self.list().await.map(Some),
                Some(from) => {
                    let mut last = from;
                    let result = self.follow(&mut last, &mut back_off).await;
                    match result {
                        // What cannot be read once would not be the next time either: the list goes around it.
                        Err(ApiError::Gone | ApiError::Malformed { .. } | ApiError::TooLarge { .. }) => {
                            result.map(|()| None)
                        }
                        // A watch that only ended is opened again from where it was.
                        _ => {
                            version = Some(last.clone());
                            result.map(|()| Some(last))
                        }
                    }
                }
            };
            match result {
                Ok(next) => version = next,
                Err(error) => {
                    self.note(&error);
                    back_off.wait().await;
                }
            }
        }
    }

    /// Lists everything; gives the version from which changes are to be watched.
    async fn list(&self) -> Result<String, ApiError> {
        self.metrics.lists.increment();
        let mut listing = self.picture.begin_list(self.kind);
        let (mut limit, mut token) = (self.options.page, None::<String>);
        loop {
            let asking = self.server.page(self.kind, limit, token.as_deref());
            let page = match self.in_time(asking).await {
                Err(ApiError::TooLarge { .. }) if limit > MIN_PAGE => {
                    limit = (limit / 2).max(MIN_PAGE);
                    continue;
                }
                page => page?,
            };
            self.health.heard(self.kind);
            for slim in page.items.unwrap_or_default() {
                self.put(slim, Some(&mut listing));
            }
            if page.metadata.continue_token.is_empty() {
                self.picture.end_list(listing, now_ns());
                self.health.listed(self.kind);
                return Ok(page.metadata.resource_version);
            }
            token = Some(page.metadata.continue_token);
        }
    }

    /// Watches until the server ends it; `version` is always the last that was seen.
    async fn follow(&self, version: &mut String, back_off: &mut BackOff) -> Result<(), ApiError> {
        let lifetime = self.options.watch_lifetime;
        let opening = self.server.watch(self.kind, version, lifetime);
        let mut events = self.in_time(opening).await?;
        self.metrics.watches.increment();
        self.health.heard(self.kind);
        let opened = Instant::now();
        loop {
            let event = self.next(&mut events).await?;
            let is_good = event.is_some() || opened.elapsed() >= GOOD_WATCH.min(lifetime / 2);
            if is_good {
                back_off.reset();
                self.health.heard(self.kind);
            }
            match event {
                Some(event) => self.take(event, version),
                None if is_good => return Ok(()),
                // Ended as soon as it was opened: not to be asked again at once.
                None => {
                    back_off.wait().await;
                    return Ok(());
                }
            }
        }
    }

    async fn next(&self, events: &mut Events) -> Result<Option<WatchEvent<Slim>>, ApiError> {
        // A connection that is dead says nothing, and a living one ends in time.
        let waited = self.options.watch_lifetime + self.options.answer_wait;
        let next = tokio::time::timeout(waited, events.next()).await;
        next.map_err(|_| ApiError::Silent { waited })?
    }

    fn take(&self, event: WatchEvent<Slim>, version: &mut String) {
        let seen = match event {
            WatchEvent::Added(slim) | WatchEvent::Modified(slim) => {
                let seen = slim.metadata.resource_version.clone();
                self.put(slim, None);
                seen
            }
            WatchEvent::Deleted(slim) => {
                self.picture.remove(&slim.metadata.uid, now_ns());
                slim.metadata.resource_version
            }
            WatchEvent::Bookmark(bookmark) => bookmark.metadata.resource_version,
            // Made an error of by who reads it.
            WatchEvent::Error(_) => return,
        };
        if !seen.is_empty() {
            *version = seen;
        }
    }

    fn put(&self, slim: Slim, listing: Option<&mut Listing>) {
        let Some((object, is_cut)) = slim.into_object(self.kind) else {
            self.metrics.nameless.increment();
            return;
        };
        self.metrics.cut.add(u64::from(is_cut));
        if let Some(listing) = listing {
            listing.saw(&object);
        }
        if !self.picture.put(self.kind, &object) {
            self.metrics.refused.increment();
        }
    }

    fn note(&self, error: &ApiError) {
        let kind = self.kind.plural();
        match error {
            ApiError::Gone => {
                self.metrics.expired.increment();
                tracing::info!(kind, "the Kubernetes API server has forgotten our version: listing again");
            }
            error => {
                self.metrics.failures.increment();
                self.health.failed(self.kind, error.to_string());
                tracing::warn!(kind, %error, "cannot follow the Kubernetes API, keeping what we had and trying again");
            }
        }
    }

    async fn in_time<T>(&self, asking: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let waited = self.options.answer_wait;
        tokio::time::timeout(waited, asking).await.map_err(|_| ApiError::Silent { waited })?
    }
}

// === impl BackOff ===

impl BackOff {
    fn new(options: &WatchOptions) -> Self {
        Self { next: options.first_retry, first: options.first_retry, last: options.last_retry }
    }

    fn reset(&mut self) {
        self.next = self.first;
    }

    async fn wait(&mut self) {
        let delay = self.next.mul_f64(rand::random_range(0.5..1.0));
        self.next = (self.next * 2).min(self.last);
        tokio::time::sleep(delay).await;
    }
}

fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
