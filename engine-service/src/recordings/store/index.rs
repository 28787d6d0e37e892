//! What is known of all recordings, in memory: nothing here waits for a disk.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use eyrie_proto::recording::Recording;

use super::{Refusal, StoreLimits, is_running, origin_name};

const AN_HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Index {
    /// By id.
    entries: BTreeMap<String, Entry>,
    /// Ids of those that are being made: few, and asked about with each alert.
    running: BTreeSet<String>,
    /// When recordings of an origin began in the last hour.
    begun: HashMap<Arc<str>, VecDeque<Instant>>,
    /// Of each origin's recordings.
    origin_bytes: HashMap<Arc<str>, u64>,
    total_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    /// Lists share it.
    recording: Arc<Recording>,
    origin: Arc<str>,
}

// === impl Index ===

impl Index {
    pub(super) fn of(recordings: impl IntoIterator<Item = Recording>) -> Self {
        let mut index = Self::default();
        recordings.into_iter().for_each(|recording| index.insert(recording));
        index
    }

    fn insert(&mut self, recording: Recording) {
        let (id, origin) = (recording.id.clone(), Arc::from(origin_name(&recording)));
        if is_running(&recording) {
            self.running.insert(id.clone());
        }
        self.account(&origin, 0, recording.size_bytes);
        self.entries.insert(id, Entry { recording: Arc::new(recording), origin });
    }

    /// Takes up a recording that begins now.
    pub(super) fn begin(&mut self, recording: Recording) {
        let origin = Arc::from(origin_name(&recording));
        self.begun.entry(origin).or_default().push_back(Instant::now());
        self.insert(recording);
    }

    /// Why no recording of `origin` with this id may begin now, if none may.
    pub(super) fn refusal(&mut self, id: &str, origin: &str, limits: &StoreLimits) -> Option<Refusal> {
        if self.entries.contains_key(id) {
            return Some(Refusal::Repeated);
        }
        if self.running.len() >= limits.max_at_once {
            return Some(Refusal::AtOnce { limit: limits.max_at_once });
        }
        let running = self.running.iter().filter_map(|id| self.get(id));
        if running.map(|recording| recording.size_bytes).sum::<u64>() >= limits.max_total_bytes {
            return Some(Refusal::Full { limit: limits.max_total_bytes });
        }
        let now = Instant::now();
        self.begun.retain(|_, times| {
            times.retain(|begun| now.saturating_duration_since(*begun) < AN_HOUR);
            !times.is_empty()
        });
        let begun = self.begun.get(origin).map_or(0, VecDeque::len);
        (begun >= limits.max_an_hour).then_some(Refusal::Hourly { limit: limits.max_an_hour })
    }

    /// All that there are, in the order of their ids.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Recording>> {
        self.entries.values().map(|entry| &entry.recording)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<Recording>> {
        self.entries.get(id).map(|entry| &entry.recording)
    }

    /// Changes what is known of one, and gives it as it is then.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Recording)) -> Option<Arc<Recording>> {
        let entry = self.entries.get_mut(id)?;
        let before = entry.recording.size_bytes;
        change(Arc::make_mut(&mut entry.recording));
        let (recording, origin) = (Arc::clone(&entry.recording), Arc::clone(&entry.origin));
        if !is_running(&recording) {
            self.running.remove(id);
        }
        self.account(&origin, before, recording.size_bytes);
        Some(recording)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<Recording>> {
        let Entry { recording, origin } = self.entries.remove(id)?;
        self.running.remove(id);
        self.account(&origin, recording.size_bytes, 0);
        Some(recording)
    }

    /// Whose recordings have too many bytes with the recording `id`: its origin's, or all.
    pub(super) fn excess(&self, id: &str, limits: &StoreLimits) -> Option<Excess> {
        let origin = &self.entries.get(id)?.origin;
        if self.origin_bytes.get(origin).is_some_and(|bytes| *bytes > limits.max_origin_bytes) {
            return Some(Excess::Origin(Arc::clone(origin)));
        }
        (self.total_bytes > limits.max_total_bytes).then_some(Excess::Total)
    }

    /// Takes out the oldest one that has ended, but for `kept`.
    pub(super) fn remove_oldest(&mut self, excess: &Excess, kept: &str) -> Option<Arc<Recording>> {
        let is_of = |entry: &Entry| match excess {
            Excess::Origin(origin) => entry.origin == *origin,
            Excess::Total => true,
        };
        let ended = self
            .entries
            .iter()
            .filter(|(id, entry)| is_of(entry) && !is_running(&entry.recording) && id.as_str() != kept);
        let (id, _) = ended.min_by_key(|(_, entry)| entry.recording.created_ns)?;
        let id = id.clone();
        self.remove(&id)
    }

    /// Bytes of all.
    pub(super) fn bytes(&self) -> u64 {
        self.total_bytes
    }

    fn account(&mut self, origin: &Arc<str>, before: u64, after: u64) {
        let changed = |bytes: u64| bytes.saturating_sub(before).saturating_add(after);
        self.total_bytes = changed(self.total_bytes);
        let bytes = self.origin_bytes.entry(Arc::clone(origin)).or_default();
        *bytes = changed(*bytes);
        if *bytes == 0 {
            self.origin_bytes.remove(origin);
        }
    }
}

/// Which budget does not hold.
#[derive(Debug)]
pub(super) enum Excess {
    Origin(Arc<str>),
    Total,
}
