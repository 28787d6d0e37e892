//! Three-valued logic.

/// What a condition says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It depends on a value that is still to come.
    Unknown,
}

// === impl Truth ===

impl Truth {
    /// Both hold: false if either is false, whatever the other may become.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    /// One holds: true if either is true, whatever the other may become.
    pub fn or(self, other: Self) -> Self {
        !((!self).and(!other))
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    const ALL: [Truth; 3] = [True, False, Unknown];

    /// Scenario: every pair of truths. Guarantees: Kleene's laws, so that conditions can be rewritten safely: commutative,
    /// associative, distributive, De Morgan's, and agreement with two-valued logic.
    #[test]
    fn kleenes_laws_hold() {
        for a in ALL {
            assert_eq!(!!a, a);
            assert_eq!(a.and(a), a);
            for b in ALL {
                assert_eq!(a.and(b), b.and(a));
                assert_eq!(a.or(b), b.or(a));
                assert_eq!(!a.and(b), (!a).or(!b));
                assert_eq!(a.or(a.and(b)), a);
                for c in ALL {
                    assert_eq!(a.and(b.and(c)), a.and(b).and(c));
                    assert_eq!(a.and(b.or(c)), a.and(b).or(a.and(c)));
                }
            }
        }
        for (a, b) in [(true, true), (true, false), (false, false)] {
            assert_eq!(Truth::from(a).and(b.into()), Truth::from(a && b));
            assert_eq!(Truth::from(a).or(b.into()), Truth::from(a || b));
        }
    }

    /// Scenario: an unknown beside a known one. Guarantees: it matters only where it can still decide.
    #[test]
    fn unknown_decides_nothing_that_is_decided() {
        assert_eq!((Unknown.and(False), Unknown.or(True)), (False, True));
        assert_eq!((Unknown.and(True), Unknown.or(False)), (Unknown, Unknown));
    }
}
