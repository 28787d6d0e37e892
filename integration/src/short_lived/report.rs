use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use eyrie_proto::{
    alert::{Alert, MetadataState},
    metadata::{Completeness, Container},
};
use rustix::time::{ClockId, clock_gettime};
use test_containers::Listed;

use super::{Arrival, RULE, Started};

/// What the alerts of one container came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One alert, which said everything when it was first sent.
    Complete,
    /// One alert, which was completed so long after its answer was there.
    Amended(Duration),
    /// One alert, which says that it does not know everything, and has not been amended.
    Marked,
    /// The same, of a container that podman has removed, with its files: nobody can know any more.
    Unreadable,
    /// No alert.
    Lost,
    /// More than one alert, or one that says what is not so.
    Wrong(String),
}

/// Of durations: the middle one, the one that 99 of 100 do not exceed, and the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Half are not longer.
    pub p50: Duration,
    /// 99 of 100 are not longer.
    pub p99: Duration,
    /// None is longer.
    pub max: Duration,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One for each container, with the container's name.
    pub verdicts: Vec<(String, Verdict)>,
    /// Alerts of no container of the load, and disagreements of podman with itself.
    pub strange: Vec<String>,
    /// From a container's birth until the agent had read the last of what it tells of it.
    pub learned: Vec<Duration>,
    /// From the event until a subscriber had the alert for the first time.
    pub sent: Vec<Duration>,
    /// How many alerts waited for metadata, as the engine counts.
    pub waited: Option<f64>,
    /// Events that were lost before they were evaluated.
    pub events_lost: Option<f64>,
}

// === impl Report ===

impl Report {
    /// Compares what came with what was started.
    pub fn of(started: &[Started], arrivals: &[Arrival]) -> Self {
        let mut by_container: HashMap<&str, Vec<&Arrival>> = HashMap::new();
        for arrival in arrivals.iter().filter(|arrival| arrival.alert.rule == RULE) {
            by_container.entry(runtime_id(&arrival.alert)).or_default().push(arrival);
        }
        let mut report = Self::default();
        for started in started {
            let of_it = by_container.remove(started.id.as_str()).unwrap_or_default();
            report.verdicts.push((started.name.clone(), verdict(started, &of_it)));
            if let (Some(first), Some(last)) = (of_it.first(), of_it.last()) {
                report.sent.push(since(first.at, first.alert.time_ns));
                report.learned.extend(last.alert.container.as_ref().and_then(learned_after));
            }
        }
        let strange = by_container.into_iter().map(|(id, of_it)| {
            format!(
                "{} alerts of container {id:?}: {}",
                of_it.len(),
                of_it.iter().map(|a| a.alert.message.as_str()).collect::<Vec<_>>().join("; ")
            )
        });
        report.strange = strange.collect();
        report
    }

    /// What podman lists is what was started; those that it removed itself are not there.
    pub fn compare_with_podman(&mut self, started: &[Started], listed: &[Listed]) {
        let listed: HashMap<_, _> = listed.iter().map(|listed| (listed.id.as_str(), listed)).collect();
        for started in started.iter().filter(|started| !started.is_removed) {
            let is_so = listed
                .get(started.id.as_str())
                .is_some_and(|listed| (&listed.name, &listed.image) == (&started.name, &started.image));
            if !is_so {
                self.strange.push(format!("podman does not list {started:?}"));
            }
        }
    }

    /// Nothing more will come.
    pub fn is_settled(&self) -> bool {
        !self
            .verdicts
            .iter()
            .any(|(_, verdict)| matches!(verdict, Verdict::Lost | Verdict::Marked | Verdict::Unreadable))
    }

    /// Every container has its alert, whatever that says.
    pub fn are_all_out(&self) -> bool {
        !self.verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Lost)
    }

    /// How many were complete when they were first sent.
    pub fn complete(&self) -> usize {
        self.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Complete).count()
    }

    /// How long after the answer those came that were amended.
    pub fn amended(&self) -> Vec<Duration> {
        let amended = self.verdicts.iter().filter_map(|(_, verdict)| match verdict {
            Verdict::Amended(after) => Some(*after),
            _ => None,
        });
        amended.collect()
    }

    /// What should not be: alerts that are lost, wrong, or were never completed although somebody could know.
    pub fn faults(&self) -> Vec<String> {
        let is_fault = |verdict: &Verdict| {
            !matches!(verdict, Verdict::Complete | Verdict::Amended(_) | Verdict::Unreadable)
        };
        let faults = self.verdicts.iter().filter(|(_, verdict)| is_fault(verdict));
        let faults = faults.map(|(name, verdict)| format!("{name}: {verdict:?}"));
        faults.chain(self.strange.iter().cloned()).collect()
    }

    fn count(&self, is_it: impl Fn(&Verdict) -> bool) -> usize {
        self.verdicts.iter().filter(|(_, verdict)| is_it(verdict)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.verdicts.len();
        let wrong = self.count(|verdict| matches!(verdict, Verdict::Wrong(_))) + self.strange.len();
        let lost = self.count(|verdict| *verdict == Verdict::Lost);
        let shown =
            |count: Option<f64>| count.map_or_else(|| "?".to_owned(), |count| format!("{:.0}", count.abs()));
        writeln!(f, "containers                  {count}")?;
        writeln!(f, "alerts                      {}, lost {lost}, wrong {wrong}", count - lost)?;
        let (complete, waited) = (self.complete(), shown(self.waited));
        let percent = complete as f64 * 100.0 / count.max(1) as f64;
        writeln!(
            f,
            "complete when first sent    {complete} ({percent:.1} %); {waited} events waited for metadata"
        )?;
        let marked = self.count(|verdict| matches!(verdict, Verdict::Marked | Verdict::Unreadable));
        let amended = self.amended();
        writeln!(
            f,
            "amended                     {}, {}; not amended {marked}",
            amended.len(),
            Quantiles::of(amended)
        )?;
        writeln!(f, "all known after birth       {}", Quantiles::of(self.learned.clone()))?;
        writeln!(f, "first sent after the event  {}", Quantiles::of(self.sent.clone()))?;
        write!(f, "events lost                 {}", shown(self.events_lost))
    }
}

// === impl Quantiles ===

impl Quantiles {
    /// By the nearest rank; all 0 of nothing.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |percent: usize| {
            let rank = (durations.len() * percent).div_ceil(100).max(1);
            durations.get(rank - 1).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, max } = self;
        write!(f, "p50 {} ms, p99 {} ms, max {} ms", p50.as_millis(), p99.as_millis(), max.as_millis())
    }
}

fn runtime_id(alert: &Alert) -> &str {
    let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
    key.map_or("", |key| &key.runtime_id)
}

/// Of the entries of one container, in the order in which they came.
fn verdict(started: &Started, entries: &[&Arrival]) -> Verdict {
    let Some((first, amendments)) = entries.split_first() else { return Verdict::Lost };
    if let Some(wrong) = entries.iter().find_map(|entry| falsehood(started, &entry.alert)) {
        return Verdict::Wrong(wrong);
    }
    let is_one = !first.alert.is_amendment
        && amendments.iter().all(|entry| entry.alert.is_amendment && entry.alert.id == first.alert.id);
    match amendments {
        _ if !is_one => Verdict::Wrong(format!("{} entries that are not one alert", entries.len())),
        [] if is_complete(&first.alert) => Verdict::Complete,
        [last] if is_complete(&last.alert) => {
            let answered_ns = last.alert.container.as_ref().map_or(0, learned_ns);
            Verdict::Amended(since(last.at, answered_ns))
        }
        [] | [_] if started.is_removed => Verdict::Unreadable,
        [] | [_] => Verdict::Marked,
        _ => Verdict::Wrong(format!("{} amendments", amendments.len())),
    }
}

/// What an alert says that is not so, or leaves out without saying so.
fn falsehood(started: &Started, alert: &Alert) -> Option<String> {
    let container = alert.container.clone().unwrap_or_default();
    let image =
        container.image.map_or_else(String::new, |image| format!("{}:{}", image.repository, image.tag));
    let is_so = |said: &str, is: &str| said == is || (said.is_empty() && !is_complete(alert));
    let expected = format!("written in {} of {} ({})", started.name, started.image, started.id);
    let is_message_so = alert.message.starts_with(&expected) || !is_complete(alert);
    let is_all = is_so(&container.name, &started.name) && is_so(&image, &started.image) && is_message_so;
    let is_right = is_all && !alert.is_retracted;
    (!is_right).then(|| {
        format!("{:?} of {image:?}, retracted: {}: {}", container.name, alert.is_retracted, alert.message)
    })
}

/// It says that it knows everything.
fn is_complete(alert: &Alert) -> bool {
    let is_whole = |container: &Container| container.completeness() == Completeness::Complete;
    alert.metadata_state() == MetadataState::Complete
        && alert.unknown_fields.is_empty()
        && alert.container.as_ref().is_some_and(is_whole)
}

/// When the last of what is told of a container was learned, since the epoch.
fn learned_ns(container: &Container) -> u64 {
    container.provenance.iter().map(|from| from.observed_ns).max().unwrap_or(0)
}

/// How long that was after the container's birth; nothing if its birth was not seen.
fn learned_after(container: &Container) -> Option<Duration> {
    let birth_ns = container.key.as_ref()?.cgroup?.birth_boot_ns;
    let birth = SystemTime::now().checked_sub(since_boot()?.checked_sub(Duration::from_nanos(birth_ns))?)?;
    (birth_ns > 0).then(|| since(at(learned_ns(container)), epoch_ns(birth)))
}

fn since_boot() -> Option<Duration> {
    clock_gettime(ClockId::Boottime).try_into().ok()
}

fn at(epoch_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(epoch_ns)
}

fn epoch_ns(at: SystemTime) -> u64 {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

fn since(later: SystemTime, earlier_ns: u64) -> Duration {
    later.duration_since(at(earlier_ns)).unwrap_or_default()
}
