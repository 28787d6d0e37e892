//! Comparisons with a path as programs test it, and with parts of it.

use eyrie_proto::capture::path_filter::Kind;
use rule_language::condition::Operator;

use super::literal::{
    absolute, before_wildcards, behind_wildcards, below, between_wildcards, plain_components,
};

/// Of the whole path.
pub(super) fn of_path(operator: Operator, text: &[u8]) -> Option<Vec<Kind>> {
    Some(match operator {
        Operator::Eq | Operator::In => vec![Kind::Exact(text.to_vec())],
        Operator::StartsWith => vec![prefix(text)?],
        Operator::EndsWith => vec![suffix(text)?],
        Operator::Contains => vec![part(text)?],
        Operator::Glob => vec![of_pattern(text)?],
        Operator::PMatch => at_or_below(text)?,
        _ => return None,
    })
}

/// Of the directory, which is a prefix of the path.
pub(super) fn of_directory(operator: Operator, text: &[u8]) -> Option<Vec<Kind>> {
    match operator {
        Operator::Eq | Operator::In if text.is_empty() => None,
        // What is opened may be the root directory itself.
        Operator::Eq | Operator::In if text == b"/" => {
            Some(vec![Kind::Directory(text.to_vec()), Kind::Exact(text.to_vec())])
        }
        Operator::Eq | Operator::In => {
            Some(vec![Kind::Exact(text.to_vec()), Kind::Prefix(below(text.to_vec()))])
        }
        Operator::StartsWith => Some(vec![prefix(text)?]),
        Operator::EndsWith | Operator::Contains => Some(vec![part(text)?]),
        Operator::Glob => {
            Some(vec![prefix(before_wildcards(text)).or_else(|| part(between_wildcards(text)))?])
        }
        Operator::PMatch => at_or_below(text),
        _ => None,
    }
}

/// Of the last component.
pub(super) fn of_file_name(operator: Operator, text: &[u8]) -> Option<Vec<Kind>> {
    match operator {
        _ if text.is_empty() || text.contains(&b'/') => None,
        Operator::Eq | Operator::In => Some(vec![Kind::Name(text.to_vec())]),
        Operator::StartsWith => Some(vec![part(&[b"/", text].concat())?]),
        Operator::EndsWith => Some(vec![suffix(text)?]),
        Operator::Contains => Some(vec![part(text)?]),
        Operator::Glob => {
            Some(vec![suffix(behind_wildcards(text)).or_else(|| part(between_wildcards(text)))?])
        }
        _ => None,
    }
}

/// Every path begins with a slash.
pub(super) fn prefix(text: &[u8]) -> Option<Kind> {
    (text.len() > 1).then(|| Kind::Prefix(text.to_vec()))
}

pub(super) fn suffix(text: &[u8]) -> Option<Kind> {
    match text {
        [] => None,
        [b'/', name @ ..] if !name.is_empty() && !name.contains(&b'/') => Some(Kind::Name(name.to_vec())),
        text => Some(Kind::Suffix(text.to_vec())),
    }
}

/// Every path has a slash.
pub(super) fn part(text: &[u8]) -> Option<Kind> {
    (!text.is_empty() && text != b"/").then(|| Kind::Contains(text.to_vec()))
}

/// The better one of what a pattern begins and what it ends with; what it has in its middle only if it has neither.
fn of_pattern(pattern: &[u8]) -> Option<Kind> {
    let (start, end) = (before_wildcards(pattern), behind_wildcards(pattern));
    match (prefix(start), suffix(end)) {
        (_, Some(name @ Kind::Name(_))) => Some(name),
        (Some(prefix), Some(suffix)) => Some(if end.len() > start.len() { suffix } else { prefix }),
        (prefix, suffix) => prefix.or(suffix).or_else(|| part(between_wildcards(pattern))),
    }
}

/// What `pmatch` finds.
fn at_or_below(path: &[u8]) -> Option<Vec<Kind>> {
    let (plain, has_more) = plain_components(path);
    let path = absolute(&plain);
    match (path.is_empty(), has_more) {
        (true, _) => None,
        (false, true) => Some(vec![Kind::Prefix(below(path))]),
        (false, false) => Some(vec![Kind::Exact(path.clone()), Kind::Prefix(below(path))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operator: Operator, text: &str) -> Option<Vec<Kind>> {
        of_path(operator, text.as_bytes())
    }

    fn bytes(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    /// Scenario: every operator on a path. Guarantees: the tests that follow, and none of what says nothing.
    #[test]
    fn operators_become_tests() {
        assert_eq!(of(Operator::Eq, "/etc/shadow"), Some(vec![Kind::Exact(bytes("/etc/shadow"))]));
        assert_eq!(of(Operator::StartsWith, "/etc"), Some(vec![Kind::Prefix(bytes("/etc"))]));
        assert_eq!(of(Operator::EndsWith, "history"), Some(vec![Kind::Suffix(bytes("history"))]));
        assert_eq!(of(Operator::EndsWith, "/shadow"), Some(vec![Kind::Name(bytes("shadow"))]));
        assert_eq!(of(Operator::EndsWith, "/a/b"), Some(vec![Kind::Suffix(bytes("/a/b"))]));
        let below_etc = vec![Kind::Exact(bytes("/etc")), Kind::Prefix(bytes("/etc/"))];
        assert_eq!(of(Operator::PMatch, "//etc/"), Some(below_etc.clone()));
        assert_eq!(of(Operator::PMatch, "/home/*/.ssh"), Some(vec![Kind::Prefix(bytes("/home/"))]));
        assert_eq!(of(Operator::Contains, "../"), Some(vec![Kind::Contains(bytes("../"))]));
        for (operator, text) in [
            (Operator::StartsWith, "/"),
            (Operator::StartsWith, ""),
            (Operator::EndsWith, ""),
            (Operator::PMatch, "/"),
            (Operator::PMatch, "/*/x"),
            (Operator::Contains, "/"),
            (Operator::Contains, ""),
            (Operator::IContains, "/etc"),
            (Operator::Regex, "/etc"),
            (Operator::IGlob, "/etc"),
            (Operator::Lt, "/etc"),
        ] {
            assert_eq!(of(operator, text), None, "{operator:?} {text}");
        }
        assert_eq!(of_directory(Operator::Eq, b"/etc"), Some(below_etc));
        let root = vec![Kind::Directory(bytes("/")), Kind::Exact(bytes("/"))];
        assert_eq!(of_directory(Operator::Eq, b"/"), Some(root));
        assert_eq!(of_directory(Operator::StartsWith, b"/"), None);
        assert_eq!(of_directory(Operator::EndsWith, b"/etc"), Some(vec![Kind::Contains(bytes("/etc"))]));
        assert_eq!(of_file_name(Operator::In, b"shadow"), Some(vec![Kind::Name(bytes("shadow"))]));
        assert_eq!(of_file_name(Operator::StartsWith, b"id_"), Some(vec![Kind::Contains(bytes("/id_"))]));
        assert_eq!(of_file_name(Operator::Contains, b"a/b"), None);
    }

    /// Scenario: patterns with wildcards at the beginning, in the middle, at the end, escaped, and in brackets. Guarantees: what
    /// stands before the first or behind the last is tested, and without either what stands between two.
    #[test]
    fn patterns_become_what_is_around_their_wildcards() {
        for (pattern, expected) in [
            ("/proc/*/environ", Some(Kind::Name(bytes("environ")))),
            ("/home/*/.ssh/*", Some(Kind::Prefix(bytes("/home/")))),
            ("*/.ssh/id_*", Some(Kind::Contains(bytes("/.ssh/id_")))),
            ("*a?bcd*", Some(Kind::Contains(bytes("bcd")))),
            ("*a[b]*", None),
            ("/a/b?c", Some(Kind::Prefix(bytes("/a/b")))),
            ("*.so", Some(Kind::Suffix(bytes(".so")))),
            ("/a/[b/c]d", Some(Kind::Prefix(bytes("/a/")))),
            (r"*a\*", None),
            (r"*\ab", Some(Kind::Suffix(bytes("b")))),
            ("/etc/passwd", Some(Kind::Prefix(bytes("/etc/passwd")))),
        ] {
            assert_eq!(of(Operator::Glob, pattern), expected.map(|kind| vec![kind]), "{pattern}");
        }
    }
}
