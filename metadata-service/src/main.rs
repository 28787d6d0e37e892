//! `metadata-service` as a process. Exit codes are those of [`service_runtime::ExitStatus`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use metadata_service::{Config, MetadataService, RoleRunning, Settings, StartError};
use telemetry::{Instruments, ServiceIdentity};

/// The metadata service as a process of its own.
struct Process;

impl service_runtime::Service for Process {
    const NAME: &'static str = "metadata-service";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const IDENTITY: ServiceIdentity =
        ServiceIdentity { name: "eyrie-metadata", version: env!("CARGO_PKG_VERSION") };
    const ABOUT: &'static str = "Says what containers, hosts and Kubernetes objects were at a moment.\n\n\
        Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or configuration.";
    type Settings = Settings;
    type Running = RoleRunning;
    type Error = StartError;

    async fn start(config: Config, instruments: Instruments) -> Result<RoleRunning, StartError> {
        MetadataService::start_role(config, &instruments.meter).await
    }
}

fn main() -> ExitCode {
    service_runtime::run::<Process>()
}
