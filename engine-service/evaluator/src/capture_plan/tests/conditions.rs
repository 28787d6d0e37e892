//! Conditions of all kinds, about what the generated events have.

use proptest::{prelude::*, sample::select};

/// Fields with the family of literals that they are compared with.
const FIELDS: &[(&str, Literals)] = &[
    ("fd.name", Literals::Paths),
    ("fd.name", Literals::Paths),
    ("fd.nameraw", Literals::Paths),
    ("fd.directory", Literals::Paths),
    ("fd.filename", Literals::Paths),
    ("fs.path.name", Literals::Paths),
    ("fs.path.nameraw", Literals::Paths),
    ("fs.path.source", Literals::Paths),
    ("fs.path.sourceraw", Literals::Paths),
    ("fs.path.target", Literals::Paths),
    ("fs.path.targetraw", Literals::Paths),
    ("evt.abspath", Literals::Paths),
    ("evt.arg.name", Literals::Paths),
    ("evt.arg.path", Literals::Paths),
    ("evt.arg.filename", Literals::Paths),
    ("evt.arg.oldpath", Literals::Paths),
    ("evt.arg.newpath", Literals::Paths),
    ("evt.arg.linkpath", Literals::Paths),
    ("evt.arg.target", Literals::Paths),
    ("evt.arg.dir", Literals::Paths),
    ("evt.arg.dev", Literals::Paths),
    ("evt.arg.flags", Literals::Names),
    ("evt.arg.nstype", Literals::Names),
    ("evt.arg.mode", Literals::Names),
    ("evt.arg.request", Literals::Names),
    ("evt.arg.domain", Literals::Names),
    ("evt.arg.option", Literals::Names),
    ("evt.arg.resource", Literals::Names),
    ("evt.arg.cmd", Literals::Names),
    ("evt.arg.sig", Literals::Names),
    ("evt.arg.how", Literals::Names),
    ("evt.arg.optname", Literals::Names),
    ("evt.res", Literals::Results),
    ("evt.arg.res", Literals::Results),
    ("fd.type", Literals::Kinds),
    ("fd.typechar", Literals::Kinds),
    ("fd.sockfamily", Literals::Kinds),
    ("fd.l4proto", Literals::Kinds),
    ("evt.type", Literals::Types),
    ("syscall.type", Literals::Types),
    ("container.id", Literals::Containers),
    ("container.type", Literals::Containers),
    ("container.image.repository", Literals::Containers),
    ("proc.name", Literals::Containers),
];
const NUMBERS: &[&str] =
    &["evt.rawres", "fd.num", "evt.num", "fd.port", "fd.rport", "fd.lport", "fd.sport", "fd.cport"];
const BOOLEANS: &[&str] = &[
    "evt.failed",
    "evt.is_open_read",
    "evt.is_open_write",
    "evt.is_open_exec",
    "evt.is_open_create",
    "evt.is_async",
    "container.privileged",
    "fd.connected",
];
const ADDRESSES: &[&str] = &["fd.ip", "fd.sip", "fd.cip", "fd.rip", "fd.lip"];
const NETWORKS: &[&str] = &["fd.net", "fd.snet", "fd.cnet", "fd.rnet", "fd.lnet"];

#[derive(Clone, Copy, Debug)]
enum Literals {
    Paths,
    Names,
    Results,
    Kinds,
    Types,
    Containers,
}

impl Literals {
    fn all(self) -> &'static [&'static str] {
        match self {
            Self::Paths => &[
                "/etc/shadow",
                "/etc",
                "/etc/",
                "/",
                "",
                "shadow",
                "/shadow",
                "/home/ann/.ssh/id_rsa",
                "/home/*/.ssh",
                "/home/*/.ssh/*",
                "*/.ssh/id_*",
                "../",
                "/..",
                "etc/..",
                "/etc/../etc",
                ".",
                "/.",
                "..",
                "id_rsa",
                "rsa",
                "ann/.ssh",
                "/etc/./shadow",
                "//etc//shadow",
                "/*/shadow",
                "/e?c/[sp]*",
                "*../*",
                "/home/.*",
                "a..b",
            ],
            Self::Names => &[
                "O_CREAT",
                "O_RDWR",
                "O_RDONLY",
                "O_TRUNC",
                "O_TRUNC|O_CREAT",
                "O_DIRECTORY",
                "O_",
                "O_F_CREATED",
                "O_TMPFILE",
                "S_ISUID",
                "S_ISGID",
                "S_IXUSR",
                "PTRACE_ATTACH",
                "PTRACE_",
                "PTRACE_UNKNOWN",
                "AF_PACKET",
                "AF_INET",
                "AF_LOCAL|AF_UNIX",
                "40",
                "4",
                "CLONE_NEWUSER",
                "CLONE_NEW",
                "CLONE_",
                "PR_",
                "RLIMIT_UNKNOWN",
                "RLIMIT_CPU",
                "BPF_PROG_LOAD",
                "5",
                "F_DUPFD",
                "UNKNOWN",
                "SIGKILL",
                "9",
                "SHUT_WR",
                "AT_REMOVEDIR",
                "DETACH",
                "BIND",
                "AT_SYMLINK_FOLLOW",
                "RENAME_NOREPLACE",
                "MFD_CLOEXEC",
                "SO_DEBUG",
                "0",
                "",
            ],
            Self::Results => {
                &["SUCCESS", "ENOENT", "E", "EACCES", "EINPROGRESS", "EINPROG*", "-41", "-4", "", "EFOO", "0"]
            }
            Self::Kinds => &[
                "4", "6", "u", "f", "o", "n", "ipv4", "ipv6", "unix", "file", "netlink", "ip", "tcp", "udp",
                "icmp", "raw",
            ],
            Self::Types => &["openat", "open", "connect", "unlink", "rename", "socket", "accept4"],
            Self::Containers => &["host", "0123456789ab", "docker", "cat", ""],
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn text_leaf() -> impl Strategy<Value = String> {
    (select(FIELDS), 0..24usize, any::<[prop::sample::Index; 3]>()).prop_map(
        |((field, literals), shape, picks)| {
            let pick = |place: usize| quoted(picks[place].get::<&str>(literals.all()));
            let list = format!("({}, {}, {})", pick(0), pick(1), pick(2));
            let operators = [
                "=",
                "!=",
                "contains",
                "startswith",
                "endswith",
                "glob",
                "icontains",
                "iglob",
                "pmatch",
                "<",
                "in",
            ];
            match shape {
                0..=9 if operators[shape] == "pmatch" => format!("{field} pmatch {list}"),
                0..=9 => format!("{field} {} {}", operators[shape], pick(0)),
                10..=13 => format!("{field} in {list}"),
                14 => format!("{field} startswith oneof {list}"),
                15 => format!("{field} endswith anyof {list}"),
                16 => format!("{field} contains allof {list}"),
                17 => format!("{field} contains anyof {list}"),
                18 => format!("{field} exists"),
                19 => format!("{field} = {}", pick(1)),
                20 => format!("tolower({field}) = {}", pick(0)),
                21 => format!("{field} in ()"),
                22 => format!("{field} pmatch ()"),
                _ => format!("{field} pmatch {list}"),
            }
        },
    )
}

/// One comparison of a path, or of a part of one.
pub(super) fn path_leaf() -> impl Strategy<Value = String> {
    let fields: Vec<_> = FIELDS.iter().filter(|(_, literals)| matches!(literals, Literals::Paths)).collect();
    let operator = select(&["=", "contains", "contains", "startswith", "endswith", "glob"][..]);
    (select(fields), operator, select(Literals::Paths.all()))
        .prop_map(|((field, _), operator, literal)| format!("{field} {operator} {}", quoted(literal)))
}

fn number_leaf() -> impl Strategy<Value = String> {
    let operator = select(&["=", "!=", "<", "<=", ">", ">="][..]);
    let number = select(&["0", "1", "2", "3", "22", "53", "443", "-1", "-2", "-115", "1024", "65535"][..]);
    let list = (number.clone(), number.clone());
    (select(NUMBERS), operator, number, list, any::<bool>()).prop_map(
        |(field, operator, number, (first, second), is_list)| {
            if is_list {
                format!("{field} in ({first}, {second})")
            } else {
                format!("{field} {operator} {number}")
            }
        },
    )
}

fn boolean_leaf() -> impl Strategy<Value = String> {
    (select(BOOLEANS), select(&["=", "!="][..]), any::<bool>())
        .prop_map(|(field, operator, value)| format!("{field} {operator} {value}"))
}

fn address_leaf() -> impl Strategy<Value = String> {
    let ip = select(&["127.0.0.1", "8.8.8.8", "0.0.0.0", "10.0.0.1", "fd00::1", "::ffff:8.8.8.8", "::"][..]);
    (select(ADDRESSES), select(&["=", "!=", "in"][..]), ip.clone(), ip).prop_map(
        |(field, operator, first, second)| match operator {
            "in" => format!("{field} in ({}, {})", quoted(first), quoted(second)),
            operator => format!("{field} {operator} {}", quoted(first)),
        },
    )
}

fn network_leaf() -> impl Strategy<Value = String> {
    let network =
        select(&["127.0.0.0/8", "10.0.0.0/8", "0.0.0.0/0", "192.168.0.0/16", "fd00::/8", "::/0"][..]);
    (select(NETWORKS), select(&["=", "!=", "in"][..]), network.clone(), network).prop_map(
        |(field, operator, first, second)| match operator {
            "in" => format!("{field} in ({}, {})", quoted(first), quoted(second)),
            operator => format!("{field} {operator} {}", quoted(first)),
        },
    )
}

/// One comparison.
pub(super) fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![6 => text_leaf(), 2 => number_leaf(), 1 => boolean_leaf(), 1 => address_leaf(), 1 => network_leaf()]
}

/// Comparisons joined in all ways.
pub(super) fn arbitrary() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 24, 4, |part| {
        prop_oneof![
            3 => prop::collection::vec(part.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            3 => prop::collection::vec(part.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            1 => part.prop_map(|part| format!("not {part}")),
        ]
    })
}

/// So many alternatives that not all can be kept.
pub(super) fn wide() -> impl Strategy<Value = String> {
    let either = prop::collection::vec(leaf(), 2..6).prop_map(|parts| format!("({})", parts.join(" or ")));
    prop::collection::vec(either, 3..6).prop_map(|parts| parts.join(" and "))
}
