//! The layers of flags and environment.

use std::{any::TypeId, path::PathBuf};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::{BoolishValueParser, StyledStr},
    value_parser,
};
use toml::{Table, Value};

use super::{Settings, table_of};

const CONFIG: &str = "config";
const PRINT_CONFIG: &str = "print-config";

/// A service's command line.
#[derive(Clone, Debug)]
pub struct Arguments<S> {
    /// The file of settings.
    pub file: Option<PathBuf>,
    /// Only print what is in force.
    pub is_print: bool,
    /// What flags and environment set.
    pub settings: S,
}

// === impl Arguments ===

impl<S: Settings> Arguments<S> {
    /// Adds everything to `command`, which stays about what it was about: clap would take that from the doc comment of the
    /// settings.
    pub fn augment(command: Command) -> Command {
        let (about, long_about) = (command.get_about().cloned(), command.get_long_about().cloned());
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .env(environment_name(S::ENVIRONMENT, CONFIG))
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(
                "A TOML file with the settings below, without their dashes in front. Flags and environment \
                 override it",
            );
        let print = Arg::new(PRINT_CONFIG)
            .long(PRINT_CONFIG)
            .action(ArgAction::SetTrue)
            .help("Print the settings in force as TOML, and exit");
        let command = with_settings::<S>(S::augment_args(command.arg(file).arg(print)));
        command.about(about.unwrap_or_default()).long_about(long_about.unwrap_or_default())
    }

    /// What was given.
    pub fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            file: matches.get_one(CONFIG).cloned(),
            is_print: matches.get_flag(PRINT_CONFIG),
            settings: S::from_arg_matches(matches)?,
        })
    }
}

/// The variable of a setting.
pub fn environment_name(service: &str, setting: &str) -> String {
    format!("EYRIE_{service}_{}", setting.replace('-', "_").to_ascii_uppercase())
}

/// Gives the settings of `S` in `command`, where they were flattened into, what their declaration leaves out: the names
/// of their variables, their defaults as help shows them, and that a `bool` may go without a value.
pub fn with_settings<S: Settings>(mut command: Command) -> Command {
    let defaults = S::default().resolve().ok().and_then(|config| table_of(&S::effective(&config)).ok());
    let defaults = defaults.unwrap_or_default();
    for id in ids::<S>() {
        let name = environment_name(S::ENVIRONMENT, &id);
        let default = default_text(&defaults, &key(&id));
        command = command.mut_arg(id, |argument| {
            let (short, long) = (argument.get_help().cloned(), argument.get_long_help().cloned());
            let argument = as_switch(argument.env(name));
            let Some(default) = default else { return argument };
            let told = |help: StyledStr| format!("{help} [default: {default}]");
            let argument = match short {
                Some(help) => argument.help(told(help)),
                None => argument,
            };
            match long {
                Some(help) => argument.long_help(told(help)),
                None => argument,
            }
        });
    }
    command
}

/// `--json` is `--json=true`, and `--json=false` overrides a file. (As an `Option<bool>` clap would ask for a value.)
fn as_switch(argument: Arg) -> Arg {
    if argument.get_value_parser().type_id() != TypeId::of::<bool>() {
        return argument;
    }
    argument
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
        .hide_possible_values(true)
        .value_parser(BoolishValueParser::new())
}

/// The keys of the file.
pub(super) fn keys<S: Settings>() -> Vec<String> {
    ids::<S>().iter().map(|id| key(id)).collect()
}

fn key(id: &str) -> String {
    id.replace('_', "-")
}

fn ids<S: Settings>() -> Vec<String> {
    let command = S::augment_args(Command::new("settings"));
    command.get_arguments().map(|argument| argument.get_id().to_string()).collect()
}

/// Nothing for what is empty or off by default: that needs no words.
fn default_text(defaults: &Table, key: &str) -> Option<String> {
    match defaults.get(key)? {
        Value::Boolean(_) | Value::Table(_) => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(values) => {
            let texts = values.iter().map(|value| value.as_str().unwrap_or_default());
            Some(texts.collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty())
        }
        value => Some(value.to_string()),
    }
}
