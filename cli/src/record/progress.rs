//! What an operator sees of a recording.

use std::{
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eyrie_proto::recording::RecordingEnd;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use owo_colors::OwoColorize as _;
use serde_json::json;

/// How often the line of figures is drawn anew.
const TICK: Duration = Duration::from_millis(200);

/// What was recorded so far.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) streams: AtomicU64,
    pub(super) processes: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) left_out: AtomicU64,
    /// Events that the agent says were lost.
    pub(super) lost: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// A line with figures; only on terminals, and gone when dropped.
pub(super) struct Progress {
    bar: ProgressBar,
    task: tokio::task::JoinHandle<()>,
}

/// How a recording ended.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) end: RecordingEnd,
    /// Events that were captured and that nobody took before the end.
    pub(super) unwritten: u64,
    pub(super) failure: Option<anyhow::Error>,
    pub(super) elapsed: Duration,
    pub(super) figures: Arc<Figures>,
}

// === impl Progress ===

impl Progress {
    pub(super) fn start(figures: &Arc<Figures>, file: &Path) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        let (shown, figures, file) = (bar.clone(), Arc::clone(figures), file.display().to_string());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                ticks.tick().await;
                shown.set_message(format!("recording to {file}: {}; Ctrl-C ends it", figures.text()));
                shown.tick();
            }
        });
        Self { bar, task }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

// === impl Figures ===

impl Figures {
    fn get(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    fn text(&self) -> String {
        let mut text =
            format!("{} events, {}", HumanCount(Self::get(&self.events)), HumanBytes(Self::get(&self.bytes)));
        for (count, what) in [(&self.left_out, "left out"), (&self.lost, "lost")] {
            if Self::get(count) > 0 {
                text += &format!(", {} {what}", HumanCount(Self::get(count)));
            }
        }
        text
    }
}

// === impl Summary ===

impl Summary {
    /// One line, or a JSON object on standard output (or, where the recording is there, on standard error).
    pub(super) fn tell(&self, file: &Path, is_json: bool) -> anyhow::Result<()> {
        if is_json {
            let object = self.to_json(file);
            if file == Path::new("-") {
                eprintln!("{object}");
            } else {
                writeln!(std::io::stdout().lock(), "{object}")?;
            }
        } else {
            let why = if self.end == RecordingEnd::Budget { " (as large as it may be)" } else { "" };
            let figures = self.figures.text();
            anstream::eprintln!("{} {}: {figures}{why}", "recorded".green(), file.display());
        }
        if self.unwritten > 0 {
            let unwritten = HumanCount(self.unwritten);
            anstream::eprintln!(
                "{} {unwritten} events were captured and not written before the end",
                "lost:".yellow()
            );
        }
        if let Some(failure) = &self.failure {
            anstream::eprintln!("{} {failure}", "error:".red());
        }
        Ok(())
    }

    fn to_json(&self, file: &Path) -> serde_json::Value {
        let figures = &self.figures;
        json!({
            "file": file,
            "events": Figures::get(&figures.events),
            "processes": Figures::get(&figures.processes),
            "left_out_events": Figures::get(&figures.left_out),
            "lost_events": Figures::get(&figures.lost),
            "unwritten_events": self.unwritten,
            "bytes": Figures::get(&figures.bytes),
            "seconds": self.elapsed.as_secs_f64(),
            "end": match self.end {
                _ if self.failure.is_some() => "failed",
                RecordingEnd::Budget => "budget",
                _ => "complete",
            },
            "error": self.failure.as_ref().map(ToString::to_string),
        })
    }
}
