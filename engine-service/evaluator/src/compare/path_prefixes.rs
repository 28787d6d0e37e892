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
    use proptest::prelude::*;

    use super::PathPrefixes;

    /// A path without empty components, between slashes.
    fn normal(path: &str) -> String {
        let components: Vec<&str> = path.split('/').filter(|component| !component.is_empty()).collect();
        format!("/{}/", components.join("/")).replace("//", "/")
    }

    proptest! {
        /// Scenario: any paths without wildcards. Guarantees: a path is found if the text of a member is at its beginning, up
        /// to a slash.
        #[test]
        fn paths_are_found_by_their_text(
            members in prop::collection::vec("[ab/]{0,6}", 0..4), path in "[ab/]{0,8}"
        ) {
            let set = PathPrefixes::new(members.iter().map(String::as_bytes));
            let expected = members.iter().any(|member| normal(&path).starts_with(&normal(member)));
            prop_assert_eq!(set.contains(path.as_bytes()), expected);
        }

        /// Scenario: the same members, with each letter as a wildcard that fits nothing else. Guarantees: the same answers.
        #[test]
        fn wildcards_are_found_as_names_are(
            members in prop::collection::vec("[ab/]{0,6}", 0..4), path in "[ab/]{0,8}"
        ) {
            let wildcard = |letter| match letter {
                'a' => "[!b]".to_owned(),
                'b' => "[b]".to_owned(),
                other => String::from(other),
            };
            let wild: Vec<String> =
                members.iter().map(|member| member.chars().map(wildcard).collect()).collect();
            let sets = [&members, &wild].map(|set| PathPrefixes::new(set.iter().map(String::as_bytes)));
            prop_assert_eq!(sets[0].contains(path.as_bytes()), sets[1].contains(path.as_bytes()));
        }
    }

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
        // Each of several patterns on one level is tried, and a name that leads nowhere does not hide them.
        let set = PathPrefixes::new([&b"/x/y"[..], b"/x*/z", b"/?/a/b", b"/*/[ab]c"]);
        for below in ["/x/y", "/x/z", "/x/a/b/c", "/x/bc", "/xyz/z"] {
            assert!(set.contains(below.as_bytes()), "{below}");
        }
        assert!(!set.contains(b"/x/a") && !set.contains(b"/xy/a/b"));
    }
}
