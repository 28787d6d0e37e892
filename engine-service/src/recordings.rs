//! Recordings on trigger: an alert of a rule that asks for it makes a file of what its host did before and after it.
//!
//! ```text
//!  batches of an origin ─▶ Recorder ─▶ Window (last events, state before them)
//!                             │ an alert is durable: what the window has since it began, and what comes
//!                             ▼
//!                          Courier ═ bounded queue ═ its thread ─▶ Target: a file of the Store, or a client (RecordHost)
//! ```
//!
//! A recorder belongs to its origin's state and moves with it: where a session takes up a held state, windows and recordings go on
//! without a gap. Nothing here holds up evaluation or acks. What cannot be recorded is refused or cut, counted by reason, logged at
//! a rate, and told in the trailer.

mod counters;
mod courier;
mod mailbox;
mod options;
mod recorder;
mod service;
mod slice;
mod store;
mod tap;
mod trigger;
mod window;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eyrie_proto::alert::Alert;
use recording::Redactor;
use telemetry::{
    Meter,
    observe::{self, Name},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{counters::RecordingCounters, store::Store, tap::TapRequest, window::WindowLimits};
pub(crate) use self::{
    mailbox::Mailbox,
    recorder::{Recorder, StreamFacts},
    service::RecordingServer,
    slice::Slice,
    trigger::Trigger,
};
pub use self::{
    options::{CaptureMode, RecordingOptions},
    store::StoreError,
};
use crate::evaluate::Evaluate;

/// Knocks that wait for a session: it is told of them between two batches.
const KNOCKS: usize = 16;

/// What all origins' recorders share.
#[derive(Debug)]
pub(crate) struct Recordings {
    pub(crate) options: RecordingOptions,
    /// `None`: no alert makes a recording begin.
    store: Option<Arc<Store>>,
    pub(crate) counters: Arc<RecordingCounters>,
    /// Of all windows.
    window_bytes: Arc<AtomicU64>,
    /// The sessions, by origin.
    doors: Mutex<HashMap<String, mpsc::Sender<Knock>>>,
    tap_permits: Arc<Semaphore>,
    redactor: Arc<Redactor>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What a session is told from outside its stream.
#[derive(Debug)]
pub(crate) enum Knock {
    /// Alerts that waited for metadata are durable now.
    Triggers(Vec<Trigger>),
    /// A client wants the stream.
    Tap(TapRequest),
}

/// A session's end of what it is told; others find it as long as it lives.
#[derive(Debug)]
pub(crate) struct Door {
    recordings: Arc<Recordings>,
    origin_name: String,
    pub(crate) knocks: mpsc::Receiver<Knock>,
}

/// Why a session was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unheard {
    NoSession,
    /// Too much waits for it already.
    Busy,
}

// === impl Unheard ===

impl Unheard {
    /// For metrics.
    fn reason(self) -> &'static str {
        match self {
            Self::NoSession => "no_session",
            Self::Busy => "busy",
        }
    }
}

// === impl Recordings ===

impl Recordings {
    /// Opens the folder, if there is to be one.
    pub(crate) fn open(
        options: RecordingOptions,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Result<Arc<Self>, StoreError> {
        let counters = Arc::new(RecordingCounters::default());
        let open = |folder| Store::open(folder, &options, Arc::clone(&counters));
        let store = options.folder.clone().map(open).transpose()?;
        Ok(Arc::new(Self {
            store,
            counters,
            window_bytes: Arc::default(),
            doors: Mutex::default(),
            redactor: Arc::new(Redactor::new(&options.redactions)?),
            tap_permits: Arc::new(Semaphore::new(options.max_taps)),
            stop,
            tasks,
            options,
        }))
    }

    /// How long after its event an alert of `rule` wants a recording to last; `None` if it wants none.
    pub(crate) fn wanted_after(&self, evaluator: &dyn Evaluate, rule: &str) -> Option<Duration> {
        self.store.as_ref()?;
        let asked = evaluator.capture(rule);
        match self.options.mode {
            CaptureMode::Rules => {
                asked.map(|after| if after.is_zero() { self.options.default_after } else { after })
            }
            CaptureMode::AllRules => {
                Some(asked.filter(|after| !after.is_zero()).unwrap_or(self.options.default_after))
            }
        }
    }

    /// Whether any alert can make a recording begin, so that windows are needed.
    pub(crate) fn needs_windows(&self, evaluator: &dyn Evaluate) -> bool {
        let is_asked_for = self.options.mode == CaptureMode::AllRules || evaluator.has_captures();
        self.store.is_some() && is_asked_for
    }

    /// The triggers among some alerts.
    pub(crate) fn triggers(&self, evaluator: &dyn Evaluate, alerts: &[Alert]) -> Vec<Trigger> {
        let trigger = |alert: &Alert| {
            let after = self.wanted_after(evaluator, &alert.rule)?;
            Some(Trigger {
                alert_id: alert.id.clone(),
                rule: alert.rule.clone(),
                time_ns: alert.time_ns,
                sequence: alert.sequence,
                boot_ns: 0,
                after,
            })
        };
        alerts.iter().filter(|alert| !alert.is_amendment).filter_map(trigger).collect()
    }

    /// Tells sessions of alerts that were durable only after their events had passed.
    pub(crate) fn triggered_late(&self, evaluator: &dyn Evaluate, alerts: &[Alert]) {
        let mut by_origin: BTreeMap<String, Vec<Trigger>> = BTreeMap::new();
        for alert in alerts {
            let triggers = self.triggers(evaluator, std::slice::from_ref(alert));
            if !triggers.is_empty() {
                let origin = alert.origin.as_ref().map(ToString::to_string).unwrap_or_default();
                by_origin.entry(origin).or_default().extend(triggers);
            }
        }
        for (origin, triggers) in by_origin {
            let count = triggers.len();
            if let Err(unheard) = self.knock(&origin, Knock::Triggers(triggers)) {
                (0..count).for_each(|_| self.counters.refuse(unheard.reason()));
            }
        }
    }

    /// A session of the origin begins.
    pub(crate) fn door(self: &Arc<Self>, origin_name: &str) -> Door {
        let (sender, knocks) = mpsc::channel(KNOCKS);
        self.lock().insert(origin_name.to_owned(), sender);
        Door { recordings: Arc::clone(self), origin_name: origin_name.to_owned(), knocks }
    }

    /// Tells the session of an origin, if there is one.
    fn knock(&self, origin_name: &str, knock: Knock) -> Result<(), Unheard> {
        let door = self.lock().get(origin_name).cloned().ok_or(Unheard::NoSession)?;
        door.try_send(knock).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unheard::Busy,
            mpsc::error::TrySendError::Closed(_) => Unheard::NoSession,
        })
    }

    fn window_limits(&self, late_by: Duration) -> WindowLimits {
        WindowLimits {
            keep_for: self.options.before + late_by,
            max_bytes: self.options.max_window_bytes,
            max_total_bytes: self.options.max_windows_bytes,
        }
    }

    /// Makes everything visible.
    pub(crate) fn show(self: &Arc<Self>, meter: &Meter) {
        self.counters.show(meter);
        let bytes = Arc::clone(&self.window_bytes);
        let name = Name {
            name: "eyrie.engine.recordings.window_bytes",
            description: "Bytes of events that are held in case an alert comes, as on the wire",
        };
        observe::gauge(meter, name, move || Some(bytes.load(Ordering::Relaxed)));
        let store = self.store.as_ref().map(Arc::downgrade);
        let name = Name {
            name: "eyrie.engine.recordings.stored_bytes",
            description: "Bytes of all recordings that are kept",
        };
        observe::gauge(meter, name, move || Some(store.as_ref()?.upgrade()?.bytes()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<Knock>>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Door ===

impl Drop for Door {
    fn drop(&mut self) {
        self.knocks.close();
        let mut doors = self.recordings.lock();
        // A successor's stays.
        if doors.get(&self.origin_name).is_some_and(mpsc::Sender::is_closed) {
            doors.remove(&self.origin_name);
        }
    }
}
