//! Transformers, in conditions.

use crate::fixture::holds;

/// Scenario: each transformer on a value of an event. Guarantees: Falco's meaning of each.
#[test]
fn transformers_change_values() {
    for condition in [
        "toupper(proc.name) = CAT",
        "tolower(toupper(proc.name)) = cat",
        "basename(fd.name) = shadow",
        "len(proc.name) = 3",
        "len(fd.name) > 10",
        "b64(proc.env[SECRET]) = hello",
        "concat(proc.pname, '-', proc.name) = bash-cat",
        "join('/', ('a', 'b', 'c')) = a/b/c",
        "join('/', (proc.pname, proc.name)) = bash/cat",
        "proc.name = tolower(proc.name)",
        "getopt((proc.name, '-n'), 'n') in ()",
        "getopt(('-a', '-b', 'value', 'word', '-cd'), 'ab:cd')[b] = value",
        "getopt(('-a', '-bx', '-by'), 'ab:')[b] = y",
        "getopt(('-a'), 'a')[a] = a",
        "toupper(concat(proc.name, '-', proc.name)) = CAT-CAT",
        "len(join(',', ('a', 'b'))) = 3",
        "getopt(('-ab'), 'ab') intersects (a, x)",
        "getopt(('-ab'), 'ab') in (a, b)",
        "len(getopt(('-ab'), 'ab')) = 2",
    ] {
        assert!(holds(condition), "{condition}");
    }
}

/// Scenario: values that a transformer cannot change, and options that are not there. Guarantees: a missing value, on
/// which every comparison is false.
#[test]
fn what_cannot_be_transformed_is_missing() {
    for condition in [
        "b64(proc.pexe) exists",
        "b64(proc.pexe) != x",
        "getopt(('-a'), 'ab:')[b] exists",
        "getopt(('--', '-a'), 'a')[a] exists",
        "getopt(('-x'), 'a')[x] exists",
        "concat(proc.name, proc.env[NONE]) exists",
    ] {
        assert!(!holds(condition), "{condition}");
    }
}

/// Scenario: command lines and strings of options. Guarantees: the list that Falco makes of each: letters and values in
/// order, `?` for what is no option, an empty text for a value that is not there.
#[test]
fn getopt_takes_command_lines_apart_as_falco_does() {
    for (words, options, list) in [
        ("'-a'", "a", "a"),
        ("'-ab', '-c'", "abc", "a|b|c"),
        ("'-t', 'value'", "t:", "t|value"),
        ("'-tvalue'", "t:", "t|value"),
        ("'-ntvalue', '-x'", "nt:x", "n|t|value|x"),
        ("'-t', '-n'", "t:n", "t|-n"),
        // The colon of an optional value changes nothing.
        ("'-t', 'value'", "t::", "t|value"),
        ("'-t'", "t:", ""),
        ("'-at'", "at:", "a|"),
        ("'-t'", ":t:", ""),
        ("'-x'", "a", "?"),
        ("'-xa'", "a", "?|a"),
        ("'-:'", "a:", "?"),
        // What ends the options, and what is passed over.
        ("'word', '-a'", "a", "-"),
        ("'-a', 'word', '-b'", "ab", "a"),
        ("'--', '-a'", "a", "-"),
        ("'-', '-a'", "a", "-"),
        ("'', '-a'", "a", "-"),
        ("'--all', '-a'", "a", "a"),
        ("'-t', '--'", "t:", "t|--"),
    ] {
        let joined = format!("join('|', getopt(({words}), '{options}'))");
        // A list of nothing joins to nothing, as one of an empty text does: their lengths differ.
        let (expected, length) = match list {
            "-" => ("", 0),
            list => (list, list.split('|').count()),
        };
        assert!(holds(&format!("{joined} = '{expected}'")), "{words} with {options}: {list}");
        let condition = format!("len(getopt(({words}), '{options}')) = {length}");
        assert!(holds(&condition), "{condition}");
    }
    assert!(holds("getopt(('-t'), 't:')[t] = ''"));
    assert!(holds("getopt(('-t1', '-t'), 't:')[t] = ''"));
    assert!(!holds("getopt(('-x'), 'a')[x] exists"));
}

/// Scenario: base64 with and without padding, and what only looks like it. Guarantees: what Falco decodes is decoded, and
/// nothing else.
#[test]
fn base64_is_decoded_as_falco_does() {
    for (encoded, decoded) in
        [("YQ", "a"), ("YQ=", "a"), ("YQ==", "a"), ("YWI", "ab"), ("YWI==", "ab"), ("YWJj=", "abc"), ("", "")]
    {
        let condition = format!("b64(concat('{encoded}', '')) = '{decoded}'");
        assert!(holds(&condition), "{condition}");
    }
    for encoded in ["Y", "YQ===", "YR", "YWJjY", "Y Q=", "YQ\n", "Y-_=", "=", "==", "a=b"] {
        let condition = format!("b64(concat('{encoded}', '')) exists");
        assert!(!holds(&condition), "{condition}");
    }
}

/// Scenario: letters beyond ASCII, and paths without a last part. Guarantees: bytes that are no ASCII letter stay.
#[test]
fn only_ascii_letters_have_a_case() {
    for condition in [
        "toupper(concat('\u{e9}a', 'Z')) = '\u{e9}AZ'",
        "tolower(concat('\u{c9}A', 'z')) = '\u{c9}az'",
        "basename(concat('/a/b', '/')) = ''",
        "basename(concat('a', 'b')) = ab",
        "len(concat('\u{e9}', '')) = 2",
    ] {
        assert!(holds(condition), "{condition}");
    }
}
