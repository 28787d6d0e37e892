//! The loop of a process, with real signals: all in one test, since signals are for the whole process.
#![allow(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};
use service_runtime::{End, Running, Signals, serve_until_told};

/// Nothing here takes as long, so that a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fails at once if it has a failure; drains at once or never.
struct Fake {
    failure: Option<&'static str>,
    drains: bool,
    is_drained: Arc<AtomicBool>,
}

impl Running for Fake {
    type Error = &'static str;

    fn name(&self) -> &'static str {
        "fake"
    }

    async fn failed(&mut self) -> &'static str {
        match self.failure {
            Some(failure) => failure,
            None => {
                tell_to_end();
                future::pending().await
            }
        }
    }

    async fn shutdown(self) {
        if !self.drains {
            tell_to_end();
            future::pending::<()>().await;
        }
        self.is_drained.store(true, Ordering::Relaxed);
    }
}

fn tell_to_end() {
    kill_process(getpid(), Signal::TERM).unwrap();
}

/// Scenario: a service that is told to end drains; another does not finish draining and is told again; a third fails; a
/// fourth is told before it has started. Guarantees: the first ends in order, the second and fourth at once, the third
/// with its failure, which is not drained.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_runs_until_it_is_told_to_end() {
    let mut signals = Signals::listen().unwrap();
    let is_drained = Arc::new(AtomicBool::new(false));
    let mut serve = async |failure, drains| {
        let fake = Fake { failure, drains, is_drained: Arc::clone(&is_drained) };
        let serving = serve_until_told(&mut signals, async { Ok::<_, &'static str>(fake) });
        tokio::time::timeout(PATIENCE, serving).await.unwrap()
    };
    assert_eq!(serve(None, false).await, Ok(End::Hurried));
    assert_eq!(serve(Some("broken"), true).await, Err("broken"));
    assert!(!is_drained.load(Ordering::Relaxed));
    assert_eq!(serve(None, true).await, Ok(End::Drained));
    assert!(is_drained.load(Ordering::Relaxed));

    let starting = async {
        tell_to_end();
        future::pending::<Result<Fake, &'static str>>().await
    };
    let serving = serve_until_told(&mut signals, starting);
    assert_eq!(tokio::time::timeout(PATIENCE, serving).await.unwrap(), Ok(End::Hurried));
}
