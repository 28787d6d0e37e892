//! Comparisons with a path as it was given.
//!
//! What a text of a path begins with, the path begins with as well, unless `..` leads out of there again. So the tests are of the path
//! as programs test it, or of `..` anywhere.

use eyrie_proto::capture::path_filter::Kind;
use rule_language::condition::Operator;

use super::{
    literal::{
        absolute, before_wildcards, behind_wildcards, below, between_wildcards, has_parent, is_no_name,
        plain_components,
    },
    normal::{part, prefix, suffix},
};

/// Of a text that is the path as programs test it, unless it was given absolute.
pub(super) fn of_argument(operator: Operator, text: &[u8]) -> Option<Vec<Kind>> {
    match operator {
        Operator::PMatch => at_or_below(text),
        _ => of_text(operator, text),
    }
}

/// Of a text that may be relative.
pub(super) fn of_text(operator: Operator, text: &[u8]) -> Option<Vec<Kind>> {
    match operator {
        Operator::Eq | Operator::In if text.starts_with(b"/") => {
            Some(vec![Kind::Exact(fields::normalise(text).into_owned())])
        }
        Operator::StartsWith => begins_with(text),
        Operator::EndsWith => ends_with(text),
        Operator::Contains => contains(text),
        Operator::Glob => begins_with(before_wildcards(text))
            .or_else(|| ends_with(behind_wildcards(text)))
            .or_else(|| contains(between_wildcards(text))),
        _ => None,
    }
}

/// Of the text that was given itself.
pub(super) fn of_raw(operator: Operator, text: &[u8]) -> Option<Vec<Kind>> {
    let piece = match operator {
        Operator::Contains => piece_of(text),
        Operator::Glob => piece_of_pattern(text),
        _ => None,
    };
    match piece {
        Some(piece) => Some(vec![Kind::RawContains(piece.to_vec())]),
        None => of_text(operator, text),
    }
}

/// The components that are whole are those of the path; the last one may go on.
fn begins_with(text: &[u8]) -> Option<Vec<Kind>> {
    if !text.starts_with(b"/") {
        return None;
    }
    if has_parent(text) {
        return Some(vec![dot_dot()]);
    }
    let start = text.iter().rposition(|byte| *byte == b'/')?;
    let (whole, last) = (text.get(..start)?, text.get(start + 1..)?);
    let directory = absolute(&components(whole));
    // Nothing may be left of the last one: it may be `.` or `..`, or there may be none.
    let mut kinds = if is_no_name(last) {
        vec![Kind::Exact(directory.clone()), prefix(&below(directory))?]
    } else {
        vec![Kind::Prefix([below(directory), last.to_vec()].concat())]
    };
    kinds.retain(|kind| *kind != Kind::Exact(Vec::new()));
    kinds.push(dot_dot());
    Some(kinds)
}

/// The components that are whole are the last ones of the path, and the one before them ends as it does here.
fn ends_with(text: &[u8]) -> Option<Vec<Kind>> {
    let mut components = text.split(|byte| *byte == b'/');
    let first = components.next()?;
    let mut has_more = false;
    for component in components {
        if is_no_name(component) {
            return None;
        }
        has_more = true;
    }
    // What the first one is part of may be `.` or `..`; if there is nothing of it, the slash is the beginning of what counts.
    let is_kept = if first.is_empty() { has_more } else { !is_no_name(first) };
    is_kept.then(|| suffix(text)).flatten().map(|kind| vec![kind])
}

/// Without `..` in the text its names follow one another in the path as they do there, with one slash between them and one before each.
fn contains(text: &[u8]) -> Option<Vec<Kind>> {
    let names = components(text);
    if names.is_empty() {
        // Part of a name, or of the way up.
        return has_parent(text).then(|| vec![Kind::Contains(text.to_vec()), dot_dot()]);
    }
    let first = text.split(|byte| *byte == b'/').next().unwrap_or_default();
    let slash: &[u8] = if is_no_name(first) { b"/" } else { b"" };
    Some(vec![part(&[slash, &*names.join(&b'/')].concat())?, dot_dot()])
}

/// What `pmatch` finds: it compares components as they stand there, `.` and `..` too, and a wildcard may stand for them.
fn at_or_below(path: &[u8]) -> Option<Vec<Kind>> {
    let (plain, _) = plain_components(path);
    if plain.contains(&&b".."[..]) {
        return Some(vec![dot_dot()]);
    }
    let plain: Vec<&[u8]> = plain.into_iter().filter(|component| !is_no_name(component)).collect();
    let path = absolute(&plain);
    (!path.is_empty()).then(|| vec![Kind::Exact(path.clone()), Kind::Prefix(below(path)), dot_dot()])
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !is_no_name(component)).collect()
}

fn dot_dot() -> Kind {
    Kind::RawContains(b"..".to_vec())
}

/// A part of a text that is part of the path as it was given, however many slashes are left out of that: with a slash at its ends only.
/// One with `..` comes first, since that is rare.
fn piece_of(text: &[u8]) -> Option<&[u8]> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, component) in components_at(text) {
        let end = at + component.len();
        let with_slash = (end + 1).min(text.len());
        if !component.is_empty() {
            pieces.extend(text.get(from..with_slash));
        }
        from = end;
    }
    pieces.into_iter().max_by_key(|piece| (memchr::memmem::find(piece, b"..").is_some(), piece.len()))
}

/// Components with where they begin.
fn components_at(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split(|byte| *byte == b'/').map(move |component| {
        let begin = at;
        at += component.len() + 1;
        (begin, component)
    })
}

/// Of what stands between wildcards. What is in brackets or escaped is left alone.
fn piece_of_pattern(pattern: &[u8]) -> Option<&[u8]> {
    if pattern.iter().any(|byte| matches!(byte, b'[' | b'\\')) {
        return None;
    }
    let runs = pattern.split(|byte| matches!(byte, b'*' | b'?'));
    runs.filter_map(piece_of).max_by_key(|piece| (memchr::memmem::find(piece, b"..").is_some(), piece.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    /// Scenario: beginnings of texts, with whole and cut components, dots and slashes. Guarantees: the beginning of the path, or `..`.
    #[test]
    fn beginnings_of_texts_become_beginnings_of_paths() {
        let of = |text: &str| of_text(Operator::StartsWith, text.as_bytes());
        assert_eq!(
            of("/bin/"),
            Some(vec![Kind::Exact(bytes("/bin")), Kind::Prefix(bytes("/bin/")), dot_dot()])
        );
        assert_eq!(of("/etc//pass"), Some(vec![Kind::Prefix(bytes("/etc/pass")), dot_dot()]));
        assert_eq!(of("/etc/../x"), Some(vec![dot_dot()]));
        assert_eq!((of("/"), of("/."), of("etc"), of("")), (None, None, None, None));
    }

    /// Scenario: ends of texts. Guarantees: the end of the path, unless dots or a slash at the end may not be in it.
    #[test]
    fn ends_of_texts_become_ends_of_paths() {
        let of = |text: &str| of_text(Operator::EndsWith, text.as_bytes());
        assert_eq!(of("ash_history"), Some(vec![Kind::Suffix(bytes("ash_history"))]));
        assert_eq!(of("/.ssh/id"), Some(vec![Kind::Suffix(bytes("/.ssh/id"))]));
        assert_eq!(of("/id"), Some(vec![Kind::Name(bytes("id"))]));
        for none in ["", "/", ".", "..", "a/", "a/.", "./a", "../a", "a//b", "a/../b"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    /// Scenario: parts of texts, with dots and slashes at their ends and between. Guarantees: the names that the path has in a row, or
    /// `..`, of which a part without a name is part, or part of a name; nothing of what any text has.
    #[test]
    fn parts_of_texts_become_parts_of_paths() {
        let of = |text: &str| of_text(Operator::Contains, text.as_bytes());
        let part = |text: &str| Some(vec![Kind::Contains(bytes(text)), dot_dot()]);
        assert_eq!(of("fish_read_history"), part("fish_read_history"));
        assert_eq!(of("/.ssh/"), part("/.ssh"));
        assert_eq!(of("/.s"), part("/.s"));
        assert_eq!(of("a//./b/."), part("a/b"));
        assert_eq!(of("./a"), part("/a"));
        assert_eq!(of("a/../b"), part("a/b"));
        assert_eq!(of("a..b"), part("a..b"));
        assert_eq!(of("../"), part("../"));
        for none in ["", "/", ".", "/.", "//", "./"] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(of_text(Operator::Glob, b"*fish_*"), part("fish_"));
    }

    /// Scenario: texts that are given, and parts of them. Guarantees: a part that is there however many slashes stand for one.
    #[test]
    fn parts_have_slashes_at_their_ends_only() {
        let of = |operator, text: &str| of_raw(operator, text.as_bytes());
        let contains = |text| Some(vec![Kind::RawContains(bytes(text))]);
        assert_eq!(of(Operator::Contains, "../"), contains("../"));
        assert_eq!(of(Operator::Contains, "a/../bcdef"), contains("/../"));
        assert_eq!(of(Operator::Contains, "ab/cde/f"), contains("/cde/"));
        assert_eq!(of(Operator::Glob, "*../*../*"), contains("../"));
        assert_eq!(of(Operator::Contains, "/"), None);
        assert_eq!(of(Operator::Glob, "[a]*"), None);
        assert_eq!(of(Operator::Eq, "/etc//x"), Some(vec![Kind::Exact(bytes("/etc/x"))]));
        assert_eq!(of(Operator::Eq, "x"), None);
    }
}
