//! The queue of facts that may be late: on their own sequence, kept until an engine has acked them.
//!
//! Names and images of containers, and what the host is. They are not in order with events and do not use the credit of
//! batches. The next start of the agent reads all of it anew, so that nobody waits for the acks at the end.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use eyrie_proto::{
    capture::LateFacts as Message,
    metadata::{ContainerKey, LateFact, late_fact::Kind},
};
use prost::Message as _;
use tokio::sync::Notify;
use tracing::warn;

/// Facts that wait for an ack.
const MAX_FACTS: usize = 4_096;
/// Bytes that they take when they are serialised.
const MAX_BYTES: usize = 4 << 20;
/// Bytes of one message, and so of one fact.
const MAX_MESSAGE_BYTES: usize = 512 << 10;

/// The queue, shared by those who learn facts and the session.
#[derive(Debug, Default)]
pub(crate) struct LateFacts {
    queue: Mutex<Queue>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Ascending by sequence.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    last_sequence: u64,
    /// What was told of the host last: an engine that was started anew does not know it.
    host: Option<LateFact>,
    /// Everything up to here was sent in this session.
    sent_through: u64,
    /// The same of all sessions: under a number that was sent nothing else can be told.
    ever_sent_through: u64,
    dropped: u64,
}

#[derive(Debug)]
struct Waiting {
    sequence: u64,
    fact: LateFact,
    bytes: usize,
}

// === impl LateFacts ===

impl LateFacts {
    /// Takes a fact. Where there is no room the oldest go; that is counted.
    pub(crate) fn push(&self, kind: Kind) {
        self.lock().push(LateFact { kind: Some(kind) });
        self.ready.notify_one();
    }

    /// Whether it can be taken without giving another one up, with room for as many more as `spare`. What is too large for any message never waits for room.
    pub(crate) fn has_room(&self, kind: &Kind, spare: usize) -> bool {
        let bytes = LateFact { kind: Some(kind.clone()) }.encoded_len();
        let queue = self.lock();
        let fits = queue.waiting.len() + spare < MAX_FACTS && queue.bytes + bytes <= MAX_BYTES;
        fits || bytes > MAX_MESSAGE_BYTES
    }

    /// A session begins: the engine has everything up to `through_sequence`, and the rest is sent (again).
    pub(crate) fn resume(&self, through_sequence: u64) {
        let mut queue = self.lock();
        queue.acknowledge(through_sequence);
        queue.sent_through = 0;
        queue.tell_host_again();
    }

    /// The next message, or nothing.
    pub(crate) fn next_to_send(&self) -> Option<Message> {
        self.lock().next_to_send()
    }

    /// Facts up to here need not be kept.
    pub(crate) fn acknowledge(&self, through_sequence: u64) {
        self.lock().acknowledge(through_sequence);
    }

    /// Facts that wait for an ack.
    pub(crate) fn pending(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Facts that were given up because too many waited or they were too large.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Returns when a fact came since the last time.
    pub(crate) async fn notified(&self) {
        self.ready.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Queue ===

impl Queue {
    fn push(&mut self, fact: LateFact) {
        let bytes = fact.encoded_len();
        if bytes > MAX_MESSAGE_BYTES {
            return self.drop_one("it is too large");
        }
        let Some(fact) = self.take_the_place(fact, bytes) else { return };
        while self.waiting.len() >= MAX_FACTS || self.bytes + bytes > MAX_BYTES {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.bytes -= oldest.bytes;
            self.drop_one("too many wait for an engine");
        }
        if matches!(fact.kind, Some(Kind::Host(_))) {
            self.host = Some(fact.clone());
        }
        self.last_sequence += 1;
        self.bytes += bytes;
        self.waiting.push_back(Waiting { sequence: self.last_sequence, fact, bytes });
    }

    /// Puts what is told of a container where an earlier word of it waits that nobody was sent; gives it back if there is none. Otherwise hosts
    /// with many containers would fill the queue with what is overtaken while their engine is away.
    fn take_the_place(&mut self, fact: LateFact, bytes: usize) -> Option<LateFact> {
        let Some(key) = container_of(&fact) else { return Some(fact) };
        let unsent =
            self.waiting.iter_mut().rev().take_while(|waiting| waiting.sequence > self.ever_sent_through);
        let Some(before) = unsent.into_iter().find(|waiting| container_of(&waiting.fact) == Some(key)) else {
            return Some(fact);
        };
        let all = self.bytes - before.bytes + bytes;
        if all > MAX_BYTES {
            return Some(fact);
        }
        (before.fact, before.bytes, self.bytes) = (fact, bytes, all);
        None
    }

    /// Containers are told again by whoever has taken them durably; of the host nobody need have.
    fn tell_host_again(&mut self) {
        let is_host = |waiting: &Waiting| matches!(waiting.fact.kind, Some(Kind::Host(_)));
        if let Some(host) = self.host.clone()
            && !self.waiting.iter().any(is_host)
        {
            self.push(host);
        }
    }

    fn drop_one(&mut self, why: &str) {
        // The first, the second, the fourth...: the log is not flooded.
        self.dropped += 1;
        if self.dropped.is_power_of_two() {
            warn!(
                dropped = self.dropped,
                "a fact about a container or the host is given up: {why}; a name may be missing"
            );
        }
    }

    fn acknowledge(&mut self, through_sequence: u64) {
        while let Some(oldest) = self.waiting.front().filter(|oldest| oldest.sequence <= through_sequence) {
            self.bytes -= oldest.bytes;
            self.waiting.pop_front();
        }
    }

    /// A message has consecutive sequence numbers: where some were dropped, another one begins.
    fn next_to_send(&mut self) -> Option<Message> {
        let sent_through = self.sent_through;
        let mut unsent = self.waiting.iter().skip_while(|waiting| waiting.sequence <= sent_through);
        let first = unsent.next()?;
        let mut message = Message { first_fact_sequence: first.sequence, facts: vec![first.fact.clone()] };
        let (mut last, mut bytes) = (first.sequence, first.bytes);
        for waiting in unsent {
            bytes += waiting.bytes;
            if waiting.sequence != last + 1 || bytes > MAX_MESSAGE_BYTES {
                break;
            }
            last = waiting.sequence;
            message.facts.push(waiting.fact.clone());
        }
        self.sent_through = last;
        self.ever_sent_through = self.ever_sent_through.max(last);
        Some(message)
    }
}

/// Whom a fact is about that says what a container is.
fn container_of(fact: &LateFact) -> Option<&ContainerKey> {
    match &fact.kind {
        Some(Kind::Container(container)) => container.key.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eyrie_proto::metadata::Container;
    use proptest::prelude::*;

    fn named(name: impl Into<String>) -> Kind {
        Kind::Container(Container { name: name.into(), ..Container::default() })
    }

    /// Names of what is sent, with their sequence numbers.
    fn sent(facts: &LateFacts) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        while let Some(message) = facts.next_to_send() {
            for (sequence, fact) in (message.first_fact_sequence..).zip(message.facts) {
                match fact.kind {
                    Some(Kind::Container(container)) => all.push((sequence, container.name)),
                    other => panic!("{other:?}"),
                }
            }
        }
        all
    }

    /// Scenario: facts are sent, some acked, the connection breaks, more come. Guarantees: the next session is sent what was not
    /// acked, under the same numbers, and nothing twice within a session; an ack of what never was is no harm.
    #[test]
    fn what_is_not_acked_is_sent_again() {
        let facts = LateFacts::default();
        for name in ["a", "b", "c"] {
            facts.push(named(name));
        }
        let all = [(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())];
        assert_eq!(sent(&facts), all);
        assert_eq!(sent(&facts), []);
        facts.acknowledge(1);
        facts.resume(0);
        facts.push(named("d"));
        assert_eq!(sent(&facts), [(2, "b".to_owned()), (3, "c".to_owned()), (4, "d".to_owned())]);
        facts.resume(3);
        assert_eq!(sent(&facts), [(4, "d".to_owned())]);
        facts.acknowledge(u64::MAX);
        facts.push(named("e"));
        assert_eq!(sent(&facts), [(5, "e".to_owned())]);
    }

    /// Scenario: a fact about the host is acked, and the connection breaks; another time it is not acked yet. Guarantees: each session is told of the
    /// host once, with a number of its own.
    #[test]
    fn each_session_is_told_of_the_host() {
        let facts = LateFacts::default();
        let numbers = |facts: &LateFacts| {
            let mut numbers = Vec::new();
            while let Some(message) = facts.next_to_send() {
                let all = message.facts.into_iter().zip(message.first_fact_sequence..);
                numbers.extend(all.map(|(fact, number)| (number, matches!(fact.kind, Some(Kind::Host(_))))));
            }
            numbers
        };
        facts.push(Kind::Host(eyrie_proto::metadata::Host::default()));
        facts.push(named("a"));
        assert_eq!(numbers(&facts), [(1, true), (2, false)]);
        facts.resume(2);
        assert_eq!(numbers(&facts), [(3, true)]);
        facts.resume(2);
        assert_eq!(numbers(&facts), [(3, true)]);
    }

    /// Scenario: more is learnt of containers before anybody was sent the first of it, of one also after, and of as many as may wait. Guarantees: what was not
    /// sent is replaced and keeps its number, what was sent is told anew under another, and nothing is given up for what is overtaken.
    #[test]
    fn what_is_overtaken_takes_no_room() {
        let facts = LateFacts::default();
        let known = |id: usize, name: &str| {
            let key = Some(ContainerKey { runtime_id: id.to_string(), ..ContainerKey::default() });
            Kind::Container(Container { key, name: name.to_owned(), ..Container::default() })
        };
        for fact in [known(1, "files"), known(2, "other"), known(1, "files and runtime")] {
            facts.push(fact);
        }
        assert_eq!(sent(&facts), [(1, "files and runtime".to_owned()), (2, "other".to_owned())]);
        facts.resume(0);
        facts.push(known(1, "renamed"));
        assert_eq!(sent(&facts).last(), Some(&(3, "renamed".to_owned())));
        facts.acknowledge(3);
        for name in ["x", "longer"] {
            (0..MAX_FACTS).for_each(|id| facts.push(known(id, name)));
        }
        let bytes = facts.lock().waiting.iter().map(|waiting| waiting.fact.encoded_len()).sum::<usize>();
        assert_eq!((facts.dropped(), facts.pending(), facts.lock().bytes), (0, MAX_FACTS, bytes));
        assert!(sent(&facts).iter().all(|(_, name)| name == "longer"));
    }

    /// Scenario: more facts than may wait, large ones, and one that fits in no message. Guarantees: the bounds hold, the newest are
    /// kept, what was given up is counted, and no message is larger than it may be.
    #[test]
    fn the_queue_is_bounded() {
        let facts = LateFacts::default();
        for number in 0..MAX_FACTS + 10 {
            facts.push(named(number.to_string()));
        }
        assert_eq!(facts.dropped(), 10);
        assert_eq!(sent(&facts).first(), Some(&(11, "10".to_owned())));
        facts.push(named("x".repeat(MAX_MESSAGE_BYTES)));
        assert_eq!(facts.dropped(), 11);
        for _ in 0..20 {
            facts.push(named("y".repeat(MAX_MESSAGE_BYTES - 100)));
        }
        assert!(facts.lock().bytes <= MAX_BYTES && facts.lock().waiting.len() == 8);
        facts.resume(0);
        let mut messages = 0;
        while let Some(message) = facts.next_to_send() {
            assert!(message.encoded_len() <= MAX_MESSAGE_BYTES + 64);
            messages += 1;
        }
        assert_eq!(messages, 8);
    }

    proptest! {
        /// Scenario: any order of pushes, acks, sends and reconnects. Guarantees: each session is sent ascending numbers without a
        /// repetition, and what was acked is never sent.
        #[test]
        fn sessions_are_ascending(steps in proptest::collection::vec((0..4_u8, 0..40_u64), 0..80)) {
            let facts = LateFacts::default();
            let (mut acked, mut last) = (0, 0);
            for (step, value) in steps {
                match step {
                    0 => facts.push(named("x")),
                    1 => {
                        acked = acked.max(value);
                        facts.acknowledge(value);
                    }
                    2 => {
                        acked = acked.max(value);
                        facts.resume(value);
                        last = 0;
                    }
                    _ => for (sequence, _) in sent(&facts) {
                        prop_assert!(sequence > last);
                        last = sequence;
                    },
                }
            }
            facts.resume(acked);
            prop_assert!(sent(&facts).iter().all(|(sequence, _)| *sequence > acked));
        }
    }
}
