use super::*;

fn admin() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7453))
}

/// Scenario: nothing is set, and then everything. Guarantees: defaults are filled in, and what is in force can be read back.
#[test]
fn what_is_in_force_can_be_read_back() {
    let defaults = TelemetrySettings { log_level: Some("warn".into()), ..TelemetrySettings::default() };
    let all = TelemetrySettings {
        log_level: Some("info,h2=off".into()),
        log_format: Some(LogFormat::Json),
        otlp_endpoint: Some("https://collector:4317".into()),
        otlp_ca: Some("/ca.pem".into()),
        otlp_interval_secs: Some(5),
        trace_ratio: Some(0.25),
        admin_listen: Some(AdminListen::Off),
    };
    for settings in [defaults, all] {
        let config = settings.resolve(admin(), false).unwrap();
        let read = TelemetrySettings::from(&config).resolve(admin(), false).unwrap();
        assert_eq!(read, config);
    }
}

/// Scenario: addresses of pages as text. Guarantees: they are read as meant and written as they were.
#[test]
fn addresses_of_pages_are_read() {
    for text in ["none", "127.0.0.1:0", "[::1]:7453"] {
        assert_eq!(text.parse::<AdminListen>().unwrap().to_string(), text);
    }
    assert!("here".parse::<AdminListen>().unwrap_err().contains("nor none"));
}

/// Scenario: receivers of all kinds. Guarantees: plain text leaves the machine only where that was asked for, and TLS has something
/// to check certificates against.
#[test]
fn telemetry_stays_on_the_machine_unless_encrypted() {
    let resolve = |endpoint: &str, ca: Option<&str>, is_insecure| {
        let (otlp_endpoint, otlp_ca) = (Some(endpoint.to_owned()), ca.map(PathBuf::from));
        let settings = TelemetrySettings { otlp_endpoint, otlp_ca, ..TelemetrySettings::default() };
        settings.resolve(admin(), is_insecure)
    };
    for local in
        ["http://127.0.0.1:4317", "http://localhost:4317/", "http://[::1]:4317", "unix:/run/otel.sock"]
    {
        assert!(resolve(local, None, false).is_ok(), "{local}");
    }
    assert!(resolve("http://10.0.0.1:4317", None, true).is_ok());
    assert!(resolve("https://collector:4317", Some("/ca.pem"), false).is_ok());
    for (wrong, ca, said) in [
        ("http://10.0.0.1:4317", None, "--insecure"),
        ("https://collector:4317", None, "otlp-ca"),
        ("http://127.0.0.1:4317", Some("/ca.pem"), "https://"),
        ("127.0.0.1:4317", None, "http://HOST:PORT"),
        ("", None, "http://HOST:PORT"),
    ] {
        let error = resolve(wrong, ca, false).unwrap_err();
        assert_eq!((error.setting, error.found.as_str()), ("otlp-endpoint", wrong));
        assert!(error.problem.contains(said), "{error}");
    }
}

/// Scenario: values that cannot be. Guarantees: each is refused by its name.
#[test]
fn mistakes_are_named() {
    let none = TelemetrySettings::default;
    for (settings, named) in [
        (TelemetrySettings { log_level: Some("a=b=c".into()), ..none() }, "log-level is a=b=c"),
        (TelemetrySettings { log_level: Some("inof".into()), ..none() }, "\"inof\" is no level"),
        (TelemetrySettings { log_level: Some("h2=off,debg".into()), ..none() }, "\"debg\" is no level"),
        (TelemetrySettings { log_level: Some(String::new()), ..none() }, "\"\" is no level"),
        (TelemetrySettings { otlp_endpoint: Some("http://10.0.0.1:1".into()), ..none() }, "--insecure"),
        (TelemetrySettings { otlp_interval_secs: Some(0), ..none() }, "otlp-interval-secs is 0"),
        (TelemetrySettings { trace_ratio: Some(1.5), ..none() }, "trace-ratio is 1.5"),
        (TelemetrySettings { trace_ratio: Some(f64::NAN), ..none() }, "trace-ratio is NaN"),
    ] {
        let error = settings.resolve(admin(), false).unwrap_err().to_string();
        assert!(error.contains(named), "{error} does not say {named}");
    }
}
