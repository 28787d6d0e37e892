//! Paths as text, as both ends of the stream have to read them.

use std::borrow::Cow;

use eyrie_proto::event::PathArgument;

/// AT_FDCWD of linux/fcntl.h: relative to the working directory.
const AT_FDCWD: i32 = -100;

/// The path that a call asked for: absolute, and without `.`, `..` and repeated slashes where a base is known.
///
/// This is what Falco calls `fd.name`. No link is followed, so this is the text that the program gave and not
/// necessarily the object that the call reached; `fd.resolved` is. A relative path whose base is not known stays
/// relative. Unlike Falco we do not replace paths over 1,024 bytes by a fixed text: that would hide them from rules.
pub fn asked_for<'a>(path: &'a PathArgument, working_directory: &'a [u8]) -> Cow<'a, [u8]> {
    let requested = &*path.requested;
    let base = match &*path.base {
        [] if path.directory_fd == AT_FDCWD => working_directory,
        base => base,
    };
    relative_to(base, requested)
}

/// A path that starts at `base` unless it is absolute, without `.`, `..` and repeated slashes.
pub fn relative_to<'a>(base: &'a [u8], requested: &'a [u8]) -> Cow<'a, [u8]> {
    if requested.starts_with(b"/") {
        return normalise(requested);
    }
    if base.is_empty() {
        return Cow::Borrowed(requested);
    }
    if requested.is_empty() {
        return Cow::Borrowed(base);
    }
    Cow::Owned(normalise(&[base, requested].join(&b'/')).into_owned())
}

/// The same path without `.`, `..`, repeated slashes and a slash at the end, as text.
///
/// A relative path keeps the `..` that would lead out of it. Borrows where nothing has to change.
pub fn normalise(path: &[u8]) -> Cow<'_, [u8]> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    let is_absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if is_absolute => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let mut normal = if is_absolute { vec![b'/'] } else { Vec::new() };
    normal.extend(parts.join(&b'/'));
    Cow::Owned(normal)
}

fn is_normal(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else { return false };
    rest.is_empty() || rest.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

/// Whether the kernel's path of what was opened is not what was asked for, as text: a link was followed, or somebody changed the
/// path while the call ran. False where that cannot be told.
pub fn is_disputed(path: &PathArgument) -> bool {
    let is_whole = !path.is_truncated && !path.is_unreadable && !path.requested.is_empty();
    let is_absolute = path.requested.starts_with(b"/") || !path.base.is_empty();
    is_whole && is_absolute && !path.resolved.is_empty() && *asked_for(path, &[]) != *path.resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: opens by plain paths, by a relative one with dots, through a link, and such of which the path, its base or what was opened is not
    /// known. Guarantees: only the link is disputed.
    #[test]
    fn links_are_disputed_and_dots_are_not() {
        let path = |requested: &str, base: &str, resolved: &str| PathArgument {
            requested: requested.into(),
            base: base.into(),
            resolved: resolved.into(),
            ..PathArgument::default()
        };
        let link = path("/run/link", "", "/etc/shadow");
        assert!(is_disputed(&link));
        assert!(is_disputed(&path("link", "/run", "/etc/shadow")));
        assert!(!is_disputed(&path("/etc//shadow", "", "/etc/shadow")));
        assert!(!is_disputed(&path("../etc/./shadow", "/run", "/etc/shadow")));
        assert!(!is_disputed(&path("shadow", "", "/etc/shadow")));
        assert!(!is_disputed(&path("/run/link", "", "")));
        assert!(!is_disputed(&PathArgument { is_truncated: true, ..link.clone() }));
        assert!(!is_disputed(&PathArgument { is_unreadable: true, ..link }));
    }
}
