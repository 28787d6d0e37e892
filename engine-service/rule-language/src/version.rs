//! Versions that rules files ask for.

use std::fmt;

/// Falco's engine version whose rule language this crate speaks.
pub const ENGINE_VERSION: Version = Version { major: 0, minor: 63, patch: 0 };

/// The plugins whose fields are built in here, whatever version of them rules ask for.
pub(crate) const BUILT_IN_PLUGINS: [&str; 3] = ["container", "k8smeta", "json"];

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
    /// `x.y.z`; what a semantic version may have behind the numbers is not looked at.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        });
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        parts.next().is_none().then_some(version)
    }

    /// Whether what asks for `required` can use this version.
    pub fn satisfies(self, required: Self) -> bool {
        self.major == required.major && self >= required
    }
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
        assert_eq!(version("1.2.3-rc1"), Version { major: 1, minor: 2, patch: 3 });
        for wrong in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1..2", "+1.2.3", "99999999999.0.0"] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }
}
