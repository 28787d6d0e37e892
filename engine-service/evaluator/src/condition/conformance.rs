//! Every operator on every type that events of the fixture have, with the answers that libsinsp's `filter_compare.cpp` and
//! `sinsp_filtercheck.cpp` give.
//!
//! A row is a field, its value, and for each operator what holds and what does not.

use crate::{
    Truth,
    fixture::{connect, host, open, truth},
};

/// What holds, and what does not.
type Row = (&'static [&'static str], &'static [&'static str]);

fn check((holding, others): Row, event: &eyrie_proto::event::Event) {
    for (conditions, expected) in [(holding, Truth::True), (others, Truth::False)] {
        for condition in conditions {
            assert_eq!(truth(condition, event, &host()), expected, "{condition}");
        }
    }
}

/// Scenario: all operators on text (`fd.name` is /etc/shadow, `proc.name` cat). Guarantees: bytes are compared, case counts
/// unless the operator says not, and empty literals are part of everything.
#[test]
fn text() {
    let row: Row = (
        &[
            "proc.name = cat",
            "proc.name == cat",
            "proc.name != Cat",
            "proc.name < concat('ca', 'u')",
            "proc.name > concat('Ca', 't')",
            "proc.name < concat('\u{e9}', '')",
            "proc.name <= concat('ca', 't')",
            "proc.name >= concat('ca', 't')",
            "proc.name > concat('', '')",
            "fd.name contains /sh",
            "fd.name contains ''",
            "fd.name icontains C/SHAD",
            "fd.name icontains ''",
            "fd.name startswith /etc",
            "fd.name startswith ''",
            "fd.name endswith shadow",
            "fd.name endswith ''",
            "fd.name glob /*/s[g-i]adow",
            "fd.name glob *",
            "fd.name iglob /ETC/?HADOW",
            "fd.name regex '/[a-z]+/.*'",
            "fd.name in (/etc/passwd, /etc/shadow)",
            "fd.name intersects (/etc/passwd, /etc/shadow)",
            "fd.name pmatch (/usr, /etc)",
            "fd.name pmatch (/e*/shadow)",
            "fd.name pmatch (etc//shadow/)",
            "fd.name pmatch (/)",
            "fd.name exists",
            // The same with several literals.
            "fd.name startswith anyof (/usr, /etc)",
            "fd.name startswith oneof (/usr, /etc)",
            "fd.name startswith allof (/, /etc)",
            "proc.name = anyof (dog, cat)",
            "proc.name = oneof (dog, cat)",
            "proc.name != allof (dog, cow)",
            "proc.name != oneof (dog, cat)",
            "proc.name != anyof (dog, cat)",
            "fd.name regex anyof ('x', '/etc/.+')",
            "fd.name glob oneof (x*, /e*)",
        ],
        &[
            "proc.name = CAT",
            "proc.name = 'cat '",
            "proc.name != cat",
            "proc.name < concat('ca', 't')",
            "proc.name > concat('ca', 't')",
            "proc.name < concat('Ca', 't')",
            "fd.name contains SH",
            "fd.name icontains x",
            "fd.name startswith etc",
            "fd.name endswith shado",
            "fd.name glob /etc",
            "fd.name glob /ETC/*",
            "fd.name iglob /ETC",
            "fd.name regex '/etc'",
            "fd.name regex 'etc/shadow'",
            "fd.name in ()",
            "fd.name intersects ()",
            "fd.name pmatch ()",
            "fd.name in (/etc)",
            "fd.name pmatch (/et, /etc/shadow/x, shadow)",
            "fd.name startswith oneof (/, /etc)",
            "fd.name startswith allof (/etc, /usr)",
            "fd.name startswith anyof ()",
            "fd.name startswith oneof ()",
            "fd.name startswith allof ()",
            "proc.name != allof ()",
            "proc.name != allof (dog, cat)",
        ],
    );
    check(row, &open(b"/etc/shadow"));
}

/// Scenario: paths that are not UTF-8, and with bytes that mean something elsewhere. Guarantees: they are bytes.
#[test]
fn text_is_bytes() {
    let row: Row = (
        &[
            "fd.name endswith '\\xff'",
            "fd.name contains '\\n\\xff'",
            "fd.name glob '/tmp/??'",
            "fd.name > concat('/tmp/\\x0a', '\\xfe')",
            "fd.name = '/tmp/\\n\\xff'",
            "fd.name in ('/tmp/\\n\\xff')",
            // A byte that is no UTF-8 counts as one letter, U+FFFD; the end of a line is none.
            "fd.name regex '/tmp/[[:space:]].'",
            "fd.name regex '/tmp/\\\\n\u{fffd}'",
        ],
        &["fd.name regex '/tmp/..'", "fd.name icontains '\\xdf'", "fd.name glob '/tmp/?'"],
    );
    check(row, &open(b"/tmp/\n\xff"));
}

/// Scenario: all operators on numbers, signed (`evt.rawres` is 3, `proc.pid` 30), unsigned (`user.uid` is 1000) and with
/// literals that are written in other ways. Guarantees: comparison by value.
#[test]
fn numbers() {
    let row: Row = (
        &[
            "evt.rawres = 3",
            "evt.rawres = 0x3",
            "evt.rawres = +3",
            "evt.rawres != -3",
            "evt.rawres > -1",
            "evt.rawres < 4",
            "evt.rawres <= 3",
            "evt.rawres >= 3",
            "evt.rawres in (1, 0x3)",
            "evt.rawres intersects (3)",
            "evt.rawres exists",
            "user.uid = 1000",
            "user.uid = 0x3E8",
            "user.uid = 0x3e8",
            "user.uid != -1",
            "user.uid < 4294967295",
            "user.uid in (0, 1000)",
            "user.loginuid = -1",
            "evt.rawres = anyof (1, 3)",
            "evt.rawres != allof (1, 2)",
            "evt.rawres = oneof (3, 4)",
            "len(fd.name) = 11",
            "len(fd.name) >= 11",
        ],
        &[
            "evt.rawres = -3",
            "evt.rawres != 3",
            "evt.rawres < 3",
            "evt.rawres > 3",
            "evt.rawres in ()",
            "evt.rawres in (4, 5)",
            "evt.rawres = oneof (3, 3)",
            "evt.rawres = allof (3, 4)",
            "user.uid = 0",
            "user.uid > 0xffff",
        ],
    );
    check(row, &open(b"/etc/shadow"));
}

/// Scenario: truths, and times. Guarantees: truths are equal or not; times are numbers.
#[test]
fn truths_and_times() {
    let row: Row = (
        &[
            "evt.failed = false",
            "evt.failed != true",
            "evt.failed in (false)",
            "evt.failed intersects (true, false)",
            "evt.failed exists",
            "evt.rawtime > 1000000000000000000",
            "evt.rawtime = 1700000000000000005",
            "evt.rawtime in (1700000000000000005)",
        ],
        &["evt.failed = true", "evt.failed != false", "evt.failed in (true)", "evt.rawtime < 5"],
    );
    check(row, &open(b"/etc/shadow"));
}

/// Scenario: addresses, networks and ports of a connection from 10.0.0.1:5555 to 192.168.7.9:443. Guarantees: fields of both
/// ends are equal if one is and unequal if both are; addresses of another family are only unequal; networks mask.
#[test]
fn connections() {
    let row: Row = (
        &[
            "fd.sip = 192.168.7.9",
            "fd.sip != 10.0.0.1",
            "fd.sip != '::1'",
            "fd.sip in (10.0.0.1, 192.168.7.9)",
            "fd.sip intersects (192.168.7.9)",
            "fd.sip exists",
            "fd.ip = 10.0.0.1",
            "fd.ip = 192.168.7.9",
            "fd.ip != 10.0.0.2",
            "fd.ip in (10.0.0.1, 1.1.1.1)",
            "fd.net = 10.0.0.0/8",
            "fd.net = 10.255.255.255/8",
            "fd.net = 0.0.0.0/0",
            "fd.net != 172.16.0.0/12",
            "fd.snet = 192.168.0.0/16",
            "fd.snet != 10.0.0.0/8",
            "fd.snet != '2001:db8::/32'",
            "fd.snet in (10.0.0.0/8, 192.168.7.8/29)",
            "fd.cnet = 10.0.0.1/32",
            "fd.sport = 443",
            "fd.sport = https",
            "fd.sport in (http, https)",
            "fd.sport > 442",
            "fd.sport >= 443",
            "fd.sport != 80",
            "fd.port = 5555",
            "fd.port = 443",
            "fd.port != 80",
            "fd.port < 444",
            "fd.port > 5554",
            "fd.port in (80, 443)",
            "fd.sip = val(fd.rip)",
            "fd.sport = val(fd.rport)",
        ],
        &[
            "fd.sip = 10.0.0.1",
            "fd.sip = '::1'",
            "fd.sip in ()",
            "fd.sip in ('::ffff:192.168.7.9')",
            "fd.ip != 10.0.0.1",
            "fd.ip != 192.168.7.9",
            "fd.ip in (1.1.1.1, '::')",
            "fd.net = 172.16.0.0/12",
            "fd.net != 10.0.0.0/8",
            "fd.net = '::/0'",
            "fd.snet = '::/0'",
            "fd.snet = 192.168.7.8/32",
            "fd.cnet != 10.0.0.0/8",
            "fd.sport < 443",
            "fd.port != 443",
            "fd.port > 5555",
            "fd.sip = val(fd.cip)",
        ],
    );
    check(row, &connect());
}

/// Scenario: lists, of which some have nothing in them. Guarantees: `in` wants every value to be a member, `intersects` one;
/// nothing in a list is a member of everything, and in no intersection.
#[test]
fn lists() {
    let row: Row = (
        &[
            "getopt(('-a', '-b'), 'ab') in (a, b, c)",
            "getopt(('-a', '-b'), 'ab') intersects (b, x)",
            "getopt(('-a', '-b'), 'ab') exists",
            "getopt(('x'), 'a') exists",
            "getopt(('x'), 'a') in (a)",
            "getopt(('x'), 'a') in ()",
        ],
        &[
            "getopt(('-a', '-b'), 'ab') in (a)",
            "getopt(('-a', '-b'), 'ab') in ()",
            "getopt(('-a', '-b'), 'ab') intersects (x)",
            "getopt(('x'), 'a') intersects (a)",
            "getopt(('x'), 'a') intersects ()",
        ],
    );
    check(row, &open(b"/x"));
}

/// Scenario: fields and transformers on the right-hand side, of values that are there and that are not. Guarantees: what is
/// missing on either side makes the comparison false.
#[test]
fn right_hand_sides() {
    let row: Row = (
        &[
            "proc.name = val(proc.name)",
            "proc.name in val(proc.name)",
            "proc.name intersects val(proc.name)",
            "fd.name startswith val(fd.directory)",
            "fd.name endswith val(fd.filename)",
            "fd.name glob val(fd.name)",
            "proc.name > val(proc.pname)",
            "proc.name = tolower(proc.name)",
            "toupper(proc.name) = toupper(proc.name)",
            "fd.name = concat(fd.directory, '/', fd.filename)",
            "fd.name in concat(fd.directory, '/', fd.filename)",
            "len(proc.name) < len(fd.name)",
            "getopt(('-a'), 'a') in getopt(('-b', '-a'), 'ab')",
            "getopt(('-a', '-b'), 'ab') intersects getopt(('-b'), 'ab')",
        ],
        &[
            "proc.name = val(proc.pname)",
            "proc.name != val(proc.name)",
            "proc.name != val(proc.env[NONE])",
            "proc.env[NONE] != val(proc.name)",
            "proc.env[NONE] = val(proc.env[NONE])",
            "proc.name in val(proc.env[NONE])",
            "len(proc.env[NONE]) = 0",
        ],
    );
    check(row, &open(b"/etc/shadow"));
}

/// Scenario: every operator on a value that is not there, of every type. Guarantees: false, unequal and `in` included.
#[test]
fn missing_values() {
    // An open has no socket.
    for (field, literal) in [
        ("proc.env[NONE]", "x"),
        ("fd.sip", "1.2.3.4"),
        ("fd.ip", "1.2.3.4"),
        ("fd.net", "1.2.3.4/8"),
        ("fd.snet", "1.2.3.4/8"),
        ("fd.sport", "1"),
        ("fd.port", "1"),
    ] {
        let conditions = [
            format!("{field} = {literal}"),
            format!("{field} != {literal}"),
            format!("{field} < 1"),
            format!("{field} <= 1"),
            format!("{field} > 1"),
            format!("{field} >= 1"),
            format!("{field} in ({literal})"),
            format!("{field} in ()"),
            format!("{field} intersects ({literal})"),
            format!("{field} pmatch (/)"),
            format!("{field} exists"),
            format!("{field} regex .*"),
            format!("{field} glob *"),
            format!("{field} contains ''"),
            format!("{field} != allof ({literal})"),
        ];
        for condition in conditions {
            // What cannot be asked of the type is not.
            if rule_language::compile_condition(&condition, fields::catalogue()).is_err() {
                continue;
            }
            let (event, host) = (open(b"/x"), host());
            assert_eq!(truth(&condition, &event, &host), Truth::False, "{condition}");
            assert_eq!(truth(&format!("not {condition}"), &event, &host), Truth::True, "{condition}");
        }
    }
}
