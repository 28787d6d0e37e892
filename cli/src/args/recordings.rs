//! Of the commands that are about an engine's recordings.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use grpc_transport::{ClientTlsSettings, ServiceAddress};

use super::EngineArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum RecordingsCommand {
    /// List the recordings that an engine has made.
    List(RecordingsListArguments),
    /// Fetch a recording to a file.
    Get(RecordingsGetArguments),
    /// Remove recordings from the engine.
    Delete(RecordingsDeleteArguments),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie recordings list                        the newest first\n  \
    eyrie recordings list --host web-1 --since -1h --rule 'Shell*'\n  \
    eyrie recordings list --json | jq -r 'select(.state == \"cut\") | .id'\n\n\
    An engine records where its setting capture-enabled is on and a rule says `capture: true`; docs/recordings.md says how much is kept.")]
pub(crate) struct RecordingsListArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Only of this host: its name, machine id or boot id; may be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Vec<String>,
    /// Only about alerts of this rule; `*` stands for any characters; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Vec<String>,
    /// Only those made since then: RFC 3339, a span before now (-5m, 1h30m), or a time of day.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie recordings get 5f2a9c0de1b34f67a8c95d21e07b64f3\n  \
    eyrie recordings get 5f2a9c0de1b34f67a8c95d21e07b64f3 incident.eyrie\n  \
    eyrie replay incident.eyrie --rules deploy/rules\n\n\
    Only its owner can read the file.")]
pub(crate) struct RecordingsGetArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Its id, which is the alert's that made it begin.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Where to write [default: ID.eyrie].
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Replace the file if there is one.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  eyrie recordings list --since -30d --json | jq -r .id | xargs eyrie recordings delete\n\n\
    One that is still being made is not removed. Ends with 1 if one could not be."
)]
pub(crate) struct RecordingsDeleteArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Their ids.
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

/// Of `eyrie record`: a host that streams to an engine, instead of this one.
#[derive(Args, Debug)]
pub(crate) struct RemoteArguments {
    /// Record this host by the engine that it streams to, instead of this one: its name, machine id or boot id.
    #[arg(long, value_name = "HOST", conflicts_with_all = ["filter", "rules", "all"])]
    pub(crate) host: Option<String>,
    /// The engine, for --host: https://HOST:PORT, http://HOST:PORT or unix:/PATH.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7443", env = "EYRIE_ENGINE")]
    pub(crate) engine: ServiceAddress,
    /// Allow plain text to an engine on another machine.
    #[arg(long, env = "EYRIE_INSECURE")]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) tls: ClientTlsSettings,
}
