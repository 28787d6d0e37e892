//! Of the commands that are about what hosts are asked to record, and what that covers.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::EngineArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Show what each host is asked to record, what it makes of that, and what it costs.
    Show(PlanShowArguments),
    /// Explain a rule: which of its conditions reach the kernel, what forces every call, and what it costs.
    Explain(PlanExplainArguments),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie plan show                              all hosts that are connected\n  \
    eyrie plan show --host web-1\n  \
    eyrie plan show --rules deploy/rules         what these rules would ask for, without an engine\n  \
    eyrie plan show --json | jq -r '.calls[] | select(.bytes_per_second > 1e6) | .event_type'\n\n\
    EVENTS/S and BYTES/S are estimated from a sample of the last ten seconds or so; bytes are as on the wire before compression.\n\
    DROPPED is what filters kept in the kernel, estimated from the share of it that is sent marked to verify them; none marked: too little to tell.")]
pub(crate) struct PlanShowArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Only this host: its name, machine id or boot id; may be repeated.
    #[arg(long, value_name = "HOST", conflicts_with = "rules")]
    pub(crate) host: Vec<String>,
    /// Also hosts whose stream has ended.
    #[arg(long, conflicts_with = "rules")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) rules: PlannedRules,
}

#[derive(Args, Debug)]
// What is behind --rules is files: of itself the usage would have the rule there.
#[command(
    override_usage = "eyrie plan explain <RULE> [OPTIONS]\n       eyrie plan explain <RULE> --rules <FILE|DIR>..."
)]
#[command(after_help = "Examples:\n  \
    eyrie plan explain 'Read sensitive file untrusted'\n  \
    eyrie plan explain 'Netcat*' --host web-1\n  \
    eyrie plan explain '*' --rules deploy/rules  what of each rule would reach the kernel, without an engine\n  \
    eyrie plan explain '*' --json | jq -r 'select(any(.calls[]; .filters == [])) | .rule'\n\n\
    Of the events of a type, the share that is told is that which this rule's own conditions let through.")]
pub(crate) struct PlanExplainArguments {
    /// The rule's name; `*` stands for any characters.
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Only on this host: its name, machine id or boot id; may be repeated.
    #[arg(long, value_name = "HOST", conflicts_with = "rules")]
    pub(crate) host: Vec<String>,
    #[command(flatten)]
    pub(crate) rules: PlannedRules,
}

/// Rules to make plans of, instead of those of an engine.
#[derive(Args, Debug)]
pub(crate) struct PlannedRules {
    /// Make the plan of these rules files and folders, in this order, and ask no engine.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "FILE|DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// With --rules: a value that the engine's configuration has under static-fields; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", requires = "rules")]
    pub(crate) static_fields: Vec<engine_service::StaticField>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie coverage                               every rule on every host\n  \
    eyrie coverage --gaps                        only where something cannot be seen\n  \
    eyrie coverage --host web-1 --rule 'Netcat*'\n  \
    eyrie coverage --json | jq -r 'select(.active | not) | [.host, .rule, .reasons[0]] | @tsv'\n\n\
    A rule is active on a host from the first record of the first plan that serves it. WHY is why it is not, or what it cannot see;\n\
    a note in brackets is no gap.")]
pub(crate) struct CoverageArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Only on this host: its name, machine id or boot id; may be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Vec<String>,
    /// Only this rule; `*` stands for any characters; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Vec<String>,
    /// Only where a rule is not active, or cannot see something.
    #[arg(long)]
    pub(crate) gaps: bool,
}
