//! Which recordings are listed.

use std::sync::Arc;

use eyrie_proto::{
    event::origin,
    recording::{ListRecordingsRequest, ListRecordingsResponse, Recording},
};

use crate::{error::RpcError, subscriptions::matches};

/// Recordings of a page: about a KiB each, more with many alerts.
const MAX_PAGE: usize = 256;
/// Hosts and rules of a request: each is looked at for each alert of each recording.
const MAX_CONDITIONS: usize = 64;
/// Alerts of each recording that a list shows; its file has them all.
const TRIGGERS_SHOWN: usize = 16;

/// The page of `recordings`, the newest first, that a request asks for.
pub(super) fn page(
    recordings: Vec<Arc<Recording>>,
    request: &ListRecordingsRequest,
) -> Result<ListRecordingsResponse, RpcError> {
    for (field, conditions) in [("hosts", &request.hosts), ("rules", &request.rules)] {
        if conditions.len() > MAX_CONDITIONS {
            let detail = format!("it has {} entries, the limit is {MAX_CONDITIONS}", conditions.len());
            return Err(RpcError::ListInvalid { field, detail });
        }
    }
    let after = after(&request.page_token)?;
    let limit = match usize::try_from(request.page_size).unwrap_or(MAX_PAGE) {
        0 => MAX_PAGE,
        size => size.min(MAX_PAGE),
    };
    let mut wanted = recordings
        .into_iter()
        .filter(|recording| passes(recording, request))
        .filter(|recording| after.as_ref().is_none_or(|after| place(recording) < *after));
    let mut page: Vec<Recording> = wanted.by_ref().take(limit).map(Arc::unwrap_or_clone).collect();
    let next_page_token = match (wanted.next(), page.last()) {
        (Some(_), Some(last)) => format!("{}-{}", last.created_ns, last.id),
        _ => String::new(),
    };
    page.iter_mut().for_each(|recording| recording.triggers.truncate(TRIGGERS_SHOWN));
    Ok(ListRecordingsResponse { recordings: page, next_page_token })
}

/// Where a recording stands in the order of lists.
fn place(recording: &Recording) -> (u64, String) {
    (recording.created_ns, recording.id.clone())
}

fn after(token: &str) -> Result<Option<(u64, String)>, RpcError> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = token.split_once('-').and_then(|(created, id)| Some((created.parse().ok()?, id.to_owned())));
    let invalid = || RpcError::ListInvalid {
        field: "page_token",
        detail: "it is none that an answer had: begin without one".to_owned(),
    };
    place.map(Some).ok_or_else(invalid)
}

fn passes(recording: &Recording, request: &ListRecordingsRequest) -> bool {
    let boot = match recording.origin.as_ref().and_then(|origin| origin.kind.as_ref()) {
        Some(origin::Kind::Host(boot)) => Some(boot),
        _ => None,
    };
    let is_of = |host: &String| {
        recording.hostname == *host
            || boot.is_some_and(|boot| boot.machine_id == *host || boot.boot_id == *host)
    };
    let is_about = |rule: &String| recording.triggers.iter().any(|trigger| matches(rule, &trigger.rule));
    recording.created_ns >= request.since_ns
        && (request.hosts.is_empty() || request.hosts.iter().any(is_of))
        && (request.rules.is_empty() || request.rules.iter().any(is_about))
}

#[cfg(test)]
mod tests {
    use eyrie_proto::{
        event::{HostBoot, Origin},
        recording::RecordingTrigger,
    };

    use super::*;

    fn recording(number: u64, hostname: &str, rules: &[&str]) -> Recording {
        let boot = HostBoot { machine_id: format!("machine-{hostname}"), ..HostBoot::default() };
        let trigger =
            |rule: &&str| RecordingTrigger { rule: (*rule).to_owned(), ..RecordingTrigger::default() };
        Recording {
            id: format!("{number:032x}"),
            origin: Some(Origin { kind: Some(origin::Kind::Host(boot)), ..Origin::default() }),
            hostname: hostname.to_owned(),
            created_ns: number / 2,
            triggers: rules.iter().map(trigger).collect(),
            ..Recording::default()
        }
    }

    fn numbers(response: &ListRecordingsResponse) -> Vec<u64> {
        let number = |recording: &Recording| u64::from_str_radix(&recording.id, 16).unwrap();
        response.recordings.iter().map(number).collect()
    }

    fn newest_first(mut recordings: Vec<Recording>) -> Vec<Arc<Recording>> {
        recordings.sort_by_key(|recording| std::cmp::Reverse(place(recording)));
        recordings.into_iter().map(Arc::new).collect()
    }

    /// Scenario: pages of two of five recordings, some made at the same moment, one of them removed between two pages.
    /// Guarantees: every other one is on exactly one page; a token that is none is refused.
    #[test]
    fn pages_follow_each_other() {
        let all = newest_first((1..=5).map(|number| recording(number, "h", &[])).collect());
        let mut request = ListRecordingsRequest { page_size: 2, ..ListRecordingsRequest::default() };
        let first = page(all.clone(), &request).unwrap();
        assert_eq!(numbers(&first), [5, 4]);
        request.page_token = first.next_page_token;
        let left = all.into_iter().filter(|recording| !recording.id.ends_with('4')).collect::<Vec<_>>();
        let second = page(left.clone(), &request).unwrap();
        assert_eq!(numbers(&second), [3, 2]);
        request.page_token = second.next_page_token;
        let third = page(left, &request).unwrap();
        assert_eq!((numbers(&third), third.next_page_token.as_str()), (vec![1], ""));
        request.page_token = "x".to_owned();
        assert_eq!(page(Vec::new(), &request).unwrap_err().reason(), "LIST_INVALID");
    }

    /// Scenario: filters by host, rule and time. Guarantees: all have to hold; hosts go by name or machine id, and a rule is any of
    /// the recording's.
    #[test]
    fn filters_have_to_hold() {
        let all = newest_first(vec![
            recording(2, "a", &["Read shadow", "Shell"]),
            recording(4, "b", &["Shell"]),
            recording(6, "a", &["Other"]),
        ]);
        let listed = |request: ListRecordingsRequest| numbers(&page(all.clone(), &request).unwrap());
        let of = |hosts: &[&str], rules: &[&str], since_ns| ListRecordingsRequest {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            since_ns,
            ..ListRecordingsRequest::default()
        };
        assert_eq!(listed(of(&[], &[], 0)), [6, 4, 2]);
        assert_eq!(listed(of(&["a"], &[], 0)), [6, 2]);
        assert_eq!(listed(of(&["machine-b"], &[], 0)), [4]);
        assert_eq!(listed(of(&[], &["She*"], 0)), [4, 2]);
        assert_eq!(listed(of(&["a"], &["She*"], 0)), [2]);
        assert_eq!(listed(of(&[], &[], 2)), [6, 4]);
    }
}
