//! Which hosts and rules a request means.

use std::sync::PoisonError;

use eyrie_proto::event::Origin;

use crate::{
    error::RpcError,
    evaluate::RuleFacts,
    host_status::is_called,
    intake::Intake,
    listener::{AuthenticatedPeer, Permission},
    origins::SharedStatus,
    subscriptions::matches,
};

/// Entries in one list of a request, and bytes of each.
const MAX_ENTRIES: usize = 1_024;
const MAX_ENTRY_BYTES: usize = 1_024;

/// Which hosts are meant; empty lists mean all.
pub(super) struct Wanted<'a> {
    pub(super) hosts: &'a [String],
    pub(super) origins: &'a [Origin],
    pub(super) includes_disconnected: bool,
}

// === impl Wanted ===

impl Wanted<'_> {
    /// The hosts that the peer may see, by name. That a host which was named is not there is an error.
    pub(super) fn find(
        &self,
        intake: &Intake,
        peer: &AuthenticatedPeer,
    ) -> Result<Vec<SharedStatus>, RpcError> {
        bounded("hosts", self.hosts)?;
        if self.origins.len() > MAX_ENTRIES {
            return Err(invalid(
                "origins",
                format!("{} entries, the limit is {MAX_ENTRIES}", self.origins.len()),
            ));
        }
        let found = intake.origins.statuses(|status| {
            let (origin, hostname) = (&status.origin, &status.agent.hostname);
            let is_called = |name: &String| is_called(Some(origin), hostname, name);
            (status.is_connected || self.includes_disconnected)
                && peer.may_in(Permission::ReadHosts, &origin.tenant)
                && (self.hosts.is_empty() || self.hosts.iter().any(is_called))
                && (self.origins.is_empty() || self.origins.contains(origin))
        });
        for name in self.hosts {
            let is_found = found.iter().any(|status| {
                let status = status.lock().unwrap_or_else(PoisonError::into_inner);
                is_called(Some(&status.origin), &status.agent.hostname, name)
            });
            if !is_found {
                return Err(RpcError::HostUnknown { host: name.clone() });
            }
        }
        Ok(found)
    }
}

/// The rules that one of the patterns fits. A name that fits none is an error.
pub(super) fn rules_called(intake: &Intake, patterns: &[String]) -> Result<Vec<RuleFacts>, RpcError> {
    bounded("rules", patterns)?;
    let all = intake.evaluator.rules();
    for pattern in patterns {
        if !all.iter().any(|rule| matches(pattern, &rule.name)) {
            let names = all.iter().map(|rule| rule.name.as_str());
            let near = rule_language::closest(pattern, names).map(str::to_owned);
            return Err(RpcError::RuleUnknown { rule: pattern.clone(), near });
        }
    }
    let is_meant = |rule: &&RuleFacts| patterns.iter().any(|pattern| matches(pattern, &rule.name));
    Ok(all.iter().filter(is_meant).cloned().collect())
}

fn bounded(field: &'static str, entries: &[String]) -> Result<(), RpcError> {
    if entries.len() > MAX_ENTRIES {
        return Err(invalid(field, format!("{} entries, the limit is {MAX_ENTRIES}", entries.len())));
    }
    match entries.iter().find(|entry| entry.len() > MAX_ENTRY_BYTES) {
        Some(entry) => {
            Err(invalid(field, format!("an entry has {} bytes, the limit is {MAX_ENTRY_BYTES}", entry.len())))
        }
        None => Ok(()),
    }
}

fn invalid(field: &'static str, detail: String) -> RpcError {
    RpcError::PlanRequestInvalid { field, detail }
}
