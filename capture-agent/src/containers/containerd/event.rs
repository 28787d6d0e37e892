//! What containerd says is happening.

use prost::Message as _;

use super::Subject;
use crate::containers::api::{
    containerd::events::{ContainerEvent, Envelope},
    epoch_ns,
};

const CREATED: &str = "/containers/create";
const UPDATED: &str = "/containers/update";
const DELETED: &str = "/containers/delete";
const STARTED: &str = "/tasks/start";
/// What is listened to.
pub(super) const TOPICS: [&str; 4] = [CREATED, UPDATED, STARTED, DELETED];
/// An id is no longer: containerd refuses those that are.
const MAX_ID: usize = 76;

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Or changed.
    Made(Subject),
    /// With nanoseconds since the epoch.
    Started(Subject, u64),
    Gone(Subject),
    /// What cannot be understood, or is of no interest.
    Other,
}

pub(super) fn read(envelope: Envelope) -> Event {
    // Of all these kinds the first field is the container's id.
    let id = envelope.event.and_then(|event| ContainerEvent::decode(event.value.as_slice()).ok());
    let Some(id) = id.map(|event| event.container_id).filter(|id| is_id(id)) else {
        return Event::Other;
    };
    let subject = Subject { namespace: Some(envelope.namespace), id };
    match envelope.topic.as_str() {
        CREATED | UPDATED => Event::Made(subject),
        STARTED => Event::Started(subject, envelope.timestamp.as_ref().map_or(0, timestamp_ns)),
        DELETED => Event::Gone(subject),
        _ => Event::Other,
    }
}

pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID
}

/// 0 for what cannot be.
pub(super) fn timestamp_ns(time: &prost_types::Timestamp) -> u64 {
    epoch_ns(i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: events of each topic, of others, and bytes that are none. Guarantees: those of containers are understood, with the
    /// time of a start; all others are of no interest.
    #[test]
    fn events_are_understood() {
        let envelope = |topic: &str, value: Vec<u8>, seconds| Envelope {
            timestamp: Some(prost_types::Timestamp { seconds, nanos: 5 }),
            namespace: "default".to_owned(),
            topic: topic.to_owned(),
            event: Some(prost_types::Any { type_url: String::new(), value }),
        };
        let event = ContainerEvent { container_id: "web".to_owned() }.encode_to_vec();
        let web = || Subject { namespace: Some("default".to_owned()), id: "web".to_owned() };
        for (topic, expected) in [
            (CREATED, Event::Made(web())),
            (UPDATED, Event::Made(web())),
            (STARTED, Event::Started(web(), 7_000_000_005)),
            (DELETED, Event::Gone(web())),
            ("/tasks/oom", Event::Other),
            ("", Event::Other),
        ] {
            assert_eq!(read(envelope(topic, event.clone(), 7)), expected);
        }
        assert_eq!(read(envelope(STARTED, event, i64::MIN)), Event::Started(web(), 0));
        for garbage in [vec![], vec![0xff; 40], vec![0x0a, 0x7f], vec![0x0a, 2, 0xff, 0xff]] {
            assert_eq!(read(envelope(CREATED, garbage, 7)), Event::Other);
        }
        let long = ContainerEvent { container_id: "x".repeat(MAX_ID + 1) }.encode_to_vec();
        assert_eq!(read(envelope(CREATED, long, 7)), Event::Other);
        assert_eq!(read(Envelope::default()), Event::Other);
    }
}
