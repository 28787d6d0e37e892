//! The loop of a process, with real signals: all in one test, since signals are for the whole process.
#![allow(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

use std::{
    future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};
use service_runtime::{End, Running, Shell};
use telemetry::{Checks, ServiceIdentity, TelemetryConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Nothing here takes as long, so that a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// In place of a failure, that it has done everything.
const DONE: &str = "done";

/// Fails at once if it has a failure, ends at once if it is done; drains at once or never.
struct Fake {
    pages: SocketAddr,
    failure: Option<&'static str>,
    is_done: bool,
    drains: bool,
    is_drained: Arc<AtomicBool>,
}

impl Running for Fake {
    type Error = &'static str;

    fn name(&self) -> &'static str {
        "fake"
    }

    fn checks(&self) -> Checks {
        Checks::default().with("all of it", || future::ready(Ok(())))
    }

    async fn failed(&mut self) -> &'static str {
        match self.failure {
            Some(failure) => failure,
            None => {
                assert!(ready_page(self.pages).await.ends_with("all of it: ready\n"));
                tell_to_end();
                future::pending().await
            }
        }
    }

    async fn ended(&mut self) -> Result<(), &'static str> {
        if self.is_done {
            return Ok(());
        }
        Err(self.failed().await)
    }

    async fn shutdown(self) {
        assert!(ready_page(self.pages).await.ends_with("draining\n"));
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

async fn ready_page(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

async fn shell() -> Shell {
    let config = TelemetryConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    Shell::start(&config, ServiceIdentity { name: "eyrie-test", version: "0" }).await.unwrap()
}

/// Scenario: a service that is told to end drains; another does not finish draining and is told again; a third fails; a
/// fourth is told before it has started; a fifth has done what it was there for. Guarantees: the first ends in order, the second and fourth at once, the third
/// with its failure, which is not drained, the fifth in order without being told; the pages say what the service is doing until it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_runs_until_it_is_told_to_end() {
    let is_drained = Arc::new(AtomicBool::new(false));
    let serve = async |failure, drains| {
        let shell = shell().await;
        let pages = shell.admin_address().unwrap();
        let is_done = failure == Some(DONE);
        let fake = Fake { pages, failure, is_done, drains, is_drained: Arc::clone(&is_drained) };
        let serving = shell.serve(async { Ok::<_, &'static str>(fake) });
        let ended = tokio::time::timeout(PATIENCE, serving).await.unwrap();
        assert!(TcpStream::connect(pages).await.is_err());
        ended
    };
    assert_eq!(serve(None, false).await, Ok(End::Hurried));
    assert_eq!(serve(Some("broken"), true).await, Err("broken"));
    assert!(!is_drained.load(Ordering::Relaxed));
    assert_eq!(serve(None, true).await, Ok(End::Drained));
    assert!(is_drained.swap(false, Ordering::Relaxed));
    assert_eq!(serve(Some(DONE), true).await, Ok(End::Drained));
    assert!(is_drained.load(Ordering::Relaxed));

    let shell = shell().await;
    let pages = shell.admin_address().unwrap();
    let starting = async {
        assert!(ready_page(pages).await.ends_with("starting\n"));
        tell_to_end();
        future::pending::<Result<Fake, &'static str>>().await
    };
    let ended = tokio::time::timeout(PATIENCE, shell.serve(starting)).await.unwrap();
    assert_eq!(ended, Ok(End::Hurried));
}
