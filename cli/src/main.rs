//! The operator's client, and Eyrie in one process.
//!
//! `eyrie up` starts agent and engine in this process and prints alerts; every other command is a client of an engine's or a
//! metadata service's gRPC services or works on files, fields and conditions. Tables and colours are for terminals; `--json` gives one JSON object a line.
#![forbid(unsafe_code)]

mod alert_view;
mod alerts;
mod args;
mod client;
mod condition;
mod containers;
mod coverage;
mod describe;
mod diagnostics;
mod fields;
mod hosts;
mod known;
mod moment;
mod plan;
mod record;
mod recordings;
mod replay;
mod rules;
mod rules_test;
mod up;

use std::{process::ExitCode, time::Duration};

use crate::args::{Arguments, Command, ConditionCommand, DescribeCommand, RulesCommand};

/// What went wrong was the user's or the system's: exit code 1, as Falco has it. (clap exits with 2 on bad usage.)
const FAILURE: u8 = 1;
/// For threads that are stuck, such as one that writes alerts to a pipe that nobody reads.
const STUCK_THREADS_WAIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the asynchronous runtime: {error}");
            return ExitCode::from(FAILURE);
        }
    };
    let ended = runtime.block_on(run(arguments));
    runtime.shutdown_timeout(STUCK_THREADS_WAIT);
    match ended {
        Ok(code) => code,
        // Whoever read has enough (`eyrie alerts | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{} {error:#}", owo_colors::OwoColorize::red(&"error:"));
            ExitCode::from(FAILURE)
        }
    }
}

/// The exit code of what failed and was told already.
pub(crate) fn main_failure() -> ExitCode {
    ExitCode::from(FAILURE)
}

/// Whether nobody reads our output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    kinds.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Up(up) => up::run(*up).await,
        Command::Record(record) => record::run(*record).await,
        Command::Alerts(alerts) => alerts::run(alerts).await,
        Command::Hosts(hosts) => hosts::run(hosts).await,
        Command::Coverage(coverage) => coverage::run(coverage).await,
        Command::Plan(command) => plan::run(command).await,
        Command::Containers(containers) => containers::run(containers).await,
        Command::Recordings(command) => recordings::run(command).await,
        Command::Describe(DescribeCommand::Container(container)) => describe::run(container).await,
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Rules(RulesCommand::Check(check)) => rules::check(&check),
        Command::Rules(RulesCommand::Describe(describe)) => rules::describe(&describe),
        Command::Rules(RulesCommand::Test(test)) => rules_test::run(&test),
        Command::Rules(RulesCommand::Schema) => rules::schema(),
        Command::Condition(ConditionCommand::Parse(parse)) => condition::parse(&parse),
        Command::Fields(arguments) => fields::run(&arguments),
        Command::Completions { shell } => {
            let mut command = Arguments::whole_command();
            clap_complete::generate(shell, &mut command, "eyrie", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
