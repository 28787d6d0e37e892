//! Type checking.

use std::net::{IpAddr, Ipv4Addr};

use super::catalogue::TestCatalogue;
use crate::{
    Diagnostic, compile_condition,
    condition::{Check, Expr, LiteralValue, Operand, Rhs, TransformArgument},
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
    assert_eq!(value("fd.net = '2001:db8::/32'"), LiteralValue::Net("2001:db8::".parse().unwrap(), 32));
    assert_eq!(value("fd.sport = ssh"), LiteralValue::Uint(22));
    assert_eq!(value("fd.sport = ''"), LiteralValue::Uint(0));
    // As in C: what the kernel says for nobody.
    assert_eq!(value("evt.num = -1"), LiteralValue::Uint(u64::MAX));
    assert_eq!(value("user.uid = -1"), LiteralValue::Uint(u32::MAX.into()));
    assert_eq!(value("proc.duration <= 100"), LiteralValue::Uint(100));
}

/// Literals that do not fit the type are errors that name both.
#[test]
fn literals_that_do_not_fit_are_errors() {
    for (text, part) in [
        ("fd.num = x", "x is not a valid number"),
        ("fd.num = 12abc", "12abc is not a valid number"),
        ("fd.num = 1e5", "1e5 is not a valid number"),
        ("fd.num = ''", " is not a valid number"),
        ("fd.num = 99999999999999999999", "99999999999999999999 is not a valid number"),
        ("user.uid = 4294967296", "4294967296 is not a valid number"),
        ("user.uid = -4294967296", "-4294967296 is not a valid number"),
        ("fd.sport = 65536", "unrecognized protocol 65536"),
        ("fd.sport = nothing", "unrecognized protocol nothing"),
        ("fd.connected = yes", "filter error: unrecognized boolean value yes"),
        ("fd.connected = 1", "filter error: unrecognized boolean value 1"),
        ("fd.sip = 1.2.3", "unrecognized IPv4 address 1.2.3"),
        ("fd.sip = 'x::'", "unrecognized IPv6 address x::"),
        ("fd.net = 10.0.0.0", "unrecognized IP network 10.0.0.0"),
        ("fd.net = 10.0.0/8", "unrecognized IP address 10.0.0/8"),
        ("fd.net = 'x::/8'", "unrecognized IPv6 address x::/8"),
        ("fd.net = 10.0.0.0/33", "invalid netmask 33"),
        ("fd.net = '::/129'", "invalid v6 netmask 129"),
        ("fd.net = 10.0.0.0/255.0.0.0", "255.0.0.0 is not a valid number"),
        ("thread.cpu > 0x1", "0x1 is not a valid number"),
        (
            "evt.buffer bcontains xyz",
            "filter error: bcontains and bstartswith operator support hex strings only",
        ),
        (
            "evt.buffer bstartswith abc",
            "filter error: bcontains and bstartswith operator support hex strings only",
        ),
        ("proc.name regex 'a('", "invalid regex pattern: missing ): a("),
        ("proc.name regex 'a)|(b'", "invalid regex pattern: unexpected ): a)|(b"),
    ] {
        assert_eq!(error(text).message, part, "{text}");
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
    for text in [
        "proc.name = val(proc.pname)",
        "proc.name in val(proc.pname)",
        "fd.num > val(proc.pid)",
        "evt.buffer bcontains val(evt.buffer)",
        "fd.types in val(fd.types)",
        "len(proc.name) = val(evt.num)",
    ] {
        compiled(text);
    }
    for (text, message) in [
        (
            "proc.name = val(fd.num)",
            "field 'proc.name' has type 'CHARBUF' while the right-hand side field 'fd.num' has incompatible \
            type 'INT64'",
        ),
        (
            "proc.name in val(fd.types)",
            "field 'proc.name' has type 'CHARBUF' while the right-hand side field 'fd.types' has incompatible \
            type 'CHARBUF' (list)",
        ),
        (
            "fs.path.name = val(fd.name)",
            "field 'fs.path.name' has type 'FSPATH' while the right-hand side field 'fd.name' has incompatible \
            type 'CHARBUF'",
        ),
        ("proc.name pmatch val(fd.name)", "operator 'PMATCH' doesn't support right-hand side fields"),
        ("proc.name regex val(fd.name)", "operator 'REGEX' doesn't support right-hand side fields"),
        ("fd.snet = val(fd.cnet)", "field type 'IPNET' doesn't support right-hand side fields"),
        ("fd.sip = val(fd.ip)", "field 'fd.ip' can't be used as a right-hand side field"),
        ("fd.ip = val(fd.sip)", "field 'fd.ip' doesn't support right-hand side fields"),
        ("proc.name = oneof val(proc.pname)", "'oneof' needs a list of values in parentheses"),
    ] {
        assert_eq!(error(text).message, message, "{text}");
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
        "getopt(fd.types, 't:')[t] = x",
        "getopt(('-t', proc.name), 't:') in (x)",
        "join(proc.name, fd.types) = x",
        "tolower(fd.types) in (x)",
        "concat(proc.name, '/', proc.pname) = x",
    ] {
        compiled(text);
    }
    for (text, message) in [
        (
            "tolower(fd.num) = 1",
            "can't add field transformer: type 'INT64' is not supported by 'tolower' transformer applied on \
            field 'fd.num'",
        ),
        (
            "b64(fs.path.name) = x",
            "can't add field transformer: type 'FSPATH' is not supported by 'b64' transformer applied on field \
            'fs.path.name'",
        ),
        (
            "tolower(len(fd.types)) = 1",
            "can't add field transformer: type 'UINT64' is not supported by 'tolower' transformer applied on \
            field 'fd.types'",
        ),
        ("tolower(proc.name, proc.pname) = x", "'tolower' takes one field that is text or a path"),
        ("tolower('x') = x", "'tolower' takes one field that is text or a path"),
        ("join(proc.name) = x", "join() requires exactly 2 arguments: separator and list"),
        ("join(',', proc.name) = x", "join() second argument must be a list"),
        (
            "join(fd.types, fd.types) = x",
            "join() first argument (separator) must be a single value, not a list",
        ),
        ("concat(proc.name) = x", "concat() requires at least 2 arguments"),
        ("concat(proc.name, fd.num) = x", "concat() arguments must be strings"),
        ("concat(proc.name, fd.types) = x", "concat() arguments must be strings"),
        ("concat(proc.name, fs.path.name) = x", "concat() arguments must be strings"),
        ("getopt(fd.types) in (x)", "getopt() requires exactly 2 arguments: args list and optstring"),
        ("getopt(proc.args, 't:') in (x)", "getopt() first argument must be a list"),
        ("getopt(fd.types, ('t:')) in (x)", "getopt() second argument (optstring) must be a single value"),
        ("getopt((proc.name, fd.num), 't:') in (x)", "getopt() arguments must be strings"),
        ("getopt(fd.types, 't:')[tt] = x", "getopt() field argument must be a single option character"),
        ("len(evt.rawarg) = 1", "field 'evt.rawarg' does not support transformers"),
        ("len(proc.name) contains x", "filter error: 'contains' operator not supported for numeric filters"),
        ("tolower(proc.name)[x] = y", "transformer 'tolower' does not support field arguments"),
        ("tolower(proc.nmae) = x", "nonexistent field 'proc.nmae'"),
    ] {
        assert_eq!(error(text).message, message, "{text}");
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
    let wrapped = "event code search does not support `evt.type` checks with transformers";
    for text in
        ["tolower(evt.type) = open", "tolower(toupper(evt.type)) != open", "tolower(syscall.type) in (open)"]
    {
        assert_eq!(error(text).message, wrapped, "{text}");
    }
    let extracted = "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event \
        code search";
    for text in
        ["evt.type = val(proc.name)", "syscall.type != val(proc.name)", "evt.type = tolower(proc.name)"]
    {
        assert_eq!(error(text).message, extracted, "{text}");
    }
    // Of comparisons that leave the types open, Falco does not care.
    compiled("tolower(evt.type) startswith open");
    compiled("evt.type contains val(proc.name)");
    compiled("proc.name = val(evt.type)");
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
