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
        "getopt(proc.args, 'n:')[n] = /etc/shadow",
        "getopt(('-a', '-b', 'value', 'word', '-cd'), 'ab:cd')[b] = value",
        "getopt(('-a', '-bx', '-by'), 'ab:')[b] = y",
        "getopt(('-a'), 'a')[a] exists",
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
