//! Names, descriptions and labels.

use std::sync::{Arc, Weak};

use eyrie_proto::event::{EventClass, LossPlace, LossReason};
use telemetry::{
    KeyValue, Meter,
    observe::{self, Count, Name},
};
use tokio::sync::Semaphore;

use super::Metrics;
use crate::{intake::Intake, metadata::MetadataCounters};

/// Permits, and how many there are in all.
pub(crate) type Permits<'a> = (&'a Arc<Semaphore>, usize);

// === impl Metrics ===

impl Metrics {
    /// Makes everything visible. Whoever asks for metrics does not keep the engine's parts alive.
    pub(crate) fn show(
        self: &Arc<Self>,
        meter: &Meter,
        intake: &Arc<Intake>,
        subscriptions: Permits<'_>,
        evaluations: usize,
    ) {
        self.show_counts(meter);
        self.show_losses(meter);
        for ((permits, count), name, description) in [
            (
                (&intake.session_permits, intake.limits.max_sessions),
                "eyrie.engine.sessions",
                "Agents' streams that are open",
            ),
            (subscriptions, "eyrie.engine.subscriptions", "Subscriptions that are open"),
            ((&intake.evaluation_slots, evaluations), "eyrie.engine.evaluations", "Evaluations under way"),
        ] {
            show_permits(meter, Name { name, description }, permits, count);
        }
        let intake = Arc::downgrade(intake);
        show_origins(meter, &intake);
        show_log(meter, &intake);
        show_metadata(meter, &intake);
    }

    fn show_counts(self: &Arc<Self>, meter: &Meter) {
        let counts: [(&Count, _, _); 6] = [
            (&self.events, "eyrie.engine.events.received", "Events that were applied and evaluated"),
            (&self.batches, "eyrie.engine.batches.evaluated", "Batches that were evaluated"),
            (
                &self.repeated_batches,
                "eyrie.engine.batches.repeated",
                "Batches that had been taken already, and were acked again",
            ),
            (&self.new_alerts, "eyrie.engine.alerts.appended", "Alerts that are new in the log"),
            (
                &self.repeated_alerts,
                "eyrie.engine.alerts.repeated",
                "Alerts that were in the log already, as their events were sent again",
            ),
            (&self.sessions, "eyrie.engine.sessions.started", "Sessions that agents began"),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
        let metrics = Arc::clone(self);
        let name = Name {
            name: "eyrie.engine.batches.rejected",
            description: "Batches that were rejected, by reason",
        };
        observe::counters(meter, name, "reason", move || metrics.rejections());
        let metrics = Arc::clone(self);
        let name = Name {
            name: "eyrie.engine.credit.outstanding_bytes",
            description: "Bytes of batches that were received and not given back as credit",
        };
        observe::gauge(meter, name, move || Some(metrics.outstanding_bytes()));
    }

    fn show_losses(self: &Arc<Self>, meter: &Meter) {
        let metrics = Arc::clone(self);
        meter
            .u64_observable_counter("eyrie.engine.losses")
            .with_description("Events that were lost and told, by place, class and reason")
            .with_callback(move |observer| {
                for total in metrics.losses() {
                    let place = LossPlace::try_from(total.place).unwrap_or_default().as_str_name();
                    let class = EventClass::try_from(total.event_class).unwrap_or_default().as_str_name();
                    let reason = LossReason::try_from(total.reason).unwrap_or_default().as_str_name();
                    let labels = [
                        KeyValue::new("place", place.strip_prefix("LOSS_PLACE_").unwrap_or(place)),
                        KeyValue::new("class", class.strip_prefix("EVENT_CLASS_").unwrap_or(class)),
                        KeyValue::new("reason", reason.strip_prefix("LOSS_REASON_").unwrap_or(reason)),
                    ];
                    observer.observe(total.count, &labels);
                }
            })
            .build();
    }
}

fn show_permits(meter: &Meter, name: Name, permits: &Arc<Semaphore>, count: usize) {
    let permits = Arc::downgrade(permits);
    observe::gauge(meter, name, move || {
        u64::try_from(count.saturating_sub(permits.upgrade()?.available_permits())).ok()
    });
}

fn show_origins(meter: &Meter, intake: &Weak<Intake>) {
    let (known, held) = (Weak::clone(intake), Weak::clone(intake));
    let name = Name { name: "eyrie.engine.origins", description: "Origins that are known, connected or not" };
    observe::gauge(meter, name, move || u64::try_from(known.upgrade()?.origins.counts().known).ok());
    let name = Name {
        name: "eyrie.engine.held_states",
        description: "States of origins that are held for their return",
    };
    observe::gauge(meter, name, move || u64::try_from(held.upgrade()?.origins.counts().held).ok());
}

fn show_log(meter: &Meter, intake: &Weak<Intake>) {
    let bounds = |intake: &Weak<Intake>| Some(*intake.upgrade()?.log.bounds().borrow());
    let asked = Weak::clone(intake);
    let name = Name { name: "eyrie.engine.log.entries", description: "Alerts that the log has" };
    observe::gauge(meter, name, move || {
        let bounds = bounds(&asked)?;
        Some(bounds.last.saturating_sub(bounds.trimmed_through))
    });
    let asked = Weak::clone(intake);
    let name = Name { name: "eyrie.engine.log.last_position", description: "The newest entry's position" };
    observe::gauge(meter, name, move || Some(bounds(&asked)?.last));
    let asked = Weak::clone(intake);
    let name =
        Name { name: "eyrie.engine.log.trimmed", description: "Alerts that left the log by retention" };
    observe::counter(meter, name, move || Some(bounds(&asked)?.trimmed_through));
}

/// One for each thing that metadata does, as [`MetadataCounters`] describes them.
fn show_metadata(meter: &Meter, intake: &Weak<Intake>) {
    type Read = fn(&MetadataCounters) -> u64;
    let counters: [(_, _, Read); 17] = [
        ("eyrie.engine.metadata.hits", "Events in containers whose metadata was there", |c| c.hits),
        ("eyrie.engine.metadata.misses", "Events in containers whose metadata was not there", |c| c.misses),
        (
            "eyrie.engine.metadata.partial",
            "Of these hits, events in containers of which something cannot be known any more",
            |c| c.partial,
        ),
        (
            "eyrie.engine.metadata.refused_entities",
            "Entities of the metadata service that name no container of a watched origin",
            |c| c.refused_entities,
        ),
        (
            "eyrie.engine.metadata.relayed_facts",
            "Late facts that the metadata service has taken durably",
            |c| c.relayed_facts,
        ),
        (
            "eyrie.engine.metadata.relay_overflows",
            "Sessions whose late facts were more than may wait for the metadata service",
            |c| c.relay_overflows,
        ),
        (
            "eyrie.engine.metadata.relay_refused",
            "Late facts that the metadata service never takes, given up",
            |c| c.relay_refused,
        ),
        (
            "eyrie.engine.metadata.relay_gaps",
            "Times that facts before those that were relayed were lost",
            |c| c.relay_gaps,
        ),
        ("eyrie.engine.metadata.parked", "Events whose matches had to wait for metadata", |c| c.parked),
        ("eyrie.engine.metadata.answered_in_time", "Waiting events that were decided in time", |c| {
            c.answered_in_time
        }),
        ("eyrie.engine.metadata.timed_out", "Waiting events whose alerts went out marked", |c| c.timed_out),
        (
            "eyrie.engine.metadata.unanswerable",
            "Events whose alerts went out marked as what they hang on cannot be had",
            |c| c.unanswerable,
        ),
        (
            "eyrie.engine.metadata.not_parked",
            "Events whose alerts went out marked at once, as they could not wait",
            |c| c.not_parked,
        ),
        ("eyrie.engine.metadata.amended", "Alerts that were completed by an amendment", |c| c.amended),
        ("eyrie.engine.metadata.retracted", "Alerts that were taken back by an amendment", |c| c.retracted),
        (
            "eyrie.engine.metadata.unanswered",
            "Events whose alerts stay marked, as the answer never came",
            |c| c.unanswered,
        ),
        (
            "eyrie.engine.metadata.peers_left_out",
            "Pods, services and nodes that were told of and did not fit",
            |c| c.peers_left_out,
        ),
    ];
    for (name, description, read) in counters {
        let asked = Weak::clone(intake);
        observe::counter(meter, Name { name, description }, move || {
            Some(read(&asked.upgrade()?.metadata.counters()))
        });
    }
    let asked = Weak::clone(intake);
    let name = Name {
        name: "eyrie.engine.metadata.waiting",
        description: "Events whose alerts wait for metadata, or can still be amended",
    };
    observe::gauge(meter, name, move || Some(asked.upgrade()?.metadata.counters().waiting));
    let asked = Weak::clone(intake);
    let name = Name {
        name: "eyrie.engine.metadata.peers",
        description: "Pods, services and nodes whose addresses are known",
    };
    observe::gauge(meter, name, move || Some(asked.upgrade()?.metadata.peer_count()));
}
