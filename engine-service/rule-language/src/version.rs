//! Versions that rules files ask for.

use std::fmt;

/// Falco's engine version whose rule language this crate speaks.
pub const ENGINE_VERSION: Version = Version { major: 0, minor: 63, patch: 0 };

/// The plugins whose fields are built in here, with the versions that these fields are of.
pub(crate) const BUILT_IN_PLUGINS: [(&str, Version); 3] = [
    ("container", Version { major: 0, minor: 6, patch: 0 }),
    ("k8smeta", Version { major: 0, minor: 4, patch: 0 }),
    ("json", Version { major: 0, minor: 7, patch: 3 }),
];

/// `major.minor.patch`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes with what breaks.
    pub major: u32,
    /// Changes with what is new.
    pub minor: u32,
    /// Changes with what is repaired.
    pub patch: u32,
}

impl Version {
    /// `x.y.z`, and whatever stands behind it: Falco reads three numbers and looks no further.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = number(text)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let (patch, _) = number(rest.strip_prefix('.')?)?;
        Some(Self { major, minor, patch })
    }

    /// Whether what asks for `required` can use this version.
    pub fn satisfies(self, required: Self) -> bool {
        self.major == required.major && self >= required
    }
}

/// The number at the start of `text`, behind blanks, and what stands behind it.
fn number(text: &str) -> Option<(u32, &str)> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text.get(..length)?.parse().ok()?, text.get(length..)?))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions have three numbers, and only an older or equal one of the same major is satisfied.
    #[test]
    fn versions_are_compared_by_major_and_order() {
        let version = |text| Version::parse(text).unwrap();
        assert!(ENGINE_VERSION.satisfies(version("0.57.0")));
        assert!(ENGINE_VERSION.satisfies(version("0.63.0")));
        assert!(!ENGINE_VERSION.satisfies(version("0.63.1")));
        assert!(!ENGINE_VERSION.satisfies(version("1.0.0")));
        for text in ["1.2.3-rc1", "1.2.3.4", " 1.2.3", "+1.2.3", "1.2.3x"] {
            assert_eq!(version(text), Version { major: 1, minor: 2, patch: 3 });
        }
        for wrong in ["", "1", "1.2", "a.b.c", "1..2", "1.2.", "-1.2.3", "99999999999.0.0"] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }
}
