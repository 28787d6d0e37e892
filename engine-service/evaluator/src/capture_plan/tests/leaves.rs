//! What follows from one comparison.

use std::net::Ipv4Addr;

use eyrie_proto::capture::{
    ArgumentFilter, CallFilter, CallOutcome, ContainerScope, FlagFilter, NetworkEnd, NetworkFilter,
    path_filter::Kind,
};

use super::{
    super::{derive::Calls, path_test::Preference},
    needed, needed_with, path,
};
use crate::filter_text;

fn one(condition: &str, event_type: &str) -> CallFilter {
    let mut filters = needed(condition, event_type).unwrap_or_else(|| panic!("{condition}: never"));
    assert_eq!(filters.len(), 1, "{condition} on {event_type}: {filters:#?}");
    filters.remove(0)
}

fn outcome(outcome: CallOutcome) -> CallFilter {
    CallFilter { outcome: outcome.into(), ..CallFilter::default() }
}

fn argument(index: u32, mask: u64, values: &[u64]) -> CallFilter {
    let arguments = vec![ArgumentFilter { index, mask, values: values.to_vec() }];
    CallFilter { arguments, ..CallFilter::default() }
}

fn flags(mask: u64, values: &[u64]) -> CallFilter {
    CallFilter { open_flags: vec![FlagFilter { mask, values: values.to_vec() }], ..CallFilter::default() }
}

fn assert_open(conditions: &[(&str, &str)]) {
    for (condition, event_type) in conditions {
        assert_eq!(needed(condition, event_type), Some(Vec::new()), "{condition} on {event_type}");
    }
}

/// Scenario: comparisons that the event type decides. Guarantees: what never holds is no need, and what always does needs all.
#[test]
fn event_types_decide() {
    let conditions = [
        "evt.type = open",
        "not evt.type in (openat)",
        "evt.type.is.open = 1",
        "syscall.type = open",
        "evt.num = 0",
        "evt.dir = '>'",
        "evt.arg.oldpath = /x",
        "evt.arg.request contains PTRACE",
        "evt.is_async = true",
        "evt.pluginname = x",
    ];
    for condition in conditions {
        assert_eq!(needed(condition, "openat"), None, "{condition}");
        assert_eq!(needed(&format!("not ({condition})"), "openat"), Some(Vec::new()), "not {condition}");
    }
    assert_eq!(needed("syscall.type = pread64", "pread"), Some(Vec::new()));
    let read = "(evt.type = openat and evt.failed = true) or (evt.type = connect and evt.failed = false)";
    assert_eq!(one(read, "openat"), outcome(CallOutcome::Failed));
    assert_eq!(one(read, "connect"), outcome(CallOutcome::Succeeded));
}

/// Scenario: comparisons of results and errors, by number, name and failure. Guarantees: the outcome, or the results.
#[test]
fn results_become_outcomes() {
    for condition in [
        "evt.rawres >= 0",
        "evt.rawres > -1",
        "not evt.rawres < 0",
        "evt.failed = false",
        "evt.failed != true",
        "evt.res = SUCCESS",
        "fd.num >= 0",
        "fd.num != -1",
    ] {
        assert_eq!(one(condition, "openat"), outcome(CallOutcome::Succeeded), "{condition}");
    }
    for condition in ["evt.rawres < 0", "evt.failed = true", "evt.res startswith E", "evt.res != SUCCESS"] {
        assert_eq!(one(condition, "openat"), outcome(CallOutcome::Failed), "{condition}");
    }
    let results = |results: &[i64]| CallFilter { results: results.to_vec(), ..CallFilter::default() };
    assert_eq!(one("evt.rawres in (0, 1)", "dup2"), results(&[0, 1]));
    assert_eq!(one("evt.res = EINPROGRESS", "connect"), results(&[-115]));
    assert_eq!(one("fd.num = 3", "openat"), results(&[3]));
    assert_eq!(needed("evt.res = EFOO", "connect"), None);
    assert_eq!(needed("evt.failed = true and evt.rawres >= 0", "connect"), None);
    let begun = needed("evt.rawres >= 0 or evt.res = EINPROGRESS", "connect").unwrap();
    assert_eq!(begun, [outcome(CallOutcome::Succeeded), results(&[-115])]);
    assert_open(&[
        ("evt.rawres != 0", "openat"),
        ("evt.rawres > -5", "openat"),
        ("evt.res contains S", "openat"),
        ("evt.res != EACCES", "openat"),
        ("not fd.num >= 0", "openat"),
        ("fd.num = -1", "openat"),
        ("fd.num >= 0", "read"),
        ("evt.res != -1", "openat"),
    ]);
}

/// Scenario: what opens are for, and names of their flags. Guarantees: flags as the call was given them, on every architecture.
#[test]
fn opens_become_flags() {
    assert_eq!(one("evt.is_open_write = true", "openat"), flags(3, &[1, 2, 3]));
    assert_eq!(one("evt.is_open_read = true", "open"), flags(3, &[0, 2, 3]));
    assert_eq!(one("evt.is_open_read = false", "open"), flags(3, &[1]));
    assert_eq!(needed("evt.is_open_write = true", "creat"), None);
    assert_eq!(one("evt.arg.flags contains O_CREAT", "openat"), flags(0o100, &[0o100]));
    assert_eq!(one("evt.arg.flags contains O_RDWR", "openat2"), flags(3, &[2, 3]));
    assert_eq!(one("evt.arg.flags contains O_DIRECTORY", "openat"), flags(0o740_000, &[]));
    let both = one("evt.arg.flags contains 'O_TRUNC|O_CREAT'", "openat");
    assert_eq!(both.open_flags.len(), 2, "{both:?}");
    assert_eq!(needed("evt.arg.flags contains O_NOSUCH", "openat"), None);
    let executable = CallFilter { arguments: argument(3, 0o111, &[]).arguments, ..flags(0o20_000_100, &[]) };
    assert_eq!(one("evt.is_open_exec = true", "openat"), executable);
    assert_eq!(one("evt.is_open_exec = true", "creat"), argument(1, 0o111, &[]));
    assert_open(&[
        ("evt.is_open_exec = false", "openat"),
        ("not evt.arg.flags contains O_CREAT", "openat"),
        ("evt.arg.flags contains O_", "openat"),
        ("evt.arg.flags glob '*O_CREAT*'", "openat"),
    ]);
}

/// Scenario: paths of opens and of other calls, alone, joined, and by the kernel's names. Guarantees: one filter with the paths of all
/// alternatives; of two that both have to hold, the one that says more; the second path of a call is told from the first.
#[test]
fn paths_become_tests() {
    let of = |condition, event_type| one(condition, event_type).paths;
    let shadow = path(Kind::Exact, "/etc/shadow");
    assert_eq!(of("fd.name in (/etc/shadow)", "openat"), std::slice::from_ref(&shadow));
    let either = "fd.name startswith /etc/ssh or fd.filename = id_rsa or fd.name = /etc/ssh/x";
    assert_eq!(of(either, "openat2"), [path(Kind::Prefix, "/etc/ssh"), path(Kind::Name, "id_rsa")]);
    assert_eq!(
        of("fd.name startswith /etc and fd.name = /etc/shadow", "open"),
        std::slice::from_ref(&shadow)
    );
    let directory = [path(Kind::Exact, "/bin"), path(Kind::Prefix, "/bin/")];
    assert_eq!(of("fd.directory = /bin", "creat"), directory);
    assert_eq!(of("fd.nameraw contains '../'", "openat"), [path(Kind::RawContains, "../")]);
    assert_eq!(of("fd.name contains liblzma.so.5", "openat"), [path(Kind::Contains, "liblzma.so.5")]);
    let root = [path(Kind::Directory, "/"), path(Kind::Exact, "/")];
    assert_eq!(of("fd.directory = /", "openat"), root);
    assert_eq!(of("fd.directory = / or fd.name = /x", "open"), root);
    let dots = path(Kind::RawContains, "..");
    let anywhere = [path(Kind::Contains, "fish_read_history"), dots.clone()];
    assert_eq!(of("evt.arg.oldpath contains fish_read_history", "rename"), anywhere);
    assert_eq!(
        of("fd.name contains ssh and fd.name startswith /etc", "openat"),
        [path(Kind::Prefix, "/etc")]
    );
    assert_eq!(
        of("fd.name contains /.ssh/ or fd.name contains /. or fd.filename = .x", "openat"),
        [path(Kind::Contains, "/.")]
    );
    assert_eq!(of("evt.arg.path startswith /bin/", "mkdir")[..2], directory);
    assert!(of("evt.arg.path startswith /bin/", "mkdir").contains(&dots));
    // What is given may be relative, to a directory whose name begins with dots.
    assert!(of("evt.arg.path startswith /run/..", "mkdir").contains(&path(Kind::Prefix, "/run/")));
    assert!(of("evt.arg.path startswith /run/..2", "mkdir").contains(&path(Kind::Prefix, "/run/..2")));
    let second = of("evt.arg.newpath = /etc/x", "renameat2");
    assert_eq!(second.first().map(|path| path.subject), Some(1), "{second:?}");
    let link = one("fs.path.source = /etc/x", "symlinkat");
    assert_eq!((link.outcome(), link.paths.len()), (CallOutcome::Succeeded, 1));
    let calls = Calls { event_type: "openat", is_match_resolved: true, preference: Preference::Narrow };
    let resolved = needed_with("fd.name = /etc/shadow", calls).unwrap();
    assert!(resolved[0].tries_resolved_path && resolved[0].paths == [shadow]);
    let calls = Calls { event_type: "unlink", is_match_resolved: true, preference: Preference::Narrow };
    assert_eq!(needed_with("evt.arg.path = /etc/shadow", calls), Some(Vec::new()));
    assert_open(&[
        ("not fd.name = /etc/shadow", "openat"),
        ("fd.name != /etc/shadow", "openat"),
        ("not fd.name != /etc/shadow", "openat"),
        ("fd.name icontains shadow", "openat"),
        ("not fd.name contains shadow", "openat"),
        ("not fd.directory = /", "openat"),
        ("fd.name contains shadow", "read"),
        ("fd.name = /etc/shadow", "open_by_handle_at"),
        ("fd.name = /etc/shadow", "read"),
        ("tolower(fd.name) = /etc/shadow", "openat"),
        ("fd.name = val(proc.exepath)", "openat"),
        ("evt.arg.target = /etc/shadow", "symlink"),
        ("fd.name = /etc/shadow or proc.name = cat", "openat"),
    ]);
}

/// Scenario: parameters that have names. Guarantees: the numbers whose text fits, in the register where they are; nothing where a number
/// without a name might fit.
#[test]
fn names_become_values_of_registers() {
    const INT: u64 = 0xffff_ffff;
    assert_eq!(one("evt.arg.request contains PTRACE_ATTACH", "ptrace"), argument(0, INT, &[16]));
    assert_eq!(one("evt.arg.domain contains AF_PACKET", "socket"), argument(0, INT, &[17]));
    assert_eq!(one("evt.arg.domain = 'AF_LOCAL|AF_UNIX'", "socket"), argument(0, INT, &[1]));
    assert_eq!(one("evt.arg.cmd = 5 or evt.arg.cmd = BPF_PROG_LOAD", "bpf"), argument(0, INT, &[5]));
    assert_eq!(one("evt.arg.cmd = 40", "bpf"), argument(0, INT, &[40]));
    assert_eq!(one("evt.arg.resource in (RLIMIT_CPU, RLIMIT_FSIZE)", "prlimit"), argument(1, INT, &[0, 1]));
    assert_eq!(one("evt.arg.sig = SIGKILL", "kill"), argument(1, INT, &[9]));
    assert_eq!(one("evt.arg.mode contains S_ISUID", "fchmodat"), argument(2, 0o4_000, &[0o4_000]));
    assert_eq!(
        one("evt.arg.flags contains CLONE_NEWUSER", "unshare"),
        argument(0, 0x1000_0000, &[0x1000_0000])
    );
    assert_eq!(needed("evt.arg.domain = AF_NONE", "socket"), None);
    assert_open(&[
        ("evt.arg.request = PTRACE_UNKNOWN", "ptrace"),
        ("not evt.arg.domain = AF_INET", "socket"),
        ("evt.arg.domain contains 4", "socket"),
        ("evt.arg.domain glob 'AF_*'", "socket"),
        ("evt.arg.uid = root", "setuid"),
        ("evt.arg.flags contains CLONE_STOPPED", "unshare"),
    ]);
}

fn outside(ip: [u8; 4], length: u32, end: NetworkEnd) -> NetworkFilter {
    let ip = Ipv4Addr::from(ip).octets().to_vec();
    NetworkFilter { ip, prefix_length: length, first_port: 0, last_port: 65_535, end: end.into() }
}

/// Scenario: kinds of sockets, addresses, networks and ports of both ends, with and without knowledge of who is the client. Guarantees:
/// what follows, and nothing of an end that may not be there.
#[test]
fn ends_of_sockets_become_networks() {
    assert_eq!(one("fd.typechar = 4", "connect").socket_families, [2, 10]);
    assert_eq!(one("fd.type = ipv6", "connect").socket_families, [10]);
    assert_eq!(one("fd.sockfamily = unix", "sendto").socket_families, [1]);
    let udp = one("fd.l4proto = udp", "sendto");
    assert_eq!((udp.socket_protocols, udp.socket_families), (vec![0, 17], vec![2, 10]));
    let not_local = one("fd.net != '127.0.0.0/8'", "connect");
    assert_eq!(not_local.outside_networks, [outside([127, 0, 0, 0], 8, NetworkEnd::Remote)]);
    let not_private = "not fd.snet in ('10.0.0.0/8', '192.168.0.0/16')";
    // Of a socket of another family the address that it was to be connected to is no end.
    let connected = needed(not_private, "connect").unwrap();
    assert_eq!((connected.len(), connected[0].outside_networks.len()), (2, 2));
    assert_eq!(filter_text(&connected[1]), "no socket of AF_INET or AF_INET6");
    assert_eq!(one(&format!("fd.typechar = 4 and {not_private}"), "connect").outside_networks.len(), 2);
    // What a socket could not be bound to is no end, and what was sent to is none of its own.
    assert!(one("fd.ip != '8.8.8.8'", "bind").outside_networks.is_empty());
    assert_eq!(one("fd.lip != '8.8.8.8'", "sendto").outside_networks.len(), 1);
    // A failed accept is about no socket.
    let accepted = needed(not_private, "accept4").unwrap();
    assert_eq!(accepted[0].outside_networks[0].end(), NetworkEnd::Local);
    assert_eq!(accepted[1..], [outcome(CallOutcome::Failed)]);
    assert_eq!(one("fd.sip = '8.8.8.8'", "connect").networks[0].end(), NetworkEnd::Remote);
    let either = one("fd.ip = '8.8.8.8'", "sendto").networks;
    assert_eq!(either.iter().map(|network| network.ip.len()).collect::<Vec<_>>(), [4, 16]);
    let ports = one("fd.rport < 1024", "connect").networks;
    assert_eq!(
        ports.iter().map(|ports| (ports.first_port, ports.last_port)).collect::<Vec<_>>(),
        [(0, 1_023)]
    );
    assert!(
        one("fd.ip != '0.0.0.0'", "connect").outside_networks.is_empty(),
        "an end that is not there is all zeros"
    );
    assert!(
        one("fd.rnet != '::/0'", "connect").outside_networks.is_empty(),
        "IPv4 may be IPv6 in the kernel"
    );
    assert_open(&[
        (not_private, "sendto"),
        ("not fd.lip = '8.8.8.8'", "sendto"),
        ("not fd.ip = '8.8.8.8'", "bind"),
        ("not fd.typechar = 4", "connect"),
        ("fd.typechar != 4", "connect"),
        ("fd.typechar = f", "connect"),
        ("fd.typechar = u", "connect"),
        ("not fd.l4proto = tcp", "connect"),
        ("fd.ip = '8.8.8.8'", "read"),
        ("fd.sip.name = a.test", "connect"),
    ]);
}

/// Scenario: comparisons of containers. Guarantees: the scope, also where what is unknown counts.
#[test]
fn containers_become_scopes() {
    let of = |condition| one(condition, "unshare").container_scope();
    for condition in ["container.id != host", "not container.id = host", "container.privileged = true"] {
        assert_eq!(of(condition), ContainerScope::Container, "{condition}");
    }
    for condition in ["container.id = host", "not container.id != host", "container.id in (host)"] {
        assert_eq!(of(condition), ContainerScope::Host, "{condition}");
    }
    assert_open(&[
        ("container.privileged = false", "unshare"),
        ("container.id != 0123456789ab", "unshare"),
        ("not container.type != host", "unshare"),
        ("container.image.repository = x", "unshare"),
        ("proc.name = cat", "unshare"),
        ("user.uid = 0", "unshare"),
    ]);
}

/// Scenario: comparisons with empty lists, as stock rules have for users to add to; the same negated; and of fields whose values metadata may still
/// bring, or that are lists themselves. Guarantees: the first never hold and ask for nothing, beside others too; negated they ask for every call, and
/// so do those that may be unknown.
#[test]
fn nothing_is_in_an_empty_list() {
    for never in [
        "fd.name in ()",
        "fd.name pmatch ()",
        "proc.name in ()",
        "fd.name contains anyof ()",
        "user.name in ()",
    ] {
        assert_eq!(needed(never, "openat"), None, "{never}");
        let negated = format!("not {never}");
        assert_open(&[(&negated, "openat")]);
        let beside = format!("fd.name startswith /etc/x or ({never} and fd.name startswith /usr)");
        assert_eq!(needed(&beside, "openat"), needed("fd.name startswith /etc/x", "openat"));
    }
    assert_open(&[
        ("container.name in ()", "openat"),
        ("k8s.ns.name in ()", "openat"),
        ("fd.types in ()", "openat"),
        ("fd.containername in ()", "openat"),
        ("fd.name exists", "openat"),
    ]);
}
