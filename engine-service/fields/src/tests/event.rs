//! `evt.*`, and the parameters of events.

use eyrie_proto::event::{
    ChangeDirectory, Event, Exec, Exit, Fork, LossRecord, Open, PathCall, SystemCall, SystemCallAbi,
    Transfer, TwoPathCall, event::Kind,
};
use rule_language::{Catalogue as _, condition::FieldRef};

use super::fixture::{NOW, OFFSET, call, check, event, extract, file, host, open, path, show, view};
use crate::{Extracted, FieldError, FieldExtractor, Value, catalogue};

/// Scenario: an open as it comes from the kernel. Guarantees: Falco's names, numbers and order in evt.args.
#[test]
fn an_open_has_falcos_parameters() {
    check(
        &open("/etc/passwd", "/etc/passwd"),
        &host(),
        &[
            ("evt.type", "openat"),
            ("syscall.type", "openat"),
            ("evt.category", "file"),
            ("evt.num", "9"),
            ("evt.cpu", "3"),
            ("evt.dir", "<"),
            ("evt.source", "syscall"),
            ("evt.hostname", "host-1"),
            ("evt.res", "SUCCESS"),
            ("evt.rawres", "3"),
            ("evt.failed", "false"),
            (
                "evt.args",
                "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=/etc/passwd flags=4097(O_RDONLY|O_CLOEXEC) mode=0 \
                 dev=801 ino=42",
            ),
            ("evt.arg[flags]", "O_RDONLY|O_CLOEXEC"),
            ("evt.arg[2]", "/etc/passwd"),
            ("evt.arg[dirfd]", "AT_FDCWD"),
            ("evt.rawarg[flags]", "4097"),
            ("evt.rawarg[fd]", "3"),
            ("evt.arg[nothing]", "<absent>"),
            ("evt.type.is[openat]", "1"),
            ("evt.type.is[open]", "0"),
        ],
    );
    let relative = open("a", "/root/work/a");
    check(&relative, &host(), &[("evt.arg[name]", "/root/work/a"), ("evt.rawarg[name]", "a")]);
}

/// Scenario: an open that succeeds and one that fails, looked at by the fields that Falco derives of any event or has
/// given up. Guarantees: their values are Falco's; what is declared without an extraction is absent.
#[test]
fn derived_fields_have_falcos_values() {
    let failed = call(2, -2, Kind::Open(Open { path: Some(path("/x")), ..Default::default() }));
    for (event, errors) in [(open("/x", "/x"), "0"), (failed, "1")] {
        let expected = [
            ("evt.latency", "0"),
            ("evt.latency.s", "0"),
            ("evt.latency.ns", "0"),
            ("evt.latency.quantized", "0"),
            ("evt.latency.human", "0ns"),
            ("evt.wait_latency", "0"),
            ("evt.count", "1"),
            ("evt.count.error", errors),
            ("evt.is_async", "false"),
            ("evt.asynctype", "<absent>"),
        ];
        check(&event, &host(), &expected);
        assert_eq!(show("evt.info", &event, &host()), show("evt.args", &event, &host()));
    }
}

/// Scenario: opens to read, to write, both, and that make an executable. Guarantees: what evt.is_open_* says of each, and
/// that nothing is said of creat but what it makes.
#[test]
fn what_an_open_is_for_follows_from_its_flags() {
    let opened = |number, flags, mode, is_created| {
        let open = Open {
            path: Some(path("/x")),
            flags,
            mode,
            is_created,
            descriptor: Some(file(3, "/x")),
            ..Default::default()
        };
        call(number, 3, Kind::Open(open))
    };
    let check_flags = |event: &Event, expected: [&str; 4]| {
        let names = ["evt.is_open_read", "evt.is_open_write", "evt.is_open_exec", "evt.is_open_create"];
        for (name, expected) in names.into_iter().zip(expected) {
            check(event, &host(), &[(name, expected)]);
        }
    };
    check_flags(&opened(2, 0, 0, false), ["true", "false", "false", "false"]);
    check_flags(&opened(2, 0o1, 0, false), ["false", "true", "false", "false"]);
    check_flags(&opened(2, 0o102, 0o755, true), ["true", "true", "true", "true"]);
    check_flags(&opened(2, 0o20_200_002, 0o600, false), ["true", "true", "false", "true"]);
    check_flags(&opened(85, 0o1, 0o700, true), ["false", "false", "true", "true"]);
    // Nothing is created: the mode's register held something else.
    check(&opened(2, 0o2, 0o765_4321, false), &host(), &[("evt.arg[mode]", "0")]);
    check(&opened(85, 0o1, 0o700, true), &host(), &[("evt.rawarg[mode]", "448")]);
    check(
        &opened(2, 0o102, 0o4755, true),
        &host(),
        &[(
            "evt.args",
            "fd=3(<f>/x) name=/x flags=16391(O_CREAT|O_RDWR|O_F_CREATED) mode=04755 dev=801 ino=42",
        )],
    );
}

/// Scenario: the events that the scheduler's tracepoints report without a call. Guarantees: their names and results.
#[test]
fn events_without_a_call_have_names() {
    let fork = Fork { child_tid: 31, flags: 0x11_0000 | 0x4000, ..Fork::default() };
    check(
        &event(Kind::Fork(fork.clone())),
        &host(),
        &[
            ("evt.type", "clone"),
            ("evt.rawres", "31"),
            ("evt.arg[flags]", "CLONE_PARENT_SETTID|CLONE_THREAD|CLONE_VFORK"),
            ("evt.arg[ptid]", "bash"),
            ("evt.rawarg[tid]", "30"),
        ],
    );
    check(&call(58, 31, Kind::Fork(fork)), &host(), &[("evt.type", "vfork")]);
    check(&event(Kind::Exec(Exec::default())), &host(), &[("evt.type", "execve"), ("evt.res", "SUCCESS")]);
    let exit = Exit { status: 0x0300, signal: 9, is_process_end: true, ..Exit::default() };
    check(
        &call(231, 0, Kind::Exit(exit)),
        &host(),
        &[
            ("evt.type", "procexit"),
            ("evt.res", "<absent>"),
            ("evt.args", "status=768 ret=3 sig=9(SIGKILL) core=0 reaper_tid=0"),
        ],
    );
    check(&event(Kind::Loss(LossRecord::default())), &host(), &[("evt.type", "<absent>")]);
}

/// Scenario: an exec and one that fails. Guarantees: arguments, ids with names, flags of the executable.
#[test]
fn an_exec_has_falcos_parameters() {
    let exec = Exec {
        exe: b"./tool".to_vec(),
        arguments: vec![b"a".to_vec(), b"b c".to_vec()],
        path: Some(path("./tool")),
        executable: host().process(30).and_then(|process| process.executable().cloned()),
        ..Exec::default()
    };
    check(
        &call(59, 0, Kind::Exec(exec.clone())),
        &host(),
        &[
            ("evt.arg[exe]", "./tool"),
            ("evt.arg[args]", "a b c"),
            ("evt.arg[res]", "0"),
            ("evt.arg[flags]", "EXE_WRITABLE|EXE_UPPER_LAYER"),
            ("evt.arg[uid]", "<NA>"),
            ("evt.arg[loginuid]", "<NONE>"),
            ("evt.arg[filename]", "/root/work/tool"),
            ("evt.rawarg[filename]", "./tool"),
            ("evt.arg[trusted_exepath]", "/usr/bin/cat"),
            ("evt.category", "process"),
        ],
    );
    check(
        &call(322, -2, Kind::Exec(exec)),
        &host(),
        &[
            ("evt.type", "execveat"),
            ("evt.arg[res]", "ENOENT"),
            ("evt.res", "ENOENT"),
            ("evt.arg[filename]", "<absent>"),
        ],
    );
}

/// Scenario: calls on paths and directories. Guarantees: parameters by the call's own names.
#[test]
fn calls_on_paths_have_falcos_parameters() {
    let change = ChangeDirectory { path: Some(path("sub")), ..ChangeDirectory::default() };
    check(
        &call(80, 0, Kind::ChangeDirectory(change)),
        &host(),
        &[("evt.type", "chdir"), ("evt.args", "res=0 path=sub")],
    );
    let unlink = PathCall { path: Some(path("/x")), flags: 0x200, ..PathCall::default() };
    check(
        &call(263, -2, Kind::PathCall(unlink)),
        &host(),
        &[
            ("evt.args", "res=-2(ENOENT) dirfd=-100(AT_FDCWD) name=/x flags=512(AT_REMOVEDIR)"),
            ("fd.name", "<absent>"),
        ],
    );
    let link =
        TwoPathCall { source: Some(path("/etc/passwd")), target: Some(path("p")), ..TwoPathCall::default() };
    check(
        &call(266, 0, Kind::TwoPathCall(link)),
        &host(),
        &[
            ("evt.type", "symlinkat"),
            ("evt.arg[target]", "/etc/passwd"),
            ("evt.arg[linkpath]", "/root/work/p"),
        ],
    );
}

/// Scenario: an instant. Guarantees: it is a number where values are typed and a text elsewhere.
#[test]
fn times_are_texts_and_numbers() {
    let (event, host) = (open("/x", "/x"), host());
    let epoch_ns = NOW.strict_add_signed(OFFSET);
    match extract("evt.time.iso8601", &view(&event, &host)) {
        Extracted::Value(Value::Time { epoch_ns: own, text }) => {
            assert_eq!((own, &*text), (epoch_ns, "2023-11-14T22:13:25.000000000+0000"));
        }
        other => panic!("{other:?}"),
    }
    check(
        &event,
        &host,
        &[("evt.rawtime", &*epoch_ns.to_string()), ("evt.rawtime.s", "1700000005"), ("evt.rawtime.ns", "0")],
    );
}

/// Scenario: calls by 32-bit programs, by unknown number, and one that Falco renames. Guarantees: names from the right
/// table, or none.
#[test]
fn calls_are_named_by_their_own_table() {
    let mut compat = open("/x", "/x");
    compat.call =
        Some(SystemCall { number: 5, abi: SystemCallAbi::Compat32.into(), ..SystemCall::default() });
    check(&compat, &host(), &[("evt.type", "open")]);
    compat.call =
        Some(SystemCall { number: 102, abi: SystemCallAbi::Compat32.into(), ..SystemCall::default() });
    compat.kind = Some(Kind::Connect(Default::default()));
    check(&compat, &host(), &[("evt.type", "connect"), ("syscall.type", "socketcall")]);
    check(
        &call(9999, 0, Kind::GenericCall(Default::default())),
        &host(),
        &[("evt.type", "<absent>"), ("evt.args", "<absent>")],
    );
    check(
        &call(17, 0, Kind::GenericCall(Default::default())),
        &host(),
        &[("evt.type", "pread"), ("syscall.type", "pread64")],
    );
}

/// Scenario: a write whose first bytes were captured. Guarantees: those bytes, the number of
/// all that the call moved, and neither for other events.
#[test]
fn a_transfer_has_its_data() {
    let transfer = Transfer {
        data: b"GET /".to_vec(),
        size: 500,
        descriptor: Some(file(3, "/x")),
        ..Transfer::default()
    };
    let event = call(1, 500, Kind::Transfer(transfer));
    check(
        &event,
        &host(),
        &[("evt.type", "write"), ("evt.buffer", "GET /"), ("evt.buflen", "500"), ("fd.name", "/x")],
    );
    check(&open("/x", "/x"), &host(), &[("evt.buffer", "<absent>"), ("evt.buflen", "<absent>")]);
}

/// Scenario: an open that was called, one that was submitted to io_uring, and the end of a process. Guarantees: they are told apart, and
/// what is no call is neither.
#[test]
fn what_was_submitted_is_told_apart() {
    let mut open = call(257, 3, Kind::Open(Open::default()));
    check(&open, &host(), &[("evt.is_io_uring", "false"), ("evt.type", "openat")]);
    open.call.as_mut().unwrap().is_io_uring = true;
    check(&open, &host(), &[("evt.is_io_uring", "true"), ("evt.type", "openat")]);
    check(&event(Kind::Exit(Exit::default())), &host(), &[("evt.is_io_uring", "<absent>")]);
}

/// Scenario: a loss near an event. Guarantees: evt.loss tells of it.
#[test]
fn a_loss_nearby_is_told() {
    let (event, mut model) = (open("/x", "/x"), host());
    check(&event, &model, &[("evt.loss", "false")]);
    let loss = LossRecord {
        place: 1,
        event_class: 1,
        count: 3,
        first_boot_ns: NOW,
        last_boot_ns: NOW,
        ..Default::default()
    };
    model.apply(&Event { boot_ns: NOW, kind: Some(Kind::Loss(loss)), ..Event::default() });
    check(&event, &model, &[("evt.loss", "true")]);
}

/// Scenario: the catalogue as the rule language sees it. Guarantees: names are unique, ascending where promised, known
/// events are known, and wrong arguments are refused with a reason.
#[test]
fn the_catalogue_is_consistent() {
    let fields = catalogue();
    for (place, info) in fields.fields().iter().enumerate() {
        let id = fields.field(info.name).expect("a field that is listed");
        assert_eq!((id.0 as usize, fields.info(id)), (place, info));
        assert!(!info.description.is_empty());
    }
    assert!(fields.event_types().is_sorted());
    for name in ["openat", "open", "execve", "procexit", "pread", "llseek", "umount", "clone3", "pluginevent"]
    {
        assert!(fields.is_event_type(name), "{name}");
    }
    assert!(!fields.is_event_type("openbsd"));
    let resolve = |name: &str, argument: Option<&str>| {
        let id = fields.field(name).expect("a field");
        let info = fields.info(id);
        let argument = argument.map(str::to_owned);
        let field = FieldRef {
            id,
            name: name.into(),
            argument,
            is_dotted: false,
            field_type: info.field_type,
            is_list: info.is_list,
        };
        FieldExtractor::new(fields, &field).map(|_| ())
    };
    assert_eq!(resolve("proc.aname", Some("2")), Ok(()));
    for (name, argument) in [("proc.aname", Some("x")), ("evt.arg", None), ("proc.name", Some("1"))] {
        assert!(matches!(resolve(name, argument), Err(FieldError::Argument { .. })), "{name}");
    }
}
