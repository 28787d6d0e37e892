//! The files `stat` and `status` of a process.

use eyrie_proto::event::{Capabilities, Credentials};

/// What is used of proc_pid_stat(5).
#[derive(Debug)]
pub(super) struct Stat {
    pub(super) comm: Vec<u8>,
    state: u8,
    pub(super) parent_pid: u32,
    pub(super) process_group_id: u32,
    pub(super) session_id: u32,
    pub(super) tty: u32,
    start_ticks: u64,
}

/// proc_pid_status(5), as text.
#[derive(Debug)]
pub(super) struct Status(String);

// === impl Stat ===

impl Stat {
    /// `None` if the file is not what the kernel writes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        // The name may have any character in it, also a closing bracket.
        let open = bytes.iter().position(|&byte| byte == b'(')?;
        let close = bytes.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        // Field 3 of the manual is the first one here.
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        let id = |field: usize| Some(u32::try_from(number(field)?).unwrap_or(0));
        Some(Self {
            comm: bytes.get(open + 1..close)?.to_vec(),
            state: *fields.first()?.as_bytes().first()?,
            parent_pid: id(4)?,
            process_group_id: id(5)?,
            session_id: id(6)?,
            tty: id(7)?,
            start_ticks: u64::try_from(number(22)?).ok()?,
        })
    }

    /// Ended, and only listed until its parent has asked for it.
    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }

    /// Nanoseconds since boot, to a hundredth of a second.
    pub(super) fn start_boot_ns(&self) -> u64 {
        self.start_ticks.saturating_mul(1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
    }
}

// === impl Status ===

impl Status {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The last number of a line: the one of the innermost namespace.
    pub(super) fn innermost(&self, key: &str) -> Option<u32> {
        self.value(key)?.split_whitespace().next_back()?.parse().ok()
    }

    pub(super) fn credentials(&self, login_uid: u32) -> Credentials {
        let id = |key: &str, column: usize| {
            let column = self.value(key).and_then(|ids| ids.split_whitespace().nth(column));
            column.and_then(|id| id.parse().ok()).unwrap_or(0)
        };
        let bits = |key: &str| {
            self.value(key).and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
        };
        Credentials {
            uid: id("Uid:", 0),
            gid: id("Gid:", 0),
            effective_uid: id("Uid:", 1),
            effective_gid: id("Gid:", 1),
            login_uid,
            capabilities: Some(Capabilities {
                effective: bits("CapEff:"),
                permitted: bits("CapPrm:"),
                inheritable: bits("CapInh:"),
            }),
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Scenario: a process whose name looks like the fields after it. Guarantees: the name is whole and the fields are right.
    #[test]
    fn a_hostile_name_is_read() {
        let line = b"42 (a) R 1 (x)) S 7 8 9 34816 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.comm, b"a) R 1 (x)");
        assert_eq!((stat.parent_pid, stat.process_group_id, stat.session_id, stat.tty), (7, 8, 9, 34816));
        assert_eq!(stat.start_boot_ns(), 5_000_000_000);
        assert!(!stat.is_zombie());
    }

    /// Scenario: a status file of a container's process. Guarantees: ids, capabilities and the innermost pid are found.
    #[test]
    fn status_lines_are_read() {
        let status =
            Status::parse(b"Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t400\t7\nCapEff:\t00000000000000ff\n");
        let credentials = status.credentials(9);
        assert_eq!((credentials.uid, credentials.effective_uid, credentials.gid), (1, 2, 5));
        assert_eq!((credentials.login_uid, credentials.capabilities.unwrap().effective), (9, 0xff));
        assert_eq!(status.innermost("NSpid:"), Some(7));
        assert_eq!(status.innermost("NSsid:"), None);
    }

    proptest! {
        /// Scenario: any bytes as files. Guarantees: no panic.
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = Stat::parse(&bytes);
            let _ = Status::parse(&bytes).credentials(0);
        }
    }
}
