//! Operators by type.

use std::net::IpAddr;

use fields::Value;
use proptest::prelude::*;
use rule_language::condition::{Literal, LiteralValue, Modifier, Operator};

use super::{Members, Pattern};

fn text(text: &str) -> Literal {
    Literal { text: text.into(), value: LiteralValue::Text }
}

fn number(value: LiteralValue) -> Literal {
    Literal { text: b"?".to_vec(), value }
}

fn holds(value: &Value<'_>, operator: Operator, literal: Literal) -> bool {
    Pattern::new(operator, literal).expect("a usable pattern").holds(operator, value)
}

fn bytes(text: &str) -> Value<'_> {
    Value::bytes(text.as_bytes())
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Scenario: every operator on text, with an operand that fits and one that does not. Guarantees: Falco's meaning of each.
#[test]
fn operators_on_text() {
    use Operator::*;
    let table = [
        (Eq, "/etc/shadow", "/etc"),
        (Ne, "/etc", "/etc/shadow"),
        (Lt, "/etd", "/etc/shadow"),
        (Le, "/etc/shadow", "/etc/shadov"),
        (Gt, "/etc", "/etc/shadow"),
        (Ge, "/etc/shadow", "/etc/shadowx"),
        (Contains, "c/sh", "C/SH"),
        (IContains, "C/SH", "c/sx"),
        (StartsWith, "/etc/", "etc"),
        (EndsWith, "shadow", "shado"),
        (Glob, "/*ow", "/E*"),
        (IGlob, "/E*", "/F*"),
        (Regex, "/[a-z]+/[a-z]+", "/[a-z]+"),
        (PMatch, "/etc", "/et"),
        (In, "/etc/shadow", "/etc"),
        (Intersects, "/etc/shadow", "/etc"),
    ];
    for (operator, fitting, other) in table {
        assert!(holds(&bytes("/etc/shadow"), operator, text(fitting)), "{operator:?} {fitting}");
        assert!(!holds(&bytes("/etc/shadow"), operator, text(other)), "{operator:?} {other}");
    }
    for operator in [Contains, IContains, StartsWith, EndsWith] {
        assert!(holds(&bytes(""), operator, text("")), "{operator:?} of nothing");
    }
    let hex = |value: &[u8]| Literal { text: b"6574".to_vec(), value: LiteralValue::Bytes(value.to_vec()) };
    assert!(holds(&bytes("/etc"), BContains, hex(b"et")));
    assert!(!holds(&bytes("/etc"), BStartsWith, hex(b"et")));
    assert!(holds(&bytes("etc"), BStartsWith, hex(b"et")));
}

/// Scenario: numbers of every width and sign. Guarantees: comparison by value; text operators never hold.
#[test]
fn operators_on_numbers() {
    use Operator::*;
    let five = |value: &Value<'_>| {
        let holding = [(Eq, 5), (Ne, 4), (Lt, 6), (Le, 5), (Gt, 4), (Ge, 5), (In, 5), (Intersects, 5)];
        let others =
            [(Eq, 4), (Ne, 5), (Lt, 5), (Le, 4), (Gt, 5), (Ge, 6), (In, 4), (Contains, 5), (Glob, 5)];
        for (operator, right) in holding {
            assert!(holds(value, operator, number(LiteralValue::Int(right))), "{operator:?} {right}");
        }
        for (operator, right) in others {
            assert!(!holds(value, operator, number(LiteralValue::Int(right))), "{operator:?} {right}");
        }
    };
    for value in [Value::Int(5), Value::Uint(5), Value::Double(5.0)] {
        five(&value);
    }
    assert!(holds(&Value::Int(-1), Lt, number(LiteralValue::Uint(u64::MAX))));
    assert!(holds(&Value::Uint(u64::MAX), Gt, number(LiteralValue::Int(-1))));
    assert!(holds(&Value::Uint(3), Lt, number(LiteralValue::Double(3.5))));
    assert!(!holds(&Value::Double(f64::NAN), Eq, number(LiteralValue::Double(f64::NAN))));
    assert!(holds(&Value::Int(5), Eq, text("5")));
}

/// Scenario: booleans. Guarantees: equality and no order.
#[test]
fn operators_on_booleans() {
    let literal = |value| number(LiteralValue::Bool(value));
    assert!(holds(&Value::Bool(true), Operator::Eq, literal(true)));
    assert!(holds(&Value::Bool(true), Operator::Ne, literal(false)));
    assert!(holds(&Value::Bool(false), Operator::In, literal(false)));
    assert!(!holds(&Value::Bool(true), Operator::Gt, literal(false)));
}

/// Scenario: addresses against addresses and networks of both families. Guarantees: mixed families are only unequal.
#[test]
fn operators_on_addresses() {
    use Operator::{Contains, Eq, In, Ne};
    let value = Value::Ip(ip("10.1.2.3"));
    let address = |text| number(LiteralValue::Ip(ip(text)));
    let network = |text, length| number(LiteralValue::Net(ip(text), length));
    assert!(holds(&value, Eq, address("10.1.2.3")) && holds(&value, Eq, network("10.0.0.0", 8)));
    assert!(holds(&value, In, network("0.0.0.0", 0)) && !holds(&value, Eq, network("10.1.2.0", 31)));
    assert!(holds(&value, Ne, address("::1")) && holds(&value, Ne, network("::", 0)));
    assert!(!holds(&value, Eq, network("::", 0)) && !holds(&value, Contains, address("10.1.2.3")));
    let v6 = Value::Ip(ip("fe80::1"));
    assert!(holds(&v6, Eq, network("fe80::", 10)) && !holds(&v6, Eq, network("10.0.0.0", 8)));
}

/// Scenario: a field that means either end of a connection. Guarantees: = and in hold for one end, != for both.
#[test]
fn either_end_is_enough_for_equality() {
    let ends = Value::EitherEnd(Box::new([Value::Uint(80), Value::Uint(443)]));
    let port = |port| number(LiteralValue::Uint(port));
    assert!(holds(&ends, Operator::Eq, port(443)) && holds(&ends, Operator::In, port(80)));
    assert!(!holds(&ends, Operator::Ne, port(80)) && holds(&ends, Operator::Ne, port(22)));
    assert!(holds(&ends, Operator::Gt, port(100)));
}

/// Scenario: a field that means any ancestor. Guarantees: whatever the operator, one ancestor is enough.
#[test]
fn any_ancestor_is_enough() {
    let names = Value::AnyOf(vec![bytes("bash"), bytes("sshd")]);
    assert!(holds(&names, Operator::Eq, text("sshd")));
    assert!(holds(&names, Operator::Ne, text("sshd")));
    assert!(!holds(&names, Operator::Eq, text("init")));
    assert!(holds(&names, Operator::StartsWith, text("ba")));
}

/// Scenario: lists on the left. Guarantees: in wants every value, intersects one; scalar operators never hold.
#[test]
fn lists_have_operators_of_their_own() {
    let members = |texts: &[&str]| {
        let literals = texts.iter().map(|member| text(member)).collect();
        Members::new(Operator::In, literals).expect("usable members")
    };
    let list = Value::List(vec![bytes("a"), bytes("b")]);
    assert!(members(&["a", "b", "c"]).contain(&list) && !members(&["a"]).contain(&list));
    assert!(members(&["b", "x"]).intersect(&list) && !members(&["x"]).intersect(&list));
    assert!(!holds(&list, Operator::Eq, text("a")));
    // Enough members to be looked up by hash.
    let many = ["1", "2", "3", "4", "5", "6", "7", "8", "a"];
    assert!(members(&many).contain(&bytes("a")) && !members(&many).contain(&bytes("b")));
    assert!(!members(&[]).contain(&bytes("")));
}

/// Scenario: modifiers over members of which none, one or several fit. Guarantees: oneof means exactly one.
#[test]
fn modifiers_count_members() {
    let count = |members: &[&str], modifier| {
        let literals = members.iter().map(|member| text(member)).collect();
        let members = Members::new(Operator::StartsWith, literals).expect("usable members");
        members.hold(Operator::StartsWith, modifier, &bytes("/etc/shadow"))
    };
    for (members, one, any, all) in [
        (&["/x", "/y"][..], false, false, false),
        (&["/x", "/etc"][..], true, true, false),
        (&["/e", "/etc"][..], false, true, true),
    ] {
        assert_eq!(count(members, Modifier::OneOf), one, "oneof {members:?}");
        assert_eq!(count(members, Modifier::AnyOf), any, "anyof {members:?}");
        assert_eq!(count(members, Modifier::AllOf), all, "allof {members:?}");
    }
}

/// Scenario: a subject that is not UTF-8, and an expression that is none. Guarantees: a replacement character, an error.
#[test]
fn regular_expressions_fit_the_whole_text() {
    let value = Value::bytes(&b"a\xffb"[..]);
    assert!(holds(&value, Operator::Regex, text("a.b")));
    assert!(!holds(&value, Operator::Regex, text("a")));
    assert!(holds(&bytes("ab"), Operator::Regex, text("x|ab")));
    assert!(Pattern::new(Operator::Regex, text("(")).is_err());
}

proptest! {
    /// Scenario: any two numbers. Guarantees: exactly one of <, =, > holds, and the others agree with it.
    #[test]
    fn numbers_are_in_order(left: i64, right: u64) {
        let test = |operator| holds(&Value::Int(left), operator, number(LiteralValue::Uint(right)));
        let orders = [Operator::Lt, Operator::Eq, Operator::Gt].map(test);
        prop_assert_eq!(orders.iter().filter(|holds| **holds).count(), 1);
        prop_assert_eq!(test(Operator::Ne), !orders[1]);
        prop_assert_eq!(test(Operator::Le), orders[0] || orders[1]);
        prop_assert_eq!(test(Operator::Ge), orders[2] || orders[1]);
    }

    /// Scenario: any two texts. Guarantees: the operators on parts agree with one another.
    #[test]
    fn parts_of_texts_agree(value in "[ab/]{0,8}", part in "[ab/]{0,3}") {
        let test = |operator| holds(&bytes(&value), operator, text(&part));
        prop_assert_eq!(test(Operator::Contains), value.contains(&part));
        prop_assert_eq!(test(Operator::IContains), value.contains(&part));
        prop_assert!(!test(Operator::StartsWith) || test(Operator::Contains));
        prop_assert_eq!(test(Operator::EndsWith), holds(&bytes(&value), Operator::Glob, text(&format!("*{part}"))));
        prop_assert_eq!(test(Operator::Eq), !test(Operator::Ne));
    }
}
