//! What an agent counts, and how it is shown.
//!
//! Most of it is counted where it happens anyway, and read when somebody asks for metrics; what is only counted here is
//! what the session does with batches and connections.

use std::sync::{Arc, Weak};

use eyrie_proto::event::{EventClass, LossPlace, LossReason};
use telemetry::{
    Counter, KeyValue, Meter,
    observe::{self, Count, Name},
};

use crate::{
    clock,
    late_facts::LateFacts,
    names::Names,
    session::{Requests, SessionError, SharedStatus},
    stream::{Stream, Totals},
};

/// Of one agent's sessions.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Batches that went up, each time that they did.
    pub(crate) sent_batches: Count,
    /// Bytes of messages that went up.
    pub(crate) sent_bytes: Count,
    /// Batches that an engine wants again.
    pub(crate) retried_batches: Count,
    /// Batches that an engine refused for good.
    pub(crate) set_aside_batches: Count,
    /// What packing has saved on the wire.
    pub(crate) saved_bytes: Count,
    failed_sessions: Counter<u64>,
}

/// What is looked up. Whoever asks for metrics must not keep the agent's parts alive.
pub(crate) struct Shown<'a> {
    pub(crate) stream: &'a Arc<Stream>,
    pub(crate) late_facts: &'a Arc<LateFacts>,
    pub(crate) names: &'a Arc<Names>,
    pub(crate) status: &'a Arc<SharedStatus>,
    pub(crate) requests: &'a Arc<Requests>,
}

// === impl Metrics ===

impl Metrics {
    /// Counts from now on, and shows what else there is.
    pub(crate) fn new(meter: &Meter, shown: &Shown<'_>) -> Self {
        let metrics = Self {
            sent_batches: Count::default(),
            sent_bytes: Count::default(),
            retried_batches: Count::default(),
            set_aside_batches: Count::default(),
            saved_bytes: Count::default(),
            failed_sessions: meter
                .u64_counter("eyrie.agent.sessions.failed")
                .with_description("Connections and sessions that failed, by reason")
                .build(),
        };
        let counts = [
            (
                &metrics.sent_batches,
                "eyrie.agent.batches.sent",
                "Batches that were sent, again or for the first time",
            ),
            (
                &metrics.sent_bytes,
                "eyrie.agent.sent.bytes",
                "Bytes of messages that were sent to engines, without what HTTP/2 and TLS add",
            ),
            (&metrics.retried_batches, "eyrie.agent.batches.retried", "Batches that an engine wanted again"),
            (
                &metrics.set_aside_batches,
                "eyrie.agent.batches.set_aside",
                "Batches that an engine refused for good, and whose events are lost",
            ),
            (
                &metrics.saved_bytes,
                "eyrie.agent.batches.saved_bytes",
                "Bytes of batches that packing has saved",
            ),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
        show_events(meter, shown.stream);
        show_losses(meter, shown.stream);
        show_queues(meter, shown);
        show_names(meter, shown.names);
        show_sessions(meter, shown);
        metrics
    }

    pub(crate) fn count_failure(&self, error: &SessionError) {
        self.failed_sessions.add(1, &[KeyValue::new("reason", error.reason())]);
    }
}

fn show_events(meter: &Meter, stream: &Arc<Stream>) {
    let weak = Arc::downgrade(stream);
    let name =
        Name { name: "eyrie.agent.events.produced", description: "Events that were captured, by class" };
    observe::counters(meter, name, "class", move || {
        let totals = totals(&weak).unwrap_or_default();
        let plain = totals.produced_events - totals.state_bearing_events;
        [("PLAIN", plain), ("STATE_BEARING", totals.state_bearing_events)]
    });
    let weak = Arc::downgrade(stream);
    let name =
        Name { name: "eyrie.agent.events.acked", description: "Events of the stream that an engine acked" };
    observe::counter(meter, name, move || Some(totals(&weak)?.acked_events));
}

fn show_losses(meter: &Meter, stream: &Arc<Stream>) {
    let weak = Arc::downgrade(stream);
    meter
        .u64_observable_counter("eyrie.agent.losses")
        .with_description("Events that were lost, by place, class and reason")
        .with_callback(move |observer| {
            for ((place, class, reason), count) in totals(&weak).unwrap_or_default().losses {
                let place = LossPlace::try_from(place).unwrap_or_default().as_str_name();
                let class = EventClass::try_from(class).unwrap_or_default().as_str_name();
                let reason = LossReason::try_from(reason).unwrap_or_default().as_str_name();
                let labels = [
                    KeyValue::new("place", place.strip_prefix("LOSS_PLACE_").unwrap_or(place)),
                    KeyValue::new("class", class.strip_prefix("EVENT_CLASS_").unwrap_or(class)),
                    KeyValue::new("reason", reason.strip_prefix("LOSS_REASON_").unwrap_or(reason)),
                ];
                observer.observe(count, &labels);
            }
        })
        .build();
}

fn show_queues(meter: &Meter, shown: &Shown<'_>) {
    let weak = Arc::downgrade(shown.stream);
    let name =
        Name { name: "eyrie.agent.events.unacked", description: "Events that wait for an engine's ack" };
    observe::gauge(meter, name, move || Some(totals(&weak)?.unacked_events));
    let weak = Arc::downgrade(shown.stream);
    let name = Name { name: "eyrie.agent.queue.bytes", description: "Bytes that these take" };
    observe::gauge(meter, name, move || u64::try_from(totals(&weak)?.unacked_bytes).ok());
    let weak = Arc::downgrade(shown.stream);
    let name = Name {
        name: "eyrie.agent.base.processes",
        description: "Processes of the state before the oldest event that is not acked",
    };
    observe::gauge(meter, name, move || u64::try_from(weak.upgrade()?.base().process_count()).ok());
    let weak = Arc::downgrade(shown.late_facts);
    let name = Name {
        name: "eyrie.agent.late_facts.pending",
        description: "Facts about containers and the host that wait for an engine's ack",
    };
    observe::gauge(meter, name, move || u64::try_from(weak.upgrade()?.pending()).ok());
    let weak = Arc::downgrade(shown.late_facts);
    let name = Name {
        name: "eyrie.agent.late_facts.dropped",
        description: "Facts that were given up, too large or because too many waited",
    };
    observe::counter(meter, name, move || Some(weak.upgrade()?.dropped()));
}

fn show_names(meter: &Meter, names: &Arc<Names>) {
    let weak = Arc::downgrade(names);
    let name = Name {
        name: "eyrie.agent.names",
        description: "Names of hosts that rules compare addresses with, by whether they resolve",
    };
    observe::gauges(meter, name, "state", move || {
        let counts = weak.upgrade().map(|names| names.counts(clock::boot_ns())).unwrap_or_default();
        [("RESOLVED", counts.resolved), ("UNRESOLVED", counts.wanted.saturating_sub(counts.resolved))]
    });
    let weak = Arc::downgrade(names);
    let name = Name {
        name: "eyrie.agent.names.failed_lookups",
        description: "Lookups of such names that brought no address",
    };
    observe::counter(meter, name, move || Some(weak.upgrade()?.counts(clock::boot_ns()).failed_lookups));
}

fn show_sessions(meter: &Meter, shown: &Shown<'_>) {
    let weak = Arc::downgrade(shown.status);
    let name =
        Name { name: "eyrie.agent.sessions.welcomed", description: "Sessions that an engine welcomed" };
    observe::counter(meter, name, move || Some(weak.upgrade()?.read().sessions));
    let weak = Arc::downgrade(shown.status);
    let name =
        Name { name: "eyrie.agent.connected", description: "1 while an engine has welcomed us, else 0" };
    observe::gauge(meter, name, move || Some(weak.upgrade()?.read().is_connected.into()));
    let weak = Arc::downgrade(shown.requests);
    let name = Name {
        name: "eyrie.agent.plan.generation",
        description: "The capture plan that is carried out; 0 for none",
    };
    observe::gauge(meter, name, move || Some(weak.upgrade()?.generation()));
}

fn totals(stream: &Weak<Stream>) -> Option<Totals> {
    Some(stream.upgrade()?.outbox().totals())
}
