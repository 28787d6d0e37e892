//! All that is known of an origin at this moment, as the facts that would tell it again.

use eyrie_proto::metadata::{ContainerKey, ContainerRemoval, LateFact, late_fact::Kind};

use super::{ContainerCache, entry::ContainerState};

// === impl ContainerCache ===

impl ContainerCache {
    /// The host, then the containers that are known, each with its end if that is known.
    pub(crate) fn facts_in_force(&self, origin: &str) -> Vec<LateFact> {
        let Some(known) = self.origins.get(origin) else { return Vec::new() };
        let fact = |kind| LateFact { kind: Some(kind) };
        let host = known.host.host.as_deref().map(|host| fact(Kind::Host(host.clone())));
        let mut facts: Vec<LateFact> = host.into_iter().collect();
        let mut entries: Vec<_> = known.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.stored);
        for (runtime_id, entry) in entries {
            let ContainerState::Known { container, .. } = &entry.state else { continue };
            facts.push(fact(Kind::Container((**container).clone())));
            if entry.ended_boot_ns != 0 {
                let key = ContainerKey {
                    origin: Some(known.origin.clone()),
                    runtime_id: runtime_id.to_string(),
                    ..ContainerKey::default()
                };
                let removal = ContainerRemoval { key: Some(key), removed_boot_ns: entry.ended_boot_ns };
                facts.push(fact(Kind::ContainerRemoval(removal)));
            }
        }
        facts
    }
}
