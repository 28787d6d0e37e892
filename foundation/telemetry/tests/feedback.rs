//! Exporting logs while everything is logged; alone in its process, since it is about all of the process's threads.
#![allow(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

use std::time::Duration;

use otlp_receiver::{OtlpReceiver, ReceivedLog};
use telemetry::{OtlpConfig, ServiceIdentity, Telemetry, TelemetryConfig};

/// Metrics are sent so often, and logs too.
const ROUND: Duration = Duration::from_secs(1);

/// Scenario: everything is logged, down to what HTTP/2 does, and exported for some rounds. Guarantees: what exporting itself logs
/// is not exported, so that exporting does not feed itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exporting_does_not_feed_itself() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let telemetry = {
        let mut config = TelemetryConfig::new("127.0.0.1:0".parse().unwrap());
        config.log_level = "trace".into();
        config.otlp = Some(OtlpConfig {
            endpoint: receiver.endpoint().parse().unwrap(),
            security: grpc_transport::ClientSecurity::default(),
        });
        config.metric_interval = ROUND;
        Telemetry::start(&config, ServiceIdentity { name: "eyrie-test", version: "0" }).unwrap()
    };
    // Also for the runtime's threads, where connections live.
    telemetry.install();
    tracing::warn!("first");
    let is = |text: &'static str| move |log: &ReceivedLog| format!("{:?}", log.record.body).contains(text);
    receiver.log(is("first")).await.unwrap();
    tokio::time::sleep(ROUND * 2).await;
    tracing::warn!("second");
    receiver.log(is("second")).await.unwrap();
    let bodies: Vec<_> = receiver.logs().into_iter().map(|log| log.record.body).collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    telemetry.shutdown().await;
}
