//! `pmatch`: paths below other paths.

use super::glob::{self, Case};

/// A set of paths, as their components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPrefixes {
    paths: Vec<Vec<Component>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Component {
    Name(Vec<u8>),
    Pattern(Vec<u8>),
}

// === impl PathPrefixes ===

impl PathPrefixes {
    pub(crate) fn new<'p>(paths: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let paths = paths.into_iter().map(|path| components(path).map(Component::new).collect());
        Self { paths: paths.collect() }
    }

    /// Whether one of the paths is the path itself or above it. Empty components do not count.
    pub(crate) fn contains(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|prefix| {
            let mut names = components(path);
            prefix.iter().all(|component| names.next().is_some_and(|name| component.fits(name)))
        })
    }
}

// === impl Component ===

impl Component {
    fn new(name: &[u8]) -> Self {
        let is_pattern = name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
        if is_pattern { Self::Pattern(name.to_vec()) } else { Self::Name(name.to_vec()) }
    }

    fn fits(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Pattern(pattern) => glob::matches(pattern, name, Case::Exact),
        }
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
}

#[cfg(test)]
mod tests {
    use super::PathPrefixes;

    /// Scenario: paths below, at, above and beside the members. Guarantees: whole components decide, not characters.
    #[test]
    fn whole_components_decide() {
        let set = PathPrefixes::new([&b"/etc/ssh/"[..], b"/home/*/.ssh", b"/var//log"]);
        for below in ["/etc/ssh", "/etc/ssh/sshd_config", "//etc//ssh/x", "/home/ann/.ssh/id", "/var/log/a"] {
            assert!(set.contains(below.as_bytes()), "{below}");
        }
        for other in ["/etc", "/etc/sshd", "/home/.ssh", "/home/ann/b/.ssh", "/usr/etc/ssh", ""] {
            assert!(!set.contains(other.as_bytes()), "{other}");
        }
        assert!(PathPrefixes::new([&b"/"[..]]).contains(b"/any"));
        assert!(!PathPrefixes::new([]).contains(b"/any"));
    }
}
