//! Type checking and event types.

use std::net::{IpAddr, Ipv4Addr};

use super::catalogue::TestCatalogue;
use crate::{
    Diagnostic, compile_condition,
    condition::{Check, Expr, LiteralValue, Operand, Rhs, TransformArgument},
    event_types::event_types,
};

fn compiled(text: &str) -> Expr {
    match compile_condition(text, &TestCatalogue::new()) {
        Ok(expr) => expr,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn check(text: &str) -> Check {
    match compiled(text) {
        Expr::Check(check) => check,
        other => panic!("{text}: {other}"),
    }
}

fn value(text: &str) -> LiteralValue {
    match check(text).rhs {
        Rhs::Literal(literal) => literal.value,
        Rhs::List(mut literals) => literals.remove(0).value,
        other => panic!("{text}: {other:?}"),
    }
}

fn error(text: &str) -> Diagnostic {
    match compile_condition(text, &TestCatalogue::new()) {
        Ok(expr) => panic!("{text} was accepted as {expr}"),
        Err(error) => error,
    }
}

fn types(text: &str) -> Option<String> {
    event_types(&compiled(text), &TestCatalogue::new()).map(|types| types.join(" "))
}

/// Literals become values of the type that they are compared with.
#[test]
fn literals_take_the_type_of_the_left_side() {
    assert_eq!(value("proc.name = 5"), LiteralValue::Text);
    assert_eq!(value("evt.buffer bcontains cafe"), LiteralValue::Bytes(vec![0xca, 0xfe]));
    assert_eq!(value("fd.num = -1"), LiteralValue::Int(-1));
    assert_eq!(value("fd.num = 0x10"), LiteralValue::Int(16));
    assert_eq!(value("fd.num = 0xffffffffffffffff"), LiteralValue::Int(-1));
    assert_eq!(value("evt.num = 7"), LiteralValue::Uint(7));
    assert_eq!(value("fd.sport in (443)"), LiteralValue::Uint(443));
    assert_eq!(value("thread.cpu > 1.5"), LiteralValue::Double(1.5));
    assert_eq!(value("fd.connected = true"), LiteralValue::Bool(true));
    assert_eq!(value("fd.sip = '::1'"), LiteralValue::Ip("::1".parse().unwrap()));
    let ten = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0));
    assert_eq!(value("fd.net = 10.0.0.0/8"), LiteralValue::Net(ten, 8));
    assert_eq!(value("fd.net = 10.0.0.0/255.0.0.0"), LiteralValue::Net(ten, 8));
    assert_eq!(value("fd.net = 10.0.0.0"), LiteralValue::Net(ten, 32));
    assert_eq!(value("proc.duration <= 100"), LiteralValue::Uint(100));
}

/// Literals that do not fit the type are errors that name both.
#[test]
fn literals_that_do_not_fit_are_errors() {
    for (text, part) in [
        ("fd.num = x", "a whole number"),
        ("fd.num = 99999999999999999999", "a whole number"),
        ("evt.num = -1", "not negative"),
        ("fd.sport = 65536", "65535"),
        ("fd.connected = yes", "true or false"),
        ("fd.sip = 1.2.3", "address"),
        ("fd.net = 10.0.0.0/33", "network"),
        ("fd.net = 10.0.0.0/255.0.255.0", "network"),
        ("thread.cpu > 0x1", "a number"),
        ("evt.buffer bcontains xyz", "hex strings only"),
        ("proc.name regex 'a('", "not a regular expression"),
        ("proc.name regex 'a)|(b'", "not a regular expression"),
    ] {
        assert!(error(text).message.contains(part), "{text}: {}", error(text));
    }
}

/// Each operator works on the types that Falco lets it work on, and on no other.
#[test]
fn operators_fit_types() {
    let cases = [
        (
            "proc.name",
            "x",
            "= != < <= > >= contains icontains startswith endswith glob iglob regex in intersects pmatch exists",
        ),
        ("evt.buffer", "ab", "= != contains bcontains startswith bstartswith endswith in intersects exists"),
        ("fd.num", "1", "= != < <= > >= in intersects exists"),
        ("fd.sport", "1", "= != < <= > >= in intersects exists"),
        ("fd.connected", "true", "= != in intersects exists"),
        ("fd.sip", "1.1.1.1", "= != in intersects exists"),
        ("fd.net", "1.1.1.1/8", "= != in intersects exists"),
        ("fd.types", "x", "in intersects exists"),
    ];
    let all = "= == != < <= > >= contains icontains bcontains startswith bstartswith endswith glob iglob regex in \
        intersects pmatch exists";
    for (field, value, allowed) in cases {
        for operator in all.split_whitespace() {
            let text = match operator {
                "exists" => format!("{field} exists"),
                "in" | "intersects" | "pmatch" => format!("{field} {operator} ({value})"),
                "<" | "<=" | ">" | ">=" => format!("{field} {operator} 1"),
                _ => format!("{field} {operator} {value}"),
            };
            let name = if operator == "==" { "=" } else { operator };
            let expected = allowed.split_whitespace().any(|known| known == name);
            let result = compile_condition(&text, &TestCatalogue::new());
            assert_eq!(result.is_ok(), expected, "{text}: {:?}", result.err().map(|error| error.message));
        }
    }
}

/// Unknown fields are errors with a suggestion, at the place of the field.
#[test]
fn unknown_fields_suggest_close_names() {
    let error = error("evt.type = open and proc.nmae = x");
    assert!(error.message.contains("nonexistent field 'proc.nmae'"));
    assert_eq!(error.help.as_deref(), Some("did you mean 'proc.name'?"));
    assert_eq!(error.span, 20..29);
}

/// Arguments are needed, forbidden or numbers, as the catalogue says; some may follow a dot.
#[test]
fn arguments_are_checked() {
    for text in [
        "evt.arg.flags contains O_CREAT",
        "evt.arg[0] = x",
        "proc.aname[2] = x",
        "proc.aname = x",
        "proc.env[A] = x",
    ] {
        compiled(text);
    }
    for (text, part) in [
        ("evt.arg = x", "requires an argument"),
        ("proc.name[1] = x", "takes no argument"),
        ("proc.aname[x] = y", "takes a number"),
        ("proc.env.PATH = x", "nonexistent field"),
    ] {
        assert!(error(text).message.contains(part), "{text}: {}", error(text));
    }
    let Operand::Field(field) = check("evt.arg.flags = x").lhs else { panic!("no field") };
    assert_eq!((field.name.as_str(), field.argument.as_deref()), ("evt.arg", Some("flags")));
    assert_eq!(check("evt.arg.flags = x").to_string(), "evt.arg.flags = x");
    assert_eq!(check("evt.arg[1] = x").to_string(), "evt.arg[1] = x");
}

/// Both sides of a comparison of fields have one type, and some fields may not stand on the right.
#[test]
fn fields_on_the_right_side() {
    for text in ["proc.name = val(proc.pname)", "fs.path.name = val(fd.name)", "fd.num > val(proc.pid)"] {
        compiled(text);
    }
    for (text, part) in [
        ("proc.name = val(fd.num)", "one type"),
        ("proc.name in val(fd.types)", "one type"),
        ("proc.name pmatch val(fd.name)", "cannot be used with a field"),
        ("proc.name regex val(fd.name)", "cannot be used with a field"),
        ("fd.snet = val(fd.cnet)", "networks cannot"),
        ("fd.sip = val(fd.ip)", "cannot stand on a right-hand side"),
        ("proc.name = oneof val(proc.pname)", "needs a list"),
    ] {
        assert!(error(text).message.contains(part), "{text}: {}", error(text));
    }
}

/// Transformers take what they can work on, and give a type of their own.
#[test]
fn transformers_are_checked() {
    for text in [
        "tolower(proc.name) = val(proc.pname)",
        "len(proc.cmdline) > 100",
        "len(evt.buffer) = 3",
        "len(fd.types) >= 1",
        "b64(evt.buffer) bcontains aa",
        "join(',', fd.types) contains x",
        "join('-', (proc.name, 'x')) = y",
        "getopt(proc.args, 't:')[t] = x",
        "getopt(proc.args, 't:') in (x)",
        "concat(proc.name, '/', proc.pname) = x",
    ] {
        compiled(text);
    }
    for (text, part) in [
        ("tolower(fd.num) = 1", "cannot be applied"),
        ("b64(fs.path.name) = x", "cannot be applied"),
        ("len(fd.num) = 1", "cannot be applied"),
        ("tolower(proc.name, proc.pname) = x", "takes one field"),
        ("tolower('x') = x", "takes one field"),
        ("join(proc.name) = x", "takes a separator and a list"),
        ("getopt(proc.args) = x", "takes a list of words"),
        ("len(evt.rawarg) = 1", "cannot be used with transformers"),
        ("len(proc.name) contains x", "does not work on"),
        ("tolower(proc.name)[x] = y", "no argument in brackets"),
        ("tolower(proc.nmae) = x", "nonexistent field"),
    ] {
        assert!(error(text).message.contains(part), "{text}: {}", error(text));
    }
    let Operand::Transformed(join) = check("join('-', ('a', 'b')) = y").lhs else { panic!("no transformer") };
    assert!(matches!(join.arguments.as_slice(), [_, TransformArgument::List(list)] if list.len() == 2));
}

/// Names of events are checked where they are compared exactly, and nowhere else.
#[test]
fn event_type_names_are_checked() {
    compiled("evt.type = open");
    compiled("evt.type contains opne");
    for text in ["evt.type = opne", "evt.type != opne", "evt.type in (open, opne)", "syscall.type = opne"] {
        let error = error(text);
        assert!(error.message.contains("unknown event type opne"), "{error}");
        assert_eq!(error.help.as_deref(), Some("did you mean 'open'?"));
    }
    assert!(error("tolower(evt.type) = open").message.contains("does not support `evt.type` checks"));
    assert!(error("evt.type = val(proc.name)").message.contains("does not support `evt.type` checks"));
}

/// Event types follow the set algebra: exact leaves, `not` at the leaves, everything else open.
#[test]
fn event_types_follow_the_set_algebra() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(types("evt.type = open"), some("open"));
    assert_eq!(types("evt.type in (openat, open) and proc.name = x"), some("open openat"));
    assert_eq!(types("evt.type = open or evt.type = read"), some("open read"));
    assert_eq!(types("evt.type = open and evt.type = read"), some(""));
    assert_eq!(types("evt.type = open or proc.name = x"), None);
    assert_eq!(types("proc.name = x"), None);
    assert_eq!(types("not proc.name = x"), None);
    assert_eq!(types("evt.type in (open, read) and not evt.type = read"), some("open"));
    assert_eq!(types("not (evt.type != open)"), some("open"));
    assert_eq!(types("not (evt.type != open or evt.type != open)"), some("open"));
    assert_eq!(types("not (proc.name = x and not evt.type = open)"), None);
    assert_eq!(types("not (proc.name = x or not evt.type = open)"), some("open"));
    assert_eq!(types("not not evt.type = open"), some("open"));
    assert_eq!(types("evt.type exists"), None);
    assert_eq!(types("evt.type startswith open"), None);
    assert!(types("evt.type != open").is_some_and(|types| !types.split(' ').any(|t| t == "open")));
    assert_eq!(types("evt.num = 0"), some(""));
    assert_eq!(types("not evt.num = 0"), None);
    assert_eq!(types("evt.type = open and not evt.num = 0"), some("open"));
    assert_eq!(types("evt.num >= 0 and syscall.type = open"), some("open"));
}

/// The rendering is Falco's: `==` is `=`, everything joined is in parentheses, strings are quoted only when needed.
#[test]
fn rendering_is_falcos() {
    let text =
        "not (proc.name in ('a b', '(x)') or (evt.type == open and proc.args startswith oneof (-a, '-b c')))";
    let expected = "not (proc.name in (\"a b\", (x)) or (evt.type = open and proc.args startswith oneof (-a, \"-b c\")))";
    assert_eq!(compiled(text).to_string(), expected);
    assert!(error("a_macro and proc.name = x").message.contains("Undefined macro 'a_macro'"));
}
