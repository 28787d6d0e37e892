//! Whether a process can do its work, part by part.

use std::{
    fmt::{self, Write as _},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A part that does not say so for that long is not ready.
const CHECK_WAIT: Duration = Duration::from_secs(2);

type Checking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Check = Box<dyn Fn() -> Checking + Send + Sync>;

/// The parts of a service that may be unready, and how that is found out.
#[derive(Default)]
pub struct Checks(Vec<(&'static str, Check)>);

/// Whether a process is ready; shared by who says so and who tells it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// There once everything has started.
    checks: OnceLock<Checks>,
    is_draining: AtomicBool,
}

/// What was found at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadinessReport {
    /// All parts are ready.
    pub is_ready: bool,
    /// A line for each part.
    pub text: String,
}

// === impl Checks ===

impl Checks {
    /// Adds a part. `check` says why it is not ready; it must not take long, and is given up after some seconds.
    #[must_use]
    pub fn with<F>(mut self, part: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.0.push((part, Box::new(move || Box::pin(check()))));
        self
    }

    /// Adds the parts of another service in the same process.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(part, _)| part)).finish()
    }
}

// === impl Readiness ===

impl Readiness {
    /// Everything has started; from now on `checks` decide. Only the first call counts.
    pub fn started(&self, checks: Checks) {
        let _ = self.0.checks.set(checks);
    }

    /// The process ends: whoever looks should go elsewhere.
    pub fn draining(&self) {
        self.0.is_draining.store(true, Ordering::Relaxed);
    }

    /// Looks at every part, all at once.
    pub async fn report(&self) -> ReadinessReport {
        let unready = |text: &str| ReadinessReport { is_ready: false, text: format!("{text}\n") };
        if self.0.is_draining.load(Ordering::Relaxed) {
            return unready("draining");
        }
        let Some(checks) = self.0.checks.get() else { return unready("starting") };
        let running: Vec<_> = checks
            .0
            .iter()
            .map(|(part, check)| (part, tokio::spawn(tokio::time::timeout(CHECK_WAIT, check()))))
            .collect();
        let mut report = ReadinessReport { is_ready: true, text: String::new() };
        for (part, checking) in running {
            let found = match checking.await {
                Ok(Ok(found)) => found,
                Ok(Err(_)) => Err(format!("does not say within {CHECK_WAIT:?}")),
                Err(error) => Err(error.to_string()),
            };
            report.is_ready &= found.is_ok();
            let found = found.map_or_else(|reason| format!("not ready: {reason}"), |()| "ready".to_owned());
            let _ = writeln!(report.text, "{part}: {found}");
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    /// Scenario: a process that starts, has parts that are ready, not ready and silent, and then drains. Guarantees: it is
    /// ready only while all its parts are, and every part is told with its reason.
    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_while_all_its_parts_are() {
        let readiness = Readiness::default();
        assert_eq!(readiness.report().await, ReadinessReport { is_ready: false, text: "starting\n".into() });
        readiness.started(Checks::default().with("log", || future::ready(Ok(()))));
        assert_eq!(readiness.report().await, ReadinessReport { is_ready: true, text: "log: ready\n".into() });
        readiness.draining();
        assert!(!readiness.report().await.is_ready);

        let unready = Readiness::default();
        let fails = || future::ready(Err("the disk is full".to_owned()));
        let checks = Checks::default().with("log", fails).with("silent", future::pending);
        unready.started(checks.and(Checks::default().with("rules", || future::ready(Ok(())))));
        let report = unready.report().await;
        assert!(!report.is_ready);
        let expected =
            "log: not ready: the disk is full\nsilent: not ready: does not say within 2s\nrules: ready\n";
        assert_eq!(report.text, expected);
    }
}
