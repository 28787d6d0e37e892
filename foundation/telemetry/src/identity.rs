//! Whose telemetry it is.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

/// A service as telemetry names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// `service.name`, such as `eyrie-engine`.
    pub name: &'static str,
    /// `service.version`.
    pub version: &'static str,
}

// === impl ServiceIdentity ===

impl ServiceIdentity {
    /// The attributes of everything that the process sends; with those of `OTEL_RESOURCE_ATTRIBUTES`.
    pub(crate) fn resource(self) -> Resource {
        let instance = format!("{:032x}", rand::random::<u128>());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Resource::builder()
            .with_service_name(self.name)
            .with_attributes([
                KeyValue::new("service.version", self.version),
                // Of this start: two processes on one host, or one that restarts, must not be mixed up.
                KeyValue::new("service.instance.id", instance),
                KeyValue::new("host.name", host),
            ])
            .build()
    }
}
