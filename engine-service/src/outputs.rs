//! Prints alerts as lines, as Falco does.
//!
//! The printer is a reader of the log with a position of its own that is kept in the log: after a crash it carries on
//! where it was, so that no alert is without its line. One that was being written at the crash may come twice.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use eyrie_proto::alert::Alert;
use tokio_util::sync::CancellationToken;

use crate::{
    alert_log::{AlertLog, AlertLogError, Page, PageLimit},
    falco_format::FalcoFormat,
};

/// What the printer has in memory.
const PAGE: PageLimit = PageLimit { entries: 256, bytes: 1024 * 1024 };
/// Between two tries after an error that may pass.
const RETRY: Duration = Duration::from_secs(1);
/// The name of the printer's position in the log.
const READER: &str = "standard-output";

/// What lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// Falco's JSON.
    Json,
    /// Falco's text.
    Text,
}

/// Where lines go, and how.
pub struct LineOutput {
    /// Takes whole lines; flushed after each page.
    pub writer: Box<dyn Write + Send>,
    /// JSON or text.
    pub line_format: LineFormat,
    /// The details.
    pub falco: FalcoFormat,
}

/// Why printing ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("nobody reads the output any more: alerts stay in the log and are not printed")]
    Closed,
    #[error(transparent)]
    Log(#[from] AlertLogError),
}

// === impl LineOutput ===

impl LineOutput {
    fn line(&self, alert: &Alert) -> String {
        match self.line_format {
            LineFormat::Json => self.falco.json(alert),
            LineFormat::Text => self.falco.text(alert),
        }
    }

    fn write(&mut self, page: &Page) -> io::Result<()> {
        // Falco's formats know no amendments, and nobody is to be paged for a rule in shadow mode.
        let printed = page.entries.iter().filter(|entry| !entry.alert.is_amendment && !entry.alert.is_shadow);
        let mut text = String::new();
        for entry in printed {
            text.push_str(&self.line(&entry.alert));
            text.push('\n');
        }
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }
}

/// The position to print from; a printer that was never there begins with what comes.
pub(crate) async fn first_position(log: &dyn AlertLog) -> Result<u64, AlertLogError> {
    if let Some(position) = log.reader_position(READER).await? {
        return Ok(position);
    }
    let last = log.bounds().borrow().last;
    log.store_reader_position(READER, last).await?;
    Ok(last)
}

/// Prints until `stop`, and then what is left.
pub(crate) async fn print(
    log: Arc<dyn AlertLog>,
    output: LineOutput,
    mut position: u64,
    stop: CancellationToken,
) -> Result<(), OutputError> {
    let output = Arc::new(Mutex::new(output));
    let mut bounds = log.bounds();
    loop {
        bounds.mark_unchanged();
        let is_stopping = stop.is_cancelled();
        match print_page(&*log, &output, position).await {
            Ok(after) if after != position => {
                position = after;
                continue;
            }
            Ok(_) if is_stopping => return Ok(()),
            Ok(_) => {}
            Err(OutputError::Log(error)) if error.is_retryable() && !is_stopping => {
                tracing::error!("cannot print alerts, trying again: {error}");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(RETRY) => {}
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = bounds.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// Prints a page and stores the position behind it, which it gives back.
async fn print_page(
    log: &dyn AlertLog,
    output: &Arc<Mutex<LineOutput>>,
    position: u64,
) -> Result<u64, OutputError> {
    let page = log.read(position, PAGE).await?;
    if page.trimmed_entries > 0 {
        tracing::warn!(alerts = page.trimmed_entries, "alerts left the log before they were printed");
    }
    let after = page.entries.last().map_or(position + page.trimmed_entries, |entry| entry.position);
    if after == position {
        return Ok(position);
    }
    let shared = Arc::clone(output);
    let write = move || shared.lock().unwrap_or_else(PoisonError::into_inner).write(&page);
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Err(OutputError::Closed),
        Ok(Err(error)) => {
            let path = "standard output".into();
            return Err(OutputError::Log(AlertLogError::Io { path, detail: error.to_string() }));
        }
        Err(_) => return Err(OutputError::Closed),
    }
    log.store_reader_position(READER, after).await?;
    Ok(after)
}
