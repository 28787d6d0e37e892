//! `container.mount*`.

use eyrie_proto::metadata::{Container, ContainerMount, ContainerPart as Part};

use super::known;
use crate::{
    argument::Argument,
    value::{Extracted, Value},
    view::EventView,
};

/// All mounts, with commas between.
pub(super) fn all(container: &Container) -> Option<Value<'_>> {
    let mounts: Vec<String> = container.mounts.iter().map(line).collect();
    (!mounts.is_empty()).then(|| Value::bytes(mounts.join(",").into_bytes()))
}

/// One mount as Falco writes it.
pub(super) fn text(mount: &ContainerMount) -> Value<'_> {
    Value::bytes(line(mount).into_bytes())
}

/// As Falco writes it.
pub(super) fn is_writable(mount: &ContainerMount) -> &'static str {
    if mount.is_writable { "true" } else { "false" }
}

/// Something of the mount that has the argument's number, or the first whose `path` its pattern matches.
pub(super) fn one<'a>(
    view: &EventView<'a>,
    argument: &Argument,
    path: fn(&ContainerMount) -> &str,
    get: fn(&'a ContainerMount) -> Option<Value<'a>>,
) -> Extracted<'a> {
    known(view, Part::Mounts, |container| {
        let mount = match argument {
            Argument::Index(index) => container.mounts.get(*index),
            Argument::Key(pattern) => {
                container.mounts.iter().find(|mount| matches(pattern.as_bytes(), path(mount).as_bytes()))
            }
            Argument::None => None,
        };
        get(mount?)
    })
}

fn line(mount: &ContainerMount) -> String {
    let ContainerMount { source, destination, mode, propagation, .. } = mount;
    format!("{source}:{destination}:{mode}:{}:{propagation}", is_writable(mount))
}

/// `*` stands for any text, `?` for any byte. Goes back to the last `*` only, so its time is the product of the lengths
/// at most.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((place, begun)) = star else { return false };
                star = Some((place, begun + 1));
                at = place + 1;
                from = begun + 1;
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::matches;

    /// Scenario: paths and patterns. Guarantees: what shells say, but that `*` crosses directories, as Falco has it.
    #[test]
    fn patterns_match_paths() {
        for (pattern, path) in
            [("/etc", "/etc"), ("/e*c", "/etc"), ("/e?c", "/etc"), ("/*/sock", "/a/b/sock"), ("*", "")]
        {
            assert!(matches(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
        }
        for (pattern, path) in
            [("/etc", "/etcetera"), ("/e?c", "/ec"), ("/*/sock", "/sock"), ("", "/"), ("?", "")]
        {
            assert!(!matches(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
        }
    }
}
