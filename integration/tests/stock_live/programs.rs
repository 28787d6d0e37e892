//! Tiny programs that make one call that a rule is about, where no ordinary tool makes just that.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use test_programs::{Abi, Program};

/// An address of no network of the machine's (RFC 5737), where it is given to the loopback device of a network namespace.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// The same, for names of rules.
pub(crate) const KUBERNETES: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 8);
pub(crate) const POOL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
/// One of a network that counts as one's own (RFC 1918).
const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 203, 0, 113);
/// Where clouds have their metadata.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

const AF_INET: u32 = 2;
const AF_PACKET: u32 = 17;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const SIOCSIFFLAGS: u32 = 0x8914;
const SIOCSIFADDR: u32 = 0x8916;
const CLONE_NEWNS: u32 = 0x2_0000;
const CLONE_NEWNET: u32 = 0x4000_0000;
const NOBODY: u32 = 65_534;
/// Another user than that.
const DAEMON: u32 = 1;
const BPF_PROG_LOAD: u32 = 5;
const PTRACE_TRACEME: u32 = 0;
const PTRACE_SEIZE: u32 = 0x4206;
const UFFD_USER_MODE_ONLY: u32 = 1;
/// How a class file of Java begins.
const CLASS_FILE: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
const NO_DESCRIPTOR: u32 = u32::MAX;

/// The programs in a folder, and a process that one of them attaches to.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    traced: Child,
}

// === impl Programs ===

impl Programs {
    pub(crate) fn write_to(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir(&folder)?;
        let traced = Command::new("sleep").arg("infinity").spawn()?;
        let write = |name: &str, program: Program| program.write_to(&folder.join(name));
        write("quiet", Program::new(Abi::X86_64));
        write("attach", of_call("ptrace", &[PTRACE_SEIZE, traced.id(), 0, 0]));
        write("traceme", of_call("ptrace", &[PTRACE_TRACEME, 0, 0, 0]));
        write("unshare", of_call("unshare", &[CLONE_NEWNS]));
        // There is no such module: the call is refused.
        write("module", of_call("finit_module", &[NO_DESCRIPTOR, 0, 0]));
        write("packet", of_call("socket", &[AF_PACKET, SOCK_RAW, 0]));
        write("setns", setns());
        write("bpf", load_bpf());
        write("userfaultfd", as_nobody("userfaultfd", &[UFFD_USER_MODE_ONLY]));
        write("setuid", as_nobody("setuid", &[DAEMON]));
        write("redirect", redirect());
        write("ssh", connect_outside(SOCK_STREAM, OUTSIDE, 443));
        write("cat", connect_outside(SOCK_STREAM, OUTSIDE, 9999));
        write("udp", connect_outside(SOCK_DGRAM, OUTSIDE, 9999));
        write("python3", connect_outside(SOCK_STREAM, OUTSIDE, 9999));
        write("java", receive(CLASS_FILE));
        write("nodeport", connect(Program::with_nothing_open(Abi::X86_64), SOCK_STREAM, OUTSIDE, 30_080));
        write("outside", connect_only(OUTSIDE, 443));
        write("inside", connect_only(INSIDE, 443));
        write("pool", connect_outside(SOCK_STREAM, POOL, 3333));
        write("kubernetes", connect(Program::with_nothing_open(Abi::X86_64), SOCK_STREAM, KUBERNETES, 443));
        write("metadata", connect(Program::with_nothing_open(Abi::X86_64), SOCK_STREAM, METADATA, 80));
        Ok(Self { folder, traced })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = self.traced.kill();
        let _ = self.traced.wait();
    }
}

fn of_call(name: &str, arguments: &[u32]) -> Program {
    let mut program = Program::new(Abi::X86_64);
    program.call(name, arguments);
    program
}

fn as_nobody(name: &str, arguments: &[u32]) -> Program {
    let mut program = of_call("setuid", &[NOBODY]);
    program.call(name, arguments);
    program
}

/// Enters the namespace of names that it is in.
fn setns() -> Program {
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let path = program.text("/proc/self/ns/uts");
    program.call("open", &[path, 0]); // 3
    program.call("setns", &[3, 0]);
    program
}

/// Loads a socket filter that lets nothing through, and attaches it to nothing.
fn load_bpf() -> Program {
    let mut program = Program::new(Abi::X86_64);
    // r0 = 0; exit.
    let instructions = program.bytes(&[0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    let license = program.text("GPL");
    let mut attributes = Vec::new();
    // Of the type BPF_PROG_TYPE_SOCKET_FILTER, two instructions.
    for half in [1, 2, instructions, 0, license, 0] {
        attributes.extend_from_slice(&half.to_le_bytes());
    }
    attributes.resize(128, 0);
    let size = attributes.len() as u32;
    let attributes = program.bytes(&attributes);
    program.call("bpf", &[BPF_PROG_LOAD, attributes, size]);
    program
}

/// Has a connection for its standard input and output, as a reverse shell has.
fn redirect() -> Program {
    let mut program =
        connect(Program::with_nothing_open(Abi::X86_64), SOCK_STREAM, Ipv4Addr::LOCALHOST, 4444);
    program.call("dup2", &[5, 0]);
    program.call("dup2", &[5, 1]);
    program
}

/// Sends itself a datagram, and receives it.
fn receive(data: [u8; 4]) -> Program {
    let mut program = connect_outside(SOCK_DGRAM, OUTSIDE, 9999);
    let (sent, received) = (program.bytes(&data), program.bytes(&[0; 4]));
    program.call("sendto", &[5, sent, 4, 0, 0, 0]);
    program.call("recvfrom", &[4, received, 4, 0, 0, 0]);
    program
}

/// In a network namespace of its own.
fn connect_outside(kind: u32, address: Ipv4Addr, port: u16) -> Program {
    let mut program = Program::with_nothing_open(Abi::X86_64);
    program.call("unshare", &[CLONE_NEWNET]);
    connect(program, kind, address, port)
}

/// Listens at no address in particular, which rules leave out, so that the connection is all that they see.
fn connect_only(address: Ipv4Addr, port: u16) -> Program {
    let program = Program::with_nothing_open(Abi::X86_64);
    connect_to(program, SOCK_STREAM, (address, port), Ipv4Addr::UNSPECIFIED)
}

/// Listens at the address that it connects to.
fn connect(program: Program, kind: u32, address: Ipv4Addr, port: u16) -> Program {
    connect_to(program, kind, (address, port), address)
}

/// Gives the loopback device an address (by descriptor 3), listens if the kind of socket can (4), and connects to the address (5).
fn connect_to(mut program: Program, kind: u32, (address, port): (Ipv4Addr, u16), bound: Ipv4Addr) -> Program {
    let at = |address: Ipv4Addr| {
        let [upper, lower] = port.to_be_bytes();
        let [a, b, c, d] = address.octets();
        [2, 0, upper, lower, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]
    };
    let request = |name: &[u8], rest: &[u8]| {
        let mut request = name.to_vec();
        request.resize(16, 0);
        request.extend_from_slice(rest);
        request.resize(40, 0);
        request
    };
    // A second address beside 127.0.0.1; and IFF_UP | IFF_LOOPBACK | IFF_RUNNING.
    let addressed = program.bytes(&request(b"lo:1", &at(address)));
    let up = program.bytes(&request(b"lo", &[0x49, 0]));
    let (bound, at) = (program.bytes(&at(bound)), program.bytes(&at(address)));
    program.call("socket", &[AF_INET, SOCK_DGRAM, 0]); // 3
    if address != Ipv4Addr::LOCALHOST {
        program.call("ioctl", &[3, SIOCSIFADDR, addressed]);
        program.call("ioctl", &[3, SIOCSIFFLAGS, up]);
    }
    program.call("socket", &[AF_INET, kind, 0]); // 4
    program.call("bind", &[4, bound, 16]);
    program.call("listen", &[4, 1]);
    program.call("socket", &[AF_INET, kind, 0]); // 5
    program.call("connect", &[5, at, 16]);
    program
}
