//! Real captures of 2018, beside the project: what is in them was counted by another program.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    net::IpAddr,
    path::{Path, PathBuf},
};

use scap::{
    Account, Block, Counts, DescriptorKind, Reader, Thread, ThreadTail,
    value::{SocketTuple, Value},
};
use test_requirements::{Requirement, data_dir, requires};

/// What of a file is counted and compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    hostname: String,
    cpu_count: u32,
    memory_bytes: u64,
    minor: u16,
    ipv4_and_ipv6: (usize, usize),
    users_and_groups: (usize, usize),
    threads: Vec<Thread>,
    descriptors: BTreeMap<&'static str, usize>,
    /// Every event with its parameters, without its place.
    events: Vec<Told>,
    counts: Counts,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    time_ns: u64,
    tid: i64,
    code: u16,
    event_type: &'static str,
    is_enter: bool,
    parameters: Vec<Vec<u8>>,
}

fn capture(name: &str) -> PathBuf {
    data_dir().join("captures").join(name)
}

fn read(path: &Path) -> Content {
    read_from(File::open(path).unwrap())
}

fn read_from(input: impl Read) -> Content {
    let mut reader = Reader::new(input).unwrap();
    let mut content = Content::default();
    while let Some(block) = reader.next_block().unwrap() {
        content.add(block);
    }
    assert_eq!(reader.problems(), []);
    content.counts = reader.counts().clone();
    content.bytes = reader.offset();
    content
}

fn kind_name(kind: &DescriptorKind) -> &'static str {
    match kind {
        DescriptorKind::File { .. } => "file with flags",
        DescriptorKind::Connection { source, .. } if source.ip.is_ipv4() => "ipv4",
        DescriptorKind::Connection { .. } => "ipv6",
        DescriptorKind::Server { address, .. } if address.ip.is_ipv4() => "ipv4 server",
        DescriptorKind::Server { .. } => "ipv6 server",
        DescriptorKind::Unix { .. } => "unix",
        DescriptorKind::Other { fd_type, .. } => match fd_type {
            1 => "file",
            2 => "directory",
            7 => "fifo",
            9 => "event",
            11 => "signalfd",
            12 => "eventpoll",
            13 => "inotify",
            14 => "timerfd",
            _ => "other",
        },
    }
}

// === impl Content ===

impl Content {
    fn add(&mut self, block: Block<'_>) {
        match block {
            Block::Section(section) => self.minor = section.minor,
            Block::Machine(machine) => {
                self.hostname = String::from_utf8(machine.hostname).unwrap();
                (self.cpu_count, self.memory_bytes) = (machine.cpu_count, machine.memory_bytes);
            }
            Block::Interfaces(interfaces) => {
                let ipv4 = interfaces.iter().filter(|interface| interface.address.is_ipv4()).count();
                self.ipv4_and_ipv6 = (ipv4, interfaces.len() - ipv4);
            }
            Block::Accounts(accounts) => {
                let users = accounts.iter().filter(|account| matches!(account, Account::User { .. })).count();
                self.users_and_groups = (users, accounts.len() - users);
            }
            Block::Threads(threads) => self.threads.extend(threads),
            Block::Descriptors(descriptors) => {
                for descriptor in descriptors.entries {
                    *self.descriptors.entry(kind_name(&descriptor.kind)).or_default() += 1;
                }
            }
            Block::Event(event) => {
                let event_type = event.event_type.unwrap();
                for parameter in &event_type.parameters {
                    event.value(parameter.name).unwrap();
                }
                self.events.push(Told {
                    time_ns: event.time_ns.unwrap(),
                    tid: event.tid,
                    code: event.code,
                    event_type: event_type.event_type,
                    is_enter: event_type.is_enter,
                    parameters: event.parameters.iter().map(|bytes| bytes.to_vec()).collect(),
                });
            }
        }
    }

    /// Exits by name with how many parameters each has, and how many there are.
    fn exits(&self) -> BTreeMap<(&'static str, usize), usize> {
        let mut exits = BTreeMap::new();
        for event in self.events.iter().filter(|event| !event.is_enter) {
            *exits.entry((event.event_type, event.parameters.len())).or_default() += 1;
        }
        exits
    }

    fn leaders(&self) -> usize {
        self.threads.iter().filter(|thread| thread.tid == thread.pid).count()
    }
}

/// Scenario: the four captures are read.
/// Guarantees: blocks, bytes, machine, interfaces, accounts, threads, descriptors and events are as many as another program
/// counted, every event is known, and nothing is skipped.
#[test]
fn captures_are_read_whole() {
    requires!(Requirement::Data);
    struct Expected {
        name: &'static str,
        bytes: u64,
        blocks: u64,
        minor: u16,
        host: (&'static str, u32, u64),
        interfaces: (usize, usize),
        accounts: (usize, usize),
        threads_and_leaders: (usize, usize),
        descriptors: usize,
        enters_and_others: (usize, usize),
        times: (u64, u64),
    }
    let curl = |name, bytes| Expected {
        name,
        bytes,
        blocks: 1_595,
        minor: 0,
        host: ("ip-10-0-0-79", 1, 1_038_864_384),
        interfaces: (2, 3),
        accounts: (31, 55),
        threads_and_leaders: (54, 31),
        descriptors: 316,
        enters_and_others: (597, 939),
        times: (1_534_527_342_999_999_999, 1_534_527_350_999_999_999),
    };
    let all = [
        curl("curl_google.scap", 146_220),
        curl("curl_google_comments.scap", 146_424),
        Expected {
            bytes: 251_008,
            blocks: 1_887,
            minor: 2,
            host: ("ubuntu", 2, 6_250_692_608),
            interfaces: (8, 5),
            accounts: (42, 72),
            threads_and_leaders: (154, 44),
            descriptors: 564,
            enters_and_others: (14, 1_714),
            times: (1_533_943_844_999_999_999, 1_533_943_861_999_999_999),
            ..curl("single_ipv6_conn.scap", 0)
        },
        Expected {
            bytes: 81_380,
            blocks: 389,
            threads_and_leaders: (58, 34),
            descriptors: 333,
            enters_and_others: (33, 293),
            times: (1_534_551_447_999_999_999, 1_534_551_452_999_999_999),
            ..curl("test_ipv6_client.scap", 0)
        },
    ];
    for expected in all {
        let content = read(&capture(expected.name));
        assert_eq!(content.bytes, expected.bytes, "{}", expected.name);
        let events = u64::try_from(content.events.len()).unwrap();
        let counts = Counts { blocks: expected.blocks, events, ..Counts::default() };
        assert_eq!(content.counts, counts, "{}", expected.name);
        assert_eq!(content.minor, expected.minor, "{}", expected.name);
        assert_eq!((content.hostname.as_str(), content.cpu_count, content.memory_bytes), expected.host);
        assert_eq!(content.ipv4_and_ipv6, expected.interfaces, "{}", expected.name);
        assert_eq!(content.users_and_groups, expected.accounts, "{}", expected.name);
        assert_eq!(
            (content.threads.len(), content.leaders()),
            expected.threads_and_leaders,
            "{}",
            expected.name
        );
        assert_eq!(content.descriptors.values().sum::<usize>(), expected.descriptors, "{}", expected.name);
        let enters = content.events.iter().filter(|event| event.is_enter).count();
        assert_eq!((enters, content.events.len() - enters), expected.enters_and_others, "{}", expected.name);
        let times = (content.events.first().unwrap().time_ns, content.events.last().unwrap().time_ns);
        assert_eq!(times, expected.times, "{}", expected.name);
    }
}

/// Scenario: events of the old blocks, which do not say how many parameters they have.
/// Guarantees: their numbers are found, exit by exit as another program did.
#[test]
fn numbers_of_parameters_are_found() {
    requires!(Requirement::Data);
    let exits = read(&capture("curl_google.scap")).exits();
    let expected = [
        (("access", 2), 39),
        (("brk", 4), 4),
        (("clone", 20), 2),
        (("close", 1), 54),
        (("connect", 2), 4),
        (("execve", 16), 1),
        (("fcntl", 1), 4),
        (("fstat", 1), 49),
        (("futex", 1), 2),
        (("getpeername", 0), 1),
        (("getrlimit", 3), 1),
        (("getsockname", 0), 1),
        (("getsockopt", 0), 1),
        (("ioctl", 1), 2),
        (("mmap", 4), 110),
        (("munmap", 4), 5),
        (("open", 4), 48),
        (("pipe", 4), 1),
        (("poll", 2), 15),
        (("procexit", 1), 2),
        (("procinfo", 2), 315),
        (("read", 2), 50),
        (("recvfrom", 3), 4),
        (("sendto", 2), 2),
        (("setsockopt", 0), 3),
        (("socket", 1), 5),
        (("stat", 2), 1),
        (("switch", 6), 25),
        (("syscall", 1), 183),
        (("write", 2), 5),
    ];
    assert_eq!(exits, BTreeMap::from(expected));
}

/// Scenario: a capture, and the same with comments that Wireshark added to its section and to three events.
/// Guarantees: comments change nothing.
#[test]
fn comments_are_passed_over() {
    requires!(Requirement::Data);
    let plain = read(&capture("curl_google.scap"));
    let commented = read(&capture("curl_google_comments.scap"));
    assert_eq!(Content { bytes: plain.bytes, ..commented }, plain);
}

/// Scenario: descriptors and threads by kind, and sockets' ends, of captures of both ages.
/// Guarantees: they say what another program read.
#[test]
fn threads_and_descriptors_say_what_they_should() {
    requires!(Requirement::Data);
    let curl = read(&capture("curl_google.scap"));
    let expected = [
        ("directory", 15),
        ("event", 8),
        ("eventpoll", 12),
        ("fifo", 14),
        ("file", 111),
        ("inotify", 16),
        ("ipv4", 2),
        ("ipv4 server", 2),
        ("ipv6 server", 2),
        ("signalfd", 9),
        ("timerfd", 12),
        ("unix", 113),
    ];
    assert_eq!(curl.descriptors, BTreeMap::from(expected));
    let sysdig = curl.threads.iter().find(|thread| thread.tid == 17_496).unwrap();
    let arguments: Vec<_> = sysdig.arguments.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    assert_eq!(
        (sysdig.comm.as_slice(), arguments.join(" ").as_str()),
        (b"sysdig".as_slice(), "-zw curl.scap proc.name=curl")
    );
    assert_eq!((sysdig.parent_pid, sysdig.exe_path.as_ref()), (17_495, None));
    assert!(sysdig.cgroups.iter().all(|cgroup| cgroup.contains(&b'=')));

    let single = read(&capture("single_ipv6_conn.scap"));
    assert_eq!((single.descriptors["file with flags"], single.descriptors["unix"]), (181, 251));
    let nginx = single.threads.iter().filter(|thread| thread.comm == b"nginx");
    assert_eq!(nginx.map(|thread| thread.tid).collect::<Vec<_>>(), [1_289, 1_300, 1_310]);
    let tails = single.threads.iter().filter(|thread| thread.tail != ThreadTail::default()).count();
    assert_eq!(tails, 0, "entries of that age end with the root directory");
}

/// Scenario: the connections of a capture over IPv6.
/// Guarantees: the tuples have the ends in the order in which they lie: own then peer, of accept the other way round.
#[test]
fn tuples_say_what_they_should() {
    requires!(Requirement::Data);
    let mut reader = Reader::new(File::open(capture("single_ipv6_conn.scap")).unwrap()).unwrap();
    let mut tuples = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        let Block::Event(event) = block else { continue };
        if let Some(Value::Tuple(SocketTuple::Internet { source, destination })) =
            event.value("tuple").unwrap()
        {
            let name = event.event_type.unwrap().event_type;
            tuples.push((name, event.tid, source.ip, source.port, destination.ip, destination.port));
        }
    }
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let (client, server) = (ip("2001:db8::4"), ip("2001:db8::3"));
    let expected = [
        ("accept", 25_886, client, 54_405, server, 1_234),
        ("connect", 25_888, client, 54_405, server, 1_234),
    ];
    assert_eq!(tuples, expected);
}

/// Scenario: a capture unpacked, packed as two gzip members, and behind itself.
/// Guarantees: packing changes nothing; what is behind a file in the same file is read as well.
#[test]
fn packing_changes_nothing() {
    requires!(Requirement::Data);
    let path = capture("test_ipv6_client.scap");
    let packed = std::fs::read(&path).unwrap();
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut plain).unwrap();
    let whole = read(&path);
    assert_eq!(read_from(plain.as_slice()), whole);

    let member = |bytes: &[u8]| {
        let mut encoded = Vec::new();
        let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        encoder.read_to_end(&mut encoded).unwrap();
        encoded
    };
    let (first, second) = plain.split_at(plain.len() / 2 + 1);
    assert_eq!(read_from([member(first), member(second)].concat().as_slice()), whole);

    let twice = read_from([plain.as_slice(), &plain].concat().as_slice());
    assert_eq!(twice.bytes, 2 * whole.bytes);
    assert_eq!(twice.events.len(), 2 * whole.events.len());
    assert_eq!(read_from([packed.as_slice(), &packed].concat().as_slice()), twice);
}
