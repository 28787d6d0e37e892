//! The trace of an alert, from the drain of the ring to the subscriber, as a collector sees it.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use eyrie_proto::alert::MetadataState;
use integration::{scene::Scene, subscriber};
use otlp_receiver::{OtlpReceiver, ReceivedSpan, attribute};
use test_containers::Image;
use test_requirements::{Requirement, requires};

/// Every hop, and whose it is.
const HOPS: [(&str, &str); 13] = [
    ("eyrie-agent", "agent.batch"),
    ("eyrie-agent", "ring.drain"),
    ("eyrie-agent", "batch.fill"),
    ("eyrie-agent", "outbox.wait"),
    ("eyrie-agent", "stream.deliver"),
    ("eyrie-engine", "engine.batch"),
    ("eyrie-engine", "engine.queue"),
    ("eyrie-engine", "engine.evaluate"),
    ("eyrie-engine", "alert_log.append"),
    ("eyrie-engine", "metadata.lookup"),
    ("eyrie-metadata", "eyrie.metadata.v1.MetadataService/Lookup"),
    ("eyrie-engine", "metadata.wait"),
    ("eyrie-engine", "alert.deliver"),
];

/// The span of one hop in a trace.
async fn hop(
    receiver: &OtlpReceiver,
    trace_id: &[u8],
    service: &str,
    name: &str,
) -> anyhow::Result<ReceivedSpan> {
    receiver
        .span(|received| {
            received.span.trace_id == trace_id
                && received.span.name == name
                && attribute(&received.resource.attributes, "service.name").as_deref() == Some(service)
        })
        .await
}

/// Scenario: agent, engine and metadata service as three processes that report to one collector. The engine is replaced, so
/// that only the metadata service knows a container, and that one is slow; the container does what a rule looks for.
/// Guarantees: the alert's trace has every hop from the drain of the ring over the metadata service to the subscriber, each
/// from the process that it happened in and under the span that led to it, in the order of time; and each service's metrics
/// and logs arrive, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_can_be_followed_through_three_processes() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let receiver = OtlpReceiver::start().await?;
    let endpoint = receiver.endpoint();
    let otlp = ["--otlp-endpoint", &endpoint, "--otlp-interval-secs", "1"];
    let (scene, image) = (Scene::new()?, Image::import()?);
    let rule = format!(
        "- rule: Traced\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = /bin/sh and \
         container.image.repository = {}\n  output: read in %container.name\n  priority: WARNING\n",
        image.repository()
    );
    std::fs::write(scene.rules(), rule)?;
    let mut three = scene.three(&otlp).await?;
    let name = format!("eyrie-trace-{}", std::process::id());
    let container = tokio::task::block_in_place(|| image.start(&name, &["/bin/sleep", "600"]))?;
    subscriber::knows_container(&scene, &container).await?;
    scene.facts_are_acked().await?;

    three.engine.kill()?;
    three.metadata.freeze()?;
    let patient = ["--metadata-wait-ms", "30000"];
    three.engine = scene.engine_with_metadata(&[&otlp[..], &patient].concat())?;
    scene.is_connected().await?;
    tokio::task::block_in_place(|| container.exec(&["/bin/cat", "/bin/sh"]))?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    three.metadata.go_on()?;
    let alerts = subscriber::alerts_until(&scene.url(), |alerts| !alerts.is_empty()).await?;
    let alert = &alerts[0];
    assert_eq!((alert.metadata_state(), alert.is_amendment), (MetadataState::Complete, false), "{alert:?}");
    assert!(alert.message.starts_with(&format!("read in {name} ")), "{}", alert.message);

    let traceparent = alert.trace.as_ref().unwrap().traceparent.clone();
    let parts: Vec<&str> = traceparent.split('-').collect();
    assert_eq!(parts[3], "01", "{traceparent}");
    let trace_id = u128::from_str_radix(parts[1], 16)?.to_be_bytes();
    let mut hops = BTreeMap::new();
    for (service, name) in HOPS {
        hops.insert(name, hop(&receiver, &trace_id, service, name).await?.span);
    }
    let parent_of = |name: &str, parent: &str| {
        assert_eq!(hops[name].parent_span_id, hops[parent].span_id, "{name} hangs under {parent}");
    };
    assert!(hops["agent.batch"].parent_span_id.is_empty());
    for part in ["ring.drain", "batch.fill", "outbox.wait", "stream.deliver", "engine.batch"] {
        parent_of(part, "agent.batch");
    }
    let ours = ["engine.queue", "engine.evaluate", "alert_log.append", "metadata.lookup", "metadata.wait"];
    for part in ours.into_iter().chain(["alert.deliver"]) {
        parent_of(part, "engine.batch");
    }
    parent_of("eyrie.metadata.v1.MetadataService/Lookup", "metadata.lookup");
    assert_eq!(
        format!("{:016x}", u64::from_be_bytes(hops["engine.batch"].span_id[..].try_into()?)),
        parts[2]
    );
    let order = [
        "ring.drain",
        "batch.fill",
        "outbox.wait",
        "stream.deliver",
        "engine.evaluate",
        "alert_log.append",
        "metadata.lookup",
        "eyrie.metadata.v1.MetadataService/Lookup",
        "alert.deliver",
    ];
    let starts: Vec<u64> = order.iter().map(|name| hops[name].start_time_unix_nano).collect();
    assert!(starts.is_sorted(), "{order:?} {starts:?}");
    assert!(hops["metadata.wait"].end_time_unix_nano <= hops["alert.deliver"].end_time_unix_nano);
    assert!(hops.values().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));

    receiver.metric("eyrie.engine.alerts.appended", |_| true).await?;
    receiver.metric("eyrie.metadata.store.entities", |_| true).await?;
    receiver.metric("eyrie.agent.events.acked", |_| true).await?;
    three.terminate()?;
    let services: BTreeSet<String> = receiver
        .logs()
        .iter()
        .filter_map(|log| attribute(&log.resource.attributes, "service.name"))
        .collect();
    assert_eq!(services.into_iter().collect::<Vec<_>>(), ["eyrie-agent", "eyrie-engine", "eyrie-metadata"]);
    Ok(())
}
