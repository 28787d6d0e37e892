//! What an engine asks of the capture thread, and its answers.

use std::sync::{Mutex, PoisonError};

use eyrie_proto::capture::{CapturePlan, CaptureRequest, StateRequest};
use tokio::sync::mpsc;

/// State requests that may wait for the capture thread; each at most [`MAX_REQUESTED_PROCESSES`] keys of 16 bytes.
const MAX_WAITING_REQUESTS: usize = 16;
/// Processes that one request may name; who wants more asks for all.
const MAX_REQUESTED_PROCESSES: usize = 1_024;
/// Answers that may wait to be sent. A plan answer has the plan in it, so this is some hundred KiB at most.
const MAX_WAITING_ANSWERS: usize = 32;

/// Answers on their way from the capture thread to the session.
pub(crate) type Answers = mpsc::Receiver<CaptureRequest>;

/// Requests on their way from the session to the capture thread.
#[derive(Debug)]
pub(crate) struct Requests {
    waiting: Mutex<Waiting>,
    answers: mpsc::Sender<CaptureRequest>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Only the newest plan counts.
    plan: Option<CapturePlan>,
    states: Vec<StateRequest>,
    generation: u64,
}

// === impl Requests ===

impl Requests {
    pub(crate) fn new() -> (Self, Answers) {
        let (answers, receiver) = mpsc::channel(MAX_WAITING_ANSWERS);
        (Self { waiting: Mutex::default(), answers }, receiver)
    }

    /// Leaves a plan for the capture thread; it replaces one that is still waiting.
    pub(crate) fn put_plan(&self, plan: CapturePlan) {
        self.lock().plan = Some(plan);
    }

    /// Leaves a state request for the capture thread, or says why it cannot.
    pub(crate) fn put_state(&self, request: StateRequest) -> Result<(), String> {
        if request.processes.len() > MAX_REQUESTED_PROCESSES {
            return Err(format!("more than {MAX_REQUESTED_PROCESSES} processes; ask for all instead"));
        }
        let mut waiting = self.lock();
        if waiting.states.len() >= MAX_WAITING_REQUESTS {
            return Err(format!("{MAX_WAITING_REQUESTS} requests are waiting already"));
        }
        waiting.states.push(request);
        Ok(())
    }

    pub(crate) fn take_plan(&self) -> Option<CapturePlan> {
        self.lock().plan.take()
    }

    /// Takes the oldest state request.
    pub(crate) fn take_state(&self) -> Option<StateRequest> {
        let mut waiting = self.lock();
        (!waiting.states.is_empty()).then(|| waiting.states.remove(0))
    }

    /// The generation of the plan that is carried out.
    pub(crate) fn generation(&self) -> u64 {
        self.lock().generation
    }

    pub(crate) fn set_generation(&self, generation: u64) {
        self.lock().generation = generation;
    }

    /// Sends an answer, unless the session lags so far behind that it has to ask again.
    pub(crate) fn answer(&self, answer: CaptureRequest) {
        if self.answers.try_send(answer).is_err() {
            tracing::warn!("an answer to the engine was dropped: too many are waiting");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
