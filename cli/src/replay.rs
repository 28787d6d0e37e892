//! `eyrie replay`: evaluates recordings and prints alerts, as an engine would have.
//!
//! All of it happens in this thread: read a piece, evaluate it, print. Nothing is kept of a recording but the state of its
//! hosts, so that a file may be as long as it likes.

mod input;
mod pace;
mod printer;
mod stats;

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use engine_service::{
    Config, RuleEvaluator, RuleOptions,
    replay::{Replay, ReplayError, ReplayOptions, Stats},
    rules::RulesError,
};
use evaluator::Matching;
use owo_colors::OwoColorize as _;
use recording::{RecordingError, Source};
use rule_language::{OutputAddition, RuleSelector, Selection, closest, matches_wildcard};

use self::{
    input::{Input, Progress},
    pace::Pace,
    printer::Printer,
    stats::Report,
};
use crate::{
    args::{ReplayArguments, RuleArguments},
    diagnostics,
};

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("cannot open the recording: {0}")]
    Open(io::Error),
}

/// One run of the command.
struct Run<'a> {
    arguments: &'a ReplayArguments,
    evaluator: Arc<RuleEvaluator>,
    progress: Progress,
    printer: Printer,
    report: Report,
}

/// Carries out `eyrie replay`; ends with 1 if something could not be read to its end.
pub(crate) fn run(arguments: &ReplayArguments) -> anyhow::Result<ExitCode> {
    let Some(evaluator) = load(&arguments.rules)? else { return Ok(ExitCode::FAILURE) };
    let mut run = Run {
        arguments,
        evaluator: Arc::new(evaluator),
        progress: Progress::of(&arguments.files),
        printer: Printer::new(&arguments.output),
        report: Report::default(),
    };
    let begun = Instant::now();
    let mut has_failed = false;
    for file in &arguments.files {
        if let Err(error) = run.replay(file)? {
            has_failed = true;
            run.progress.suspend(|| tell(file, &error));
        }
    }
    run.progress.finish();
    if arguments.stats {
        run.report.print(begun.elapsed(), arguments.output.json)?;
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

// === impl Run ===

impl Run<'_> {
    /// Replays one file; gives why it ended early, after all that could be read. The outer error is that nobody can print.
    fn replay(&mut self, file: &Path) -> anyhow::Result<Result<(), FileError>> {
        let options = ReplayOptions { is_timed: self.arguments.stats, ..ReplayOptions::default() };
        let mut replay = Replay::new(Arc::<RuleEvaluator>::clone(&self.evaluator), options);
        let input = match Input::open(file, &self.progress) {
            Ok(input) => input,
            Err(error) => return Ok(Err(FileError::Open(error))),
        };
        if input.can_be_read_twice()
            && let Ok(first) = Input::open(file, &self.progress)
        {
            let begun = Instant::now();
            learn(first, &mut replay);
            self.report.first_pass += begun.elapsed();
        }
        let read_time = input.read_time();
        let ended = match input.source() {
            Ok(mut source) => {
                let ended = self.feed(&mut *source, &mut replay)?;
                self.report.add_counts(&source.counts());
                ended
            }
            Err(error) => Err(error.into()),
        };
        let (alerts, stats) = replay.finish();
        self.printer.print(&alerts, &self.progress)?;
        if ended.is_ok() {
            self.progress.suspend(|| warn(file, &stats));
        }
        self.report.read += read_time.get();
        self.report.decode = self.report.decode.saturating_sub(read_time.get());
        self.report.format = self.printer.spent();
        self.report.add(stats);
        Ok(ended)
    }

    fn feed(
        &mut self,
        source: &mut dyn Source,
        replay: &mut Replay,
    ) -> anyhow::Result<Result<(), FileError>> {
        let mut pace = self.arguments.speed.map(Pace::new);
        loop {
            let begun = Instant::now();
            let next = source.next();
            self.report.decode += begun.elapsed();
            let kind = match next {
                Ok(Some(kind)) => kind,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error.into())),
            };
            if let Some(pace) = &mut pace {
                pace.wait_for(&kind);
            }
            match replay.feed(kind) {
                Ok(alerts) => self.printer.print(&alerts, &self.progress)?,
                Err(error) => return Ok(Err(error.into())),
            }
        }
    }
}

/// What cannot be read is told in the second pass.
fn learn(input: Input, replay: &mut Replay) {
    let Ok(mut source) = input.source() else { return };
    while let Ok(Some(kind)) = source.next() {
        replay.learn(&kind);
    }
}

/// What an error would say less of, but nobody should overlook.
fn warn(file: &Path, stats: &Stats) {
    let file = file.display();
    let tell = |what: String| anstream::eprintln!("{} {file}: {what}", "warning:".yellow());
    if stats.stream_count == 0 {
        tell("there is no stream in it: its recorder ended before it began".to_owned());
    } else if stats.cut_off_count > 0 {
        tell(format!(
            "{} of {} streams have no end: the recorder was killed, and what came in its last second may be missing",
            stats.cut_off_count, stats.stream_count
        ));
    }
    if stats.lost_events > 0 {
        tell(format!(
            "{} events were lost on the host; alerts around them have eyrie.evidence_lost (--eyrie-fields)",
            stats.lost_events
        ));
    }
}

fn tell(file: &Path, error: &FileError) {
    let message = format!("{}: {error}", file.display());
    let help = match error {
        FileError::Open(_) | FileError::Recording(RecordingError::Open { .. }) => {
            "give the path of a recording that this user may read, or - for standard input"
        }
        FileError::Recording(RecordingError::UnknownFormat { .. }) => {
            "make one with `eyrie record FILE`, or with a tool that writes .scap files"
        }
        FileError::Recording(_) | FileError::Replay(_) => {
            "the alerts above, if any, are those of everything before that place"
        }
    };
    eprint!("{}", diagnostics::render_error(&message, help, io::stderr().is_terminal()));
}

/// The rules, ready for use; nothing if they cannot be used, which is then explained.
fn load(arguments: &RuleArguments) -> anyhow::Result<Option<RuleEvaluator>> {
    let default = Config::default();
    let paths = if arguments.rules.is_empty() { default.rules } else { arguments.rules.clone() };
    let loaded = match RuleEvaluator::load(&paths, &rule_options(arguments)?) {
        Ok(loaded) => loaded,
        Err(RulesError::Invalid { diagnostics }) => {
            let is_coloured = io::stderr().is_terminal();
            for diagnostic in &diagnostics {
                eprintln!("{}", diagnostics::render(diagnostic, is_coloured));
            }
            anyhow::bail!("the rules cannot be used; nothing was replayed");
        }
        Err(error) => return Err(error.into()),
    };
    if loaded.evaluator.enabled_rules() == 0 {
        anstream::eprintln!("{} no rule is enabled: there will be no alerts", "warning:".yellow());
    }
    let names = || loaded.evaluator.rule_names();
    for wanted in &arguments.rule {
        if !names().any(|name| matches_wildcard(wanted, name)) {
            let hint =
                closest(wanted, names()).map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
            anyhow::bail!("no rule is called \"{wanted}\"{hint}");
        }
    }
    Ok(Some(loaded.evaluator))
}

fn rule_options(arguments: &RuleArguments) -> anyhow::Result<RuleOptions> {
    let by_name = |enable, name: &str| Selection { enable, rules: RuleSelector::Name(name.to_owned()) };
    let only = (!arguments.rule.is_empty()).then(|| by_name(false, "*"));
    let wanted = arguments.rule.iter().map(|name| by_name(true, name));
    let steps = arguments.select_rules.iter().map(|step| step.0.clone());
    let suggested = (!arguments.no_suggested_output).then(OutputAddition::suggested);
    let default = RuleOptions::default();
    let mut fields = crate::rules::settings(&arguments.static_fields)?;
    fields.has_falcos_open_typechar = arguments.falco_open_typechar;
    Ok(RuleOptions {
        matching: if arguments.match_all { Matching::All } else { Matching::First },
        selections: only.into_iter().chain(wanted).chain(steps).collect(),
        min_priority: arguments.min_priority.unwrap_or(default.min_priority),
        output_additions: suggested.into_iter().chain(arguments.append_output.iter().cloned()).collect(),
        fields,
    })
}
