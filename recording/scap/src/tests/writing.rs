//! What the writer does about limits.

use super::read;
use crate::{
    Account, Compression, Descriptor, DescriptorKind, EventDraft, Interface, Machine, Thread, WriteError,
    Writer, value::Value,
};

fn writer() -> Writer<Vec<u8>> {
    Writer::new(Vec::new(), Compression::None).unwrap()
}

/// Scenario: a file is ended before any event was written; another has two sections of which the first has none.
/// Guarantees: each section has one event that nobody is to see, since libscap refuses a file without any.
#[test]
fn no_section_is_without_an_event() {
    let content = read(writer().finish().unwrap().as_slice());
    assert_eq!(content.events.len(), 1);
    assert_eq!((content.events[0].code, content.events[0].flags), (234, 1));

    let mut writer = writer();
    writer.machine(&Machine::default()).unwrap();
    writer.section().unwrap();
    writer.machine(&Machine::default()).unwrap();
    writer.event(&EventDraft::new(186, 1, 1)).unwrap();
    let content = read(writer.finish().unwrap().as_slice());
    assert_eq!((content.sections, content.machines.len()), (2, 2));
    assert_eq!(content.events.iter().map(|event| event.code).collect::<Vec<_>>(), [234, 186]);
}

/// Scenario: texts that are longer than readers take, and texts with a NUL in them.
/// Guarantees: they are cut where libscap's limits are, control groups only between entries; one too long would make it refuse the
/// whole file.
#[test]
fn texts_are_cut_at_readers_limits() {
    let long = vec![b'x'; 70_000];
    let mut writer = writer();
    writer.machine(&Machine { hostname: long.clone(), ..Machine::default() }).unwrap();
    let (name, home, shell) = (long.clone(), long.clone(), b"/bin/sh\0x".to_vec());
    writer.accounts(&[Account::User { uid: 0, gid: 0, name, home, shell }]).unwrap();
    let cgroup = vec![b'c'; 3_000];
    let thread = Thread {
        comm: long.clone(),
        arguments: vec![long.clone()],
        environment: vec![vec![b'e'; 4_095]],
        cgroups: vec![cgroup.clone(), cgroup.clone(), b"cpu=/".to_vec()],
        ..Thread::default()
    };
    writer.threads(&mut [thread].into_iter()).unwrap();
    let kind = DescriptorKind::Other { fd_type: 1, name: long };
    writer.descriptors(0, &[Descriptor { fd: 0, inode: 0, kind }]).unwrap();
    let content = read(writer.finish().unwrap().as_slice());

    assert_eq!(content.machines[0].hostname.len(), 127);
    let Account::User { name, home, shell, .. } = &content.accounts[0] else {
        panic!("{:?}", content.accounts)
    };
    assert_eq!((name.len(), home.len(), shell.as_slice()), (255, 255, b"/bin/sh".as_slice()));
    let thread = &content.threads[0];
    assert_eq!((thread.comm.len(), thread.arguments[0].len()), (1_023, 4_096));
    assert_eq!(thread.environment[0].len(), 4_095);
    assert_eq!(thread.cgroups, [cgroup, b"cpu=/".to_vec()]);
    let DescriptorKind::Other { name, .. } = &content.descriptors[0].1[0].kind else { panic!("not a file") };
    assert_eq!(name.len(), 1_023);
}

/// Scenario: types of descriptors that have a layout of their own are given as others; ends of two families.
/// Guarantees: what is written can be read: they become unsupported, and both ends IPv6.
#[test]
fn descriptors_that_would_be_misread_are_changed() {
    let end = |ip: &str| crate::InternetAddress { ip: ip.parse().unwrap(), port: 1 };
    let other = |fd_type| DescriptorKind::Other { fd_type, name: b"x".to_vec() };
    let mixed = DescriptorKind::Connection { source: end("10.0.0.1"), destination: end("::1"), protocol: 2 };
    let mut writer = writer();
    let kinds = [0, 3, 8, 16, 22].map(other).into_iter().chain([mixed]);
    let descriptors: Vec<_> = kinds.map(|kind| Descriptor { fd: 1, inode: 2, kind }).collect();
    writer.descriptors(1, &descriptors).unwrap();
    let content = read(writer.finish().unwrap().as_slice());
    let kinds: Vec<_> = content.descriptors[0].1.iter().map(|descriptor| descriptor.kind.clone()).collect();
    let destination = end("::1");
    let v6 = DescriptorKind::Connection { source: end("::ffff:10.0.0.1"), destination, protocol: 2 };
    assert_eq!(kinds, [10, 10, 10, 10, 10].map(other).into_iter().chain([v6]).collect::<Vec<_>>());
}

/// Scenario: events that have room in an ordinary block, that have not, and that have in none.
/// Guarantees: the second goes into a large block, the last is refused with its length and the bound.
#[test]
fn large_events_go_into_large_blocks() {
    let exec = |bytes: usize| {
        let mut exec = EventDraft::new(293, 1, 1);
        exec.set("args", &Value::Bytes(vec![b'a'; bytes])).unwrap();
        exec.set("env", &Value::Bytes(vec![b'e'; 1_000])).unwrap();
        exec
    };
    let block_type = |event: &EventDraft| event.to_block().unwrap().0.to_string();
    assert_eq!(block_type(&exec(60_000)), "EV_V2");
    assert_eq!(block_type(&exec(65_000)), "EV_V2_LARGE");
    let mut hidden = exec(65_000);
    hidden.flags = 1;
    assert_eq!(block_type(&hidden), "EVF_V2_LARGE");
    let error = exec(65_536).to_block().unwrap_err();
    assert!(matches!(
        error,
        WriteError::ParameterTooLong { name: "args", length: 65_536, limit: 65_535, .. }
    ));

    let container = |bytes: usize| {
        let mut event = EventDraft::new(402, 1, -1);
        event.set("data", &Value::Bytes(vec![b'{'; bytes])).unwrap();
        event
    };
    assert_eq!(block_type(&container(10)), "EV_V2_LARGE");
    let error = container(16 << 20).to_block().unwrap_err();
    assert!(matches!(error, WriteError::BlockTooLarge { limit: 16_777_216, .. }));
    let mut writer = writer();
    writer.event(&container(1 << 20)).unwrap();
    let content = read(writer.finish().unwrap().as_slice());
    assert_eq!(content.events[0].values[2], Some(Value::Bytes(vec![b'{'; 1 << 20])));
}

/// Scenario: events that late releases appended a parameter to, and names and codes that do not exist.
/// Guarantees: as many parameters are written as every reader takes, all on request; the others are errors that name them.
#[test]
fn as_many_parameters_are_written_as_readers_take() {
    let mut socket = EventDraft::new(19, 1, 1);
    socket.set("flags", &Value::Unsigned(1)).unwrap();
    let count = |event: &EventDraft| {
        let mut writer = writer();
        writer.event(event).unwrap();
        read(writer.finish().unwrap().as_slice()).events[0].values.len()
    };
    assert_eq!([19, 151, 293, 5].map(|code| count(&EventDraft::new(code, 1, 1))), [4, 3, 30, 2]);
    socket.keep_all();
    assert_eq!(count(&socket), 5);
    socket.truncate(1);
    assert_eq!(count(&socket), 1);
    let error = socket.set("nothing", &Value::Unsigned(1)).unwrap_err();
    assert_eq!(error.to_string(), "event 19 has no parameter nothing");
    assert!(matches!(EventDraft::new(9_999, 1, 1).to_block(), Err(WriteError::UnknownCode { code: 9_999 })));
}

/// Scenario: threads after an event, and an interface with addresses of two families.
/// Guarantees: both are errors: readers would refuse the file.
#[test]
fn what_readers_refuse_is_not_written() {
    let mut writer = writer();
    let interface = |netmask: &str| Interface {
        name: b"lo".to_vec(),
        address: "127.0.0.1".parse().unwrap(),
        netmask: netmask.parse().unwrap(),
        broadcast: "127.0.0.1".parse().unwrap(),
        link_speed: 0,
    };
    let error = writer.interfaces(&[interface("::1")]).unwrap_err();
    assert!(error.to_string().contains("the addresses of interface lo are of different families"));
    writer.event(&EventDraft::new(186, 1, 1)).unwrap();
    let error = writer.threads(&mut [].into_iter()).unwrap_err();
    assert!(matches!(error, WriteError::AfterEvents { what: "threads" }));
}

/// Scenario: a packed file that is still being written is read after a flush.
/// Guarantees: everything up to there is read, then the reader says that the file is cut off.
#[test]
fn flushed_events_are_readable() {
    let file = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    let mut writer = Writer::new(file.reopen().unwrap(), Compression::Gzip).unwrap();
    writer.event(&EventDraft::new(186, 1, 1)).unwrap();
    writer.flush().unwrap();
    writer.event(&EventDraft::new(186, 2, 1)).unwrap();
    let content = read(file.reopen().unwrap());
    assert_eq!(content.events.len(), 1);
    assert!(content.error.unwrap().is_truncated());
    writer.finish().unwrap();
    let content = read(file.reopen().unwrap());
    assert_eq!(content.events.len(), 2);
    assert!(content.error.is_none());
}
