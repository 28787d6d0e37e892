//! The command line.

mod metadata;
mod plan;
mod record;
mod recordings;
mod replay;

use std::path::PathBuf;

use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, builder::styling::AnsiColor,
    builder::styling::Styles,
};
use grpc_transport::{ClientTlsSettings, ServiceAddress};

pub(crate) use self::{
    metadata::{ContainersArguments, DescribeCommand, DescribeContainerArguments, Output},
    plan::{CoverageArguments, PlanCommand, PlanExplainArguments, PlanShowArguments, PlannedRules},
    record::RecordArguments,
    recordings::{
        RecordingsCommand, RecordingsDeleteArguments, RecordingsGetArguments, RecordingsListArguments,
    },
    replay::{OutputArguments, ReplayArguments, RuleArguments},
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runtime threat detection for fleets of Linux hosts, with Falco's rules.
#[derive(Debug, Parser)]
#[command(
    name = "eyrie",
    version,
    styles = STYLES,
    after_help = "Examples:\n  \
        eyrie up --rules deploy/rules            watch this host and print alerts (as root)\n  \
        eyrie record --duration 1m FILE          what happens on this host, to a file (as root)\n  \
        eyrie alerts --follow                    what an engine raises, as it comes\n  \
        eyrie alerts --since 10m --json          the last ten minutes, one JSON object a line\n  \
        eyrie replay FILE --rules deploy/rules   the alerts of a recording, or of a .scap file\n  \
        eyrie rules check my_rules.yaml          explain what is wrong with a rules file\n  \
        eyrie fields                             what conditions and outputs can be made of\n  \
        eyrie hosts                              who is connected, how fast, with what losses\n  \
        eyrie coverage --gaps                    which rules cannot see everything, where and why\n  \
        eyrie plan explain RULE                  what of a rule reaches the kernel, and what it costs\n  \
        eyrie containers                         what runs on all hosts, and what is known of it\n  \
        eyrie describe container ID --at -5m     all that was so of one container, and who told"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

// === impl Arguments ===

impl Arguments {
    /// What was given on the command line; ends the process if it cannot be used, and for help.
    pub(crate) fn read() -> Self {
        let matches = Self::whole_command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// With what the declarations leave out.
    pub(crate) fn whole_command() -> clap::Command {
        let settled = |up| {
            service_runtime::with_settings::<engine_service::Settings>(up).mut_arg("log_level", |argument| {
                argument
                    .visible_alias("log")
                    .env("EYRIE_LOG")
                    .help("What the services log: error, warn, info, debug, or a filter [default: warn]")
            })
        };
        Self::command()
            .mut_subcommand("up", settled)
            .mut_subcommand("alerts", with_tls_variables)
            .mut_subcommand("hosts", with_tls_variables)
            .mut_subcommand("coverage", with_tls_variables)
            .mut_subcommand("plan", |plan| plan.mut_subcommands(with_tls_variables))
            .mut_subcommand("containers", with_tls_variables)
            .mut_subcommand("record", with_tls_variables)
            .mut_subcommand("recordings", |recordings| recordings.mut_subcommands(with_tls_variables))
            .mut_subcommand("describe", |describe| describe.mut_subcommand("container", with_tls_variables))
    }
}

/// Names the variables of the TLS settings, whose declaration leaves that to each program: EYRIE_TLS_CA and so on.
fn with_tls_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| match argument.get_id().as_str() {
        id if id.starts_with("tls_") => {
            let variable = format!("EYRIE_{}", id.to_ascii_uppercase());
            argument.env(variable)
        }
        _ => argument,
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run agent, engine and metadata service in this process and print alerts.
    Up(Box<UpArguments>),
    /// Record what happens on this host to a file.
    Record(Box<RecordArguments>),
    /// Stream alerts from an engine.
    Alerts(AlertsArguments),
    /// List the hosts that are connected to an engine.
    Hosts(HostsArguments),
    /// List which rules are active on which hosts, since when, and why not.
    Coverage(CoverageArguments),
    /// Tell what hosts are asked to record, and why.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// List the containers that are known, as of now or of a moment.
    Containers(ContainersArguments),
    /// List, fetch and remove what an engine has recorded.
    #[command(subcommand)]
    Recordings(RecordingsCommand),
    /// Tell all that is known of one thing, since when and from whom.
    #[command(subcommand)]
    Describe(DescribeCommand),
    /// Evaluate recordings and print alerts, as an engine would have.
    Replay(Box<ReplayArguments>),
    /// Work on rules files.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Work on single conditions.
    #[command(subcommand)]
    Condition(ConditionCommand),
    /// List the fields that rules can use.
    Fields(FieldsArguments),
    /// Print a script that makes a shell complete eyrie's commands.
    #[command(after_help = "Examples:\n  \
        eyrie completions bash > /etc/bash_completion.d/eyrie\n  \
        eyrie completions zsh > ~/.zfunc/_eyrie\n  \
        eyrie completions fish > ~/.config/fish/completions/eyrie.fish")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Load rules files as an engine would, and explain errors and warnings.
    Check(RulesCheckArguments),
    /// Describe rules, macros and lists as JSON: what they use, and what they are compiled to.
    Describe(RulesDescribeArguments),
    /// Run cases against rules: what should fire does, and what should not does not.
    Test(RulesTestArguments),
    /// Print the JSON schema of rules files.
    #[command(after_help = "Example:\n  eyrie rules schema > falco-rules.schema.json")]
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConditionCommand {
    /// Parse conditions from standard input, and print a JSON object for each.
    Parse(ConditionParseArguments),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie up --rules deploy/rules\n  \
    eyrie up --rules falco_rules.yaml --rules my_rules.yaml --json\n\n\
    While it runs, `eyrie alerts --follow` and `eyrie hosts` work in another terminal.")]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) engine: engine_service::Settings,
}

#[derive(Args, Debug)]
pub(crate) struct EngineArguments {
    /// The engine: https://HOST:PORT, http://HOST:PORT or unix:/PATH.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7443", env = "EYRIE_ENGINE")]
    pub(crate) engine: ServiceAddress,
    /// Allow plain text to an engine on another machine.
    #[arg(long, env = "EYRIE_INSECURE")]
    pub(crate) insecure: bool,
    #[command(flatten)]
    pub(crate) tls: ClientTlsSettings,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie alerts --follow\n  \
    eyrie alerts --since 2026-11-23T10:00:00Z --priority warning\n  \
    eyrie alerts --follow --since CURSOR --json   carry on where the line with that eyrie.cursor ended\n  \
    eyrie alerts --rule 'Shell*' --tag T1059.004")]
pub(crate) struct AlertsArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// Wait for what comes.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Start after this cursor, at this time (RFC 3339), or so long ago (10m, 2h); otherwise with the oldest alert,
    /// and with --follow now.
    #[arg(long, value_name = "CURSOR|TIME")]
    pub(crate) since: Option<String>,
    /// Only alerts this grave or graver (emergency ... debug).
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) priority: Option<String>,
    /// Only this rule; `*` stands for any characters; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Vec<String>,
    /// Only rules with this tag; may be repeated.
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Only this host; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// End after so many alerts.
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) limit: u64,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie hosts\n  \
    eyrie hosts -o wide                          with system, kernel, cloud and labels\n  \
    eyrie hosts --json | jq -r 'select(.metadata.cloud.region == \"eu-west-1\") | .hostname'\n\n\
    What -o wide and --json add is what a metadata service knows; without one the rest is told all the same.")]
pub(crate) struct HostsArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    /// The metadata service, for -o wide and --json: https://HOST:PORT, http://HOST:PORT or unix:/PATH [default: the socket of
    /// `eyrie up` if there is one, else http://127.0.0.1:7444]
    #[arg(long, value_name = "URL", env = "EYRIE_METADATA")]
    pub(crate) metadata: Option<ServiceAddress>,
    /// More columns, or one JSON object a line.
    #[arg(long, short, value_name = "FORMAT", value_enum, conflicts_with = "json")]
    pub(crate) output: Option<Output>,
    /// Also hosts whose stream has ended.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie rules check deploy/rules\n  \
    eyrie rules check falco_rules.yaml falco_rules.local.yaml --json\n\n\
    Ends with 1 if there is an error.")]
pub(crate) struct RulesCheckArguments {
    /// Rules files, or folders with rules files, in load order.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,
    /// The result in Falco's shape: {"falco_load_results":[...]}.
    #[arg(long)]
    pub(crate) json: bool,
    /// A value that the engine's configuration has under static-fields; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) static_fields: Vec<engine_service::StaticField>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie rules describe falco_rules.yaml | jq -r '.rules[].info.name'\n  \
    eyrie rules describe falco_rules.yaml --rule 'Terminal shell in container'\n\n\
    The JSON is what `falco -L` and `falco -l RULE` print with json_output.")]
pub(crate) struct RulesDescribeArguments {
    /// Rules files, or folders with rules files, in load order.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,
    /// Only this rule.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// A value that the engine's configuration has under static-fields; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) static_fields: Vec<engine_service::StaticField>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie rules test my_rules_test.yaml\n  \
    eyrie rules test tests/ --rules my_rules.yaml --rule 'Shell*'\n  \
    eyrie rules test tests/ --rules rules.d --junit report.xml\n  \
    eyrie rules test tests/ --mutate --near-misses --min-score 90\n\n\
    docs/rule-tests.md says how cases are written. Ends with 1 if a case fails, or the score is too low.")]
pub(crate) struct RulesTestArguments {
    /// Files of cases, or folders with such files.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,
    /// Rules files, or folders with rules files, in load order, in place of those that the case files name; may be repeated.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Measure which comparisons of the expected rules no case would miss: each is deleted and negated in turn.
    #[arg(long)]
    pub(crate) mutate: bool,
    /// Derive cases from those that fire, in which one comparison of the rule says otherwise, and run them too.
    #[arg(long)]
    pub(crate) near_misses: bool,
    /// End with 1 if fewer of the mutants are noticed than this.
    #[arg(long, value_name = "PERCENT", requires = "mutate", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_score: Option<u8>,
    /// Only cases that expect this rule; `*` stands for any characters.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// Only cases of this name; `*` stands for any characters.
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Option<String>,
    /// Write the results to this file, as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// The results as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    echo 'proc.name in (bash, zsh) and not user_known' | eyrie condition parse\n  \
    eyrie rules describe rules.yaml | jq -j '.rules[].info.condition + \"\\u0000\"' | eyrie condition parse -0\n\n\
    A line of output is {\"ok\":true,\"canonical\":\"…\",\"ast\":{…}}\n\
    or {\"ok\":false,\"error\":\"…\",\"line\":1,\"column\":7,\"offset\":6}; lines and columns count from 1, columns in bytes.\n\
    Ends with 1 if a condition was refused.")]
pub(crate) struct ConditionParseArguments {
    /// NUL ends a condition, not a line break.
    #[arg(short = '0', long)]
    pub(crate) null: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie fields                                    every field, by class\n  \
    eyrie fields --names | grep ^proc               only their names\n  \
    eyrie fields --json | jq -c '.[].fields[] | select(.absent_because) | {name, absent_because}'\n  \
    eyrie fields --format markdown > docs/fields.md\n\n\
    The JSON has the shape of `falco --list --format json`, with absent_because beside: a rule may use a field that\n\
    no event has a value of, and finds it missing; why, is said there.")]
pub(crate) struct FieldsArguments {
    /// Only the fields that events of this source have.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// For people, for documentation, or for programs.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = FieldsFormat::Text)]
    pub(crate) format: FieldsFormat,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Only names, one a line.
    #[arg(long, short = 'N', conflicts_with_all = ["format", "json"])]
    pub(crate) names: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FieldsFormat {
    /// Tables that fit the terminal.
    Text,
    /// A document.
    Markdown,
    /// An array of classes.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: TLS by flags, for all commands that connect, and an address that is none. Guarantees: flags arrive; each has a
    /// variable of this program's; the address is refused with what one looks like.
    #[test]
    fn clients_are_told_of_tls() {
        let command = Arguments::whole_command();
        command.clone().debug_assert();
        for names in [
            &["alerts"][..],
            &["hosts"],
            &["containers"],
            &["describe", "container"],
            &["record"],
            &["recordings", "list"],
            &["recordings", "get"],
        ] {
            let subcommand = names.iter().fold(&command, |outer, name| outer.find_subcommand(name).unwrap());
            let variables: Vec<_> = subcommand
                .get_arguments()
                .filter(|argument| argument.get_id().as_str().starts_with("tls_"))
                .map(|argument| argument.get_env().unwrap().to_str().unwrap())
                .collect();
            let expected = ["EYRIE_TLS_CA", "EYRIE_TLS_CERT", "EYRIE_TLS_KEY", "EYRIE_TLS_SERVER_NAME"];
            assert_eq!(variables, expected, "{names:?}");
        }
        let flags = ["eyrie", "hosts", "--engine=https://e:1", "--tls-ca=/ca", "--tls-server-name=n"];
        let matches = command.clone().try_get_matches_from(flags).unwrap();
        let Command::Hosts(hosts) = Arguments::from_arg_matches(&matches).unwrap().command else {
            panic!("not hosts")
        };
        let security = hosts.engine.tls.security(hosts.engine.insecure).unwrap();
        assert!(hosts.engine.engine.is_tls());
        assert_eq!((security.ca, security.server_name), (Some("/ca".into()), Some("n".into())));
        let error = command.try_get_matches_from(["eyrie", "hosts", "--engine", "e:1"]).unwrap_err();
        assert!(error.to_string().contains("https://HOST:PORT"), "{error}");
    }
}
