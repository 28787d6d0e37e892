//! A `.scap` file, block by block and event by event, by the reader of the format alone: what a program sees of it that knows nothing of Eyrie.

use std::{collections::BTreeMap, fs::File, path::Path};

use anyhow::{Context as _, ensure};
use scap::{Block, Event, Reader};
use scap_events::{
    extension::{ENTRY_EVENT, entry_of},
    import::{Import, ImportOptions},
};

/// What there is of a file.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Threads of the list.
    pub(crate) threads: usize,
    /// Events that are shown, by type.
    pub(crate) shown: BTreeMap<&'static str, u64>,
    /// Events that only change state.
    pub(crate) state_only: u64,
    /// Those of them that are Eyrie's own.
    pub(crate) entries: u64,
}

impl Walked {
    /// Fails on anything that the format's table does not know or that contradicts itself.
    pub(crate) fn of(file: &Path) -> anyhow::Result<Self> {
        let mut walked = Self::default();
        let mut reader = Reader::new(File::open(file)?)?;
        while let Some(block) = reader.next_block()? {
            match block {
                Block::Threads(threads) => walked.threads += threads.count(),
                Block::Event(event) => walked.take(&event)?,
                _ => {}
            }
        }
        let counts = reader.counts();
        let contradicting = [counts.corrupt_events, counts.corrupt_lists];
        ensure!([counts.unknown_events, counts.unknown_blocks] == [0; 2], "unknown: {counts:?}");
        ensure!(contradicting == [0; 2], "{counts:?}: {:?}", reader.problems());
        Ok(walked)
    }

    fn take(&mut self, event: &Event<'_>) -> anyhow::Result<()> {
        let known = event.event_type.with_context(|| format!("nobody knows code {}", event.code))?;
        for parameter in &known.parameters {
            event.value(parameter.name).with_context(|| format!("{} of {}", parameter.name, known.name))?;
        }
        if event.flags & scap_events::extension::STATE_ONLY == 0 {
            *self.shown.entry(known.event_type).or_default() += 1;
        } else {
            self.state_only += 1;
            self.entries += u64::from(entry_of(event)?.is_some());
        }
        Ok(())
    }
}

/// What reading a file without Eyrie's own pieces makes nothing of, by what it is.
pub(crate) fn not_understood(file: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut import = Import::new(Reader::new(File::open(file)?)?, ImportOptions::default());
    while import.next()?.is_some() {}
    let counts = import.counts();
    ensure!(!counts.others.contains_key(ENTRY_EVENT), "the file has Eyrie's own pieces");
    Ok(counts.not_understood())
}
