use super::*;

fn only(text: &str) -> Rc<Node> {
    let documents = parse(text).unwrap();
    assert_eq!(documents.len(), 1);
    Rc::clone(&documents[0])
}

fn items(node: &Node) -> Vec<&str> {
    match &node.content {
        Content::Sequence(items) => items.iter().map(|item| item.scalar().unwrap_or("<none>")).collect(),
        _ => panic!("no sequence"),
    }
}

/// Scalars stay what is written: nothing becomes a number or a truth value.
#[test]
fn scalars_stay_text() {
    let node = only("[yes, 0777, 1.0, 'a b', \"c\\td\", ~, null, 'null']");
    assert_eq!(items(&node), ["yes", "0777", "1.0", "a b", "c\td", "<none>", "<none>", "null"]);
}

/// A closing bracket at a lesser indent is taken, as the stock sandbox rules need it.
#[test]
fn a_closing_bracket_may_stand_further_left() {
    let node = only("- list: a\n  items: [\n    b\n]\n");
    assert!(matches!(&node.content, Content::Sequence(items) if items.len() == 1));
}

/// Several documents come in order; spans are in bytes, even behind characters of several bytes.
#[test]
fn documents_and_spans() {
    let text = "# ä\n- a\n---\n- ö\n- b\n";
    let documents = parse(text).unwrap();
    assert_eq!(documents.len(), 2);
    let Content::Sequence(items) = &documents[1].content else { panic!("no sequence") };
    assert_eq!(&text[items[1].span()], "b");
}

/// Doubling aliases are shared, not copied.
#[test]
fn aliases_are_shared() {
    let mut text = "- &a0 [x]\n".to_owned();
    for level in 1..50 {
        text += &format!("- &a{level} [*a{p}, *a{p}]\n", p = level - 1);
    }
    assert!(parse(&text).is_ok());
}

/// Nesting by aliases is bounded like nesting by brackets; a loop is an error.
#[test]
fn nesting_is_bounded() {
    let mut text = "- &a0 [x]\n".to_owned();
    for level in 1..100_000 {
        text += &format!("- &a{level} [*a{}]\n", level - 1);
    }
    assert!(parse(&text).unwrap_err().message.contains("nested"));
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse("&a [*a]").is_err());
    assert!(parse("[*missing]").is_err());
}
