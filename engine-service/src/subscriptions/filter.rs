//! Which alerts a subscriber wants.

use eyrie_proto::alert::{Alert, AlertFilter, Priority};

use crate::error::RpcError;

/// Entries in one list of a filter.
const MAX_ENTRIES: usize = 1_024;
/// Bytes of one rule pattern: matching takes time with its length.
const MAX_PATTERN_BYTES: usize = 1_024;

/// A checked filter.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    wanted: AlertFilter,
    minimum_priority: Option<Priority>,
    /// Canonical names.
    origins: Vec<String>,
}

// === impl Filter ===

impl Filter {
    pub(super) fn new(wanted: AlertFilter) -> Result<Self, RpcError> {
        let invalid = |field, detail: String| RpcError::FilterInvalid { field, detail };
        if !wanted.condition.is_empty() {
            let detail = "conditions over alerts are not available yet in this version: use the other parts";
            return Err(invalid("condition", detail.to_owned()));
        }
        let lists = [
            ("rules", wanted.rules.len()),
            ("tags", wanted.tags.len()),
            ("sources", wanted.sources.len()),
            ("hostnames", wanted.hostnames.len()),
            ("origins", wanted.origins.len()),
        ];
        for (field, count) in lists {
            if count > MAX_ENTRIES {
                return Err(invalid(field, format!("{count} entries, the limit is {MAX_ENTRIES}")));
            }
        }
        if let Some(pattern) = wanted.rules.iter().find(|pattern| pattern.len() > MAX_PATTERN_BYTES) {
            let detail = format!("a pattern has {} bytes, the limit is {MAX_PATTERN_BYTES}", pattern.len());
            return Err(invalid("rules", detail));
        }
        let minimum_priority = match Priority::try_from(wanted.minimum_priority) {
            Ok(Priority::Unspecified) => None,
            Ok(priority) => Some(priority),
            Err(_) => {
                return Err(invalid("minimum_priority", format!("{} is none", wanted.minimum_priority)));
            }
        };
        let origins = wanted.origins.iter().map(ToString::to_string).collect();
        Ok(Self { wanted, minimum_priority, origins })
    }

    /// Whether the alert is wanted.
    pub(super) fn passes(&self, alert: &Alert) -> bool {
        let wanted = &self.wanted;
        let is_among =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|entry| entry == value);
        let priority = |minimum: Priority| {
            alert.priority() != Priority::Unspecified && i32::from(alert.priority()) <= i32::from(minimum)
        };
        self.minimum_priority.is_none_or(priority)
            && (wanted.include_shadow || !alert.is_shadow)
            && !(wanted.exclude_amendments && alert.is_amendment)
            && is_among(&wanted.sources, &alert.source)
            && is_among(&wanted.hostnames, &alert.hostname)
            && (wanted.tags.is_empty() || alert.tags.iter().any(|tag| wanted.tags.contains(tag)))
            && (self.origins.is_empty()
                || alert.origin.as_ref().is_some_and(|origin| self.origins.contains(&origin.to_string())))
            && (wanted.rules.is_empty() || wanted.rules.iter().any(|pattern| matches(pattern, &alert.rule)))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters. Takes time in the product of their lengths at
/// worst.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    // After the newest star: the pattern behind it, and the text that it has not swallowed yet.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, pattern_rest)), Some((found, text_rest))) if wanted == found => {
                (pattern, text) = (pattern_rest, text_rest);
            }
            (None, None) => return true,
            _ => {
                let Some((after_star, swallowed)) = retry else { return false };
                let Some((_, rest)) = swallowed.split_first() else { return false };
                retry = Some((after_star, rest));
                (pattern, text) = (after_star, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::event::{HostBoot, Origin, origin};
    use proptest::prelude::*;

    use super::*;

    fn origin(machine_id: &str) -> Origin {
        let boot = HostBoot { machine_id: machine_id.into(), boot_id: "b".into() };
        Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) }
    }

    fn alert() -> Alert {
        Alert {
            rule: "Read shadow".into(),
            priority: Priority::Warning.into(),
            source: "syscall".into(),
            tags: vec!["T1003".into(), "files".into()],
            hostname: "h1".into(),
            origin: Some(origin("m1")),
            ..Alert::default()
        }
    }

    fn passes(wanted: AlertFilter, alert: &Alert) -> bool {
        Filter::new(wanted).unwrap().passes(alert)
    }

    /// Scenario: each part of a filter by itself, once fitting and once not. Guarantees: it decides, in both directions.
    #[test]
    fn every_part_decides() {
        let none = AlertFilter::default;
        let strings = |text: &str| vec![text.to_owned()];
        assert!(passes(none(), &alert()));
        let pairs = [
            (
                AlertFilter { minimum_priority: Priority::Warning.into(), ..none() },
                AlertFilter { minimum_priority: Priority::Error.into(), ..none() },
            ),
            (
                AlertFilter { rules: strings("Read*"), ..none() },
                AlertFilter { rules: strings("Read"), ..none() },
            ),
            (AlertFilter { tags: strings("files"), ..none() }, AlertFilter { tags: strings("T1"), ..none() }),
            (
                AlertFilter { sources: strings("syscall"), ..none() },
                AlertFilter { sources: strings("k8s"), ..none() },
            ),
            (
                AlertFilter { hostnames: strings("h1"), ..none() },
                AlertFilter { hostnames: strings("h"), ..none() },
            ),
            (
                AlertFilter { origins: vec![origin("m1")], ..none() },
                AlertFilter { origins: vec![origin("m2")], ..none() },
            ),
        ];
        for (fitting, other) in pairs {
            assert!(passes(fitting.clone(), &alert()), "{fitting:?}");
            assert!(!passes(other.clone(), &alert()), "{other:?}");
        }
        let shadow = Alert { is_shadow: true, ..alert() };
        assert!(!passes(none(), &shadow));
        assert!(passes(AlertFilter { include_shadow: true, ..none() }, &shadow));
        let amendment = Alert { is_amendment: true, ..alert() };
        assert!(passes(none(), &amendment));
        assert!(!passes(AlertFilter { exclude_amendments: true, ..none() }, &amendment));
    }

    /// Scenario: filters that cannot be served. Guarantees: each is refused, naming its part.
    #[test]
    fn what_cannot_be_served_is_refused() {
        let refusal = |filter| Filter::new(filter).unwrap_err().to_string();
        let condition = refusal(AlertFilter { condition: "proc.name=cat".into(), ..AlertFilter::default() });
        assert!(condition.contains("condition") && condition.contains("not available yet"), "{condition}");
        let priority = refusal(AlertFilter { minimum_priority: 99, ..AlertFilter::default() });
        assert!(priority.contains("minimum_priority"), "{priority}");
        let rules = refusal(AlertFilter { rules: vec![String::new(); 2_000], ..AlertFilter::default() });
        assert!(rules.contains("rules") && rules.contains("1024"), "{rules}");
    }

    proptest! {
        /// Scenario: any pattern and text of few letters. Guarantees: they match as the definition says, tried out plainly.
        #[test]
        fn patterns_match_by_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn plain(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
                    Some((byte, rest)) => text.first() == Some(byte) && plain(rest, &text[1..]),
                }
            }
            prop_assert_eq!(matches(&pattern, &text), plain(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
