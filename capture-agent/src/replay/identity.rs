//! Whose a stream is that is sent again.

use eyrie_proto::{
    capture::{AgentInfo, MissingAbility},
    event::{Event, HostBoot, Origin, SourceInstance, event::Kind, ordered_fact, origin},
    metadata::{ContainerKey, HostKey, LateFact, late_fact},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::config::Config;

/// Says of a host that it is a recording, and which.
const LABEL: &str = "eyrie.replay";

/// Whose a stream is that is sent again.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) origin: Origin,
    file: String,
}

// === impl Identity ===

impl Identity {
    /// Of `recorded`, the same each time: an engine takes sending it again for a start of the same agent. The tenant is the agent's, who has to
    /// account for it.
    pub(super) fn of(recorded: &Origin, file: &str, config: &Config) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"eyrie.replay");
        hash.update(recorded.encode_to_vec());
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let part = |range| digest.get(range).unwrap_or_default();
        let kind = match &recorded.kind {
            Some(origin::Kind::Source(source)) => origin::Kind::Source(SourceInstance {
                source: source.source.clone(),
                instance: format!("replay-{}", part(0..32)),
            }),
            Some(origin::Kind::Host(_)) | None => origin::Kind::Host(HostBoot {
                machine_id: config.machine_id.clone().unwrap_or_else(|| part(0..32).to_owned()),
                boot_id: [part(32..40), part(40..44), part(44..48), part(48..52), part(52..64)].join("-"),
            }),
        };
        Self { origin: Origin { tenant: config.tenant.clone(), kind: Some(kind) }, file: file.to_owned() }
    }

    /// What the recording's agent was, with what this one adds.
    pub(super) fn agent(&self, recorded: Option<AgentInfo>, config: &Config) -> AgentInfo {
        let mut agent = recorded.unwrap_or_default();
        agent.labels.extend(config.labels.clone());
        agent.labels.insert(LABEL.to_owned(), self.file.clone());
        agent.missing_abilities.push(MissingAbility {
            name: "capture".to_owned(),
            reason: format!("the recording {} is sent, and no host is captured", self.file),
            consequence: "only what was recorded is seen; a plan changes nothing of it".to_owned(),
        });
        agent
    }

    /// The host says of itself that it is a recording.
    pub(super) fn label(&self, event: &mut Event) {
        if let Some(Kind::Fact(fact)) = &mut event.kind
            && let Some(ordered_fact::Kind::Host(host)) = &mut fact.kind
        {
            host.labels.insert(LABEL.to_owned(), self.file.clone());
        }
    }

    /// The fact, of the new origin; `None` of one that says nothing that is known.
    pub(super) fn fact(&self, fact: LateFact) -> Option<late_fact::Kind> {
        let container = |key: Option<ContainerKey>| {
            Some(ContainerKey { origin: Some(self.origin.clone()), ..key.unwrap_or_default() })
        };
        let mut kind = fact.kind?;
        match &mut kind {
            late_fact::Kind::Container(about) => about.key = container(about.key.take()),
            late_fact::Kind::ContainerRemoval(removal) => removal.key = container(removal.key.take()),
            late_fact::Kind::Host(host) => {
                host.key = Some(HostKey { origin: Some(self.origin.clone()) });
                host.labels.insert(LABEL.to_owned(), self.file.clone());
            }
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(machine_id: &str) -> Origin {
        let host = HostBoot { machine_id: machine_id.to_owned(), boot_id: "b".to_owned() };
        Origin { tenant: "theirs".to_owned(), kind: Some(origin::Kind::Host(host)) }
    }

    /// Scenario: origins of recordings are derived, of two hosts, twice of one, and of another source.
    /// Guarantees: they have the form of a host's, differ from the recorded ones and from each other, are the same each time, and the tenant
    /// is the agent's.
    #[test]
    fn origins_are_derived() {
        let config = Config { tenant: "ours".to_owned(), ..Config::default() };
        let of = |origin: &Origin| Identity::of(origin, "f", &config).origin;
        let (first, second) = (of(&host("a")), of(&host("b")));
        assert_eq!(first, of(&host("a")));
        assert_ne!(first, second);
        assert_eq!(first.tenant, "ours");
        let Some(origin::Kind::Host(derived)) = &first.kind else { panic!("{first:?}") };
        assert!(
            derived.machine_id.len() == 32 && derived.machine_id.bytes().all(|byte| byte.is_ascii_hexdigit())
        );
        let lengths: Vec<_> = derived.boot_id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        let source = SourceInstance { source: "k8s_audit".to_owned(), instance: "i".to_owned() };
        let audit = of(&Origin { kind: Some(origin::Kind::Source(source)), ..Origin::default() });
        let Some(origin::Kind::Source(derived)) = &audit.kind else { panic!("{audit:?}") };
        assert_eq!(derived.source, "k8s_audit");
        assert!(derived.instance.starts_with("replay-"));
    }
}
