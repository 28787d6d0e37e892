//! The way to the receiver of telemetry.

use std::time::Duration;

use grpc_transport::{ClientSecurity, ConnectError, ServiceAddress, ServiceEndpoint};
use tonic::transport::Channel;

use crate::OtlpConfig;

/// One export may take so long, whatever it waits for.
pub(crate) const EXPORT_WAIT: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

// === impl OtlpConfig ===

impl OtlpConfig {
    /// A channel that connects when it is first used, and again whenever it has to. Needs a runtime around it.
    pub(crate) fn channel(&self) -> Result<Channel, ConnectError> {
        let service = ServiceEndpoint::new(self.endpoint.clone(), &self.security)?;
        let set = service
            .with(|endpoint| endpoint.timeout(EXPORT_WAIT).http2_keep_alive_interval(KEEPALIVE_INTERVAL));
        Ok(set.connect_lazy())
    }
}

/// Why telemetry cannot be sent there in this way, in the words of its own settings.
pub(crate) fn problem(address: &ServiceAddress, security: &ClientSecurity) -> Option<String> {
    let error = security.check(address).err()?;
    Some(match error {
        ConnectError::PlainText { .. } => {
            "it is not on this machine, and telemetry would go there in plain text; use \
            https:// with otlp-ca, or allow it by --insecure"
                .to_owned()
        }
        ConnectError::CaMissing { .. } => {
            "it needs otlp-ca, the certificates that the receiver's is checked against".to_owned()
        }
        ConnectError::TlsNotApplicable { .. } => "it has no TLS, and otlp-ca is for https://".to_owned(),
        other => other.to_string(),
    })
}
