use proptest::prelude::*;

use super::*;
use crate::ast::Argument;

/// Falco's canonical rendering of what `text` is parsed to.
fn canonical(text: &str) -> String {
    match parse_condition(text) {
        Ok(node) => node.to_string(),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str) -> ParseError {
    match parse_condition(text) {
        Ok(node) => panic!("{text} was parsed as {node}"),
        Err(error) => error,
    }
}

fn check(text: &str) -> Check {
    match parse_condition(text) {
        Ok(Node::Check(check)) => *check,
        other => panic!("{text}: {other:?}"),
    }
}

fn value(text: &str) -> Vec<u8> {
    match check(text).rhs {
        Rhs::Value(value) => value,
        other => panic!("{text}: {other:?}"),
    }
}

/// `not` binds tighter than `and`, and that tighter than `or`; each is one node with all its parts.
#[test]
fn precedence_and_parts() {
    assert_eq!(canonical("a or b and c or not d"), "(a or (b and c) or not d)");
    assert_eq!(canonical("a and b and c"), "(a and b and c)");
    assert_eq!(canonical("(a or b) and c"), "((a or b) and c)");
    assert_eq!(canonical("a and (b and c)"), "(a and (b and c))");
    assert_eq!(canonical("((a))"), "a");
}

/// Several `not` toggle, with blanks or with a parenthesis behind them.
#[test]
fn negations_toggle() {
    assert_eq!(canonical("not a"), "not a");
    assert_eq!(canonical("not not a"), "a");
    assert_eq!(canonical("not not not a"), "not a");
    assert_eq!(canonical("not(a or b)"), "not (a or b)");
    assert_eq!(canonical("not not(a)"), "a");
    assert_eq!(canonical("not (not a)"), "not not a");
    assert_eq!(canonical("a and not(b)and(c)"), "(a and not b and c)");
    assert_eq!(canonical("notable"), "notable");
}

/// `and` and `or` need a blank or a parenthesis behind them, and nothing before them that ends a word.
#[test]
fn logical_words_need_room_behind() {
    assert_eq!(canonical("(a)and(b)or(c)"), "((a and b) or c)");
    assert_eq!(canonical("a or(b)or(c) or d and e"), "(a or b or c or (d and e))");
    assert_eq!(canonical("(a or(b)) and c"), "((a or b) and c)");
    assert!(error("a or(b) and c").message.starts_with("unexpected token after ')', expecting 'or', 'and'"));
    assert_eq!(canonical("a or (b) and c"), "(a or (b and c))");
    assert!(error("a andb").message.contains("expected blank or '(' after 'and'"));
    assert!(error("a order").message.contains("expected blank or '(' after 'or'"));
    assert!(error("a and").message.contains("after 'and'"));
    assert!(error("a and ").message.contains("expected a '(' token, a field check, or an identifier"));
}

/// Blanks are spaces, tabs, backspaces and line breaks, anywhere between tokens.
#[test]
fn blanks_are_skipped() {
    assert_eq!(canonical(" \t\u{8}\r\na.b\n=\r\n c \n"), "a.b = c");
    assert_eq!(canonical("a.b in\n(\n x ,\ty\n)"), "a.b in (x, y)");
}

/// Every operator is read, with a string, a number or a list as it takes it.
#[test]
fn all_operators() {
    for operator in ["=", "==", "!=", "contains", "icontains", "bcontains", "startswith", "bstartswith"] {
        assert_eq!(canonical(&format!("a.b {operator} x")), format!("a.b {operator} x"));
    }
    for operator in ["endswith", "glob", "iglob", "regex"] {
        assert_eq!(canonical(&format!("a.b {operator}\nx*")), format!("a.b {operator} x*"));
    }
    for operator in ["<", "<=", ">", ">="] {
        assert_eq!(canonical(&format!("a.b{operator}5")), format!("a.b {operator} 5"));
    }
    for operator in ["in", "intersects", "pmatch"] {
        assert_eq!(canonical(&format!("a.b {operator}(x)")), format!("a.b {operator} (x)"));
    }
    assert_eq!(canonical("a.b exists and c.d exists"), "(a.b exists and c.d exists)");
}

/// Symbols need no blanks around them, words need one behind them.
#[test]
fn which_operators_need_blanks() {
    assert_eq!(canonical("a.b=c"), "a.b = c");
    assert_eq!(canonical("a.b!=c"), "a.b != c");
    assert!(error("a.b containsx").message.contains("expected a valid check operator"));
    assert!(error("a.b glob(x)").message.contains("expected a valid check operator"));
    assert!(error("a.b").message.contains("expected a valid check operator"));
}

/// Only numbers stand behind an order; they may be decimal, hexadecimal or with an exponent.
#[test]
fn numbers() {
    for number in ["0", "-1", "+7", "0x1F", "0XfF", "1.5", "1.", "1e+3", "1.5E-3"] {
        assert_eq!(canonical(&format!("a.b >= {number}")), format!("a.b >= {number}"));
    }
    assert!(error("a.b > x").message.contains("expected a number value"));
    assert!(error("a.b > 1e3").message.contains("unexpected token after '1'"));
    assert!(error("a.b > 0xg").message.contains("unexpected token after '0'"));
}

/// Field names have dots between words; a word without a dot is a macro.
#[test]
fn fields_and_macros() {
    assert_eq!(check("evt.arg.flags = x").lhs.to_string(), "evt.arg.flags");
    assert!(matches!(parse_condition("spawned_process").unwrap(), Node::Identifier(_)));
    assert!(error("proc = x").message.contains("unexpected token after 'proc', expecting 'or', 'and'"));
    assert!(error("1a.b = x").message.contains("expected a '(' token"));
    assert!(error("a..b = x").message.contains("unexpected token after 'a'"));
    assert!(error("a.1 = x").message.contains("unexpected token after 'a'"));
}

/// Arguments are bare or in quotes of either kind.
#[test]
fn field_arguments() {
    for (text, argument) in [
        ("proc.aname[2] = x", "2"),
        ("proc.env[PATH] = x", "PATH"),
        ("proc.env['A B'] = x", "A B"),
        ("proc.env[\"A]\"] = x", "A]"),
        ("container.mount.dest[/proc*] exists", "/proc*"),
    ] {
        let Operand::Field(field) = check(text).lhs else { panic!("no field") };
        assert_eq!(field.argument.as_deref(), Some(argument));
    }
    assert_eq!(canonical("proc.env['A B']=x"), "proc.env[\"A B\"] = x");
    assert!(error("a.b[] = x").message.contains("expected a valid field argument"));
    assert!(error("a.b[x = y").message.contains("expected a ']' token"));
    assert!(error("a.b['\\xff'] = y").message.contains("UTF-8"));
}

/// Bare strings end at blanks, parentheses, quotes, commas and `=`; quoted ones may hold all of them.
#[test]
fn strings() {
    assert_eq!(value("a.b = /x/y-z*[0-9]{2}"), b"/x/y-z*[0-9]{2}");
    assert_eq!(value("a.b = \"x (y), 'z' = \\\"w\\\"\""), b"x (y), 'z' = \"w\"");
    assert_eq!(value("a.b = 'it\\'s'"), b"it's");
    assert_eq!(value("a.b = ''"), b"");
    assert_eq!(value("a.b = '\\x00\\xff'"), b"\0\xff");
    assert_eq!(value("a.b = ü"), "ü".as_bytes());
    assert!(error("a.b = ").message.contains("expected a string value"));
    assert!(error("a.b = x=y").message.contains("unexpected token after 'x'"));
    assert!(error("a.b = 'x").message.contains("no closing quote"));
}

/// A quote behind a backslash does not close, not even behind an escaped backslash: Falco's quirk.
#[test]
fn a_quote_behind_a_backslash_does_not_close() {
    assert!(error(r#"a.b = "x\\""#).message.contains("no closing quote"));
    assert_eq!(value(r#"a.b = "x\\y""#), br"x\y");
    assert_eq!(value(r#"a.b = "x\\" y""#.replace("\\\\", "\\").as_str()), br#"x" y"#);
    assert_eq!(value(r#"a.b = "grep\ x""#), br"grep\x");
}

/// Escapes that are none are errors at the backslash.
#[test]
fn wrong_escapes_are_errors() {
    let error = error("a.b = c and d.e = 'x\\qz'");
    assert!(error.message.contains("unsupported string escape sequence: \\q"));
    assert_eq!(error.position.offset, 20);
}

/// Lists hold strings; they may be empty, and a word may stand in their place.
#[test]
fn lists() {
    assert_eq!(canonical("a.b in (x, 'y z', \"\")"), "a.b in (x, \"y z\", )");
    assert_eq!(canonical("a.b in ()"), "a.b in ()");
    assert_eq!(canonical("a.b in shells"), "a.b in shells");
    assert_eq!(canonical("a.b inshells"), "a.b in shells");
    assert!(error("a.b in (x,)").message.contains("expected a string value"));
    assert!(error("a.b in (x y)").message.contains("expected a ')' token or a ','"));
    assert!(error("a.b in 'x'").message.contains("expected a list"));
    assert!(error("a.b in (x").message.contains("expected a ')' token"));
}

/// A modifier is one if a list or a word follows that is not `and`, `or` or `not`; else it is a string.
#[test]
fn modifiers_backtrack() {
    assert_eq!(check("a.b startswith oneof (x, y)").modifier, Some(Modifier::OneOf));
    assert_eq!(check("a.b = anyof(x)").modifier, Some(Modifier::AnyOf));
    assert_eq!(check("a.b != allof names").modifier, Some(Modifier::AllOf));
    assert_eq!(canonical("a.b glob allof (x, y)"), "a.b glob allof (x, y)");
    for text in ["a.b = oneof", "a.b = oneofx", "a.b = oneof-x"] {
        assert_eq!(check(text).modifier, None, "{text}");
    }
    assert_eq!(canonical("a.b = oneof and c"), "(a.b = oneof and c)");
    assert_eq!(canonical("a.b = oneof or c"), "(a.b = oneof or c)");
    assert_eq!(canonical("(a.b = anyof)"), "a.b = anyof");
    assert!(error("a.b in oneof (x)").message.contains("unexpected token after 'oneof'"));
}

/// Transformers nest, take lists and literals, and may have a selector.
#[test]
fn transformers() {
    for text in [
        "tolower(proc.name) = bash",
        "len(proc.args) > 5",
        "toupper(b64(basename(proc.name))) startswith X",
        "getopt(proc.args, t:)[t] exists",
        "concat(proc.name, -, proc.aname[2]) = x",
    ] {
        let quoted = text.replace("t:)", "\"t:\")").replace(" -,", " \"-\",");
        assert_eq!(canonical(&quoted), text);
    }
    let Operand::Call(call) = check("join(',', (proc.name, 'x', 5)) = y").lhs else {
        panic!("no transformer")
    };
    assert!(matches!(call.arguments.as_slice(), [Argument::Text(comma), Argument::List(members)]
        if comma == b"," && members.len() == 3));
    assert_eq!(canonical("a.b = tolower( proc.name )"), "a.b = tolower(proc.name)");
    assert!(error("tolower (a)").message.contains("unexpected token after 'tolower'"));
}

/// `val` takes one field, on the right-hand side only.
#[test]
fn val() {
    assert_eq!(canonical("a.b = val(c.d)"), "a.b = val(c.d)");
    assert_eq!(canonical("a.b in val( c.d[1] )"), "a.b in val(c.d[1])");
    assert_eq!(canonical("a.b > val(c.d)"), "a.b > val(c.d)");
    assert!(error("a.b = val(x)").message.contains("expected a field within 'val'"));
    assert!(error("a.b = val(c.d, e.f)").message.contains("closing the transformer"));
    assert!(error("val(a.b) = x").message.contains("unexpected token after 'val'"));
    assert_eq!(value("a.b = value"), b"value");
}

/// Errors carry offset, line, column, and what was expected.
#[test]
fn errors_say_where() {
    let error = error("a.b = c and\n  (d.e = f");
    assert_eq!((error.position.line, error.position.column, error.position.offset), (2, 11, 22));
    assert!(error.message.contains("expected a ')' token"));
    assert_eq!(parse_condition("").unwrap_err().message, "filter input string is empty");
    let unexpected = parse_condition("a.b = \"x y\" z").unwrap_err();
    assert_eq!(unexpected.message, "unexpected token after 'x y', expecting 'or', 'and'");
    assert_eq!(unexpected.position.column, 13);
    assert!(parse_condition("  ").is_err());
    assert!(parse_condition("a)").unwrap_err().message.contains("unexpected token after 'a'"));
}

/// Nesting up to the limit is taken, anything deeper is an error, and a thread's small stack is enough for both.
#[test]
fn nesting_is_bounded_on_a_small_stack() {
    let nested = |open: &str, close: &str, times: usize| {
        let text = format!("{}x{}", open.repeat(times), close.repeat(times));
        let work = move || parse_condition(&text).map(|node| (node.to_string().len(), node.clone() == node));
        std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
    };
    assert!(nested("(", ")", MAX_DEPTH).is_ok());
    assert!(nested("not(", ")", MAX_DEPTH - 1).is_ok());
    assert!(nested("(a and ", ")", MAX_DEPTH - 1).is_ok());
    for (open, close) in [("(", ")"), ("not(", ")"), ("(a and ", ")"), ("(a or(", "))"), ("((", "")] {
        let error = nested(open, close, 100_000).unwrap_err();
        assert!(error.message.contains("max depth"), "{error}");
    }
    let calls = format!("{}a.b{} = x", "tolower(".repeat(100_000), ")".repeat(100_000));
    assert!(error(&calls).message.contains("nested deeper"));
    assert!(parse_condition(&format!("{}a", "not ".repeat(100_000))).is_ok());
}

/// Conditions with more parts than are allowed end in an error before they fill the memory: as comparisons, as a list,
/// and as arguments.
#[test]
fn the_number_of_nodes_is_bounded() {
    let count = crate::MAX_EXPANDED_NODES + 1;
    for (start, part, end) in [("a", " or a", ""), ("a.b in (x", ",x", ")"), ("join(1, (1", ",1", ")) = x")] {
        let error = error(&format!("{start}{}{end}", part.repeat(count)));
        assert!(error.message.contains("more than 1000000 nodes"), "{error}");
    }
}

/// The deepest condition there can be becomes JSON on a main thread's stack.
#[test]
fn the_deepest_condition_becomes_json() {
    let text = format!("{}a{}", "(a or not(b and ".repeat(MAX_DEPTH / 3), "))".repeat(MAX_DEPTH / 3));
    let work = move || parse_condition(&text).unwrap().to_json().to_string().len();
    assert!(std::thread::Builder::new().stack_size(8 << 20).spawn(work).unwrap().join().unwrap() > 10_000);
}

/// Words that are put into conditions of all kinds.
fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,5}", Just("oneof".to_owned()), "[ -~]{0,8}", "[a-zé\\\\\"' \n]{0,6}"]
}

fn rendered(word: &str) -> String {
    crate::escape::quote_for_reading(word.as_bytes())
}

fn leaf() -> impl Strategy<Value = String> {
    let field = prop_oneof!["[a-z]{1,3}\\.[a-z]{1,3}", "[a-z]{1,3}\\.[a-z]{1,3}\\[[0-9]\\]"];
    prop_oneof![
        "[b-m][a-z_]{0,6}".prop_map(|name| name),
        (field.clone(), word()).prop_map(|(field, word)| format!("{field} = {}", rendered(&word))),
        (field.clone(), -9..99_i32).prop_map(|(field, number)| format!("{field}>={number}")),
        (field.clone(), prop::collection::vec(word(), 0..4)).prop_map(|(field, words)| {
            let words: Vec<String> = words.iter().map(|word| rendered(word)).collect();
            format!("{field} in ({})", words.join(" , "))
        }),
        (field.clone(), word()).prop_map(|(field, word)| format!("{field} glob anyof({})", rendered(&word))),
        (field.clone(), field.clone()).prop_map(|(a, b)| format!("tolower({a}) = val({b})")),
        field.prop_map(|field| format!("{field} exists")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

proptest! {
    /// No text makes the parser panic, and an error points into the text.
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,60}|[a-c.=()'\"\\\\ ,not\\[\\]]{0,60}") {
        if let Err(error) = parse_condition(&text) {
            prop_assert!(error.position.offset <= text.len());
        }
    }

    /// The alternate rendering reads back as the same tree; Falco's rendering is stable once it reads back.
    #[test]
    fn rendering_and_parsing_are_stable(text in condition()) {
        let node = match parse_condition(&text) {
            Ok(node) => node,
            Err(error) => return Err(TestCaseError::fail(format!("{text}: {error}"))),
        };
        let faithful = format!("{node:#}");
        let again = parse_condition(&faithful).map_err(|error| TestCaseError::fail(format!("{faithful}: {error}")))?;
        prop_assert_eq!(&format!("{again:#}"), &faithful);
        prop_assert_eq!(again.to_string(), node.to_string());
        if let Ok(again) = parse_condition(&node.to_string()) {
            prop_assert_eq!(parse_condition(&again.to_string()).map(|node| node.to_string()), Ok(again.to_string()));
        }
    }
}
