//! Files made to exhaust memory, time or a stack: each ends in a diagnostic or in rules, soon.

use std::time::{Duration, Instant};

use super::catalogue::TestCatalogue;
use crate::{Diagnostic, LoadError, Loaded, MAX_DEPTH, MAX_EXPANDED_NODES, Source, load};

/// No case takes a tenth of this where nothing else runs; the bound is for an unoptimised build on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// Loads on a thread with a small stack, and holds the time against [`SOON`].
fn try_load(text: String) -> Result<Loaded, LoadError> {
    let start = Instant::now();
    let work = move || load(&[Source { name: "x.yaml".to_owned(), text }], &TestCatalogue::new());
    let result = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    result
}

fn first_error(text: String) -> Diagnostic {
    match try_load(text) {
        Ok(_) => panic!("was accepted"),
        Err(error) => error.errors().next().cloned().expect("there is an error"),
    }
}

fn rule(condition: &str) -> String {
    format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
}

/// Thirty macros, each of which uses the one before twice, end in an error that names the chain.
#[test]
fn doubling_macros() {
    let mut file = "- macro: m0\n  condition: evt.type=open\n".to_owned();
    for n in 1..=30 {
        file += &format!("- macro: m{n}\n  condition: m{p} and m{p}\n", p = n - 1);
    }
    let error = first_error(file + &rule("m30"));
    assert!(error.message.contains("more than 1000000 nodes"), "{error}");
    assert!(error.message.contains("m17 → m16 → m15"), "{error}");
}

/// Thirty lists, each of which uses the one after it twice, end in an error, with items and without.
#[test]
fn doubling_lists() {
    for items in ["x", ""] {
        let mut file = rule("evt.type=open and proc.name in (l0)");
        for n in 0..30 {
            file += &format!("- list: l{n}\n  items: [l{s}, l{s}]\n", s = n + 1);
        }
        let error = first_error(format!("{file}- list: l30\n  items: [{items}]\n"));
        assert!(error.message.contains("67108864 bytes, by way of the lists l0 → l1 → l2"), "{error}");
    }
}

/// A long list that is used in a long list is too much text, as is one that many conditions use.
#[test]
fn huge_lists() {
    let long =
        format!("- list: l\n  items: [{}]\n", "x".repeat(50).to_string() + &", xxxxxxxxx".repeat(20_000));
    let nested = format!("{long}- list: k\n  items: [{}]\n", ["l"; 20_000].join(", "));
    assert!(first_error(nested + &rule("evt.type=open and proc.name in (k)")).message.contains("bytes"));
    let many: String = (0..1000).map(|n| format!("- macro: m{n}\n  condition: proc.name in (l)\n")).collect();
    assert!(first_error(format!("{long}{many}{}", rule("m1"))).message.contains("more than"));
    assert!(try_load(format!("{long}{}", rule("evt.type=open and proc.name in (l)"))).is_ok());
}

/// A large literal in a macro that is used often counts with its bytes.
#[test]
fn large_literals_count_with_their_bytes() {
    let file = format!("- macro: m\n  condition: proc.name = {}\n", "x".repeat(1 << 20));
    let error = first_error(file + &rule(&["m"; 100].join(" and ")));
    assert!(error.message.contains("67108864 bytes"), "{error}");
}

/// A condition nested as deep as is allowed is loaded, written and dropped on a small stack; deeper ones are errors.
#[test]
fn deep_conditions() {
    let deep = |times: usize| {
        let open = "(evt.num=1 or ".repeat(times);
        rule(&format!("{open}evt.type=open{}", ")".repeat(times)))
    };
    let loaded = try_load(deep(MAX_DEPTH - 1)).expect("the limit itself is allowed");
    let work = move || loaded.rule_set.rules[0].condition.to_string().len();
    assert!(std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap() > 10_000);
    assert!(first_error(deep(MAX_DEPTH)).message.contains("max depth"));
    assert!(first_error(deep(100_000)).message.contains("max depth"));
}

/// Macros that nest one another deeper than is allowed are an error that names some of them.
#[test]
fn deep_macros() {
    let mut file = "- macro: m0\n  condition: evt.type=open\n".to_owned();
    for n in 1..=20_000 {
        file += &format!("- macro: m{n}\n  condition: not m{}\n", n - 1);
    }
    let error = first_error(file + &rule("m20000"));
    assert!(error.message.contains("nested deeper than 1000, by way of the macros m"), "{error}");
    // The same from the top down, by way of macros that are defined again at the end.
    let mut file: String =
        (0..5000).map(|n| format!("- macro: m{n}\n  condition: evt.type=open\n")).collect();
    file.extend((0..4999).map(|n| format!("- macro: m{n}\n  condition: not m{}\n", n + 1)));
    assert!(first_error(file + &rule("m0")).message.contains("nested deeper"));
}

/// Aliases that multiply are read only so far.
#[test]
fn alias_bombs() {
    let items = ["x"; 3000].join(", ");
    let values = format!("&v [{}]", ["*t"; 3000].join(", "));
    let mut file = format!("- list: l\n  items: &i [{items}]\n- {{t: &t [{items}]}}\n- {{v: {values}}}\n");
    file += &rule("evt.type=open");
    file += "  exceptions: [{name: a, fields: proc.name, values: [*v, *v, *v]}]\n";
    let error = first_error(file);
    assert!(error.message.contains("hold more words than are read"), "{error}");
    let mut file = format!("- list: l\n  items: &i [{items}]\n");
    file.extend((0..3000).map(|n| format!("- list: l{n}\n  items: *i\n")));
    assert!(first_error(file).message.contains("more words than are read"));
}

/// Scenario: merge keys that multiply, and a mapping that many items merge. Guarantees: both are read only so far.
#[test]
fn merge_bombs() {
    let pairs: String = (0..2000).map(|n| format!("k{n}: x, ")).collect();
    let mut file = format!("- &a0 {{{pairs}}}\n");
    file.extend((1..3000).map(|n| format!("- &a{n} {{<<: [*a0, *a{}]}}\n", n - 1)));
    assert!(first_error(file).message.contains("values at most"));
    let doubling = (1..60).map(|n| format!("- &a{n} {{<<: [*a{p}, *a{p}], k{n}: x}}\n", p = n - 1));
    let file = format!("- &a0 {{list: l, items: []}}\n{}", doubling.collect::<String>());
    assert_eq!(try_load(file).expect("keys that are there already are not merged").rule_set.rules.len(), 0);
}

/// Scenario: an output of very many fields, and many rules after a bound is reached. Guarantees: the bound holds for outputs,
/// and it is told once.
#[test]
fn bounds_are_told_once() {
    let output = "%proc.name ".repeat(MAX_EXPANDED_NODES + 1);
    let large = rule("evt.type=open").replace("output: o", &format!("output: '{output}'"));
    let others: String =
        (0..50).map(|n| rule("evt.type=open").replace("rule: r", &format!("rule: r{n}"))).collect();
    let errors = try_load(large + &others).unwrap_err();
    let messages: Vec<_> = errors.errors().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["the conditions expand to more than 1000000 nodes, those of outputs included"]);
    let mut file = "- macro: m0\n  condition: evt.type=open\n".to_owned();
    file.extend((1..=40).map(|n| format!("- macro: m{n}\n  condition: m{p} and m{p}\n", p = n - 1)));
    file.extend((0..=40).map(|n| rule(&format!("m{n}")).replace("rule: r", &format!("rule: r{n}"))));
    assert_eq!(try_load(file).unwrap_err().errors().count(), 1);
}

/// Many errors are counted, not kept; many suggestions are not looked for.
#[test]
fn many_errors() {
    let mut file: String =
        (0..5000).map(|n| format!("- macro: macro_{n}\n  condition: evt.type=open\n")).collect();
    file.extend(
        (0..5000).map(|n| {
            rule(&format!("macro_{n}_x and proc.nmae=x")).replace("rule: r", &format!("rule: r{n}"))
        }),
    );
    let errors = try_load(file).unwrap_err().diagnostics;
    assert!(errors.len() < 2100, "{}", errors.len());
    assert!(errors.iter().any(|error| error.message.ends_with("more of this severity are not shown")));
}

/// Many lists and many conditions do not multiply.
#[test]
fn many_lists_and_conditions() {
    let mut file: String = (0..10_000).map(|n| format!("- list: l{n}\n  items: [x{n}]\n")).collect();
    file.extend((0..10_000).map(|n| format!("- macro: m{n}\n  condition: proc.name in (l{n})\n")));
    assert!(try_load(file + &rule("evt.type=open and m1")).is_ok());
}

/// Loops of lists end: each list is gone through once, in order, as Falco does.
#[test]
fn list_loops() {
    let file = "- list: a\n  items: [b, a]\n- list: b\n  items: [a, b]\n".to_owned();
    let loaded =
        try_load(file + &rule("evt.type=open and proc.name in (a, b)")).expect("loops of lists are words");
    assert_eq!(
        loaded.rule_set.rules[0].condition.to_string(),
        "(evt.type = open and proc.name in (b, a, b, a, b, a, b))"
    );
}
