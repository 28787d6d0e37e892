//! Whose file it is, and how its times are those of a boot.
//!
//! All is made of what the file says, so that the same file is the same origin with the same epoch each time, and with them its
//! alerts have the same ids.

use eyrie_proto::{
    capture::{AgentInfo, ClockReading},
    event::{HostBoot, Origin, origin},
    recording::RecordingHeader,
};
use scap::Machine;
use sha2::{Digest, Sha256};

/// How long before its first event a host was booted whose file does not say it: one day, so that what a file tells of the time
/// before its events still lies after it.
const ASSUMED_UPTIME_NS: u64 = 86_400_000_000_000;
/// Of the contract.
const VERSION: u32 = 1;

/// What the times and the origin of a section are.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) origin: Origin,
    pub(crate) epoch: u64,
    pub(crate) hostname: String,
    /// Nanoseconds since the epoch.
    pub(crate) boot_epoch_ns: u64,
    first_event_ns: u64,
}

// === impl Identity ===

impl Identity {
    /// Of a section whose first event happened then, nanoseconds since the epoch.
    pub(crate) fn new(tenant: &str, machine: &Machine, first_event_ns: u64) -> Self {
        let told = machine.boot_epoch_ns;
        let is_told = told != 0 && told < first_event_ns;
        let boot_epoch_ns = if is_told { told } else { first_event_ns.saturating_sub(ASSUMED_UPTIME_NS) };
        let machine_id = machine_hash(machine);
        let boot_id = digest(&[&machine_id, &boot_epoch_ns.to_le_bytes()]);
        let epoch = digest(&[&machine_id, &boot_id, &first_event_ns.to_le_bytes()]);
        let host = HostBoot { machine_id: hexadecimal(&machine_id), boot_id: uuid(&boot_id) };
        Self {
            origin: Origin { tenant: tenant.to_owned(), kind: Some(origin::Kind::Host(host)) },
            // Never 0, which means that there is none.
            epoch: epoch.first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes)).max(1),
            hostname: String::from_utf8_lossy(&machine.hostname).into_owned(),
            boot_epoch_ns,
            first_event_ns,
        }
    }

    /// Nanoseconds since boot; what happened before it did so right after it.
    pub(crate) fn boot_ns(&self, epoch_ns: u64) -> u64 {
        epoch_ns.saturating_sub(self.boot_epoch_ns).max(1)
    }

    pub(crate) fn clock(&self) -> ClockReading {
        let boot_ns = self.boot_ns(self.first_event_ns);
        ClockReading { boot_ns, epoch_ns: self.boot_epoch_ns.saturating_add(boot_ns) }
    }

    pub(crate) fn header(&self) -> RecordingHeader {
        RecordingHeader {
            version: VERSION,
            origin: Some(self.origin.clone()),
            epoch: self.epoch,
            agent: Some(AgentInfo {
                hostname: self.hostname.clone(),
                // Of what is captured on another one the file says nothing; its numbers are Falco's and become these.
                architecture: "x86_64".to_owned(),
                ..AgentInfo::default()
            }),
            clock: Some(self.clock()),
            created_ns: self.first_event_ns,
            recorder: "scap".to_owned(),
            ..RecordingHeader::default()
        }
    }
}

/// 16 bytes that are the same for every file of a machine.
fn machine_hash(machine: &Machine) -> [u8; 16] {
    digest(&[
        &machine.hostname,
        &machine.cpu_count.to_le_bytes(),
        &machine.memory_bytes.to_le_bytes(),
        &machine.max_pid.to_le_bytes(),
    ])
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix(b"eyrie .scap");
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uuid(bytes: &[u8; 16]) -> String {
    let digits = hexadecimal(bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn machine(boot_epoch_ns: u64) -> Machine {
        Machine { cpu_count: 2, hostname: b"web-1".to_vec(), boot_epoch_ns, ..Machine::default() }
    }

    /// Scenario: a machine that says when it was booted, twice, with two files of this boot. Guarantees: one origin, its epochs differ from file to
    /// file and are the same each time; times are those since its boot.
    #[test]
    fn the_same_file_is_the_same_origin() {
        let of = |first| Identity::new("", &machine(1000 * SECOND), first);
        let (one, again, later) = (of(1500 * SECOND), of(1500 * SECOND), of(1600 * SECOND));
        assert_eq!((&one.origin, one.epoch), (&again.origin, again.epoch));
        assert_eq!(one.origin, later.origin);
        assert_ne!(one.epoch, later.epoch);
        assert_eq!((one.boot_ns(1500 * SECOND), one.boot_ns(1)), (500 * SECOND, 1));
        assert_eq!(one.clock(), ClockReading { boot_ns: 500 * SECOND, epoch_ns: 1500 * SECOND });
    }

    /// Scenario: files that do not say when their machine was booted, or say that it was after their events. Guarantees: it was a day before
    /// them, and the ids have the form of a host's.
    #[test]
    fn a_boot_that_is_not_told_was_a_day_before() {
        for told in [0, 2_000_000 * SECOND] {
            let identity = Identity::new("a", &machine(told), 1_000_000 * SECOND);
            assert_eq!(identity.boot_epoch_ns, 913_600 * SECOND);
            let Some(origin::Kind::Host(host)) = identity.origin.kind else { panic!() };
            assert_eq!((host.machine_id.len(), host.boot_id.len(), &*identity.origin.tenant), (32, 36, "a"));
        }
    }
}
