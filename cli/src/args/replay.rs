//! Of `eyrie replay`.

use std::path::PathBuf;

use clap::Args;
use engine_service::{RuleSwitch, StaticField};
use jiff::tz::TimeZone;
use rule_language::{OutputAddition, Priority};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie replay incident.eyrie --rules deploy/rules\n  \
    eyrie replay capture.scap --rules falco_rules.yaml --json | jq -r .rule | sort | uniq -c\n  \
    eyrie replay incident.eyrie --rules my_rules.yaml --rule 'Shell*' --stats\n  \
    gzip -dc capture.scap.gz | eyrie replay - --rules rules.d --time-zone UTC\n\n\
    A file is read twice: first for what it tells of containers and the host, then for its events. Standard input (-) is\n\
    read once, and a match waits until its container is told of. Ends with 1 if a file could not be read to its end, after\n\
    all alerts of what could be read. docs/recordings.md says more.")]
pub(crate) struct ReplayArguments {
    /// Recordings, .scap files or Eyrie's own, packed with gzip or not; each by itself. - is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) rules: RuleArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Tell at the end what there was, how fast it went, and where the time was spent, on standard error.
    #[arg(long)]
    pub(crate) stats: bool,
    /// Let events come as fast as they happened, times FACTOR; without it, as fast as they can be read.
    #[arg(long, value_name = "FACTOR", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = speed)]
    pub(crate) speed: Option<f64>,
}

/// Which rules are evaluated, and how; as of an engine.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RuleArguments {
    /// Rules files, or folders with rules files, in load order; may be repeated [default: /etc/eyrie/rules].
    #[arg(long, value_name = "FILE|DIR", value_delimiter = ',')]
    pub(crate) rules: Vec<PathBuf>,
    /// Only this rule, also if its file has it off; `*` stands for any characters; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Vec<String>,
    /// Switch rules on or off, one step after the other: enable:rule=NAME, enable:tag=TAG, disable:rule=NAME or
    /// disable:tag=TAG; may be repeated.
    #[arg(long, value_name = "STEP", conflicts_with = "rule")]
    pub(crate) select_rules: Vec<RuleSwitch>,
    /// No rules that are less severe than this (emergency ... debug).
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) min_priority: Option<Priority>,
    /// Report every rule that an event matches, instead of the first in load order.
    #[arg(long)]
    pub(crate) match_all: bool,
    /// Leave out the fields that are suggested for a rule's source, which are container and pod.
    #[arg(long)]
    pub(crate) no_suggested_output: bool,
    /// What else is added to the outputs of rules: an entry of Falco's append_output, as JSON; may be repeated.
    #[arg(long, value_name = "JSON", value_parser = output_addition)]
    pub(crate) append_output: Vec<OutputAddition>,
    /// A value that stands on all alerts and that rules may use as static.KEY; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) static_fields: Vec<StaticField>,
    /// Let fd.typechar of a failed open(2) be 'o', as in Falco.
    #[arg(long)]
    pub(crate) falco_open_typechar: bool,
}

/// How alerts are printed.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OutputArguments {
    /// Alerts as Falco's JSON, one object a line; and --stats as one object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Times in text as ISO 8601.
    #[arg(long)]
    pub(crate) iso_time: bool,
    /// Add what Falco does not have to the output fields of JSON, under `eyrie.`.
    #[arg(long)]
    pub(crate) eyrie_fields: bool,
    /// The zone of times in text, such as UTC or Europe/Rome [default: this machine's].
    #[arg(long, value_name = "ZONE", value_parser = time_zone)]
    pub(crate) time_zone: Option<TimeZone>,
    /// Print no alerts: with --stats, only how many there are.
    #[arg(long)]
    pub(crate) quiet: bool,
}

fn output_addition(json: &str) -> Result<OutputAddition, serde_json::Error> {
    serde_json::from_str(json)
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|error| format!("{error}; names are those of IANA, such as Europe/Rome"))
}

/// Slower than a hundredth nobody waits for, and faster than a million is as fast as it goes.
fn speed(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    match factor {
        0.01..=1e6 => Ok(factor),
        _ => Err("the factor is to be from 0.01 to 1000000; leave --speed away for full speed".to_owned()),
    }
}
