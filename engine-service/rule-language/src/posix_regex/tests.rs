//! Expressions as RE2 reads them with POSIX syntax.

use proptest::prelude::*;

use super::{RegexError, compile_regex};

fn fits(pattern: &str, text: &str) -> bool {
    compile_regex(pattern.as_bytes())
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
        .is_match(text.as_bytes())
}

/// Scenario: expressions with the answers that re2/parse.cc leads to without Perl's extensions. Guarantees: the same ones;
/// an expression has to fit the whole text.
#[test]
fn expressions_mean_what_re2_says() {
    for (pattern, text) in [
        ("", ""),
        ("abc", "abc"),
        ("a|b", "b"),
        ("a|", ""),
        ("(a|b)*c", "abac"),
        ("()", ""),
        ("^abc$", "abc"),
        ("a.c", "a\u{e9}c"),
        ("[^a]", "\n"),
        // The ends of lines, inside of the text too.
        ("a\n^b", "a\nb"),
        ("a$\nb", "a\nb"),
        // A question mark makes a repetition optional, and repetitions can be repeated.
        ("a+?", ""),
        ("a{2}?", ""),
        ("a**", "aa"),
        ("a+*", ""),
        ("a{2}{3}", "aaaaaa"),
        ("^*a", "a"),
        // Braces that count nothing.
        ("a{", "a{"),
        ("a{,2}", "a{,2}"),
        ("{", "{"),
        ("a{01}", "a{01}"),
        ("a{2,}", "aaa"),
        ("}", "}"),
        // Escapes.
        (r"\.\*\-\/\_\<\ ", ".*-/_< "),
        (r"\x41\x{e9}\101\0\t\a", "A\u{e9}A\0\t\x07"),
        // Sets.
        ("[]a]", "]"),
        ("[^]a]", "b"),
        ("[a-]", "-"),
        ("[-a]", "-"),
        (r"[\]\-\x41]", "A"),
        ("[a&&b]", "&"),
        ("[[]", "["),
        ("[[:alpha:]_]", "_"),
        ("[[:^alpha:]]", "1"),
        ("[[:word:]]", "_"),
        ("[a~~b]", "~"),
        ("#", "#"),
        // More than RE2 would take at once in one piece, and less than its bound.
        ("a{1000}", &"a".repeat(1000)),
    ] {
        assert!(fits(pattern, text), "{pattern:?} should fit {text:?}");
    }
    for (pattern, text) in [
        ("abc", "xabc"),
        ("abc", "abcx"),
        ("a|b", "ab"),
        ("a.c", "a\nc"),
        ("[[:alpha:]]", "\u{e9}"),
        ("ABC", "abc"),
        ("^b", "a\nb"),
        ("a$", "a\n"),
    ] {
        assert!(!fits(pattern, text), "{pattern:?} should not fit {text:?}");
    }
}

/// Scenario: what RE2 refuses, Perl's extensions above all. Guarantees: an error in its words.
#[test]
fn what_re2_refuses_is_refused() {
    for (pattern, message) in [
        (r"\d", r"invalid escape sequence: \d"),
        (r"\b", r"invalid escape sequence: \b"),
        (r"[\w]", r"invalid escape sequence: \w"),
        (r"\pL", r"invalid escape sequence: \p"),
        (r"\Qa\E", r"invalid escape sequence: \Q"),
        (r"\C", r"invalid escape sequence: \C"),
        (r"\A", r"invalid escape sequence: \A"),
        (r"\1", r"invalid escape sequence: \1"),
        (r"\8", r"invalid escape sequence: \8"),
        (r"\x4", r"invalid escape sequence: \x4"),
        (r"\xzz", r"invalid escape sequence: \xz"),
        ("(?i)a", "no argument for repetition operator: ?"),
        ("(?:a)", "no argument for repetition operator: ?"),
        ("(?P<n>a)", "no argument for repetition operator: ?"),
        ("*a", "no argument for repetition operator: *"),
        ("a|+", "no argument for repetition operator: +"),
        ("{2}", "no argument for repetition operator: {2}"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("a{2,1}", "invalid repetition size: {2,1}"),
        ("a{100}{100}", "invalid repetition size: {100}"),
        ("((a{100})|b){100}", "invalid repetition size: {100}"),
        ("a(", "missing ): a("),
        ("a)|(b", "unexpected ): a)|(b"),
        ("[a", "missing ]: [a"),
        ("[]", "missing ]: []"),
        ("[z-a]", "invalid character class range: z-a"),
        ("[a-c-e]", "invalid character class range: -e"),
        ("[[:foo:]]", "invalid character class range: [:foo:]"),
        ("a\\", "trailing \\"),
    ] {
        let error = compile_regex(pattern.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(message), "{pattern}");
    }
    assert_eq!(compile_regex(b"\xff").err(), Some(RegexError::Utf8));
    assert_eq!(compile_regex("(".repeat(2000).as_bytes()).err(), Some(RegexError::TooLarge));
    assert_eq!(compile_regex("a".repeat(100_000).as_bytes()).err(), Some(RegexError::TooLarge));
    assert_eq!(compile_regex("a*".repeat(8000).as_bytes()).err(), None);
    assert_eq!(
        compile_regex(["a", &"*".repeat(10_000)].concat().as_bytes()).err(),
        Some(RegexError::TooLarge)
    );
    let large = format!("({}){{1000}}", r"[\x{80}-\x{ffff}]".repeat(500));
    assert_eq!(compile_regex(large.as_bytes()).err(), Some(RegexError::TooLarge));
}

proptest! {
    /// Scenario: any text made of what means something in expressions. Guarantees: an answer, no panic; what is taken is
    /// well-formed to the crate that runs it.
    #[test]
    fn translations_are_well_formed(pattern in r"[ab(|)*+?{}0-9,\[\]:^$.\\xd&~<é-]{0,12}") {
        let error = compile_regex(pattern.as_bytes()).err();
        prop_assert!(error != Some(RegexError::TooLarge), "{pattern}");
    }

    /// Scenario: text in which every letter is escaped or stands in a set. Guarantees: it fits itself and nothing longer.
    #[test]
    fn literals_fit_themselves(text in "[ -~]{0,20}") {
        let sets: String = text.chars().map(|letter| match letter {
            '\\' | '^' => format!("\\{letter}"),
            other => format!("[{other}]"),
        }).collect();
        prop_assert!(fits(&sets, &text));
        let longer = format!("{text}x");
        prop_assert!(!fits(&sets, &longer));
    }
}
