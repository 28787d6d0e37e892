use std::io::Write as _;

use clap::Command;
use service_runtime::{Arguments, Settings as _, effective_text, layered};

use super::*;

/// The configuration of a command line and a file, or what is wrong with it.
fn configure(flags: &[&str], file: &str) -> Result<Config, String> {
    let command = Arguments::<Settings>::augment(Command::new("capture-agent").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).map_err(|error| error.to_string())?;
    let arguments = Arguments::<Settings>::from_matches(&matches).unwrap();
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file.as_bytes()).unwrap();
    layered(&arguments.settings, Some(named.path()))
        .and_then(Settings::resolve)
        .map_err(|error| error.to_string())
}

/// Scenario: settings in the file, as flags, and in both. Guarantees: flags win, labels add up by name, and sizes are made
/// fit.
#[test]
fn flags_go_over_the_file() {
    let file = "queue-bytes = 2097152\nring-bytes = 70000\n[labels]\nenv = 'test'\nrack = '7'";
    let config = configure(&["--label", "env=prod,site=a", "--ring-bytes", "100000"], file).unwrap();
    let labels: Vec<_> = config.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("env", "prod"), ("rack", "7"), ("site", "a")]);
    assert_eq!((config.rings.bytes, config.rings.max_bytes), (131_072, RingLimits::default().max_bytes));
    assert_eq!(config.limits.queue_bytes, 2 << 20);
    assert_eq!(config.drain_timeout, Config::default().drain_timeout);
    assert!(configure(&["--engine", "http://192.0.2.1:7443", "--insecure"], "").is_ok());
}

/// Scenario: the defaults, and a configuration in which everything is another, are printed and read again. Guarantees: they
/// are the same.
#[test]
fn what_is_printed_can_be_read() {
    let flags = [
        "--engine=https://192.0.2.1:7443",
        "--insecure",
        "--tls-ca=/ca",
        "--tls-cert=/crt",
        "--tls-key=/key",
        "--tls-server-name=engine",
        "--replay=/recordings/curl.scap",
        "--tenant=acme",
        "--machine-id=0123456789ABCDEF0123456789abcdef",
        "--label=a.b/c=x=y",
        "--queue-bytes=1048576",
        "--rings=3",
        "--ring-bytes=65536",
        "--ring-bytes-max=131072",
        "--cpu-budget-percent=30",
        "--drain-seconds=0",
        "--podman-storage=/a,/b",
        "--docker-root=/r",
        "--docker-socket=/d",
        "--podman-socket=/p",
        "--containerd-socket=/c",
        "--cri-socket=/c,/o",
        "--cloud-metadata=openstack",
        "--cloud-metadata-url=http://127.0.0.1:8080",
        "--capture-self",
        "--keep-privileges",
    ];
    for flags in [&flags[..], &[]] {
        let config = configure(flags, "").unwrap();
        let text = effective_text::<Settings>(&config).unwrap();
        let read = configure(&[], &text).unwrap();
        assert_eq!(format!("{read:?}"), format!("{config:?}"), "{text}");
    }
}

/// Scenario: a recording is to be sent, with an address for the admin pages and without. Guarantees: the pages are where they were
/// asked for, and otherwise nowhere, as the host's own agent may serve its own.
#[test]
fn a_recording_is_sent_beside_another_agent() {
    let at = |flags: &[&str]| configure(flags, "").unwrap().telemetry.admin_listen;
    assert_eq!(at(&["--replay=/r.eyrie"]), AdminListen::Off);
    let asked = "127.0.0.1:9000";
    let flags = ["--replay=/r.eyrie", "--admin-listen", asked];
    assert_eq!(at(&flags), AdminListen::At(asked.parse().unwrap()));
    assert_eq!(at(&[]), AdminListen::At(ADMIN_LISTEN));
}

/// Scenario: names and values that cannot be. Guarantees: each is refused by its name.
#[test]
fn mistakes_are_named() {
    for (flags, file, named) in [
        (&[][..], "label = 'a=b'", "is \"labels\" meant?"),
        (&[], "[labels]\na = 1", "labels: invalid type"),
        (&[], "labels = { '' = 'x' }", "empty name"),
        (&[], "engine = 'ftp://a'", "engine: \"ftp://a\""),
        (&["--engine", "http://192.0.2.1:7443"], "", "--insecure"),
        (&["--engine", "https://192.0.2.1:7443"], "", "--tls-ca"),
        (&["--tls-ca", "/ca"], "", "engine is http://127.0.0.1:7443"),
        (&["--tls-cert", "/crt"], "", "tls-cert is /crt: tls-key must be set as well"),
        (&["--label", "nonsense"], "", "NAME=VALUE"),
        (&["--queue-bytes", "1"], "", "queue-bytes is 1"),
        (&["--machine-id", "short"], "", "machine-id is short"),
        (&["--cloud-metadata", "azur"], "", "azure"),
        (&["--cloud-metadata-url", "https://a"], "", "'https://a' is no http://HOST"),
    ] {
        let error = configure(flags, file).unwrap_err();
        assert!(error.contains(named), "{error} does not say {named}");
    }
}
