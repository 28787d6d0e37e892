//! Conditions as rules write them, on events.

use fields::Extracted;
use proptest::prelude::*;
use rule_language::condition::{Literal, LiteralValue, Operator};

use super::{CompiledCheck, CompiledCondition, Node, Test};
use crate::{
    Truth,
    compare::Pattern,
    fixture::{connect, holds, host, host_with_container, open, tell_name, truth, view},
    operand::CompiledOperand,
};

/// Scenario: an event at 1700000000.000000005 and times around it. Guarantees: it is around a time that lies no further away than the
/// milliseconds say, on both sides; not being so is the other way round.
#[test]
fn events_are_around_times() {
    let close = "1700000000000999999";
    let far = "1700000000003000006";
    for condition in [
        format!("evt.around[{close}] = 1"),
        format!("evt.around[{close}] in (1, 2)"),
        "evt.around[1699999999999000005] = 1".to_owned(),
        format!("evt.around[{far}] = 4"),
        format!("evt.around[{far}] != 3"),
        format!("not evt.around[{far}] = 3"),
        format!("evt.around[{far}] in (1, 5)"),
    ] {
        assert!(holds(&condition), "{condition}");
    }
    for condition in [format!("evt.around[{far}] = 3"), format!("evt.around[{close}] != 1")] {
        assert!(!holds(&condition), "{condition}");
    }
}

/// Scenario: fields, operators and logic together. Guarantees: the whole path from text to an answer.
#[test]
fn conditions_hold_as_written() {
    for condition in [
        "evt.type = openat and fd.name = /etc/shadow and proc.name = cat",
        "evt.type in (open, openat) and fd.name startswith /etc",
        "proc.name = cat and not proc.pname in (sshd, systemd)",
        "proc.aname = systemd and proc.aname[1] = bash",
        "proc.aname in (init, systemd)",
        "fd.name pmatch (/etc, /usr) and fd.directory = /etc",
        "fd.name glob '/etc/sh*' or proc.name = dog",
        "fd.name endswith anyof (passwd, shadow)",
        "fd.name startswith allof (/e, /etc)",
        "evt.arg.flags contains RDONLY and evt.is_open_read = true",
        "proc.args intersects ('-n /etc/shadow', x)",
        "evt.rawres >= 0 and evt.failed = false",
        "proc.name = val(proc.name) and proc.name != val(proc.pname)",
        "proc.pid > val(proc.ppid)",
    ] {
        assert!(holds(condition), "{condition}");
    }
    for condition in [
        "fd.name = /etc/passwd",
        "proc.name = cat and evt.type = open",
        "not proc.name = cat",
        "fd.name startswith oneof (/e, /etc)",
        "proc.name = val(proc.pname)",
        "fd.name regex '/etc'",
    ] {
        assert!(!holds(condition), "{condition}");
    }
}

/// Scenario: every operator on a field that has no value. Guarantees: false, != and in included; only not makes it true.
#[test]
fn a_missing_value_makes_every_comparison_false() {
    for condition in [
        "fd.sport = 1",
        "fd.sport != 1",
        "fd.sport < 1",
        "fd.sport >= 1",
        "fd.sport in (1, 2)",
        "fd.sport exists",
        "proc.aname[7] = x",
        "proc.aname[7] != x",
        "proc.aname[7] contains x",
        "proc.aname[7] startswith x",
        "proc.aname[7] glob *",
        "proc.aname[7] pmatch (x)",
        "proc.aname[7] intersects (x)",
        "proc.aname[7] regex .*",
        "proc.name = val(proc.env[NONE])",
        "proc.env[NONE] != val(proc.name)",
        "tolower(proc.env[NONE]) != x",
    ] {
        assert!(!holds(condition), "{condition}");
        assert!(holds(&format!("not ({condition})")), "not ({condition})");
    }
    assert!(holds("proc.name exists"));
}

/// Scenario: addresses, ports and networks of a connection. Guarantees: fields of either end, and of one.
#[test]
fn connections_compare_by_their_ends() {
    let holds = |condition| truth(condition, &connect(), &host()) == Truth::True;
    for condition in [
        "fd.ip = 10.0.0.1 and fd.ip = 192.168.7.9",
        "fd.sip = 192.168.7.9 and fd.sport = 443 and fd.l4proto = tcp",
        "fd.net = 192.168.0.0/16 and fd.net in (172.16.0.0/12, 10.0.0.0/8)",
        "fd.snet in (10.0.0.0/8, 192.168.0.0/16)",
        "fd.port in (80, 443) and fd.port != 22",
        "fd.name = '10.0.0.1:5555->192.168.7.9:443'",
    ] {
        assert!(holds(condition), "{condition}");
    }
    for condition in ["fd.ip != 10.0.0.1", "fd.net != 10.0.0.0/8", "fd.snet = 10.0.0.0/8", "fd.port != 443"] {
        assert!(!holds(condition), "{condition}");
    }
}

/// Scenario: a process in a container whose image metadata has not named yet. Guarantees: unknown where the image
/// decides, decided where it does not, and the field that is waited for is named.
#[test]
fn what_metadata_will_bring_is_unknown() {
    let (event, host) = (open(b"/etc/shadow"), host_with_container());
    for (condition, expected) in [
        ("container.image.repository = nginx", Truth::Unknown),
        ("container.image.repository exists", Truth::Unknown),
        ("not container.image.repository = nginx", Truth::Unknown),
        ("container.id != host and container.image.repository = nginx", Truth::Unknown),
        ("container.image.repository = nginx and proc.name = dog", Truth::False),
        ("container.image.repository = nginx or proc.name = cat", Truth::True),
        ("tolower(container.image.repository) = nginx", Truth::Unknown),
        ("proc.name = val(container.image.repository)", Truth::Unknown),
    ] {
        assert_eq!(truth(condition, &event, &host), expected, "{condition}");
    }
    let text = "container.image.repository = a or container.image.tag = b or container.image.tag = c";
    let checked = rule_language::compile_condition(text, fields::catalogue()).expect("a condition");
    let condition = CompiledCondition::new(fields::catalogue(), &checked).expect("a condition");
    let mut unknown = Vec::new();
    assert_eq!(condition.evaluate(&view(&event, &host), &mut unknown), Truth::Unknown);
    assert_eq!(unknown, ["container.image.repository", "container.image.tag"]);
}

/// Scenario: a connection to an address that two names stand for, beside names of other addresses, names whose results
/// are out of date and names that were never resolved. Guarantees: = and in hold for each of its names, != for names that
/// are known to be another's; a name that is not known makes every comparison false.
#[test]
fn addresses_compare_by_the_names_that_are_known() {
    let event = connect();
    let mut host = host();
    assert_eq!(truth("fd.sip.name != x.example", &event, &host), Truth::False);
    assert_eq!(truth("fd.sip.name exists", &event, &host), Truth::False);
    tell_name(&mut host, "other.example", &[&[10, 0, 0, 9]], 0);
    tell_name(&mut host, "server.example", &[&[1, 1, 1, 1], &[192, 168, 7, 9]], 0);
    tell_name(&mut host, "alias.example", &[&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 168, 7, 9]], 5);
    tell_name(&mut host, "old.example", &[&[192, 168, 7, 9]], 4);
    tell_name(&mut host, "odd.example", &[&[192, 168, 7]], 0);
    for condition in [
        "fd.sip.name = server.example and fd.sip.name = alias.example",
        "fd.rip.name in (x.example, server.example)",
        "fd.rip.name in (a, b, c, d, e, f, g, h, i, server.example)",
        "fd.sip.name != other.example and fd.sip.name != odd.example",
        "fd.sip.name endswith .example and fd.sip.name pmatch (alias.example)",
        "fd.sip.name exists and not fd.cip.name exists",
    ] {
        assert_eq!(truth(condition, &event, &host), Truth::True, "{condition}");
    }
    for condition in [
        "fd.sip.name != server.example",
        "fd.sip.name = old.example",
        "fd.sip.name != old.example",
        "fd.sip.name != never.example",
        "fd.sip.name in (never.example, other.example)",
        "fd.lip.name = server.example",
        "fd.cip.name startswith s",
    ] {
        assert_eq!(truth(condition, &event, &host), Truth::False, "{condition}");
    }
    let mut unnamed = open(b"/x");
    assert_eq!(truth("fd.sip.name != other.example", &unnamed, &host), Truth::False);
    unnamed.kind = None;
    assert_eq!(truth("fd.sip.name != other.example", &unnamed, &host), Truth::False);
}

/// A check that gives the truth asked for.
fn fixed(truth: Truth) -> Node {
    let extracted = match truth {
        Truth::True => Extracted::Value(fields::Value::Uint(1)),
        Truth::False => Extracted::Absent,
        Truth::Unknown => Extracted::Unknown,
    };
    let literal = Literal { text: b"1".to_vec(), value: LiteralValue::Uint(1) };
    let test = Test::Pattern(Operator::Eq, Pattern::new(Operator::Eq, literal).expect("a pattern"));
    Node::Check(CompiledCheck { lhs: CompiledOperand::Fixed("fixed", extracted), test })
}

fn nodes() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![Just(Truth::True), Just(Truth::False), Just(Truth::Unknown)].prop_map(fixed);
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Node::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Node::Or),
            inner.prop_map(|part| Node::Not(Box::new(part))),
        ]
    })
}

/// The truth of a condition without stopping early.
fn whole(node: &Node) -> Truth {
    match node {
        Node::And(parts) => parts.iter().map(whole).fold(Truth::True, Truth::and),
        Node::Or(parts) => parts.iter().map(whole).fold(Truth::False, Truth::or),
        Node::Not(part) => !whole(part),
        Node::Check(check) => match check.lhs {
            CompiledOperand::Fixed(_, Extracted::Value(_)) => Truth::True,
            CompiledOperand::Fixed(_, Extracted::Unknown) => Truth::Unknown,
            _ => Truth::False,
        },
    }
}

proptest! {
    /// Scenario: any condition over known and unknown parts. Guarantees: stopping early never changes the answer, and an
    /// unknown answer names what it waits for.
    #[test]
    fn stopping_early_changes_nothing(node in nodes()) {
        let (event, host) = (open(b"/x"), host());
        let mut unknown = Vec::new();
        let expected = whole(&node);
        let truth = CompiledCondition::from_node(node).evaluate(&view(&event, &host), &mut unknown);
        prop_assert_eq!(truth, expected);
        prop_assert!(truth != Truth::Unknown || unknown == ["fixed"]);
    }
}
