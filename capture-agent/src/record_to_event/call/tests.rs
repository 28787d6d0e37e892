//! Records as the programs write them, by family of calls. Expectations are those of the calls' manual pages and of linux/*.h.

mod descriptors;
mod kernel;
mod paths;
mod processes;
mod sockets;

use eyrie_bpf::{
    Call, DescriptorInfo, DetailedCall, Endpoint, FileInfo, Header, PathInfo, Record, Reserved, decode,
    encode, file_flag, flag, kind,
};
use eyrie_proto::event::{
    Descriptor, FileDescriptor, OtherDescriptor, PathArgument, descriptor, event::Kind,
};

const ENOENT: i64 = -2;

fn header(number: u32, result: i64) -> Header {
    Header {
        size: 0,
        kind: kind::DETAILED_CALL,
        reserved: Reserved,
        flags: flag::HAS_CALL,
        cpu: 0,
        boot_ns: 1,
        plan_generation: 1,
        leader_start_boot_ns: 1,
        cgroup_id: 0,
        cap_effective: 0xe,
        cap_permitted: 0xf,
        cap_inheritable: 0x1,
        call_result: result,
        call_number: number,
        tgid: 1,
        tid: 1,
        parent_tgid: 0,
        uid: 0,
        gid: 0,
        effective_uid: 0,
        effective_gid: 0,
        login_uid: 0,
        audit_session_id: 0,
        session_id: 0,
        process_group_id: 0,
        tty: 0,
        namespace_tgid: 0,
        namespace_tid: 0,
        namespace_session_id: 0,
        namespace_process_group_id: 0,
        pid_namespace: 0,
        mount_namespace: 0,
        cgroup_hierarchy: 0,
        raw_comm: [0; 16],
    }
}

fn number(name: &str) -> u32 {
    name.parse::<syscalls::x86_64::Sysno>().unwrap().id().try_into().unwrap()
}

/// A record of a native call without parts.
fn call<'a>(name: &str, arguments: [u64; 6], result: i64) -> DetailedCall<'a> {
    DetailedCall { header: header(number(name), result), arguments, ..DetailedCall::default() }
}

/// The same of an i386 call.
fn compat_call<'a>(name: &str, arguments: [u64; 6], result: i64) -> DetailedCall<'a> {
    let mut call = call("read", arguments, result);
    call.header.call_number = name.parse::<syscalls::x86::Sysno>().unwrap().id().try_into().unwrap();
    call.header.flags |= flag::COMPAT32;
    call
}

/// What becomes of a record on its way from the ring.
fn event(record: &DetailedCall<'_>) -> Kind {
    let bytes = encode(&Record::DetailedCall(*record));
    crate::record_to_event::event(&decode(&bytes).unwrap()).unwrap().kind.unwrap()
}

/// The same of a record that has registers alone.
fn plain_event(record: &DetailedCall<'_>) -> Kind {
    let header = Header { kind: kind::CALL, ..record.header };
    let bytes = encode(&Record::Call(Call { header, arguments: record.arguments }));
    crate::record_to_event::event(&decode(&bytes).unwrap()).unwrap().kind.unwrap()
}

fn file(inode: u64, mode: u32) -> FileInfo {
    FileInfo { inode, mode, device: 0x800_001, flags: file_flag::KNOWN, ..FileInfo::default() }
}

/// What is behind a descriptor that is no socket.
fn info(fd: i32, file_system: u64, path: &[u8]) -> DescriptorInfo<'_> {
    DescriptorInfo { fd, file_system, path, file: file(77, 0o100_644), ..DescriptorInfo::default() }
}

fn asked(requested: &[u8], directory_fd: i32, base: &[u8]) -> Option<PathArgument> {
    let (requested, base) = (requested.to_vec(), base.to_vec());
    Some(PathArgument { requested, directory_fd, base, ..PathArgument::default() })
}

fn path_info<'a>(requested: &'a [u8], directory_fd: i32, base: &'a [u8]) -> PathInfo<'a> {
    PathInfo { directory_fd, reserved: Reserved, requested, base }
}

fn a_file(fd: i32, path: &[u8]) -> Option<Descriptor> {
    let kind = descriptor::Kind::File(FileDescriptor {
        path: path.to_vec(),
        inode: 77,
        device: 0x800_001,
        mode: 0o100_644,
        ..FileDescriptor::default()
    });
    Some(Descriptor { fd, kind: Some(kind) })
}

fn another(fd: i32, r#type: &str, name: &[u8]) -> Option<Descriptor> {
    let kind = descriptor::Kind::Other(OtherDescriptor {
        r#type: r#type.to_owned(),
        name: name.to_vec(),
        inode: 77,
    });
    Some(Descriptor { fd, kind: Some(kind) })
}

fn without_kind(fd: i32) -> Option<Descriptor> {
    Some(Descriptor { fd, kind: None })
}

/// Of a register of which a call takes 32 bits.
const GARBAGE: u64 = 0xdead_beef_0000_0000;

/// -1 in a register.
const MINUS_ONE: u64 = u64::MAX;

fn endpoint(address: [u8; 4], port: u16) -> Endpoint {
    let [a, b, c, d] = address;
    let address = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    Endpoint { address, scope_id: 0, port, reserved: Reserved }
}
