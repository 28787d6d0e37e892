//! What is in a recording of what some processes did.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

use anyhow::{Context as _, ensure};
use eyrie_proto::{
    event::{Event, ProcessKey, event::Kind as EventKind},
    recording::recording_entry::Kind,
};
use fields::{Architecture, event_type};

/// Of a process and its descendants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Their calls by the names that Falco has for them; ends of processes are no calls.
    pub(crate) calls: BTreeMap<String, u64>,
    /// How many of them a filter would have dropped: a sample goes on, to prove that no rule needed it.
    pub(crate) marked: u64,
    /// Events that were lost, of whomever.
    pub(crate) lost: u64,
}

// === impl Recorded ===

impl Recorded {
    /// What the process `root`, which was forked while it was recorded, and its descendants did.
    pub(crate) fn of_descendants(file: &Path, root: u32) -> anyhow::Result<Self> {
        let mut parents = HashMap::new();
        each_event(file, |event, _| {
            if let Some(EventKind::Fork(fork)) = &event.kind
                && let (Some(child), Some(parent)) = (fork.child_process, caller(event))
                // A new thread is its maker's process.
                && child != parent
            {
                parents.insert(child, parent);
            }
        })?;
        let family = family(root, &parents);
        ensure!(!family.is_empty(), "the load is not in the recording {}", file.display());
        let mut recorded = Self::default();
        each_event(file, |event, architecture| {
            if let Some(EventKind::Loss(loss)) = &event.kind {
                recorded.lost += loss.count;
            }
            if caller(event).is_some_and(|process| family.contains(&process))
                && let Some(name) = event_type(event, architecture).filter(|name| *name != "procexit")
            {
                *recorded.calls.entry(name.to_owned()).or_default() += 1;
                recorded.marked += u64::from(event.is_filter_marked);
            }
        })?;
        Ok(recorded)
    }

    /// How many calls there are of those with these names.
    pub(crate) fn count(&self, names: &[String]) -> u64 {
        self.among(names).map(|(_, count)| count).sum()
    }

    /// Those with these names.
    pub(crate) fn among<'these>(
        &'these self,
        names: &'these [String],
    ) -> impl Iterator<Item = (&'these str, u64)> {
        let calls = self.calls.iter().filter(|(name, _)| names.contains(name));
        calls.map(|(name, count)| (name.as_str(), *count))
    }
}

fn caller(event: &Event) -> Option<ProcessKey> {
    event.task.as_ref()?.process
}

fn each_event(file: &Path, mut look: impl FnMut(&Event, Architecture)) -> anyhow::Result<()> {
    let mut source = recording::open(file)?;
    let mut architecture = Architecture::X86_64;
    while let Some(kind) = source.next()? {
        match kind {
            Kind::Header(header) => {
                let machine = header.agent.unwrap_or_default().architecture;
                architecture = Architecture::from_machine(&machine).context("an unknown machine")?;
            }
            Kind::Batch(recorded) => {
                let events = recorded.batch.iter().flat_map(|batch| &batch.events);
                events.for_each(|event| look(event, architecture));
            }
            Kind::BaseState(_) | Kind::LateFacts(_) | Kind::Trailer(_) => {}
        }
    }
    Ok(())
}

/// Processes with this pid, and all below them.
fn family(root: u32, parents: &HashMap<ProcessKey, ProcessKey>) -> HashSet<ProcessKey> {
    let mut children = HashMap::<ProcessKey, Vec<ProcessKey>>::new();
    for (child, parent) in parents {
        children.entry(*parent).or_default().push(*child);
    }
    let mut family = HashSet::new();
    let mut next: Vec<ProcessKey> = parents.keys().filter(|child| child.pid == root).copied().collect();
    while let Some(process) = next.pop() {
        if family.insert(process) {
            next.extend(children.get(&process).into_iter().flatten());
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a load with a child, a grandchild and a thread, and a process of somebody else. Guarantees: the first are its family, and nobody else.
    #[test]
    fn a_family_is_all_below_the_root() {
        let key = |pid| ProcessKey { pid, start_boot_ns: u64::from(pid) };
        let parents =
            [(7, 1), (8, 7), (9, 8), (20, 1)].map(|(child, parent)| (key(child), key(parent))).into();
        assert_eq!(family(7, &parents), [7, 8, 9].map(key).into());
        assert_eq!(family(30, &parents), HashSet::new());
    }

    /// Scenario: calls of which some were asked for. Guarantees: only those are counted.
    #[test]
    fn calls_are_counted_by_name() {
        let calls = [("openat".to_owned(), 5), ("read".to_owned(), 7)].into();
        let recorded = Recorded { calls, ..Recorded::default() };
        assert_eq!(recorded.count(&["openat".to_owned(), "close".to_owned()]), 5);
    }
}
