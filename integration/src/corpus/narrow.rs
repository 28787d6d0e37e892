//! Keeping of a recording only what some processes did.

use std::{collections::HashSet, path::Path};

use anyhow::{Context as _, ensure};
use eyrie_proto::{
    capture::{AgentInfo, BaseState, LateFacts},
    event::{
        Event, HostBoot, OrderedFact, Origin, ProcessKey, UsersFact, event::Kind as EventKind, ordered_fact,
        origin,
    },
    metadata::{LateFact, late_fact},
    recording::{RecordedBatch, RecordingEnd, RecordingHeader, RecordingTrailer, recording_entry::Kind},
};
use recording::CreateOptions;

/// What the host is called in the corpus.
pub const HOSTNAME: &str = "corpus";
/// Of users and groups, those that every system has.
const ACCOUNTS: [&[u8]; 8] =
    [b"root", b"daemon", b"bin", b"sys", b"mail", b"www-data", b"nobody", b"nogroup"];

/// What is kept.
#[derive(Debug, Default)]
struct Kept {
    /// Whose children are kept.
    parent: u32,
    processes: HashSet<ProcessKey>,
    /// Hierarchy and id of their control groups.
    groups: HashSet<(u32, u64)>,
    /// Ids of the containers that those groups are of.
    containers: HashSet<String>,
    /// Late facts so far.
    facts: u64,
}

/// Writes to `to` what the descendants of the process `parent`, as far as they were made while `from` was recorded, did in `from`:
/// no other process is in the base state or in events. Losses are refused.
pub fn narrow(from: &Path, to: &Path, parent: u32) -> anyhow::Result<()> {
    let mut source = recording::open(from)?;
    let mut kinds = Vec::new();
    while let Some(kind) = source.next()? {
        kinds.push(kind);
    }
    let mut kept = Kept { parent, ..Kept::default() };
    // Between processors the order may differ a little: a child's child may be told first.
    while kept.learn(&kinds) {}
    let options = CreateOptions { is_replacing: true, ..CreateOptions::default() };
    let mut sink = recording::create(to, &options)?;
    let (mut events, mut left_out) = (0, 0);
    for mut kind in kinds {
        match &mut kind {
            Kind::Header(header) => neutral_header(header),
            Kind::BaseState(part) => kept.base_state(part),
            Kind::Batch(recorded) => {
                left_out += kept.batch(recorded)?;
                let count = recorded.batch.as_ref().map_or(0, |batch| batch.events.len());
                events += count as u64;
                if count == 0 {
                    continue;
                }
            }
            Kind::LateFacts(late) => {
                kept.late_facts(late);
                if late.facts.is_empty() {
                    continue;
                }
            }
            Kind::Trailer(trailer) => *trailer = trailer_of(events, left_out),
        }
        sink.write(&kind)?;
    }
    sink.finish()?;
    Ok(())
}

// === impl Kept ===

impl Kept {
    /// Whether there was anything new in it.
    fn learn(&mut self, kinds: &[Kind]) -> bool {
        let before = (self.processes.len(), self.groups.len(), self.containers.len());
        for kind in kinds {
            match kind {
                Kind::BaseState(part) => part.facts.iter().for_each(|event| self.learn_event(event)),
                Kind::Batch(recorded) => {
                    let events = recorded.batch.iter().flat_map(|batch| &batch.events);
                    events.for_each(|event| self.learn_event(event));
                }
                Kind::Header(_) | Kind::LateFacts(_) | Kind::Trailer(_) => {}
            }
        }
        before != (self.processes.len(), self.groups.len(), self.containers.len())
    }

    fn learn_event(&mut self, event: &Event) {
        if let Some(EventKind::Fact(OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), .. })) =
            &event.kind
        {
            let group = fact.cgroup.map(|key| (key.hierarchy, key.cgroup_id));
            if group.is_some_and(|group| self.groups.contains(&group)) && !fact.container_id.is_empty() {
                self.containers.insert(fact.container_id.clone());
            }
        }
        let Some(task) = &event.task else { return };
        let is_parents = task.process.is_some_and(|key| key.pid == self.parent);
        if let Some(EventKind::Fork(fork)) = &event.kind
            && (is_parents || self.has(task.process))
            && let Some(child) = fork.child_process
            // A thread of the parent's own is no child.
            && child.pid != self.parent
        {
            self.processes.insert(child);
        }
        if self.has(task.process) {
            self.groups.insert((task.cgroup_hierarchy, task.cgroup_id));
        }
    }

    fn has(&self, process: Option<ProcessKey>) -> bool {
        process.is_some_and(|key| self.processes.contains(&key))
    }

    fn base_state(&self, part: &mut BaseState) {
        part.processes.retain(|process| self.has(process.process));
        part.facts.retain_mut(|event| self.keeps(event));
    }

    fn batch(&self, recorded: &mut RecordedBatch) -> anyhow::Result<u64> {
        let batch = recorded.batch.as_mut().context("a batch without a batch in it")?;
        batch.timings = None;
        let is_lost = batch.events.iter().any(|event| matches!(event.kind, Some(EventKind::Loss(_))));
        ensure!(!is_lost, "events were lost: record again on a machine that is less busy");
        Ok(recording::retain(recorded, |event| self.keeps(event)))
    }

    fn keeps(&self, event: &mut Event) -> bool {
        match &mut event.kind {
            Some(EventKind::Fact(fact)) => self.keeps_fact(fact),
            Some(EventKind::PlanSwitch(_)) => true,
            Some(EventKind::ProcessSnapshot(snapshot)) => {
                self.has(snapshot.state.as_ref().and_then(|state| state.process))
            }
            Some(EventKind::Fork(fork)) if self.has(fork.child_process) => true,
            _ => self.has(event.task.as_ref().and_then(|task| task.process)),
        }
    }

    fn keeps_fact(&self, fact: &mut OrderedFact) -> bool {
        match &mut fact.kind {
            Some(ordered_fact::Kind::Cgroup(group)) => {
                let is_host = group.container_id.is_empty();
                if is_host {
                    // It says how whoever made the corpus was logged in.
                    group.path = b"/corpus".to_vec();
                }
                group.cgroup.is_some_and(|key| self.groups.contains(&(key.hierarchy, key.cgroup_id)))
            }
            Some(ordered_fact::Kind::Users(users)) => {
                neutral_users(users);
                users.container_id.is_empty() || self.containers.contains(&users.container_id)
            }
            Some(ordered_fact::Kind::Host(host)) => {
                HOSTNAME.clone_into(&mut host.hostname);
                host.labels.clear();
                true
            }
            Some(ordered_fact::Kind::Timeline(_)) => true,
            Some(
                ordered_fact::Kind::Interfaces(_)
                | ordered_fact::Kind::Mounts(_)
                | ordered_fact::Kind::Names(_),
            )
            | None => false,
        }
    }

    fn late_facts(&mut self, late: &mut LateFacts) {
        late.facts.retain_mut(|fact| self.keeps_late_fact(fact));
        late.first_fact_sequence = self.facts + 1;
        self.facts += late.facts.len() as u64;
    }

    fn keeps_late_fact(&self, fact: &mut LateFact) -> bool {
        let key = match &mut fact.kind {
            Some(late_fact::Kind::Container(container)) => container.key.as_mut(),
            Some(late_fact::Kind::ContainerRemoval(removal)) => removal.key.as_mut(),
            Some(late_fact::Kind::Host(_)) | None => None,
        };
        key.is_some_and(|key| {
            key.origin = Some(neutral_origin());
            self.containers.contains(&key.runtime_id)
        })
    }
}

fn neutral_origin() -> Origin {
    let host = HostBoot {
        machine_id: "c0ffee00c0ffee00c0ffee00c0ffee00".to_owned(),
        boot_id: "c0ffee00-c0ff-ee00-c0ff-ee00c0ffee00".to_owned(),
    };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }
}

fn neutral_header(header: &mut RecordingHeader) {
    header.origin = Some(neutral_origin());
    "descendants of the corpus's generator".clone_into(&mut header.filter);
    let agent = header.agent.take().unwrap_or_default();
    header.agent = Some(AgentInfo {
        hostname: HOSTNAME.to_owned(),
        labels: Default::default(),
        missing_abilities: Vec::new(),
        ..agent
    });
}

fn neutral_users(users: &mut UsersFact) {
    if users.container_id.is_empty() {
        users.users.retain(|user| ACCOUNTS.contains(&user.name.as_slice()));
        users.groups.retain(|group| ACCOUNTS.contains(&group.name.as_slice()));
    }
}

fn trailer_of(event_count: u64, left_out_events: u64) -> RecordingTrailer {
    let end = RecordingEnd::Complete.into();
    RecordingTrailer { event_count, left_out_events, end, ..RecordingTrailer::default() }
}
