//! Literals of comparisons with paths, taken apart.

/// What a pattern has before its first wildcard.
pub(super) fn before_wildcards(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| is_special(*byte)).unwrap_or(pattern.len());
    pattern.get(..end).unwrap_or(pattern)
}

/// What a pattern has behind its last wildcard. A backslash takes the byte behind it along; the end of a bracket is that of what is in it.
pub(super) fn behind_wildcards(pattern: &[u8]) -> &[u8] {
    match pattern.iter().rposition(|byte| is_special(*byte)) {
        Some(last) if pattern.get(last) == Some(&b'\\') => pattern.get(last + 2..).unwrap_or_default(),
        Some(last) => pattern.get(last + 1..).unwrap_or_default(),
        None => pattern,
    }
}

/// The longest text that a pattern has between wildcards; nothing if it has brackets or escapes.
pub(super) fn between_wildcards(pattern: &[u8]) -> &[u8] {
    if pattern.iter().any(|byte| matches!(byte, b'[' | b']' | b'\\')) {
        return &[];
    }
    let parts = pattern.split(|byte| matches!(byte, b'*' | b'?'));
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\')
}

/// The components of a path that has none, as `pmatch` takes it apart: those before the first with a wildcard, and whether there is one
/// with a wildcard.
pub(super) fn plain_components(path: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut plain = Vec::new();
    for component in path.split(|byte| *byte == b'/').filter(|component| !component.is_empty()) {
        if component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
            return (plain, true);
        }
        plain.push(component);
    }
    (plain, false)
}

/// `/a/b`
pub(super) fn absolute(components: &[&[u8]]) -> Vec<u8> {
    components.iter().fold(Vec::new(), |mut path, component| {
        path.push(b'/');
        path.extend_from_slice(component);
        path
    })
}

/// The path with a slash at its end.
pub(super) fn below(mut path: Vec<u8>) -> Vec<u8> {
    path.push(b'/');
    path
}

/// Whether a component leaves nothing of itself in a path that is normal.
pub(super) fn is_no_name(component: &[u8]) -> bool {
    matches!(component, b"" | b"." | b"..")
}

/// Whether a component is `..`.
pub(super) fn has_parent(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|component| component == b"..")
}
