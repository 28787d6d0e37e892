use std::{collections::BTreeMap, io::Write as _, net::SocketAddr};

use clap::Command;
use serde::Deserialize;

use super::*;

/// What two services may share.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Shared {
    /// A file
    #[arg(long)]
    tls_ca: Option<String>,
    /// A number
    #[arg(long)]
    trace_ratio: Option<f64>,
}

/// What only programmers read.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Example {
    /// How many
    #[arg(long)]
    max_things: Option<u32>,
    /// Several
    #[arg(long, value_delimiter = ',')]
    paths: Option<Vec<String>>,
    /// Whether
    #[arg(long)]
    insecure: Option<bool>,
    /// As text
    #[arg(long)]
    #[serde(with = "super::as_text")]
    address: Option<std::net::IpAddr>,
    #[arg(skip)]
    labels: Option<BTreeMap<String, String>>,
    #[command(flatten)]
    #[serde(flatten)]
    shared: Shared,
}

impl Settings for Example {
    const ENVIRONMENT: &'static str = "EXAMPLE";
    type Config = (Self, TelemetryConfig);

    fn resolve(self) -> Result<Self::Config, ConfigError> {
        let max_things = limits::count("max-things", self.max_things, 7)?;
        let telemetry = TelemetryConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        Ok((Self { max_things: u32::try_from(max_things).ok(), ..self }, telemetry))
    }

    fn telemetry(config: &Self::Config) -> &TelemetryConfig {
        &config.1
    }

    fn effective(config: &Self::Config) -> Self {
        config.0.clone()
    }
}

fn flags(flags: &[&str]) -> Example {
    let command = Arguments::<Example>::augment(Command::new("example").no_binary_name(true));
    Arguments::from_matches(&command.try_get_matches_from(flags).unwrap()).unwrap().settings
}

fn configure(given: &[&str], file: &str) -> Result<Example, ConfigError> {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file.as_bytes()).unwrap();
    let (settings, _) = layered(&flags(given), Some(named.path()))?.resolve()?;
    Ok(settings)
}

/// Scenario: settings of all shapes, some in the file, some as flags, some in both, also in a flattened struct.
/// Guarantees: flags win, lists are replaced, what only one layer says stays, defaults fill the rest.
#[test]
fn layers_lie_over_each_other() {
    let file = "paths = ['a', 'b']\naddress = '::1'\ntls-ca = 'file'\ntrace-ratio = 0.5";
    let merged = configure(&["--paths", "c", "--tls-ca", "flag"], file).unwrap();
    assert_eq!(merged.paths.unwrap(), ["c"]);
    assert_eq!(merged.address.unwrap().to_string(), "::1");
    assert_eq!(merged.shared, Shared { tls_ca: Some("flag".into()), trace_ratio: Some(0.5) });
    assert_eq!(merged.max_things, Some(7));
    assert_eq!(merged.insecure, None);
}

/// Scenario: a table in both layers. Guarantees: it is laid over key by key.
#[test]
fn tables_are_laid_over_key_by_key() {
    let labels = |pairs: &[(&str, &str)]| {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Some(owned.collect::<BTreeMap<_, _>>())
    };
    let mut lower =
        table_of(&Example { labels: labels(&[("a", "1"), ("b", "1")]), ..Example::default() }).unwrap();
    let upper = Example { labels: labels(&[("b", "2"), ("c", "2")]), ..Example::default() };
    overlay(&mut lower, table_of(&upper).unwrap());
    let merged: Example = lower.try_into().unwrap();
    assert_eq!(merged.labels, labels(&[("a", "1"), ("b", "2"), ("c", "2")]));
}

/// Scenario: files with mistakes of every kind. Guarantees: each is said with its place, its name, and what may be meant.
#[test]
fn mistakes_are_named_with_their_place() {
    for (file, place, said) in [
        ("max-things = ", ":1:14: ", "toml"),
        ("\n\nmax-thing = 1", ":3:1: ", "is \"max-things\" meant?"),
        ("tls_ca = ''", ":1:1: ", "is \"tls-ca\" meant?"),
        ("zebra = 1", ":1:1: ", "--print-config"),
        ("[tables]\na = 1", ":1:2: ", "\"tables\""),
        ("insecure = true\nmax-things = 'x'", ":2:1: ", "max-things: invalid type"),
        ("address = 'here'", ":1:1: ", "address: "),
        // In the flattened struct too.
        ("# é\ntrace-ratio = 'x'", ":2:1: ", "trace-ratio: invalid type"),
    ] {
        let error = configure(&[], file).unwrap_err().to_string();
        let is_syntax = said == "toml";
        assert!(error.contains(place) && (is_syntax || error.contains(said)), "{file:?} gives {error}");
    }
    let error = configure(&["--max-things", "0"], "").unwrap_err().to_string();
    assert_eq!(error, "max-things is 0: it must be 1 to 1000000");
    let error = layered(&Example::default(), Some(Path::new("/nonexistent"))).unwrap_err().to_string();
    assert!(error.contains("/nonexistent") && error.contains("No such file"), "{error}");
}

/// Scenario: everything is set, printed and read. Guarantees: it is the same.
#[test]
fn what_is_printed_can_be_read() {
    let all = configure(
        &[
            "--max-things=3",
            "--paths=a,b",
            "--insecure=true",
            "--address=::1",
            "--tls-ca=x",
            "--trace-ratio=1",
        ],
        "",
    )
    .unwrap();
    let text = effective_text::<Example>(&all.clone().resolve().unwrap()).unwrap();
    assert_eq!(configure(&[], &text).unwrap(), all, "{text}");
}

/// Scenario: a switch without a value, with each of two, and with one that is none. Guarantees: it is on, as said, or refused.
#[test]
fn switches_may_go_without_a_value() {
    assert_eq!(flags(&["--insecure", "--max-things", "1"]).insecure, Some(true));
    assert_eq!(flags(&["--insecure=yes"]).insecure, Some(true));
    assert_eq!(configure(&["--insecure=false"], "insecure = true").unwrap().insecure, Some(false));
    let command = Arguments::<Example>::augment(Command::new("example").no_binary_name(true));
    assert!(command.try_get_matches_from(["--insecure=perhaps"]).is_err());
}

/// Scenario: the help of a command line with settings. Guarantees: it says what the program is, and not what its settings
/// are to a programmer; it names the variables and the defaults.
#[test]
fn help_tells_variables_and_defaults() {
    let program = Command::new("example").about("Does it").long_about("Does it at length");
    let mut command = Arguments::<Example>::augment(program);
    assert!(command.render_long_help().to_string().starts_with("Does it at length\n"));
    let help = command.render_help().to_string();
    assert!(help.starts_with("Does it\n"), "{help}");
    for said in
        ["How many [default: 7]", "EYRIE_EXAMPLE_MAX_THINGS", "EYRIE_EXAMPLE_TLS_CA", "EYRIE_EXAMPLE_CONFIG"]
    {
        assert!(help.contains(said), "{said} is not in {help}");
    }
}
