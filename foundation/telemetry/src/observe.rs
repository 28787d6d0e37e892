//! Numbers that are counted anyway, shown as metrics.
//!
//! Counting is one relaxed atomic operation; names, labels and everything else are dealt with when somebody looks. What
//! has labels that are only known as it happens (the code of a call) is a counter of the [`Meter`] itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use opentelemetry::{KeyValue, metrics::Meter};

/// A number that only grows; its clones are the same number.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicU64>);

/// A number that goes up and down; its clones are the same number.
#[derive(Clone, Debug, Default)]
pub struct Level(Arc<AtomicU64>);

/// What a metric is called and what it is a number of.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// Such as `eyrie.engine.events.received`; Prometheus sees `_` for each dot, and `_total` behind what only grows.
    pub name: &'static str,
    /// One sentence without its full stop.
    pub description: &'static str,
}

// === impl Count ===

impl Count {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `more` more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many by now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Shows it as a counter.
    pub fn show(&self, meter: &Meter, name: Name) {
        let count = self.clone();
        counter(meter, name, move || Some(count.get()));
    }
}

// === impl Level ===

impl Level {
    /// It is `value` now.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// One more.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// What it is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Shows it as a gauge.
    pub fn show(&self, meter: &Meter, name: Name) {
        let level = self.clone();
        gauge(meter, name, move || Some(level.get()));
    }
}

/// Shows a number that only grows; nothing while `read` has none, because what counted it is gone.
pub fn counter(meter: &Meter, name: Name, read: impl Fn() -> Option<u64> + Send + Sync + 'static) {
    meter
        .u64_observable_counter(name.name)
        .with_description(name.description)
        .with_callback(move |observer| {
            if let Some(value) = read() {
                observer.observe(value, &[]);
            }
        })
        .build();
}

/// Shows numbers that only grow, each under its value of `label`.
pub fn counters<I: IntoIterator<Item = (&'static str, u64)>>(
    meter: &Meter,
    name: Name,
    label: &'static str,
    read: impl Fn() -> I + Send + Sync + 'static,
) {
    meter
        .u64_observable_counter(name.name)
        .with_description(name.description)
        .with_callback(move |observer| {
            for (value, count) in read() {
                observer.observe(count, &[KeyValue::new(label, value)]);
            }
        })
        .build();
}

/// Shows a number that goes up and down; nothing while `read` has none.
pub fn gauge(meter: &Meter, name: Name, read: impl Fn() -> Option<u64> + Send + Sync + 'static) {
    meter
        .u64_observable_gauge(name.name)
        .with_description(name.description)
        .with_callback(move |observer| {
            if let Some(value) = read() {
                observer.observe(value, &[]);
            }
        })
        .build();
}

/// Shows numbers that go up and down, each under its value of `label`.
pub fn gauges<I: IntoIterator<Item = (&'static str, u64)>>(
    meter: &Meter,
    name: Name,
    label: &'static str,
    read: impl Fn() -> I + Send + Sync + 'static,
) {
    meter
        .u64_observable_gauge(name.name)
        .with_description(name.description)
        .with_callback(move |observer| {
            for (value, count) in read() {
                observer.observe(count, &[KeyValue::new(label, value)]);
            }
        })
        .build();
}
