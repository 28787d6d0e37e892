//! Names of origins.

use std::fmt;

use crate::event::{Origin, origin};

/// The canonical text of an origin: `tenant/host/MACHINE/BOOT` or `tenant/source/SOURCE/INSTANCE`.
///
/// It is unambiguous, since `/` and `%` within the parts are written as `%2F` and `%25`; it keys maps and goes into the
/// ids of alerts, so it must never change.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, first, second) = match &self.kind {
            Some(origin::Kind::Host(host)) => ("host", &*host.machine_id, &*host.boot_id),
            Some(origin::Kind::Source(source)) => ("source", &*source.source, &*source.instance),
            None => ("unknown", "", ""),
        };
        write!(f, "{}/{kind}/{}/{}", Part(&self.tenant), Part(first), Part(second))
    }
}

/// One part of an origin's name, escaped.
struct Part<'a>(&'a str);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '/' => f.write_str("%2F"),
            '%' => f.write_str("%25"),
            other => fmt::Write::write_char(f, other),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{HostBoot, Origin, SourceInstance, origin};

    /// Scenario: parts that contain the separator. Guarantees: different origins never share a name.
    #[test]
    fn separators_in_parts_are_escaped() {
        let host = |machine: &str, boot: &str| Origin {
            tenant: String::new(),
            kind: Some(origin::Kind::Host(HostBoot { machine_id: machine.into(), boot_id: boot.into() })),
        };
        assert_eq!(host("m", "b").to_string(), "/host/m/b");
        assert_ne!(host("m/b", "").to_string(), host("m", "b/").to_string());
        assert_eq!(host("50%", "a/b").to_string(), "/host/50%25/a%2Fb");
    }

    /// Scenario: a source's instance of a tenant. Guarantees: tenant and kind are part of the name.
    #[test]
    fn tenant_and_kind_are_part_of_the_name() {
        let origin = Origin {
            tenant: "acme".into(),
            kind: Some(origin::Kind::Source(SourceInstance {
                source: "k8s_audit".into(),
                instance: "c1".into(),
            })),
        };
        assert_eq!(origin.to_string(), "acme/source/k8s_audit/c1");
    }
}
