//! What the blocks before the events hold. How each is read and written is below `records/`.

use std::net::IpAddr;

pub(crate) mod descriptors;
pub(crate) mod host;
pub(crate) mod threads;

/// A section's beginning. A file may have several, each with everything anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Always 1.
    pub major: u16,
    /// 0 of old files, 2 today. Tells nothing that the blocks do not tell.
    pub minor: u16,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Processors.
    pub cpu_count: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The largest pid; 0 of old files.
    pub max_pid: u64,
    /// Its name.
    pub hostname: Vec<u8>,
    /// When it was booted, nanoseconds since the epoch; 0 of old files.
    pub boot_epoch_ns: u64,
}

/// One address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name; several entries have it where it has several addresses.
    pub name: Vec<u8>,
    /// The address.
    pub address: IpAddr,
    /// Of the address's family.
    pub netmask: IpAddr,
    /// Unspecified of IPv6.
    pub broadcast: IpAddr,
    /// Bits per second; 0 if not known.
    pub link_speed: u64,
}

/// A user or a group of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A line of passwd(5).
    User {
        /// Its id.
        uid: u32,
        /// Its group's id.
        gid: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its home directory.
        home: Vec<u8>,
        /// Its shell.
        shell: Vec<u8>,
    },
    /// A line of group(5).
    Group {
        /// Its id.
        gid: u32,
        /// Its name.
        name: Vec<u8>,
    },
}

/// A thread, as it was when the file begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Thread id in the host's namespace.
    pub tid: u64,
    /// Id of its group's leader.
    pub pid: u64,
    /// The parent's pid; 0 for none.
    pub parent_pid: u64,
    /// Session; `None` of files that have none.
    pub session_id: Option<u64>,
    /// Process group as seen in its own pid namespace.
    pub namespace_process_group_id: Option<u64>,
    /// Name of the thread.
    pub comm: Vec<u8>,
    /// The first argument.
    pub exe: Vec<u8>,
    /// The kernel's path of the program; `None` of old files.
    pub exe_path: Option<Vec<u8>>,
    /// The arguments after the first, without the NUL bytes between them.
    pub arguments: Vec<Vec<u8>>,
    /// Working directory.
    pub working_directory: Vec<u8>,
    /// RLIMIT_NOFILE; -1 if not known.
    pub open_files_limit: i64,
    /// `PPM_CL_*`: 0 of leaders.
    pub flags: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// KiB of virtual, resident and swapped memory.
    pub memory_kib: [u32; 3],
    /// Major and minor faults.
    pub faults: [u64; 2],
    /// `NAME=value` each.
    pub environment: Vec<Vec<u8>>,
    /// Thread id in its own pid namespace; -1 if not known.
    pub namespace_tid: i64,
    /// Its leader's id in its own pid namespace; -1 if not known.
    pub namespace_pid: i64,
    /// `subsystem=path` each.
    pub cgroups: Vec<Vec<u8>>,
    /// Root directory.
    pub root: Vec<u8>,
    /// What newer files add.
    pub tail: ThreadTail,
}

/// What newer files tell of a thread; each `None` where the entry ends before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadTail {
    /// When its pid namespace's init started, nanoseconds since the epoch.
    pub pid_namespace_start_ns: Option<u64>,
    /// Controlling terminal.
    pub tty: Option<u32>,
    /// Login user.
    pub login_uid: Option<u32>,
    /// The user could write to the program's file.
    pub is_exe_writable: Option<bool>,
    /// Inheritable, permitted, effective: in this order.
    pub capabilities: Option<[u64; 3]>,
    /// The program's file is in the upper layer of an overlay.
    pub is_exe_upper_layer: Option<bool>,
    /// Inode of the program's file.
    pub exe_inode: Option<u64>,
    /// Its change time, nanoseconds since the epoch.
    pub exe_change_time_ns: Option<u64>,
    /// Its modification time, nanoseconds since the epoch.
    pub exe_modify_time_ns: Option<u64>,
    /// It is a memory file.
    pub is_exe_memfd: Option<bool>,
    /// It is in the lower layer of an overlay.
    pub is_exe_lower_layer: Option<bool>,
    /// Process group in the host's namespace.
    pub process_group_id: Option<i64>,
}

/// A descriptor of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub fd: i64,
    /// Inode.
    pub inode: u64,
    /// What it is.
    pub kind: DescriptorKind,
}

/// What a descriptor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptorKind {
    /// A file with the flags that it was opened with (type 16).
    File {
        /// `PPM_O_*`.
        open_flags: u32,
        /// Path.
        name: Vec<u8>,
        /// Device; `None` where the entry ends before it.
        device: Option<u32>,
    },
    /// An IP socket with both ends (types 3 and 4).
    Connection {
        /// Own end.
        source: InternetAddress,
        /// Other end.
        destination: InternetAddress,
        /// `SCAP_L4_*`: 0 unknown, 1 not a socket, 2 TCP, 3 UDP, 4 ICMP, 5 raw.
        protocol: u8,
    },
    /// An IP socket with only an own end (types 5 and 6).
    Server {
        /// Own end.
        address: InternetAddress,
        /// As of a connection.
        protocol: u8,
    },
    /// A Unix socket (type 8).
    Unix {
        /// Kernel address of its own end.
        source: u64,
        /// Kernel address of the other end.
        destination: u64,
        /// Path; empty if it has none.
        name: Vec<u8>,
    },
    /// Any other type, by its number in `scap_fd_type`, with its name.
    Other {
        /// 1, 2, 7, 9 to 15, 17 to 21.
        fd_type: u8,
        /// Path or name.
        name: Vec<u8>,
    },
}

/// An address with a port in the host's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternetAddress {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
}

/// At most `limit` bytes.
fn cut(text: &[u8], limit: usize) -> &[u8] {
    text.get(..limit).unwrap_or(text)
}

/// Two bytes of length, then what of the text readers take.
fn write_string(text: &[u8], limit: usize, body: &mut Vec<u8>) {
    let text = cut(text, limit.min(usize::from(u16::MAX)));
    body.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend(text);
}

/// As [`write_string`], of what is one text: readers end it at a NUL.
fn write_text(text: &[u8], limit: usize, body: &mut Vec<u8>) {
    write_string(text.split(|byte| *byte == 0).next().unwrap_or_default(), limit, body);
}

fn write_ip(ip: IpAddr, body: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => body.extend(ip.octets()),
        IpAddr::V6(ip) => body.extend(ip.octets()),
    }
}

/// Writes the length of the entry that begins at `start` into its first four bytes.
fn set_entry_length(body: &mut [u8], start: usize, counts_itself: bool) {
    let length = body.len().saturating_sub(start).saturating_sub(if counts_itself { 0 } else { 4 });
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if let Some(place) = body.get_mut(start..).and_then(|entry| entry.first_chunk_mut::<4>()) {
        *place = length.to_le_bytes();
    }
}
