//! The way to the receiver of telemetry.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};

use crate::{OtlpConfig, TelemetryError};

/// One export may take so long, whatever it waits for.
pub(crate) const EXPORT_WAIT: Duration = Duration::from_secs(10);
const CONNECT_WAIT: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// A channel that connects when it is first used, and again whenever it has to. Needs a runtime around it.
pub(crate) fn channel(config: &OtlpConfig) -> Result<Channel, TelemetryError> {
    let unusable = |detail: String| TelemetryError::Endpoint { endpoint: config.endpoint.clone(), detail };
    let mut endpoint = Endpoint::from_shared(config.endpoint.clone())
        .map_err(|error| unusable(error.to_string()))?
        .timeout(EXPORT_WAIT)
        .connect_timeout(CONNECT_WAIT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL);
    if let Some(path) = &config.ca {
        let pem = std::fs::read(path)
            .map_err(|error| unusable(format!("cannot read {}: {error}", path.display())))?;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        endpoint = endpoint.tls_config(tls).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(endpoint.connect_lazy())
}

/// What is wrong with an endpoint. What leaves the machine is encrypted, unless it is said that it need not be.
pub(crate) fn problem(endpoint: &str, ca: Option<&PathBuf>, is_insecure_allowed: bool) -> Option<String> {
    let expected =
        "it must be http://HOST:PORT or https://HOST:PORT, where an OpenTelemetry collector takes gRPC";
    let Ok(uri) = endpoint.parse::<Uri>() else { return Some(expected.to_owned()) };
    let Some(host) = uri.host() else { return Some(expected.to_owned()) };
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_local = host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback());
    match uri.scheme_str() {
        Some("http") if ca.is_some() => Some("it is plain text, and otlp-ca is for https://".to_owned()),
        Some("http") if is_local || is_insecure_allowed => None,
        Some("http") => Some(
            "it is not on this machine, and telemetry would go there in plain text; use https:// with otlp-ca, or allow \
             it by --insecure"
                .to_owned(),
        ),
        Some("https") if ca.is_none() => {
            Some("it needs otlp-ca, the certificates that the collector's is checked against".to_owned())
        }
        Some("https") => None,
        _ => Some(expected.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: endpoints of all kinds. Guarantees: plain text leaves the machine only where that was asked for, TLS has
    /// something to check certificates against, and what is none is refused with what one looks like.
    #[test]
    fn telemetry_stays_on_the_machine_unless_encrypted() {
        let ca = PathBuf::from("/ca.pem");
        for good in ["http://127.0.0.1:4317", "http://localhost:4317", "http://[::1]:4317"] {
            assert_eq!(problem(good, None, false), None, "{good}");
        }
        assert_eq!(problem("http://10.0.0.1:4317", None, true), None);
        assert_eq!(problem("https://collector:4317", Some(&ca), false), None);
        for (wrong, ca, said) in [
            ("http://10.0.0.1:4317", None, "--insecure"),
            ("https://collector:4317", None, "otlp-ca"),
            ("http://127.0.0.1:4317", Some(&ca), "https://"),
            ("127.0.0.1:4317", None, "http://HOST:PORT"),
            ("ftp://127.0.0.1", None, "http://HOST:PORT"),
            ("", None, "http://HOST:PORT"),
        ] {
            let found = problem(wrong, ca, false).unwrap();
            assert!(found.contains(said), "{wrong}: {found}");
        }
    }
}
