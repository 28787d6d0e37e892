//! Who had the losses that the programs count.

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};
use eyrie_bpf::{Counter, LOSS_SOURCES_MAP, kind};
use eyrie_proto::event::{EventClass, LossReason, LossRecord, LossSource, LossSourceKind};
use tracing::warn;

use super::KernelError;
use crate::stream::merge_sources;

/// Entries read at a time, some two microseconds each; what is left is read with the next losses.
const READ_AT_ONCE: usize = 1_024;

type Key = [u8; eyrie_bpf::LossSource::BYTES];

/// The map that the programs note them in.
pub(super) struct LossSources {
    map: HashMap<MapData, Key, u64>,
}

// === impl LossSources ===

impl LossSources {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let map = ebpf.take_map(LOSS_SOURCES_MAP).ok_or_else(KernelError::no_map(LOSS_SOURCES_MAP))?;
        Ok(Self { map: HashMap::try_from(map).map_err(KernelError::map(LOSS_SOURCES_MAP))? })
    }

    /// Moves what was noted into the records that it belongs to, as a best effort: what happens meanwhile comes with the next
    /// losses, and sums are not those of the records.
    pub(super) fn move_into(&mut self, losses: &mut [LossRecord]) {
        let noted = self.take();
        for record in losses {
            record.top_sources = top_sources(&noted, record.event_class(), record.reason());
        }
    }

    fn take(&mut self) -> Vec<(eyrie_bpf::LossSource, u64)> {
        // The keys first: a walk that meets one that was removed begins anew.
        let keys: Vec<_> = self.map.keys().take(READ_AT_ONCE).map_while(Result::ok).collect();
        let mut noted = Vec::new();
        for key in keys {
            // The programs may have forgotten it by now.
            let Ok(count) = self.map.get(&key, 0) else { continue };
            if let Err(error) = self.map.remove(&key) {
                warn!("who lost cannot be forgotten, and may be told twice: {error}");
            }
            noted.extend(eyrie_bpf::LossSource::read(&key).ok().map(|source| (source, count)));
        }
        noted
    }
}

/// Those that lost most of this class for this reason, the most first.
fn top_sources(
    noted: &[(eyrie_bpf::LossSource, u64)],
    class: EventClass,
    reason: LossReason,
) -> Vec<LossSource> {
    let belongs =
        |source: &eyrie_bpf::LossSource| class_of(source) == class && reason_of(source) == Some(reason);
    let of_loss = noted.iter().filter(|(source, _)| belongs(source));
    let mut top = Vec::new();
    merge_sources(&mut top, of_loss.map(|(source, count)| told(source, *count)));
    top
}

fn class_of(source: &eyrie_bpf::LossSource) -> EventClass {
    match source.class() {
        eyrie_bpf::EventClass::Plain => EventClass::Plain,
        eyrie_bpf::EventClass::StateBearing => EventClass::StateBearing,
    }
}

/// The reason that the counter is told under.
fn reason_of(source: &eyrie_bpf::LossSource) -> Option<LossReason> {
    match source.reason()? {
        Counter::LostFull | Counter::LostRefused => Some(LossReason::Full),
        Counter::LostBug => Some(LossReason::Undecodable),
        Counter::LostDegraded => Some(LossReason::Degraded),
        _ => None,
    }
}

fn told(source: &eyrie_bpf::LossSource, count: u64) -> LossSource {
    let kind = match (source.call(), source.kind) {
        (Some((_, false)), _) => LossSourceKind::SystemCall,
        (Some((_, true)), _) => LossSourceKind::SystemCallCompat32,
        (None, kind::FORK) => LossSourceKind::Fork,
        (None, kind::EXEC) => LossSourceKind::Exec,
        (None, kind::EXIT) => LossSourceKind::Exit,
        (None, kind::CGROUP) => LossSourceKind::Cgroup,
        (None, _) => LossSourceKind::Unspecified,
    };
    LossSource {
        comm: source.comm().to_vec(),
        syscall_number: source.call().map_or(0, |(number, _)| number),
        kind: kind.into(),
        count,
    }
}

#[cfg(test)]
mod tests {
    use eyrie_bpf::flag;

    use super::*;

    fn noted(comm: &[u8], call: Option<u32>, reason: u16, flags: u32) -> eyrie_bpf::LossSource {
        let mut key = [0; eyrie_bpf::LossSource::BYTES];
        key[..comm.len()].copy_from_slice(comm);
        key[16..20].copy_from_slice(&call.unwrap_or_default().to_ne_bytes());
        key[20..22].copy_from_slice(&kind::FORK.to_ne_bytes());
        key[22..24].copy_from_slice(&reason.to_ne_bytes());
        let has_call = if call.is_some() { flag::HAS_CALL } else { 0 };
        key[24..].copy_from_slice(&(flags | has_call).to_ne_bytes());
        eyrie_bpf::LossSource::read(&key).unwrap()
    }

    /// Scenario: losses of one caller for both reasons that a ring has, of others, of a fork, and of calls that were shed. Guarantees:
    /// each goes where its class and reason are, those of one caller as one, the most first and no more than eight; a fork says
    /// that it is none of the calls.
    #[test]
    fn sources_are_told_with_their_losses() {
        const FULL: u16 = 1;
        const REFUSED: u16 = 2;
        const DEGRADED: u16 = 9;
        let mut all = vec![
            (noted(b"flood", Some(0), FULL, 0), 70),
            (noted(b"flood", Some(0), REFUSED, 0), 50),
            (noted(b"flood", Some(0), DEGRADED, flag::COMPAT32), 9),
            (noted(b"sh", None, FULL, flag::STATE_BEARING), 3),
        ];
        all.extend((1..20).map(|number| (noted(b"other", Some(number), FULL, 0), u64::from(number))));
        let full = top_sources(&all, EventClass::Plain, LossReason::Full);
        assert_eq!(full.len(), 8);
        assert_eq!((full[0].comm.as_slice(), full[0].count), (&b"flood"[..], 120));
        assert_eq!((full[1].syscall_number, full[1].count), (19, 19));
        let only = |class, reason| {
            let sources = top_sources(&all, class, reason);
            assert_eq!(sources.len(), 1);
            (sources[0].kind(), sources[0].count)
        };
        assert_eq!(only(EventClass::StateBearing, LossReason::Full), (LossSourceKind::Fork, 3));
        assert_eq!(only(EventClass::Plain, LossReason::Degraded), (LossSourceKind::SystemCallCompat32, 9));
    }
}
