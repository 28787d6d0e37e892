//! Evaluates recorded streams, as an engine would have.
//!
//! What goes in are the pieces of a recording in their order, whatever format they were read from; what comes out are alerts
//! with the ids, fields, processes and losses that an engine gives them. There is no log, no network, and no clock: the
//! same recording and the same rules give the same alerts, in the order of their events.
//!
//! ```text
//!             a first pass, where there can be one: Replay::learn ─▶ what is known of containers and the host
//!                                                                                   │
//!  pieces ─▶ Replay::feed ─▶ a stream's state ─▶ rules ─▶ matches ─▶ held back until decided ─▶ alerts
//! ```
//!
//! A match that hangs on what its container is called waits, and what comes after it waits behind it, up to a bound. Where
//! a first pass has told everything that the recording knows, nothing has to wait for it. What is unknown at the end
//! goes out marked, as an engine's alerts do; there are no amendments.
//!
//! The crate reads no files: that is `recording`'s.

mod held;
mod stats;
mod stream;

use std::{collections::BTreeSet, sync::Arc};

use eyrie_proto::{
    alert::Alert,
    capture::LateFacts,
    event::{Origin, origin},
    metadata::{Completeness, LateFact, late_fact},
    recording::{RecordingHeader, recording_entry::Kind},
};
use prost::Message as _;
use recording::CONTRACT_VERSION;

pub use self::stats::{Stats, StreamEnd};
use self::{held::Held, stream::Stream};
use crate::{
    base_state::BaseStateError,
    evaluate::Evaluate,
    intake::SessionLimits,
    metadata::{CacheLimits, Metadata},
    metrics::Metrics,
    session::late_facts,
};

/// Origins of one recording whose facts are known beforehand: up to 16 KiB each of their hosts, and what they tell of containers is bounded by the cache.
const KNOWN_ORIGINS: usize = 1_024;
/// Of each name in an origin, as in an agent's Hello.
const MAX_NAME_BYTES: usize = 256;
/// Of a container's id that is remembered; those of runtimes have 64.
const MAX_ID_BYTES: usize = 1_024;
/// Of the containers of all origins: a recording has few, and nobody sweeps what it tells.
const MAX_CACHE_BYTES: usize = 128 * 1024 * 1024;

/// How a replay goes about it.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// How much is kept of what late facts tell.
    pub cache: CacheLimits,
    /// Bytes of one stream's base state.
    pub max_base_state_bytes: usize,
    /// Whether to measure how long applying and evaluating take, which costs some 50 ns an event.
    pub is_timed: bool,
}

/// Why a stream cannot be replayed any further.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing says whose it is.
    #[error("a {found} comes before any header: this is no recording, or its beginning is missing")]
    HeaderMissing {
        /// What is there instead.
        found: &'static str,
    },
    /// Made by somebody newer.
    #[error(
        "the recording is of version {found}, and this program reads versions up to {CONTRACT_VERSION}: use a newer eyrie"
    )]
    VersionUnknown {
        /// What the header says.
        found: u32,
    },
    /// Nobody's stream.
    #[error("the header of the recording names no origin: its events belong to no host and no source")]
    OriginMissing,
    /// Somebody's whose name nobody has.
    #[error(
        "the header of the recording has an origin with a name of {found} bytes, and names have up to {MAX_NAME_BYTES}: the recording is damaged"
    )]
    OriginTooLong {
        /// Bytes of the longest of them.
        found: usize,
    },
    /// The parts of the base state do not fit each other, or are too large.
    #[error("the recording's base state cannot be used: {detail}")]
    BaseStateInvalid {
        /// What is wrong.
        detail: String,
    },
    /// Events before the state that they change.
    #[error(
        "events come after {parts} parts of the base state, and the last part is missing: the recording is damaged"
    )]
    BaseStateIncomplete {
        /// Those that came.
        parts: usize,
    },
    /// State amid events.
    #[error(
        "a part of a base state comes after events: the recording is damaged, or two were joined without a header between them"
    )]
    BaseStateLate,
}

/// Replays one recording, of one or several streams after each other.
pub struct Replay {
    evaluator: Arc<dyn Evaluate>,
    options: ReplayOptions,
    metadata: Arc<Metadata>,
    metrics: Arc<Metrics>,
    stream: Option<Stream>,
    held: Held,
    /// Decided, and not yet given.
    ready: Vec<Alert>,
    stats: Stats,
    foreknowledge: Foreknowledge,
}

/// What a first pass has told.
#[derive(Debug, Default)]
struct Foreknowledge {
    /// Whose pieces come in the first pass.
    origin: Option<Origin>,
    origins: BTreeSet<Arc<str>>,
    /// Containers that have ended: what is told of their ids from then on may be of others.
    ended: BTreeSet<String>,
    facts: usize,
    bytes: usize,
    /// Some facts have to be learned as they come.
    is_partial: bool,
    /// There was a first pass.
    is_there: bool,
}

// === impl ReplayOptions ===

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            cache: CacheLimits { max_bytes: MAX_CACHE_BYTES, ..CacheLimits::default() },
            max_base_state_bytes: SessionLimits::default().max_base_state_bytes,
            is_timed: false,
        }
    }
}

// === impl ReplayError ===

impl From<BaseStateError> for ReplayError {
    fn from(error: BaseStateError) -> Self {
        Self::BaseStateInvalid { detail: error.to_string() }
    }
}

// === impl Replay ===

impl Replay {
    /// A replay of nothing so far, by these rules.
    pub fn new(evaluator: Arc<dyn Evaluate>, options: ReplayOptions) -> Self {
        Self {
            metadata: Metadata::offline(options.cache.clone()),
            // Nobody reads them here.
            metrics: Metrics::new(&telemetry::Instruments::default().meter),
            evaluator,
            options,
            stream: None,
            held: Held::default(),
            ready: Vec::new(),
            stats: Stats::default(),
            foreknowledge: Foreknowledge::default(),
        }
    }

    /// Takes a piece in a first pass, before any is fed: what late facts tell of containers and the host is then known from the beginning, as
    /// it is to an engine whose metadata service was told before. Everything else is looked past.
    pub fn learn(&mut self, kind: &Kind) {
        self.foreknowledge.is_there = true;
        match kind {
            Kind::Header(header) => {
                let is_usable = |origin: &&Origin| longest_name(origin) <= MAX_NAME_BYTES;
                self.foreknowledge.origin = header.origin.as_ref().filter(is_usable).cloned();
            }
            Kind::LateFacts(late) => self.learn_facts(late),
            Kind::BaseState(_) | Kind::Batch(_) | Kind::Trailer(_) => {}
        }
    }

    /// Takes the next piece; gives the alerts that are decided by now, in the order of their events. After an error, pieces
    /// up to the next header are not worth feeding; alerts from before it are given by the next call, or by `finish`.
    pub fn feed(&mut self, kind: Kind) -> Result<Vec<Alert>, ReplayError> {
        self.take(kind)?;
        if self.foreknowledge.is_whole() {
            self.held.tell_what_waits_for_facts(&self.metadata);
        }
        self.held.release(&self.metadata, &mut self.ready);
        Ok(self.give())
    }

    /// There is no more: gives what was held back, and what there was in all.
    pub fn finish(mut self) -> (Vec<Alert>, Stats) {
        let last = self.end_stream();
        self.forget(last);
        (self.give(), self.stats)
    }

    /// What there was so far, but for how the stream at hand ends.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn take(&mut self, kind: Kind) -> Result<(), ReplayError> {
        match kind {
            Kind::Header(header) => {
                let last = self.end_stream();
                let next = begin(header).map(|header| Stream::new(header, self));
                // What is known of an origin holds on if the next stream is of the same.
                self.forget(last);
                self.stream = Some(next?);
            }
            Kind::BaseState(part) => self.stream("base state")?.restore(part)?,
            Kind::Batch(batch) => {
                let stream = self.stream.as_mut().ok_or(ReplayError::HeaderMissing { found: "batch" })?;
                stream.evaluate(batch, &mut self.held, &mut self.stats)?;
            }
            Kind::LateFacts(late) => {
                let stream = self.stream.as_mut().ok_or(ReplayError::HeaderMissing { found: "late fact" })?;
                let is_settled = self.foreknowledge.is_whole();
                stream.learn(late, is_settled, &mut self.held, &mut self.stats);
            }
            Kind::Trailer(trailer) => self.stream("trailer")?.end = Some(StreamEnd::from(trailer)),
        }
        Ok(())
    }

    fn give(&mut self) -> Vec<Alert> {
        self.stats.count_alerts(&self.ready);
        std::mem::take(&mut self.ready)
    }

    fn stream(&mut self, found: &'static str) -> Result<&mut Stream, ReplayError> {
        self.stream.as_mut().ok_or(ReplayError::HeaderMissing { found })
    }

    /// Nothing that comes now can decide what waits. Gives the stream that was.
    fn end_stream(&mut self) -> Option<Stream> {
        self.held.tell_all(&self.metadata);
        self.held.release(&self.metadata, &mut self.ready);
        let mut stream = self.stream.take()?;
        self.stats.end_stream(stream.end.take().unwrap_or(StreamEnd::Missing));
        Some(stream)
    }

    /// Of an origin that has no stream now, nothing is kept but what a first pass told: a file may have any number of them.
    fn forget(&self, stream: Option<Stream>) {
        let Some(name) = stream.map(|stream| stream.name) else { return };
        if !self.foreknowledge.origins.contains(&name) {
            self.metadata.forget(&name);
        }
    }

    fn learn_facts(&mut self, late: &LateFacts) {
        let known = &mut self.foreknowledge;
        let Some(origin) = known.origin.clone() else { return };
        let name: Arc<str> = origin.to_string().into();
        if known.origins.len() >= KNOWN_ORIGINS && !known.origins.contains(&name) {
            known.is_partial = true;
            return;
        }
        known.origins.insert(Arc::clone(&name));
        // It stays known after its session.
        let _attendance = self.metadata.attend(&name, &origin);
        for fact in &late.facts {
            let mut fact = fact.clone();
            if late_facts::check(&origin, &mut fact).is_ok() && known.takes(&name, &fact, &self.options.cache)
            {
                self.metadata.learn(&name, &fact);
            }
        }
    }
}

/// The header, if its stream can be replayed.
fn begin(header: RecordingHeader) -> Result<RecordingHeader, ReplayError> {
    if header.version > CONTRACT_VERSION {
        return Err(ReplayError::VersionUnknown { found: header.version });
    }
    let origin = header.origin.as_ref().filter(|origin| origin.kind.is_some());
    match origin.map(longest_name) {
        None => Err(ReplayError::OriginMissing),
        Some(found) if found > MAX_NAME_BYTES => Err(ReplayError::OriginTooLong { found }),
        Some(_) => Ok(header),
    }
}

/// Bytes of the longest name in an origin.
fn longest_name(origin: &Origin) -> usize {
    let (first, second) = match &origin.kind {
        Some(origin::Kind::Host(host)) => (&host.machine_id, &host.boot_id),
        Some(origin::Kind::Source(source)) => (&source.source, &source.instance),
        None => (&origin.tenant, &origin.tenant),
    };
    origin.tenant.len().max(first.len()).max(second.len())
}

// === impl Foreknowledge ===

impl Foreknowledge {
    /// All that the recording will ever tell is known.
    fn is_whole(&self) -> bool {
        self.is_there && !self.is_partial
    }

    /// Whether a fact may be known before its time.
    fn takes(&mut self, origin: &str, fact: &LateFact, limits: &CacheLimits) -> bool {
        let id = |key: Option<&eyrie_proto::metadata::ContainerKey>| {
            key.map(|key| format!("{origin}/{}", key.runtime_id)).unwrap_or_default()
        };
        match &fact.kind {
            Some(late_fact::Kind::Container(container)) => {
                self.facts += 1;
                self.bytes += fact.encoded_len();
                let id = id(container.key.as_ref());
                let is_others = self.ended.contains(&id) || id.len() > MAX_ID_BYTES;
                // What the cache may have forgotten by then is learned again.
                let is_too_much =
                    self.facts >= limits.max_containers || self.bytes >= limits.max_origin_bytes / 2;
                self.is_partial |= is_others || is_too_much;
                !is_others
            }
            Some(late_fact::Kind::ContainerRemoval(removal)) => {
                let id = id(removal.key.as_ref());
                if self.ended.len() < limits.max_containers && id.len() <= MAX_ID_BYTES {
                    self.ended.insert(id);
                } else {
                    self.is_partial = true;
                }
                false
            }
            Some(late_fact::Kind::Host(host)) => host.completeness() != Completeness::Pending,
            None => false,
        }
    }
}
