use std::{io::Write as _, time::Duration};

use clap::Command;
use service_runtime::{Arguments, Settings as _, effective_text, layered};

use super::*;

/// The settings of a command line and a file.
fn configure(flags: &[&str], file: &str) -> Result<Config, ConfigError> {
    let command = Arguments::<Settings>::augment(Command::new("engine-service").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).unwrap();
    let arguments = Arguments::<Settings>::from_matches(&matches).unwrap();
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file.as_bytes()).unwrap();
    layered(&arguments.settings, Some(named.path()))?.resolve()
}

/// Scenario: settings in the file, as flags, and in both. Guarantees: flags win, lists are replaced, the rest stays or is the
/// default.
#[test]
fn flags_go_over_the_file() {
    let file = "rules = ['/a', '/b']\nmax-alerts = 5\nmatch-all = true\nhold-state-secs = 9\njson = true";
    let config = configure(&["--rules", "/c,/d", "--rules", "/e", "--max-alerts=7"], file).unwrap();
    assert_eq!(config.rules, ["/c", "/d", "/e"].map(PathBuf::from));
    assert_eq!(config.max_alerts, 7);
    assert_eq!(config.rule_options.matching, Matching::All);
    assert_eq!(config.options.hold_state_for, Duration::from_secs(9));
    assert_eq!(config.options.max_subscriptions, EngineOptions::default().max_subscriptions);
    assert!(config.printing.unwrap().is_json);
    let config = configure(&["--quiet", "--json=false", "--insecure"], file).unwrap();
    assert_eq!(config.printing, None);
    assert_eq!(config.rules, ["/a", "/b"].map(PathBuf::from));
    assert!(config.security.is_insecure_allowed && config.metadata_security.is_insecure_allowed);
}

/// Scenario: additions to outputs by default, in the file, and as flags. Guarantees: the suggested fields are added unless that
/// is switched off, and come first; entries have Falco's keys and keep their order.
#[test]
fn outputs_get_what_is_added() {
    let additions =
        |flags: &[&str], file: &str| configure(flags, file).unwrap().rule_options.output_additions;
    let text = |text: &str| OutputAddition { extra_output: text.to_owned(), ..OutputAddition::default() };
    assert_eq!(additions(&[], ""), [OutputAddition::suggested()]);
    assert_eq!(additions(&["--suggested-output=false"], ""), []);
    let file = "suggested-output = false\n[[append-output]]\nextra_output = 'a'\n[[append-output]]\nextra_output = 'b'";
    assert_eq!(additions(&[], file), [text("a"), text("b")]);
    let flags = ["--suggested-output", r#"--append-output={"extra_output": "c"}"#];
    assert_eq!(additions(&flags, file), [OutputAddition::suggested(), text("c")]);
    let misspelt = configure(&[], "[[append-output]]\nextra-output = 'a'").unwrap_err().to_string();
    assert!(misspelt.contains("extra_output"), "{misspelt}");
}

/// Scenario: static fields and Falco's type character in a file and as flags, and mistakes. Guarantees: values by key; what is wrong is told with
/// what can be written; what is in force is printed as it can be read again.
#[test]
fn fields_are_configured() {
    let fields = |flags: &[&str], file: &str| configure(flags, file).map(|config| config.rule_options.fields);
    assert_eq!(&fields(&[], "").unwrap(), FieldSettings::unset());
    let file = "static-fields = ['site=berlin', 'team=a=b']\nfalco-open-typechar = true";
    let read = fields(&[], file).unwrap();
    assert_eq!(read.static_fields.get("team").map(String::as_str), Some("a=b"));
    assert!(read.has_falcos_open_typechar);
    let flags = fields(&["--static-fields=site=rome", "--falco-open-typechar=false"], file).unwrap();
    assert_eq!(flags.static_fields.into_iter().collect::<Vec<_>>(), [("site".to_owned(), "rome".to_owned())]);
    let printed = effective_text::<Settings>(&configure(&[], file).unwrap()).unwrap();
    assert!(printed.contains("site=berlin"), "{printed}");
    let twice = fields(&[], "static-fields = ['a=1', 'a=2']").unwrap_err().to_string();
    assert!(twice.contains("static-fields") && twice.contains("given twice"), "{twice}");
    let misspelt = fields(&[], "static-fields = ['a-b=1']").unwrap_err().to_string();
    assert!(misspelt.contains("cannot be named in rules"), "{misspelt}");
}

/// Scenario: rules switched by flags and in a file, and steps that are none. Guarantees: steps come in their order, flags
/// replace a file's, and a mistake is told with what can be written.
#[test]
fn rules_are_switched_in_order() {
    let steps = |flags: &[&str], file: &str| {
        let options = configure(flags, file).unwrap().rule_options;
        options.selections.into_iter().map(|step| RuleSwitch(step).to_string()).collect::<Vec<_>>()
    };
    let file = "select-rules = ['disable:rule=*', 'enable:tag=network', 'enable:rule=Write, below etc']";
    assert_eq!(steps(&[], file), ["disable:rule=*", "enable:tag=network", "enable:rule=Write, below etc"]);
    let flags = ["--select-rules=enable:rule=a, b", "--select-rules", "disable:tag=t"];
    assert_eq!(steps(&flags, file), ["enable:rule=a, b", "disable:tag=t"]);
    assert_eq!(
        configure(&[], "min-priority = 'info'").unwrap().rule_options.min_priority,
        Priority::Informational
    );
    for (file, part) in
        [("select-rules = ['enable:a']", "disable:tag=TAG"), ("min-priority = 'loud'", "not a priority")]
    {
        let error = configure(&[], file).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// Scenario: the defaults, and a configuration in which everything is another, are printed and read again. Guarantees: they
/// are the same.
#[test]
fn what_is_printed_can_be_read() {
    let flags = [
        "--listen=unix:/run/e.sock",
        "--insecure",
        "--rules=/a,/b",
        "--match-all",
        "--suggested-output=false",
        r#"--append-output={"match": {"tags": ["t"]}, "extra_output": "%user.name", "extra_fields": ["f", {"k": "%g"}]}"#,
        r#"--append-output={"suggested_output": true, "match": {"rule": "r", "source": "s"}}"#,
        "--metadata=https://metadata:1",
        "--metadata-tls-ca=/ca",
        "--metadata-tls-cert=/m.crt",
        "--metadata-tls-key=/m.key",
        "--metadata-tls-server-name=name",
        "--tls-cert=/e.crt",
        "--tls-key=/e.key",
        "--tls-client-ca=/clients",
        "--data-dir=/d",
        "--max-alerts=1",
        "--json",
        "--iso-time",
        "--eyrie-fields",
        "--capture-enabled",
        "--capture-mode=all_rules",
        "--capture-before=100",
        "--capture-default-duration=200",
        "--capture-max-file-size-mb=8",
        "--capture-max-host-mb=9",
        "--capture-max-total-mb=10",
        "--capture-max-at-once=11",
        "--capture-max-per-hour=12",
        "--capture-window-mb=13",
        "--capture-windows-mb=14",
        "--capture-redact=token=(.*)",
        "--capture-redact-env=*_KEY",
        "--capture-redact-secrets",
        "--plan-filters=false",
        "--plan-verify-mode",
        "--plan-verify-sample-ppm=15",
        "--max-connections=2",
        "--max-calls=8",
        "--max-sessions=3",
        "--max-subscriptions=4",
        "--evaluation-threads=5",
        "--hold-state-secs=6",
        "--drain-wait-secs=7",
    ];
    for flags in [&flags[..], &["--quiet"], &[]] {
        let config = configure(flags, "").unwrap();
        let text = effective_text::<Settings>(&config).unwrap();
        let read = configure(&[], &text).unwrap();
        assert_eq!(Settings::effective(&read), Settings::effective(&config), "{text}");
        assert_eq!(format!("{read:?}"), format!("{config:?}"), "{text}");
    }
}

/// Scenario: names and values that cannot be. Guarantees: each is refused by its name.
#[test]
fn mistakes_are_named() {
    for (flags, file, named) in [
        (&[][..], "rule = ['/a']", "is \"rules\" meant?"),
        (&[], "rules = '/a'", "rules: invalid type"),
        (&[], "listen = 'here'", "listen: \"here\""),
        (&["--max-alerts", "0"], "", "max-alerts is 0"),
        (&["--max-sessions", "0"], "", "max-sessions is 0"),
        (&["--evaluation-threads", "2000"], "", "evaluation-threads is 2000: it must be 1 to 1024"),
        (&["--quiet"], "json = true", "quiet is true"),
        (&["--capture-max-host-mb", "0"], "", "capture-max-host-mb is 0"),
        (&["--capture-redact", "("], "", "capture-redact is ("),
        (
            &["--plan-verify-sample-ppm", "1000001"],
            "",
            "plan-verify-sample-ppm is 1000001: it must be 0 to 1000000",
        ),
        (&[], "capture-mode = 'some'", "all_rules"),
        (&["--metadata", "http://10.0.0.1:1"], "", "--insecure"),
        (&["--metadata", "https://m:1"], "", "--tls-ca"),
        (&[], "metadata = '10.0.0.1:1'", "metadata: \"10.0.0.1:1\""),
        (&["--tls-cert", "c.pem"], "", "tls-cert is c.pem: tls-key must be set as well"),
        (&[], "metadata-tls-key = 'k'", "metadata-tls-key is k: metadata-tls-cert must be set as well"),
        (&["--metadata-tls-ca", "/ca"], "", "metadata-tls-ca is /ca: there is no metadata service"),
        (&[], "tls-ca = '/ca'", "there is no setting \"tls-ca\""),
    ] {
        let error = configure(flags, file).unwrap_err().to_string();
        assert!(error.contains(named), "{error} does not say {named}");
    }
}
