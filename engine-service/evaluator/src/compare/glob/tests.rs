//! Shell patterns.

use proptest::prelude::*;

use super::{Case, matches};

/// The same by trying everything: what is in a set is asked of each byte anew.
fn naive(pattern: &[u8], text: &[u8], case: Case) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|taken| naive(rest, &text[taken..], case)),
        Some(_) => text
            .first()
            .and_then(|byte| super::step(pattern, *byte, case))
            .is_some_and(|rest| naive(rest, &text[1..], case)),
    }
}

/// Scenario: patterns with the answers that fnmatch(3) of glibc 2.36 gives in the C locale, asked of the library itself.
/// Guarantees: the same ones, its quirks included.
#[test]
fn patterns_mean_what_fnmatch_says() {
    let fitting: [(&[u8], &[u8]); 48] = [
        (b"/etc/*", b"/etc/ssh/sshd_config"),
        (b"*", b".hidden"),
        (b"*", b""),
        (b"", b""),
        (b"a?c", b"a/c"),
        (b"?", b"\xff"),
        (b"[a-c]x", b"bx"),
        (b"[!a-c]x", b"dx"),
        (b"[^a-c]x", b"dx"),
        (b"[]a]", b"]"),
        (b"[]-a]", b"^"),
        (b"[!]a]", b"b"),
        (b"[a-]", b"-"),
        (b"[a-c-e]", b"-"),
        (b"[--0]", b"."),
        (b"[/]", b"/"),
        (b"[a-\\z]", b"q"),
        (b"[\\a-z]", b"q"),
        (b"[\\]]", b"]"),
        (b"[a\\]]", b"]"),
        (b"[\xff]", b"\xff"),
        (b"[\x80-\xff]", b"\xe9"),
        (b"[[:digit:][:upper:]]", b"Q"),
        (b"[[:digit:]-z]", b"-"),
        (b"[[:space:]]", b"\x0b"),
        (b"[[:alpha]", b"a"),
        (b"[[:alpha]", b":"),
        (b"[[=a=]]", b"a"),
        (b"[[.a.]]", b"a"),
        (b"\\*", b"*"),
        (b"\\a", b"a"),
        (b"[", b"["),
        (b"[[", b"[["),
        (b"[]", b"[]"),
        (b"[!", b"[!"),
        (b"[^", b"[^"),
        (b"[abc", b"[abc"),
        (b"*[a", b"x[a"),
        (b"*.s[oh]*", b"/usr/lib/libc.so.6"),
        (b"a**b", b"ab"),
        (b"*a*b*c*", b"xaxxbxxcx"),
        (b"*ab", b"aab"),
        (b"*[ab]c", b"acbc"),
        (b"**", b"x"),
        (b"?*", b"x"),
        (b"*?", b"xy"),
        (b"a]", b"a]"),
        (b"a-b", b"a-b"),
    ];
    for (pattern, text) in fitting {
        assert!(matches(pattern, text, Case::Exact), "{} {}", pattern.escape_ascii(), text.escape_ascii());
    }
    let others: [(&[u8], &[u8]); 27] = [
        (b"a", b"ab"),
        (b"", b"a"),
        (b"?", b""),
        (b"[a-c]", b"d"),
        (b"[z-a]", b"b"),
        (b"[a-c-e]", b"d"),
        (b"[a-[:digit:]]", b"5"),
        (b"[!a]", b""),
        (b"[!]", b"a"),
        (b"[abc", b"a"),
        (b"[[:alpha:]", b"a"),
        // No such class, no such symbol.
        (b"[[:foo:]]", b"f"),
        (b"[[:foo:]]", b"f]"),
        (b"[[.space.]]", b" "),
        (b"[[.hyphen.]]", b"-"),
        // A backslash that takes nothing's meaning away.
        (b"\\", b"\\"),
        (b"a\\", b"a\\"),
        (b"*\\", b"x\\"),
        (b"[\\", b"[\\"),
        (b"[a\\", b"[a\\"),
        (b"\\*", b"x"),
        (b"\\?", b"x"),
        (b"*b", b"abc"),
        (b"a*", b"ba"),
        (b"A", b"a"),
        (b"/etc/?", b"/etc/"),
        (b"*.pem", b"key.PEM"),
    ];
    for (pattern, text) in others {
        assert!(!matches(pattern, text, Case::Exact), "{} {}", pattern.escape_ascii(), text.escape_ascii());
    }
}

/// Scenario: the same with FNM_CASEFOLD. Guarantees: case is ignored for bytes and ranges, and counts for classes.
#[test]
fn ignored_case_is_ignored_where_fnmatch_ignores_it() {
    for (pattern, text) in [
        ("*.PEM", "key.pem"),
        ("*.pem", "key.PEM"),
        ("\\B", "b"),
        ("[B]", "b"),
        ("[b]", "B"),
        ("[\\B]", "b"),
        ("[A-C]", "b"),
        ("[a-c]", "B"),
        ("[A-c]", "b"),
        ("[a-C]", "b"),
    ] {
        assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Ignored), "{pattern} {text}");
    }
    for (pattern, text) in
        [("[!A-C]", "b"), ("[[:upper:]]", "a"), ("[[:lower:]]", "A"), ("[[=B=]]", "b"), ("\u{e9}", "\u{c9}")]
    {
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Ignored), "{pattern} {text}");
    }
}

/// Scenario: a pattern that makes backtracking matchers take exponential time. Guarantees: it ends at once.
#[test]
fn many_stars_take_no_exponential_time() {
    let text = [b'a'; 2000];
    let pattern = b"a*".repeat(100);
    let pattern = [&pattern[..], b"b"].concat();
    assert!(!matches(&pattern, &text, Case::Exact));
}

proptest! {
    /// Scenario: any pattern and text over few letters. Guarantees: the answer of a matcher that tries everything.
    #[test]
    fn a_glob_matches_what_a_naive_matcher_does(
        pattern in r"[aB*?\[\]!\\:.=-]{0,10}", text in r"[aBb\]\[-]{0,8}", is_ignored: bool
    ) {
        let case = if is_ignored { Case::Ignored } else { Case::Exact };
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(pattern, text, case), naive(pattern, text, case));
    }

    /// Scenario: arbitrary bytes on both sides. Guarantees: an answer, no panic.
    #[test]
    fn no_bytes_make_a_glob_panic(pattern: Vec<u8>, text: Vec<u8>) {
        matches(&pattern, &text, Case::Exact);
    }
}
