//! Who is behind the remote address of an event, as a metadata service tells of the cluster.

use eyrie_proto::{
    event::{
        Connect, Event, InternetAddress, SocketAddress, SocketDescriptor, SocketRole, SystemCall, descriptor,
        event::Kind, socket_address,
    },
    metadata::{Completeness, Container, KubernetesContext, KubernetesKey, KubernetesObject, Validity},
};

use crate::{metadata::with_service, metadata_service::*, parking::*, support::*};

const RULES: &str = "
- rule: Connect
  desc: a connection
  condition: evt.type = connect
  output: to %k8s.peer.kind %k8s.peer.ns/%k8s.peer.name %k8s.peer.label[app]
  priority: NOTICE
";
const CLUSTER: &str = "cluster-1";
/// Of the test's Hello: boot time 0 in nanoseconds since the epoch, and a second of it.
const BOOT_NS: u64 = 1_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

fn key(uid: &str) -> KubernetesKey {
    KubernetesKey { cluster_uid: CLUSTER.to_owned(), object_uid: uid.to_owned() }
}

fn object(kind: &str, name: &str, ip: &str, from_ns: u64) -> KubernetesObject {
    KubernetesObject {
        key: Some(key(name)),
        kind: kind.to_owned(),
        namespace: "prod".to_owned(),
        name: name.to_owned(),
        labels: [("app".to_owned(), "shop".to_owned())].into(),
        ips: vec![ip.to_owned()],
        validity: Some(Validity { from_ns, until_ns: 0 }),
        ..KubernetesObject::default()
    }
}

/// A container whose pod is of the cluster.
fn container_of_cluster() -> Container {
    let pod = Some(object("Pod", "own", "10.0.0.1", 0));
    let context = KubernetesContext {
        pod,
        completeness: Completeness::Complete.into(),
        ..KubernetesContext::default()
    };
    Container { kubernetes: Some(Box::new(context)), ..container(CONTAINER, "web") }
}

fn connect(sequence: u64, ip: [u8; 4]) -> Event {
    let address = |ip: &[u8], port| {
        let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
        Some(SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) })
    };
    let socket = SocketDescriptor {
        family: 2,
        r#type: 1,
        protocol: 6,
        local: address(&[10, 0, 0, 1], 40_000),
        remote: address(&ip, 80),
        role: SocketRole::Client.into(),
        ..SocketDescriptor::default()
    };
    let descriptor = eyrie_proto::event::Descriptor { fd: 3, kind: Some(descriptor::Kind::Socket(socket)) };
    let mut event = open(sequence, "/x");
    event.call = Some(SystemCall { number: 42, result: 0, ..SystemCall::default() });
    event.kind = Some(Kind::Connect(Connect { descriptor: Some(descriptor), ..Connect::default() }));
    event
}

/// Scenario: a host whose container's pod is of a cluster; the service tells of that cluster's pods, services and nodes, of changes and ends, and is
/// away for a while in which a pod goes. Guarantees: the cluster is watched by itself; each event has the pod, service or node of its own
/// time, and nobody where it is not known or not certain.
#[tokio::test]
async fn events_have_their_peers() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    service.store.hold_object(object("Pod", "shop-1", "10.0.0.2", BOOT_NS + 2 * SECOND));
    service.store.hold_object(object("Service", "db", "10.96.0.1", 0));
    service.store.hold_object(object("Node", "node-1", "10.0.0.3", 0));
    service.store.hold_object(object("Pod", "on-host", "10.0.0.3", 0));
    let log = sqlite(directory.path());
    let mut options = patient();
    options.metadata.service = with_service(&service).metadata.service;
    let engine = start_with_rules(log.clone(), options, RULES).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    service.store.hold(container_of_cluster());
    let is_of_cluster = |store: &Store| {
        store
            .watched
            .lock()
            .unwrap()
            .iter()
            .any(|request| request.cluster_uids == [CLUSTER] && request.origins.is_empty())
    };
    service.until(is_of_cluster).await;
    // The snapshot is on its way: until it is there the peer is unknown, and such an alert does not wait.
    let mut sequence = 0;
    let mut tell = async |agent: &mut Agent, ip| {
        sequence += 1;
        assert!(sequence < 2_000, "what is told does not come");
        deliver(agent, sequence, vec![connect(sequence, ip)]).await;
        let alert = entries(&*log, sequence).await.pop().unwrap();
        (sequence, alert.message, alert.unknown_fields.is_empty())
    };
    let (mut at, mut message, mut is_whole) = tell(&mut agent, [10, 96, 0, 1]).await;
    while !is_whole {
        assert!(message == "to <NA> <NA>/<NA> <NA>" && at < 1_000, "{at}: {message}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        (at, message, is_whole) = tell(&mut agent, [10, 96, 0, 1]).await;
    }
    assert_eq!(message, "to service prod/db shop", "{at}");
    assert_eq!(tell(&mut agent, [10, 0, 0, 3]).await.1, "to node prod/node-1 shop");
    assert_eq!(tell(&mut agent, [10, 0, 0, 2]).await.1, "to pod prod/shop-1 shop");
    assert_eq!(tell(&mut agent, [192, 0, 2, 1]).await.1, "to <NA> <NA>/<NA> <NA>");
    // The pod has ended between two events, and another one has its address.
    let (last, ..) = tell(&mut agent, [10, 0, 0, 2]).await;
    service.store.end_object(key("shop-1"), BOOT_NS + last * SECOND + SECOND / 2);
    service.store.hold_object(object("Pod", "shop-2", "10.0.0.2", BOOT_NS + last * SECOND + SECOND / 2 + 1));
    let mut shop = tell(&mut agent, [10, 0, 0, 2]).await.1;
    while shop != "to pod prod/shop-2 shop" {
        // News are on their way; what is not known for certain is nobody, or who it was.
        assert!(["to <NA> <NA>/<NA> <NA>", "to pod prod/shop-1 shop"].contains(&&*shop), "{shop}");
        shop = tell(&mut agent, [10, 0, 0, 2]).await.1;
    }
    let (address, store) = service.stop().await;
    assert_eq!(tell(&mut agent, [10, 0, 0, 2]).await.1, "to pod prod/shop-2 shop");
    store.hold_object(object("Pod", "shop-3", "10.0.0.4", 0));
    let service = FakeService::restart((address, store)).await;
    let mut new = tell(&mut agent, [10, 0, 0, 4]).await.1;
    while new != "to pod prod/shop-3 shop" {
        assert!(new == "to <NA> <NA>/<NA> <NA>", "{new}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        new = tell(&mut agent, [10, 0, 0, 4]).await.1;
    }
    engine.shutdown().await;
    drop(service);
}
