use super::*;
use crate::{
    PlanBank,
    layout::{PATH_HEADS, btf::Btf},
};

fn path(kind: PathTestKind) -> PathTest {
    PathTest { subject: PathSubject::First, kind }
}

fn clause(paths: &[PathTestKind]) -> Clause {
    Clause { paths: paths.iter().cloned().map(path).collect(), ..Clause::default() }
}

fn encoded(filter: Filter) -> PlanFilters {
    let filters = Filters { native: [(1, Arc::new(filter))].into(), ..Filters::default() };
    PlanFilters::new(&filters).unwrap()
}

/// What a lookup of the longest prefix finds.
fn found(filters: &PlanFilters, kind: u8, text: &[u8]) -> u64 {
    let prefixes = filters.paths().iter().filter(|(key, _)| key.kind == kind && text.starts_with(&key.bytes));
    prefixes.max_by_key(|(key, _)| key.bytes.len()).map_or(0, |(_, clauses)| *clauses)
}

/// Scenario: a filter with a different value in each field. Guarantees: the encoder puts each where the C structures have it, and
/// fills all of them.
#[test]
fn the_encoder_writes_the_objects_structures() {
    let btf = Btf::of_object();
    let at = |of: &str, name: &str| {
        let members = &btf.structs[of].members;
        members.iter().find(|member| member.name == name).unwrap_or_else(|| panic!("{name}")).offset
    };
    for (name, size) in [
        ("filter", Filter::BYTES),
        ("clause", Clause::BYTES),
        ("value_test", ValueTest::BYTES),
        ("network_test", NetworkTest::BYTES),
        ("path_part", 40),
        ("path_key", PathKey::BYTES + 4),
    ] {
        assert_eq!(btf.structs[name].size, size, "{name}");
    }
    let address = [10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let network =
        NetworkTest { address, version: 4, prefix_length: 12, ports: (0x1122, 0x3344), end: End::Remote };
    let second = PathTest { subject: PathSubject::Second, kind: PathTestKind::Suffix(b"/x".to_vec()) };
    let full = Clause {
        outcome: Some(Outcome::Succeeded),
        values: vec![
            ValueTest { subject: Subject::UserId, mask: 0x77, values: vec![] },
            ValueTest { subject: Subject::Argument(2), mask: 0x88, values: vec![5, 6] },
        ],
        only_containers: true,
        paths: vec![
            path(PathTestKind::HasDotDot),
            second,
            path(PathTestKind::Contains(b"liblzma.so.5".to_vec())),
            PathTest { subject: PathSubject::Second, kind: PathTestKind::Contains(b"k/".to_vec()) },
            path(PathTestKind::InRoot),
        ],
        tries_resolved_path: true,
        socket_families: vec![2, 63],
        socket_protocols: vec![6, 255],
        networks: vec![network],
        outside: vec![NetworkTest { end: End::Any, ..network }],
    };
    let first = Clause {
        values: full.values.iter().skip(1).cloned().collect(),
        ..clause(&[PathTestKind::Exact(b"/y".to_vec()), PathTestKind::Contains(b"~".to_vec())])
    };
    let filter = Filter { clauses: vec![first, full] };
    let filters = encoded(filter);
    let (number, bytes) = filters.entries().next().unwrap();
    assert_eq!(number, 1);
    let half = |place: usize| u32::from_ne_bytes(bytes[place..][..4].try_into().unwrap());
    let word = |place: usize| u64::from_ne_bytes(bytes[place..][..8].try_into().unwrap());
    let of_filter = |name: &str, index: usize| half(at("filter", name) + 4 * index);
    assert_eq!((of_filter("clause_count", 0), of_filter("needs", 0)), (2, 3));
    assert_eq!((of_filter("with_paths", 0), of_filter("with_sockets", 0)), (3, 2));
    assert_eq!([0, 1, 2, 3].map(|kind| of_filter("tested_paths", kind)), [1, 0, 0, 2]);
    assert_eq!((of_filter("with_dotdot", 0), of_filter("with_dotdot", 1)), (2, 0));
    assert_eq!((of_filter("tries_resolved", 0), of_filter("with_short_parts", 0)), (2, 1));
    assert_eq!((of_filter("with_parts", 0), of_filter("with_parts", 1)), (3, 2));
    assert_eq!((of_filter("in_root", 0), of_filter("in_root", 1)), (2, 0));
    assert_eq!((of_filter("if_failed", 0), of_filter("if_succeeded", 0)), (0, 2));
    assert_eq!((of_filter("in_containers", 0), of_filter("value_count", 0)), (2, 2));
    assert_eq!([0, 1, 2, 3].map(|kind| of_filter("short_paths", kind)), [1, 0, 0, 2]);
    let of_part = |index: usize, name: &str| at("filter", "parts") + 40 * index + at("path_part", name);
    assert_eq!(bytes[of_part(0, "bytes")..][..8], *b"k/\0\0\0\0\0\0");
    assert_eq!(bytes[of_part(0, "mask")..][..8], [0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[of_part(1, "bytes")..][..8], *b"zma.so.5");
    assert_eq!((word(of_part(1, "mask")), half(of_part(1, "clauses"))), (u64::MAX, 2));
    assert_eq!(bytes[of_part(1, "first")..][..8], *b"........");
    assert_eq!(bytes[of_part(1, "second")..][..8], *b"55555555");
    assert_eq!((bytes[of_part(3, "first")], half(of_part(3, "clauses"))), (0xff, 0));

    let start = at("filter", "clauses") + Clause::BYTES;
    let of_clause = |name: &str| start + at("clause", name);
    let byte = |name: &str| bytes[of_clause(name)];
    assert_eq!((byte("network_count"), byte("has_inside"), byte("has_protocols")), (2, 1, 1));
    assert_eq!(word(of_clause("families")), 1 << 2 | 1 << 63);
    assert_eq!((word(of_clause("protocols")), word(of_clause("protocols") + 24)), (1 << 6, 1 << 63));

    let value =
        |index: usize, name: &str| at("filter", "values") + index * ValueTest::BYTES + at("value_test", name);
    assert_eq!((bytes[value(0, "subject")], bytes[value(0, "is_nonzero")]), (2, 0));
    assert_eq!((word(value(0, "mask")), word(value(0, "values")), half(value(0, "clauses"))), (0x88, 5, 3));
    assert_eq!((word(value(0, "values") + 8), word(value(0, "values") + 40)), (6, 5));
    assert_eq!((bytes[value(1, "subject")], bytes[value(1, "is_nonzero")]), (8, 1));
    assert_eq!(half(value(1, "clauses")), 2);

    for (index, ends, is_outside) in [(0, 2, 0), (1, 3, 1)] {
        let place =
            |name: &str| of_clause("networks") + index * NetworkTest::BYTES + at("network_test", name);
        assert_eq!(bytes[place("address")..][..16], [&[10_u8, 0][..], &[0; 14]].concat());
        assert_eq!(bytes[place("mask")..][..16], [&[0xff_u8, 0xf0][..], &[0; 14]].concat());
        assert_eq!(half(place("first_port")).to_ne_bytes()[..2], 0x1122_u16.to_ne_bytes());
        assert_eq!(half(place("last_port")).to_ne_bytes()[..2], 0x3344_u16.to_ne_bytes());
        assert_eq!(bytes[place("version")], 4);
        assert_eq!((bytes[place("ends")], bytes[place("is_outside")]), (ends, is_outside));
    }
}

/// Scenario: prefixes of each other, of several clauses, an exact path, suffixes, and paths over the bounds. Guarantees: the longest
/// prefix has the clauses of all that hold; an exact path ends where it ends; suffixes are found backwards; what is cut lets more pass.
#[test]
fn the_longest_prefix_has_all_clauses() {
    let filters = encoded(Filter {
        clauses: vec![
            clause(&[PathTestKind::Prefix(b"/etc".to_vec()), PathTestKind::Suffix(b".conf".to_vec())]),
            clause(&[PathTestKind::Prefix(b"/etc/ssh/".to_vec())]),
            clause(&[PathTestKind::Exact(b"/etc/ssh".to_vec()), PathTestKind::Suffix(b"f".to_vec())]),
            clause(&[PathTestKind::Prefix([b'l'; 240].to_vec()), PathTestKind::Exact([b'x'; 250].to_vec())]),
        ],
    });
    let forward = |text: &str| found(&filters, 0, format!("{text}\0").as_bytes());
    assert_eq!(forward("/etc"), 0b1);
    assert_eq!(forward("/etcetera"), 0b1);
    assert_eq!(forward("/etc/ssh"), 0b101);
    assert_eq!(forward("/etc/ssh/key"), 0b11);
    assert_eq!(forward("/etc/sshd"), 0b1);
    assert_eq!((forward("/et"), forward("/var")), (0, 0));
    assert_eq!(forward(&"l".repeat(200)), 0b1000);
    assert_eq!(forward(&"l".repeat(199)), 0);
    assert_eq!(
        (found(&filters, 1, b"fnoc.x"), found(&filters, 1, b"fx"), found(&filters, 1, b"x")),
        (0b101, 0b100, 0)
    );
    assert!(filters.paths().keys().all(|key| key.bytes.len() <= PathTest::PREFIX_MAX));
    let (bits, bytes) = filters.paths().keys().next().unwrap().encode(PlanBank::Second);
    assert_eq!((bits, &bytes[..8], bytes[8]), (64, &b"\x01\x01\0\0/etc"[..], 0));
}

/// Scenario: prefixes, exact paths and suffixes of all lengths. Guarantees: each is found by the first bytes of a path that holds it, and
/// by those of hardly any other.
#[test]
fn paths_are_told_apart_by_their_first_bytes() {
    let btf = Btf::of_object();
    let member =
        |name: &str| btf.structs["filter"].members.iter().find(|member| member.name == name).unwrap().offset;
    let filters = encoded(Filter {
        clauses: vec![
            clause(&[PathTestKind::Prefix(b"/e".to_vec()), PathTestKind::Suffix(b"_history".to_vec())]),
            clause(&[PathTestKind::Prefix(b"/etc".to_vec())]),
            clause(&[PathTestKind::Exact(b"/root/x".to_vec()), PathTestKind::Suffix(b".conf".to_vec())]),
            clause(&[PathTestKind::Prefix(b"/etc/ssh/".to_vec()), PathTestKind::Exact(b"/va".to_vec())]),
        ],
    });
    let (_, bytes) = filters.entries().next().unwrap();
    let begun = |kind: usize, head: &[u8; 8]| {
        let short = member("short_paths") + 4 * kind;
        let clauses = |head: u64| {
            let number = usize::try_from(head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57).unwrap();
            let place = member("heads") + 2 * (PATH_HEADS * kind + number);
            u32::from(u16::from_le_bytes(bytes[place..][..2].try_into().unwrap()))
        };
        let head = u64::from_le_bytes(*head);
        u32::from_le_bytes(bytes[short..][..4].try_into().unwrap())
            | clauses(head)
            | clauses(head & 0xffff_ffff)
    };
    assert_eq!(begun(0, b"/etc/ssh"), 0b1011);
    assert_eq!(begun(0, b"/etc/pas"), 0b0011);
    assert_eq!(begun(0, b"/root/x\0"), 0b0101);
    assert_eq!(begun(0, b"/va\0...."), 0b1001);
    assert_eq!(begun(0, b"/usr/lib"), 0b0001);
    assert_eq!((begun(1, b"yrotsih_"), begun(1, b"fnoc.tsr"), begun(1, b"fnoxxtsr")), (1, 4, 0));
    assert_eq!((begun(2, b"/etc/ssh"), begun(3, b"yrotsih_")), (0, 0));
}

/// Scenario: the same filter for several calls, another one, and more of everything than there is room for. Guarantees: equal filters are
/// one; what is too much is refused by name.
#[test]
fn filters_are_shared_and_bounded() {
    let filter = |port: u16| {
        let network = NetworkTest {
            address: [0; 16],
            version: 0,
            prefix_length: 0,
            ports: (port, port),
            end: End::Any,
        };
        Arc::new(Filter { clauses: vec![Clause { networks: vec![network], ..Clause::default() }] })
    };
    let filters = Filters {
        native: [(1, filter(1)), (2, filter(2)), (3, filter(1))].into(),
        compat: [(3, filter(2))].into(),
        ..Filters::default()
    };
    let shared = PlanFilters::new(&filters).unwrap();
    assert_eq!(shared.entries().count(), 2);
    assert_eq!((&shared.native_numbers()[..5], shared.compat_numbers()[3]), (&[0, 1, 2, 1, 0][..], 2));
    let what = |native: Vec<Arc<Filter>>| {
        let filters = Filters { native: (0..).zip(native).collect(), ..Filters::default() };
        PlanFilters::new(&filters).map(|_| ()).map_err(|error| error.what)
    };
    assert_eq!(what((0..63).map(filter).collect()), Ok(()));
    assert_eq!(what((0..64).map(filter).collect()), Err("filters"));
    let of = |clause: Clause| vec![Arc::new(Filter { clauses: vec![clause] })];
    let clauses = vec![Clause::default(); 17];
    assert_eq!(what(vec![Arc::new(Filter { clauses })]), Err("clauses of a filter"));
    let paths: Vec<_> = (0..8193).map(|number| PathTestKind::Prefix(format!("{number}/").into())).collect();
    assert_eq!(what(of(clause(&paths[1..]))), Ok(()));
    assert_eq!(what(of(clause(&paths))), Err("tests of paths"));
    let value = |count| ValueTest { subject: Subject::Result, mask: 1, values: vec![1; count] };
    assert_eq!(
        what(of(Clause { values: vec![value(1); 4], ..Clause::default() })),
        Err("tests of numbers in a clause")
    );
    assert_eq!(what(of(Clause { values: vec![value(7)], ..Clause::default() })), Err("values of a test"));
    let network = filter(1).clauses[0].networks[0];
    assert_eq!(
        what(of(Clause { networks: vec![network; 3], outside: vec![network; 4], ..Clause::default() })),
        Err("tests of addresses in a clause")
    );
}

/// Scenario: shares of records to verify, and verify mode. Guarantees: none, all and what is between, of two to the 32.
#[test]
fn shares_are_of_all_numbers() {
    let share = |verify_sample_ppm, is_verify_mode| {
        let filters = Filters { verify_sample_ppm, is_verify_mode, ..Filters::default() };
        PlanFilters::new(&filters).unwrap().marked_share()
    };
    assert_eq!((share(0, false), share(0, true), share(1_000_000, false)), (0, 1 << 32, 1 << 32));
    assert_eq!((share(1, false), share(u32::MAX, false)), (4294, 1 << 32));
}

/// Scenario: an IPv4 network written as one of IPv6, and one of IPv6. Guarantees: the first is one of IPv4, as addresses of sockets are
/// taken; the second stays.
#[test]
fn ipv4_in_ipv6_is_ipv4() {
    let encoded = |address: &str, prefix_length| {
        let address = address.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let test = NetworkTest { address, version: 6, prefix_length, ports: (0, 65535), end: End::Any };
        let bytes = encoded(Filter { clauses: vec![Clause { networks: vec![test], ..Clause::default() }] });
        let bytes = *bytes.entries().next().unwrap().1;
        let first_clause = Filter::BYTES - Filter::CLAUSES_MAX * Clause::BYTES;
        let start = first_clause + 48;
        (bytes[start..start + 16].to_vec(), bytes[start + 16..start + 32].to_vec(), bytes[start + 36])
    };
    let (address, mask, version) = encoded("::ffff:10.1.2.3", 104);
    assert_eq!((&address[..4], &mask[..4], version), (&[10, 0, 0, 0][..], &[255, 0, 0, 0][..], 4));
    let (address, mask, version) = encoded("2001:db8::1", 32);
    assert_eq!(
        (&address[..5], &mask[..5], version),
        (&[0x20, 1, 0xd, 0xb8, 0][..], &[255, 255, 255, 255, 0][..], 6)
    );
}
