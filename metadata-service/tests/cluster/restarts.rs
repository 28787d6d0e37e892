//! Services that end and begin again.

use std::{collections::BTreeSet, time::Duration};

use test_kubernetes::objects;

use crate::{central::*, support::*};

/// Scenario: pods come and go all the time, while the central service is restarted three times at its address. Guarantees: in the
/// end it has just the pods that are, each once; a container of one is joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_central_service_restarted_under_load_loses_and_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut service = start(directory.path()).await;
    let listen = service.local_address().clone();
    let api = api("c1").await;
    let cluster = watch_of(&api, address(&service), "blue");
    let mut expected = BTreeSet::new();
    for round in 0..4 {
        for number in 0..100 {
            let name = format!("web-{round}-{number}");
            api.put("pods", objects::pod("shop", &name, &format!("p-{round}-{number}"), &[]));
            expected.insert(name.clone());
            if number % 3 == 0 {
                api.delete("pods", "shop", &name);
                expected.remove(&name);
            }
            if number == 50 && round < 3 {
                service.shutdown().await;
                let again = || async {
                    let config =
                        metadata_service::Config { listen: listen.clone(), ..config(directory.path()) };
                    let meter = telemetry::Instruments::default().meter;
                    metadata_service::MetadataService::start(config, &meter).await.ok()
                };
                service = until("the address is free again", again).await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    until_pods(&service, "c1", &expected).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(of_pod(5, "a", "p-0-1"))]).await;
    let (context, _) = until_joined(&mut engine, (5, "a"), is_complete).await;
    assert_eq!(name_of(&context.pod), "web-0-1");
    cluster.shutdown().await;
    service.shutdown().await;
}

/// Scenario: the central service comes back without its store. Guarantees: it wants everything again, and gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_store_is_filled_again() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let service = start(first.path()).await;
    let listen = service.local_address().clone();
    let api = api("c1").await;
    api.put("pods", objects::pod("shop", "web", "p1", &[]));
    let cluster = watch_of(&api, address(&service), "blue");
    until_object(&service, "c1", "p1", is_there).await;
    service.shutdown().await;
    let again = || async {
        let config = metadata_service::Config { listen: listen.clone(), ..config(second.path()) };
        let meter = telemetry::Instruments::default().meter;
        metadata_service::MetadataService::start(config, &meter).await.ok()
    };
    let service = until("the address is free again", again).await;
    until_object(&service, "c1", "p1", is_there).await;
    api.put("pods", objects::pod("shop", "db", "p2", &[]));
    until_object(&service, "c1", "p2", is_there).await;
    cluster.shutdown().await;
    service.shutdown().await;
}

/// Scenario: the role cluster is restarted, and meanwhile a pod goes and another comes. Guarantees: the first has ended, the
/// second is there, what stayed is as it was, with its version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_service_that_comes_back_finds_out_what_went() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let api = api("c1").await;
    for name in ["stays", "goes"] {
        api.put("pods", objects::pod("shop", name, name, &[]));
    }
    let cluster = watch_of(&api, address(&service), "blue");
    let before = until_object(&service, "c1", "stays", is_there).await;
    until_object(&service, "c1", "goes", is_there).await;
    cluster.shutdown().await;
    api.delete("pods", "shop", "goes");
    api.put("pods", objects::pod("shop", "comes", "comes", &[]));
    let cluster = watch_of(&api, address(&service), "blue");
    until_object(&service, "c1", "comes", is_there).await;
    until_object(&service, "c1", "goes", is_gone).await;
    assert_eq!(until_object(&service, "c1", "stays", is_there).await, before);
    cluster.shutdown().await;
    service.shutdown().await;
}
