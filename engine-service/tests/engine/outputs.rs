//! Alerts as lines.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use engine_service::{
    falco_format::FalcoFormat,
    outputs::{LineFormat, LineOutput},
};
use tokio::sync::watch;

use crate::support::*;

/// Takes lines, or breaks; tells how many bytes it has.
#[derive(Clone)]
struct Paper {
    text: Arc<Mutex<Vec<u8>>>,
    written: watch::Sender<usize>,
    is_broken: bool,
}

impl Paper {
    fn new(is_broken: bool) -> Self {
        Self { text: Arc::default(), written: watch::Sender::new(0), is_broken }
    }

    fn output(&self) -> LineOutput {
        let falco = FalcoFormat { time_zone: jiff::tz::TimeZone::UTC, ..FalcoFormat::default() };
        LineOutput { writer: Box::new(self.clone()), line_format: LineFormat::Text, falco }
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.text.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    async fn until(&self, lines: usize) {
        let mut written = self.written.subscribe();
        let wait = written.wait_for(|_| self.lines().len() >= lines);
        tokio::time::timeout(PATIENCE, wait).await.expect("not printed").unwrap();
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(io::Error::other("torn"));
        }
        self.text.lock().unwrap().extend_from_slice(bytes);
        self.written.send_modify(|count| *count += bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Scenario: alerts are printed; then the output breaks, more come, the engine ends, and starts again with an output that
/// works. Guarantees: every alert has its line, in order, and what was printed before is not printed again.
#[tokio::test]
async fn a_restart_prints_what_was_not_printed() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let first = Paper::new(false);
    let engine = start_with(log.clone(), options(), Some(first.output())).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    agent.deliver(batch(1, 2, &[1, 2])).await;
    first.until(2).await;
    engine.shutdown().await;
    // 1,000,000,000,000 ns, and one second for each event.
    let expected =
        ["00:16:41.000000000: Warning bad thread at 1", "00:16:42.000000000: Warning bad thread at 2"];
    assert_eq!(first.lines(), expected);

    let engine = start_with(log.clone(), options(), Some(Paper::new(true).output())).await;
    let mut agent = Agent::begin(&engine, hello(), 2).await;
    agent.deliver(batch(3, 1, &[3])).await;
    engine.shutdown().await;

    let last = Paper::new(false);
    let engine = start_with(log.clone(), options(), Some(last.output())).await;
    let mut agent = Agent::begin(&engine, hello(), 3).await;
    agent.deliver(batch(4, 1, &[4])).await;
    last.until(2).await;
    engine.shutdown().await;
    assert_eq!(
        last.lines(),
        ["00:16:43.000000000: Warning bad thread at 3", "00:16:44.000000000: Warning bad thread at 4"]
    );
}

/// Scenario: the engine ends right after an ack. Guarantees: the alert's line is printed before it has ended.
#[tokio::test]
async fn shutdown_prints_what_was_acked() {
    let directory = tempfile::tempdir().unwrap();
    let paper = Paper::new(false);
    let engine = start_with(sqlite(directory.path()), options(), Some(paper.output())).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    agent.deliver(batch(1, 300, &(1..=300).collect::<Vec<_>>())).await;
    engine.shutdown().await;
    assert_eq!(paper.lines().len(), 300);
}
