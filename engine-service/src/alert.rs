//! Alerts out of matches.

use eyrie_proto::{
    alert::{Alert, LossState, Process},
    capture::TraceContext,
    event::{Event, Origin, ProcessKey},
    metadata::Host,
};
use host_model::HostModel;
use sha2::{Digest as _, Sha256};

use crate::{
    evaluate::{Occurrence, RuleMatch},
    metadata::Joined,
    parking,
};

/// How many processes above the one that acted an alert shows.
pub const MAX_ANCESTORS: usize = 32;

/// What the alerts of one session have in common.
#[derive(Clone, Debug)]
pub struct AlertContext {
    /// Where the events come from.
    pub origin: Origin,
    /// The canonical name of `origin`.
    pub origin_name: String,
    /// The agent's epoch.
    pub epoch: u64,
    /// Digest of the rule set.
    pub rule_set_digest: String,
}

/// What surrounds an event.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    /// What was lost around it.
    pub(crate) loss: LossState,
    /// Of its batch.
    pub(crate) trace: Option<&'a TraceContext>,
    /// Where it happened.
    pub(crate) host: Option<&'a Host>,
}

// === impl AlertContext ===

impl AlertContext {
    /// The alert of a match, with the container and host that it happened in.
    pub(crate) fn alert(
        &self,
        occurrence: &Occurrence<'_>,
        matched: RuleMatch,
        joined: &Joined<'_>,
        around: Surroundings<'_>,
    ) -> Alert {
        let (process, ancestors) = self.processes(occurrence.event, occurrence.model);
        let metadata_state =
            parking::metadata_state(matched.is_certain, &matched.unknown_fields, joined).into();
        Alert {
            id: alert_id(&self.origin_name, self.epoch, first_sequence(occurrence), &matched.rule),
            time_ns: occurrence.time_ns,
            event_type: matched.event_type,
            rule: matched.rule,
            priority: matched.priority.into(),
            source: matched.source,
            tags: matched.tags,
            message: matched.message,
            output_fields: matched.output_fields,
            hostname: occurrence.host.hostname.clone(),
            rule_set_digest: self.rule_set_digest.clone(),
            origin: Some(self.origin.clone()),
            epoch: self.epoch,
            sequence: occurrence.sequence,
            process,
            ancestors,
            container: joined.shown(&self.origin),
            host: around.host.cloned(),
            loss: Some(around.loss),
            metadata_state,
            unknown_fields: matched.unknown_fields,
            trace: around.trace.cloned(),
            ..Alert::default()
        }
    }

    /// The process that acted, and those above it.
    fn processes(&self, event: &Event, model: &HostModel) -> (Option<Process>, Vec<Process>) {
        let Some(task) = &event.task else { return (None, Vec::new()) };
        let Some(process) = model.process_of(task) else {
            let key = task.process;
            let unknown = Process { key, is_incomplete: true, ..Process::default() };
            return (key.map(|_| unknown), Vec::new());
        };
        let ancestors = model.ancestors(process).take(MAX_ANCESTORS);
        (Some(self.process(process, model)), ancestors.map(|process| self.process(process, model)).collect())
    }

    fn process(&self, process: &host_model::Process, model: &HostModel) -> Process {
        let credentials = process.credentials();
        let user = model.user(credentials.uid);
        let exe = (!process.exe().is_empty()).then(|| process.exe().to_vec());
        Process {
            key: Some(process.key()),
            parent_pid: process.parent_pid(),
            name: process.comm().to_vec(),
            executable_path: process
                .executable()
                .map(|executable| executable.path.clone())
                .unwrap_or_default(),
            command_line: exe.into_iter().chain(process.arguments().iter().cloned()).collect(),
            working_directory: process.working_directory().to_vec(),
            uid: credentials.uid,
            user_name: user.map(|user| String::from_utf8_lossy(&user.name).into_owned()).unwrap_or_default(),
            login_uid: credentials.login_uid,
            tty: process.session().tty,
            exec_id: exec_id(&self.origin_name, process.key(), process.exec_boot_ns()),
            is_incomplete: process.is_incomplete(),
        }
    }
}

/// The sequence that an alert's id is made of: where the call was reported when it started, that of the start. A rule that
/// matched the start as well has its alert already, and the log takes no second one.
fn first_sequence(occurrence: &Occurrence<'_>) -> u64 {
    match occurrence.event.call.map_or(0, |call| call.started_sequence) {
        // A start comes before its end, or it is not one.
        started if started != 0 && started < occurrence.sequence => started,
        _ => occurrence.sequence,
    }
}

/// The id of an alert: the same for the same event and rule, wherever and however often it is evaluated.
///
/// 32 hexadecimal digits: the first half of a SHA-256 over its parts, each behind its length in bytes (64 bits, little
/// endian), numbers as 64 bits, little endian.
pub fn alert_id(origin_name: &str, epoch: u64, sequence: u64, rule: &str) -> String {
    id_of([origin_name.as_bytes(), &epoch.to_le_bytes(), &sequence.to_le_bytes(), rule.as_bytes()])
}

/// The id of one program's run in one process; made like [`alert_id`].
pub fn exec_id(origin_name: &str, key: ProcessKey, exec_boot_ns: u64) -> String {
    id_of([
        origin_name.as_bytes(),
        &u64::from(key.pid).to_le_bytes(),
        &key.start_boot_ns.to_le_bytes(),
        &exec_boot_ns.to_le_bytes(),
    ])
}

fn id_of(parts: [&[u8]; 4]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Scenario: fixed parts. Guarantees: the id is what it was in every version before; it is part of the contract.
    #[test]
    fn an_alert_id_never_changes() {
        // python3: sha256(b''.join(len(p).to_bytes(8,'little')+p for p in
        //   (b'/host/m/b', (7).to_bytes(8,'little'), (42).to_bytes(8,'little'), b'Read shadow'))).hexdigest()[:32]
        assert_eq!(alert_id("/host/m/b", 7, 42, "Read shadow"), "e000167b525f407458c191847e8882f4");
    }

    proptest! {
        /// Scenario: two events or rules that differ in any part. Guarantees: so do their ids, also where the parts'
        /// texts run together the same way.
        #[test]
        fn different_parts_give_different_ids(a in "[ab/]{0,4}", b in "[ab/]{0,4}", c in "[ab/]{0,4}", d in "[ab/]{0,4}",
                                              first in 0_u64..3, second in 0_u64..3) {
            let same = a == c && b == d && first == second;
            prop_assert_eq!(alert_id(&a, 1, first, &b) == alert_id(&c, 1, second, &d), same);
        }
    }
}
