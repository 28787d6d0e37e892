//! `fd.*`.

use eyrie_proto::event::{
    Accept, Bind, Connect, Descriptor, DescriptorCall, Open, OtherDescriptor, OverlayLayer, SocketAddress,
    SocketCreate, SocketDescriptor, SocketRole, Transfer, descriptor, event::Kind, socket_address,
};

use rule_language::Catalogue as _;

use super::fixture::{address, call, check, extract, file, host, open, path, show, show_in, socket, view};
use crate::{EventView, Extracted, FieldSettings, HOST_NAME_FIELDS, Value, catalogue, normalise};

/// Scenario: an open by a relative path with dots through a symbolic link. Guarantees: fd.name is the path asked for as
/// text, fd.nameraw what the program gave, fd.resolved the kernel's.
#[test]
fn an_open_has_the_path_asked_for_and_the_kernels() {
    let event = open("../.././etc//shadow", "/run/shadow");
    check(
        &event,
        &host(),
        &[
            ("fd.name", "/etc/shadow"),
            ("fd.nameraw", "../.././etc/shadow"),
            ("fd.resolved", "/run/shadow"),
            ("fd.directory", "/etc"),
            ("fd.filename", "shadow"),
            ("fd.num", "3"),
            ("fd.type", "file"),
            ("fd.typechar", "f"),
            ("fd.ino", "42"),
            ("fd.dev.major", "8"),
            ("fd.dev.minor", "1"),
            ("fd.ip", "<absent>"),
            ("fd.connected", "<absent>"),
        ],
    );
}

/// Scenario: an open relative to a directory descriptor. Guarantees: the kernel's path of that directory is the base.
#[test]
fn a_path_is_resolved_against_its_directory() {
    let mut argument = path("passwd");
    (argument.directory_fd, argument.base) = (7, b"/etc".to_vec());
    let with_base = |path| call(257, -2, Kind::Open(Open { path: Some(path), ..Open::default() }));
    check(&with_base(argument.clone()), &host(), &[("fd.name", "/etc/passwd"), ("fd.filename", "<absent>")]);
    argument.base.clear();
    check(&with_base(argument), &host(), &[("fd.name", "passwd"), ("fd.directory", "<absent>")]);
}

/// Scenario: calls that fail to make a descriptor, and a close of one that is not there; the same as Falco has it. Guarantees: the character of
/// what would have been made, by the call's name; only the plain open differs, and only where configuration says so.
#[test]
fn a_failed_call_has_the_character_of_what_it_would_have_made() {
    let none = || Some(Descriptor { fd: -24, kind: None });
    let make = || Kind::DescriptorCall(DescriptorCall { descriptor: none(), ..Default::default() });
    let open = || Kind::Open(Open { path: Some(path("/x")), ..Open::default() });
    let as_falco = FieldSettings { has_falcos_open_typechar: true, ..FieldSettings::default() };
    for (number, kind, ours, falcos) in [
        (2, open(), "f", "o"),
        (304, open(), "f", "o"),
        (257, open(), "f", "f"),
        (437, open(), "f", "f"),
        (85, open(), "f", "f"),
        (41, Kind::SocketCreate(SocketCreate::default()), "4", "4"),
        (43, Kind::Accept(Accept::default()), "4", "4"),
        (293, make(), "p", "p"),
        (290, make(), "e", "e"),
        (289, make(), "s", "s"),
        (283, make(), "t", "t"),
        (294, make(), "i", "i"),
        (291, make(), "o", "o"),
        (3, make(), "o", "o"),
    ] {
        let event = call(number, -24, kind);
        assert_eq!(show("fd.typechar", &event, &host()), ours, "call {number}");
        let host = host();
        let like_falco = EventView { settings: &as_falco, ..view(&event, &host) };
        assert_eq!(show_in("fd.typechar", &like_falco), falcos, "call {number}");
        check(&event, &host, &[("fd.num", "-1"), ("fd.type", "<absent>"), ("fd.filename", "<absent>")]);
    }
}

/// Scenario: opens that fail, by openat and by plain open. Guarantees: name and 'f' for both, no descriptor.
#[test]
fn a_failed_open_has_a_name_and_no_number() {
    for number in [2, 257] {
        let failed = Open { path: Some(path("/etc/shadow")), ..Open::default() };
        let event = call(number, -13, Kind::Open(failed));
        let expected = [
            ("fd.name", "/etc/shadow"),
            ("fd.num", "-1"),
            ("fd.typechar", "f"),
            ("fd.type", "<absent>"),
            ("fd.resolved", "<absent>"),
            ("evt.res", "EACCES"),
            ("evt.failed", "true"),
        ];
        check(&event, &host(), &expected);
    }
}

/// Scenario: an open by file handle, which takes no path. Guarantees: the kernel's path is its name.
#[test]
fn an_open_without_a_path_has_the_kernels() {
    let opened = Open { descriptor: Some(file(3, "/etc/shadow")), ..Open::default() };
    let expected = [("evt.type", "open_by_handle_at"), ("fd.name", "/etc/shadow"), ("fd.filename", "shadow")];
    check(&call(304, 3, Kind::Open(opened)), &host(), &expected);
    let failed = [("fd.name", "<absent>"), ("fd.num", "-1"), ("fd.typechar", "f")];
    check(&call(304, -1, Kind::Open(Open::default())), &host(), &failed);
}

/// Scenario: the path could not be read from the program's memory. Guarantees: no name, not an empty one.
#[test]
fn an_unreadable_path_is_no_name() {
    let mut argument = path("");
    argument.is_unreadable = true;
    let event = call(257, -14, Kind::Open(Open { path: Some(argument), ..Open::default() }));
    check(
        &event,
        &host(),
        &[("fd.name", "<absent>"), ("fd.directory", "<absent>"), ("fd.nameraw", "<absent>")],
    );
}

/// Scenario: an outgoing connection. Guarantees: the tuple and both ends, local being the client.
#[test]
fn a_connection_has_a_client_and_a_server() {
    let descriptor = socket(
        Some(address(&[10, 0, 0, 1], 5555)),
        Some(address(&[1, 2, 3, 4], 443)),
        SocketRole::Unspecified,
    );
    let event = call(42, 0, Kind::Connect(Connect { descriptor: Some(descriptor), ..Connect::default() }));
    check(
        &event,
        &host(),
        &[
            ("evt.type", "connect"),
            ("fd.name", "10.0.0.1:5555->1.2.3.4:443"),
            ("fd.type", "ipv4"),
            ("fd.typechar", "4"),
            ("fd.cip", "10.0.0.1"),
            ("fd.sip", "1.2.3.4"),
            ("fd.lip", "10.0.0.1"),
            ("fd.rport", "443"),
            ("fd.sport", "443"),
            ("fd.port", "5555|443"),
            ("fd.proto", "5555|443"),
            ("fd.ip", "10.0.0.1|1.2.3.4"),
            ("fd.snet", "1.2.3.4"),
            ("fd.l4proto", "tcp"),
            ("fd.sockfamily", "ip"),
            ("fd.is_server", "false"),
            ("fd.connected", "true"),
            ("fd.sproto", "443"),
            (
                "evt.args",
                "res=0 tuple=10.0.0.1:5555->1.2.3.4:443 fd=5(<4t>10.0.0.1:5555->1.2.3.4:443) addr=1.2.3.4:443",
            ),
        ],
    );
}

/// Scenario: a connect that is refused on a socket without addresses. Guarantees: the address asked for is its name, and
/// it is not connected.
#[test]
fn a_failed_connect_has_the_address_asked_for() {
    let connect = Connect {
        descriptor: Some(socket(None, None, SocketRole::Unspecified)),
        requested: Some(address(&[1, 2, 3, 4], 443)),
        is_started_only: false,
    };
    let expected = [
        ("fd.name", "0.0.0.0:0->1.2.3.4:443"),
        ("fd.sip", "1.2.3.4"),
        ("fd.cip", "<absent>"),
        ("fd.connected", "false"),
    ];
    check(&call(42, -111, Kind::Connect(connect.clone())), &host(), &expected);
    let begun = [("fd.connected", "true"), ("evt.res", "EINPROGRESS")];
    check(&call(42, -115, Kind::Connect(connect)), &host(), &begun);
}

/// Scenario: a connection that comes in over IPv4 on an IPv6 socket. Guarantees: the peer is the client, and both count
/// as IPv4.
#[test]
fn an_accepted_connection_is_a_servers() {
    let mapped = |last| [[0; 10].as_slice(), &[0xff, 0xff, 10, 0, 0, last]].concat();
    let mut descriptor =
        socket(Some(address(&mapped(1), 22)), Some(address(&mapped(2), 4000)), SocketRole::Unspecified);
    if let Some(descriptor::Kind::Socket(socket)) = &mut descriptor.kind {
        socket.family = 10;
    }
    let event = call(288, 5, Kind::Accept(Accept { descriptor: Some(descriptor), ..Accept::default() }));
    let expected = [
        ("evt.type", "accept4"),
        ("fd.name", "10.0.0.2:4000->10.0.0.1:22"),
        ("fd.type", "ipv4"),
        ("fd.is_server", "true"),
        ("fd.cip", "10.0.0.2"),
        ("fd.sport", "22"),
    ];
    check(&event, &host(), &expected);
}

/// Scenario: a socket that is bound and listens, over IPv6. Guarantees: its own address is its name.
#[test]
fn a_bound_socket_is_named_after_itself() {
    let mut ip = [0; 16];
    ip[15] = 1;
    let mut descriptor = socket(Some(address(&ip, 80)), None, SocketRole::Unspecified);
    if let Some(descriptor::Kind::Socket(socket)) = &mut descriptor.kind {
        socket.family = 10;
    }
    let event = call(50, 0, Kind::Bind(Bind { descriptor: Some(descriptor), ..Bind::default() }));
    let expected = [
        ("fd.name", "::1:80"),
        ("fd.type", "ipv6"),
        ("fd.is_server", "true"),
        ("fd.rip", "<absent>"),
        ("fd.port", "80"),
    ];
    check(&event, &host(), &expected);
}

/// Scenario: a Unix socket with an abstract name. Guarantees: the name, with @ for its NUL byte.
#[test]
fn a_unix_socket_is_named_after_its_path() {
    let remote = SocketAddress { kind: Some(socket_address::Kind::Unix(b"\0bus".to_vec())) };
    let socket =
        SocketDescriptor { family: 1, r#type: 1, remote: Some(remote), ..SocketDescriptor::default() };
    let descriptor = Descriptor { fd: 4, kind: Some(descriptor::Kind::Socket(socket)) };
    let event = call(42, 0, Kind::Connect(Connect { descriptor: Some(descriptor), ..Connect::default() }));
    let expected =
        [("fd.name", "@bus"), ("fd.type", "unix"), ("fd.sockfamily", "unix"), ("fd.l4proto", "<absent>")];
    check(&event, &host(), &expected);
}

/// Scenario: descriptors that are neither files nor sockets, and a directory. Guarantees: Falco's types and characters.
#[test]
fn every_kind_of_descriptor_has_its_character() {
    let event = |descriptor| {
        call(
            32,
            5,
            Kind::DescriptorCall(DescriptorCall { descriptor: Some(descriptor), ..Default::default() }),
        )
    };
    for (name, character) in [
        ("pipe", "p"),
        ("event", "e"),
        ("signalfd", "s"),
        ("eventpoll", "l"),
        ("inotify", "i"),
        ("timerfd", "t"),
        ("bpf", "b"),
        ("userfaultfd", "u"),
        ("io_uring", "r"),
        ("memfd", "m"),
        ("pidfd", "P"),
        ("novel", "o"),
    ] {
        let other = OtherDescriptor { r#type: name.to_owned(), name: b"x".to_vec(), inode: 8 };
        let event = event(Descriptor { fd: 5, kind: Some(descriptor::Kind::Other(other)) });
        check(
            &event,
            &host(),
            &[("fd.type", name), ("fd.typechar", character), ("fd.ino", "8"), ("fd.name", "x")],
        );
    }
    let mut directory = file(5, "/etc");
    if let Some(descriptor::Kind::File(file)) = &mut directory.kind {
        file.mode = 0o040_755;
    }
    let expected = [
        ("fd.type", "directory"),
        ("fd.typechar", "d"),
        ("fd.name", "/etc"),
        ("fd.directory", "/etc"),
        ("fd.filename", "<absent>"),
        ("fd.is_upper_layer", "false"),
    ];
    check(&event(directory), &host(), &expected);
    let raced = Open { descriptor: Some(Descriptor { fd: 3, kind: None }), ..Open::default() };
    check(&call(257, 3, Kind::Open(raced)), &host(), &[("fd.type", "file"), ("fd.typechar", "f")]);
}

/// Scenario: files of an overlay's layers, of neither, and a pipe. Guarantees: which layer; false of what is no file.
#[test]
fn a_file_lies_in_a_layer() {
    for (layer, upper, lower) in [
        (OverlayLayer::Upper, "true", "false"),
        (OverlayLayer::Lower, "false", "true"),
        (OverlayLayer::Unspecified, "false", "false"),
    ] {
        let mut event = open("/x", "/x");
        if let Some(Kind::Open(Open { descriptor: Some(descriptor), .. })) = &mut event.kind
            && let Some(descriptor::Kind::File(file)) = &mut descriptor.kind
        {
            file.layer = layer.into();
        }
        check(&event, &host(), &[("fd.is_upper_layer", upper), ("fd.is_lower_layer", lower)]);
    }
}

/// Scenario: TCP and UDP sockets whose role the kernel does not tell, one that a server bound, and one that a client is connecting. Guarantees: client
/// and server are absent where the role is not known; local and remote are the kernel's all the same.
#[test]
fn roles_that_are_not_known_are_not_made_up() {
    let (ours, theirs) = (address(&[10, 0, 0, 1], 4000), address(&[10, 0, 0, 2], 53));
    let of = |role| {
        let descriptor = Some(socket(Some(ours.clone()), Some(theirs.clone()), role));
        call(44, 9, Kind::Transfer(Transfer { descriptor, ..Transfer::default() }))
    };
    let unknown = [
        ("fd.cip", "<absent>"),
        ("fd.sip", "<absent>"),
        ("fd.cport", "<absent>"),
        ("fd.sport", "<absent>"),
        ("fd.lip", "10.0.0.1"),
        ("fd.rip", "10.0.0.2"),
        ("fd.lport", "4000"),
        ("fd.rport", "53"),
        ("fd.is_server", "false"),
    ];
    check(&of(SocketRole::Unspecified), &host(), &unknown);
    let server =
        [("fd.cip", "10.0.0.2"), ("fd.sip", "10.0.0.1"), ("fd.lip", "10.0.0.1"), ("fd.is_server", "true")];
    check(&of(SocketRole::Server), &host(), &server);
    let client = [("fd.cip", "10.0.0.1"), ("fd.sport", "53"), ("fd.name", "10.0.0.1:4000->10.0.0.2:53")];
    check(&of(SocketRole::Client), &host(), &client);
}

/// Scenario: paths with everything that can be superfluous in them. Guarantees: one way to write each.
#[test]
fn paths_are_normalised_as_text() {
    for (path, expected) in [
        ("/", "/"),
        ("//a///b/", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("/../..", "/"),
        ("/..a/b..", "/..a/b.."),
        ("a/../..", ".."),
        ("./a", "a"),
        ("", ""),
    ] {
        assert_eq!(normalise(path.as_bytes()), expected.as_bytes(), "{path}");
    }
}

/// Scenario: every field on a connect whose two ends are known. Guarantees: those that are compared with names of hosts are the four that
/// rules are searched for.
#[test]
fn fields_that_want_names_resolved_are_known() {
    let descriptor =
        socket(Some(address(&[10, 0, 0, 1], 5555)), Some(address(&[1, 2, 3, 4], 443)), SocketRole::Client);
    let event = call(42, 0, Kind::Connect(Connect { descriptor: Some(descriptor), ..Connect::default() }));
    let host = host();
    let is_named =
        |name: &&str| matches!(extract(name, &view(&event, &host)), Extracted::Value(Value::NamedIp(_)));
    let without_argument = catalogue().fields().iter().filter(|info| !info.argument_required);
    let named: Vec<_> = without_argument.map(|info| info.name).filter(is_named).collect();
    assert_eq!(named, HOST_NAME_FIELDS);
}
