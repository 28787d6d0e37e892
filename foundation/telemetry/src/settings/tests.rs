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

/// Scenario: values that cannot be. Guarantees: each is refused by its name.
#[test]
fn mistakes_are_named() {
    let none = TelemetrySettings::default;
    for (settings, named) in [
        (TelemetrySettings { log_level: Some("a=b=c".into()), ..none() }, "log-level is a=b=c"),
        (TelemetrySettings { otlp_endpoint: Some("http://10.0.0.1:1".into()), ..none() }, "--insecure"),
        (TelemetrySettings { otlp_interval_secs: Some(0), ..none() }, "otlp-interval-secs is 0"),
        (TelemetrySettings { trace_ratio: Some(1.5), ..none() }, "trace-ratio is 1.5"),
        (TelemetrySettings { trace_ratio: Some(f64::NAN), ..none() }, "trace-ratio is NaN"),
    ] {
        let error = settings.resolve(admin(), false).unwrap_err().to_string();
        assert!(error.contains(named), "{error} does not say {named}");
    }
}
