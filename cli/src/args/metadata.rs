//! Of the commands that ask a metadata service.

use clap::{Args, Subcommand, ValueEnum};
use grpc_transport::{ClientTlsSettings, ServiceAddress};

/// How to reach a metadata service.
#[derive(Args, Debug)]
pub(crate) struct MetadataArguments {
    /// The metadata service: https://HOST:PORT, http://HOST:PORT or unix:/PATH [default: the socket of `eyrie up` if there is one,
    /// else http://127.0.0.1:7444]
    #[arg(long, value_name = "URL", env = "EYRIE_METADATA")]
    pub(crate) metadata: Option<ServiceAddress>,
    /// Allow plain text to a metadata service on another machine.
    #[arg(long, env = "EYRIE_INSECURE")]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) tls: ClientTlsSettings,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a list is printed, if not as a table of the usual columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// More columns.
    Wide,
    /// One JSON object a line.
    Json,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie containers                             what runs now\n  \
    eyrie containers --all --host web-1          also what ended on that host\n  \
    eyrie containers --at -5m --image nginx      what ran of an image five minutes ago\n  \
    eyrie containers --json | jq -r 'select(.privileged) | [.host, .name, .id] | @tsv'\n\n\
    TIME is RFC 3339 (2026-11-27T10:00:00Z), a span before now (-5m, 1h30m), a time of day as Falco prints it\n\
    (10:00:00.123456789), %evt.datetime, or %evt.rawtime. KNOWN is complete, pending (more is being asked for) or partial\n\
    (what is missing cannot be had); `eyrie describe container ID` says what and why.")]
pub(crate) struct ContainersArguments {
    #[command(flatten)]
    pub(crate) metadata: MetadataArguments,
    /// Only of this host: its name, machine id or boot id; may be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Vec<String>,
    /// Only of pods in this namespace.
    #[arg(long, short, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Only of this image: REPOSITORY or REPOSITORY:TAG, the repository as a whole or from one of its parts on.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Only of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Also those that have ended and are not forgotten yet.
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Those that were there at this moment.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
    /// More columns, or one JSON object a line.
    #[arg(long, short, value_name = "FORMAT", value_enum, conflicts_with = "json")]
    pub(crate) output: Option<Output>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DescribeCommand {
    /// Tell all that is known of a container.
    Container(DescribeContainerArguments),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie describe container 3f2a                the container whose id begins so, or of that name\n  \
    eyrie describe container 3f2a --at -10m      as of ten minutes ago\n  \
    eyrie describe container web --host web-1    if several hosts have one\n  \
    eyrie describe container 3f2a --json | jq .mounts\n\n\
    TIME is as for `eyrie containers`. Ends with 1 if no container or more than one is meant.")]
pub(crate) struct DescribeContainerArguments {
    #[command(flatten)]
    pub(crate) metadata: MetadataArguments,
    /// The container's id or the beginning of it, or its name.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// On this host: its name, machine id or boot id.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// The one that was there at this moment.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
}
