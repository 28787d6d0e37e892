//! Of calls on memory and on the kernel's own services, and of those that have no parameters of their own.

use eyrie_proto::event::{GenericCall, KernelCall, MemoryCall, ModuleCall, event::Kind};

use super::{bare, check_arguments, other};
use crate::tests::fixture::{call, check, file, host};

/// Scenario: memory mapped, protected, locked. Guarantees: addresses in hexadecimal, protections and flags with names.
#[test]
fn memory() {
    let map = MemoryCall {
        address: 0x7f00_0000,
        length: 4096,
        protection: 5,
        flags: 0x22,
        descriptor: Some(bare(-1)),
        offset: 0,
    };
    let none = "vm_size=NULL vm_rss=NULL vm_swap=NULL";
    check_arguments(
        9,
        -12,
        Kind::MemoryCall(map.clone()),
        &format!(
            "res=-12(ENOMEM) {none} addr=7F000000 length=4096 prot=5(PROT_READ|PROT_EXEC) \
             flags=10(MAP_PRIVATE|MAP_ANONYMOUS) fd=-1(EPERM) offset=0"
        ),
    );
    check_arguments(
        10,
        0,
        Kind::MemoryCall(MemoryCall { protection: 0, ..map.clone() }),
        "res=0 addr=7F000000 length=4096 prot=0(PROT_NONE)",
    );
    check_arguments(11, 0, Kind::MemoryCall(map.clone()), &format!("res=0 {none} addr=7F000000 length=4096"));
    check_arguments(12, 0x5000, Kind::MemoryCall(map.clone()), &format!("res=5000 {none} addr=7F000000"));
    check_arguments(149, 0, Kind::MemoryCall(map.clone()), "res=0 addr=7F000000 len=4096");
    check_arguments(
        151,
        0,
        Kind::MemoryCall(MemoryCall { flags: 3, ..map }),
        "res=0 flags=3(MCL_CURRENT|MCL_FUTURE)",
    );
}

/// Scenario: modules loaded from memory and from a file, and removed. Guarantees: arguments and flags.
#[test]
fn modules() {
    let module = ModuleCall {
        name: b"nf".to_vec(),
        arguments: b"debug=1".to_vec(),
        descriptor: Some(file(3, "/m.ko")),
        length: 500,
        flags: 3,
    };
    check_arguments(175, 0, Kind::ModuleCall(module.clone()), "res=0 img=NULL length=500 uargs=debug=1");
    check_arguments(
        313,
        -1,
        Kind::ModuleCall(module.clone()),
        "res=-1(EPERM) fd=3(<f>/m.ko) uargs=debug=1 \
         flags=3(MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC)",
    );
    check(
        &call(313, 0, Kind::ModuleCall(module.clone())),
        &host(),
        &[("evt.is_io_read", "true"), ("fd.name", "/m.ko")],
    );
    check_arguments(
        176,
        0,
        Kind::ModuleCall(ModuleCall { flags: 0o4_000, ..module }),
        "res=0 name=nf flags=2(O_NONBLOCK)",
    );
}

/// Scenario: calls on BPF, io_uring, quotas, filters, futexes. Guarantees: commands by name and words in their places.
#[test]
fn services() {
    let kernel = |command, flags, words: &[u64]| {
        let descriptor = Some(other(3, "bpf", ""));
        Kind::KernelCall(KernelCall {
            command,
            flags,
            words: words.to_vec(),
            descriptor,
            text: b"/dev/sda".to_vec(),
        })
    };
    check_arguments(321, 3, kernel(5, 0, &[]), "fd=3(<b>) cmd=5(BPF_PROG_LOAD)");
    check_arguments(321, -1, kernel(10, 0, &[]), "fd=-1(EPERM) cmd=10(BPF_PROG_TEST_RUN|BPF_PROG_RUN)");
    check_arguments(
        425,
        3,
        kernel(0, 2, &[8, 8, 16, 1, 100, 5]),
        "res=3 entries=8 sq_entries=8 cq_entries=16 flags=2(IORING_SETUP_SQPOLL) sq_thread_cpu=1 sq_thread_idle=100 \
         features=5(IORING_FEAT_SINGLE_MMAP|IORING_FEAT_SUBMIT_STABLE)",
    );
    check_arguments(
        426,
        1,
        kernel(0, 1, &[1, 2]),
        "res=1 fd=3(<b>) to_submit=1 min_complete=2 flags=1(IORING_ENTER_GETEVENTS) sig=NULL",
    );
    check_arguments(
        427,
        0,
        kernel(2, 0, &[0xff, 4]),
        "res=0 fd=3(<b>) opcode=2(IORING_REGISTER_FILES) arg=FF nr_args=4",
    );
    check_arguments(317, 0, kernel(1, 1, &[]), "res=0 op=1 flags=1");
    check_arguments(
        202,
        0,
        kernel(0x81, 0, &[0xabc, 7]),
        "res=0 addr=ABC op=129(FUTEX_PRIVATE_FLAG|FUTEX_WAKE) val=7",
    );
    check_arguments(35, 0, kernel(0, 0, &[1, 500_000_000]), "res=0 interval=1500000000(1.5s)");
    let quota = call(179, 0, kernel(0x8000_0701, 0, &[1000]));
    check(
        &quota,
        &host(),
        &[
            ("evt.arg[special]", "/dev/sda"),
            ("evt.arg[cmd]", "Q_GETQUOTA"),
            ("evt.arg[type]", "GRPQUOTA"),
            ("evt.arg[id]", "1000"),
        ],
    );
}

/// Scenario: calls of which only registers are known, with and without parameters of their own. Guarantees: the generic event's
/// parameters are the call's name and number, and not shown together.
#[test]
fn calls_without_a_message() {
    let generic = |arguments: &[u64]| Kind::GenericCall(GenericCall { arguments: arguments.to_vec() });
    check(
        &call(39, 30, generic(&[])),
        &host(),
        &[
            ("evt.type", "getpid"),
            ("evt.args", ""),
            ("evt.arg[0]", "getpid"),
            ("evt.arg[id]", "getpid"),
            ("evt.rawarg[native_id]", "39"),
            ("evt.arg[res]", "<absent>"),
            ("evt.category", "other"),
        ],
    );
    check_arguments(64, 0, generic(&[0x4d2, 1, 0o1_600]), "res=0 key=4D2 nsems=1 semflg=8192(IPC_CREAT)");
    check_arguments(66, 0, generic(&[5, 0, 16, 1]), "res=0 semid=5 semnum=0 cmd=4096(SETVAL) val=1");
    check_arguments(7, 1, generic(&[0x7f, 1, u64::from(u32::MAX)]), "res=1 fds=NULL timeout=-1");
}
