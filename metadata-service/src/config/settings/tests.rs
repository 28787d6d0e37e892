use std::io::Write as _;

use clap::Command;
use grpc_transport::{ListenSecurity, ServerTlsFiles};
use service_runtime::{Arguments, Settings as _, effective_text, layered};

use super::*;

/// The configuration of a command line and a file.
fn configure(flags: &[&str], file: &str) -> Result<Config, ConfigError> {
    let command = Arguments::<Settings>::augment(Command::new("metadata-service").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).unwrap();
    let arguments = Arguments::<Settings>::from_matches(&matches).unwrap();
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file.as_bytes()).unwrap();
    layered(&arguments.settings, Some(named.path()))?.resolve()
}

/// Scenario: the same setting in the file and as a flag, another in the file only. Guarantees: the flag wins, the file
/// stays where there is none, and defaults fill the rest.
#[test]
fn flags_go_over_the_file() {
    let file = "listen = '127.0.0.1:1'\nmax-watches = 7";
    let config = configure(&["--listen", "127.0.0.1:2", "--insecure"], file).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.max_watches, 7);
    assert!(config.security.is_insecure_allowed);
    assert_eq!(config.max_connections, Config::default().max_connections);
}

/// Scenario: the configuration is printed and read again. Guarantees: it is the same.
#[test]
fn what_is_printed_can_be_read() {
    let files = ServerTlsFiles { certificate: "/c".into(), key: "/k".into(), client_ca: Some("/ca".into()) };
    let security = ListenSecurity { tls: Some(files), is_insecure_allowed: true };
    let mut telemetry = TelemetryConfig::new("127.0.0.1:9".parse().unwrap());
    telemetry.log_level = "debug".into();
    // One word for all.
    telemetry.is_insecure_allowed = true;
    let config = Config { max_calls: 3, security, telemetry, ..Config::default() };
    let text = effective_text::<Settings>(&config).unwrap();
    assert_eq!(configure(&[], &text).unwrap(), config, "{text}");
}

/// Scenario: the role cluster is configured, printed and read again. Guarantees: it is the same.
#[test]
fn the_role_cluster_can_be_printed_and_read() {
    let flags =
        ["--role", "cluster", "--central", "http://127.0.0.1:7444", "--kubeconfig", "/k", "--tenant", "acme"];
    let config = configure(&flags, "cluster-name = 'blue'").unwrap();
    let cluster = config.cluster.clone().unwrap();
    assert_eq!((&*cluster.name, &*cluster.tenant, cluster.kubeconfig), ("blue", "acme", Some("/k".into())));
    let text = effective_text::<Settings>(&config).unwrap();
    assert_eq!(configure(&[], &text).unwrap(), config, "{text}");
}

/// Scenario: names, types and values that cannot be. Guarantees: each is refused by its name.
#[test]
fn mistakes_are_named() {
    for (flags, file, named) in [
        (&[][..], "max-watch = 1", "is \"max-watches\" meant?"),
        (&[], "listen = 'here'", "listen: \"here\""),
        (&[], "\ninsecure = 3", ":2:1: insecure: invalid type: integer `3`"),
        (&["--max-watches", "0"], "", "max-watches is 0: it must be 1 to"),
        (&["--max-lookup-wait-secs", "21"], "", "it must be 0 to 20"),
        (&["--trace-ratio", "2"], "", "trace-ratio is 2"),
        (&[], "admin-listen = 'here'", "admin-listen: \"here\""),
        (&["--role", "cluster"], "", "central is not set: the role cluster needs"),
        (&["--central", "http://127.0.0.1:1"], "", "add --role cluster"),
        (&["--cluster-name", "west"], "", "cluster-name is west: it is of the role cluster"),
        (&[], "tenant = \"shop\"", "add --role cluster"),
        (&["--role", "cluster", "--central", "http://10.0.0.1:1"], "", "plain text would go there"),
        (
            &["--role", "cluster", "--central", "https://c:1", "--central-tls-key", "k"],
            "",
            "central-tls-cert must be set",
        ),
        (&["--tls-key", "k.pem"], "", "tls-key is k.pem: tls-cert must be set as well"),
    ] {
        let error = configure(flags, file).unwrap_err().to_string();
        assert!(error.contains(named), "{error} does not say {named}");
    }
}

/// Scenario: a shared bucket is configured, printed and read again; then in ways that cannot work or show what they should
/// not. Guarantees: it is the same, and each refusal names the setting.
#[test]
fn a_shared_bucket_can_be_printed_and_read() {
    let flags = ["--nats", "nats://127.0.0.1:4222,tls://nats.example.org:4222", "--nats-tls-ca", "/ca"];
    let config =
        configure(&flags, "nats-bucket = 'blue'\nnats-replicas = 3\nnats-storage = 'memory'").unwrap();
    let text = effective_text::<Settings>(&config).unwrap();
    assert_eq!(configure(&[], &text).unwrap(), config, "{text}");
    let nats = config.nats.unwrap();
    assert_eq!((&*nats.bucket, nats.replicas), ("blue", 3));
    let refused = |flags: &[&str]| configure(flags, "").unwrap_err().to_string();
    assert!(refused(&["--nats", "nats://10.0.0.1:4222"]).contains("--insecure"));
    assert!(refused(&["--nats-bucket", "b"]).contains("--nats SERVERS"));
    let local = ["--nats", "nats://127.0.0.1:4222"];
    assert!(refused(&[&local[..], &["--nats-bucket", "a.b"]].concat()).contains("nats-bucket"));
    assert!(refused(&[&local[..], &["--nats-replicas", "6"]].concat()).contains("nats-replicas"));
    assert!(refused(&[&local[..], &["--nats-tls-cert", "/c"]].concat()).contains("nats-tls-key"));
    let insecure = [&["--nats", "nats://10.0.0.1:4222", "--insecure"][..]].concat();
    assert!(configure(&insecure, "").unwrap().nats.is_some());
}
