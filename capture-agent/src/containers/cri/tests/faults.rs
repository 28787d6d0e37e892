//! Runtimes that hang, lie, send what nobody can take, go and come.

use std::time::Duration;

use tokio::{io::AsyncWriteExt as _, net::UnixListener};

use super::{
    fake::{self, Fake, ID, SANDBOX},
    *,
};

const OTHER: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn fake_with_pod() -> Fake {
    let fake = Fake::new("containerd");
    fake.pod(fake::CONTAINERD_SANDBOX_INFO);
    fake.web(fake::CONTAINERD_INFO);
    fake
}

/// Accepts all connections, and writes `bytes` to each; keeps them if `is_kept`.
async fn accept(listener: UnixListener, bytes: Vec<u8>, is_kept: bool) {
    let mut kept = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(&bytes).await;
        if is_kept {
            kept.push(stream);
        }
    }
}

/// Scenario: sockets of runtimes that accept and never answer, that close each connection, that answer by garbage, and that are not there;
/// then a runtime comes. Guarantees: nothing is told before, everything after; each ends when nobody asks.
#[tokio::test]
async fn what_is_no_runtime_holds_nobody_up() {
    let garbage: Vec<u8> = (0..4_096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let http = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec();
    // An empty frame of settings, and then a frame of 16 MB.
    let frames =
        [&[0, 0, 0, 4, 0, 0, 0, 0, 0][..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], &[0; 9_000]].concat();
    let bad = [(Vec::new(), true), (Vec::new(), false), (garbage, true), (http, false), (frames, true)];
    let mut all = vec![(Socket::new(), None)];
    for (bytes, is_kept) in bad {
        let mut socket = Socket::new();
        socket.serve_by(move |listener| accept(listener, bytes, is_kept));
        all.push((socket, None));
    }
    for (socket, listening) in &mut all {
        let started = listening.insert(listen(socket));
        started.asked.send(ID.to_owned()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(7)).await;
    for (socket, listening) in &mut all {
        assert_eq!(listening.as_mut().unwrap().until_now(), []);
        socket.serve(fake_with_pod().services());
    }
    for (_socket, listening) in &mut all {
        let mut listening = listening.take().unwrap();
        assert_eq!(listening.of(ID).await.container.name, "web");
        listening.end().await;
    }
}

/// Scenario: a runtime with events goes away, and comes back with another container. Guarantees: the other is told without being asked
/// for.
#[tokio::test]
async fn a_runtime_may_go_and_come_back() {
    let (mut socket, fake) = (Socket::new(), Fake::with_events("containerd"));
    fake.web(fake::CONTAINERD_INFO);
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    assert_eq!(listening.of(ID).await.container.name, "web");
    fake.listener().await;
    socket.end();
    let fake = Fake::with_events("containerd");
    fake.container(OTHER, fake::CONTAINERD_INFO);
    socket.serve(fake.services());
    assert_eq!(listening.of(OTHER).await.container.name, "web");
    listening.end().await;
}

/// Scenario: a runtime without events goes away and comes back, and nobody asks for anybody. Guarantees: that is noticed, and the new
/// container told.
#[tokio::test]
async fn a_runtime_without_events_may_go_and_come_back() {
    let (mut socket, fake) = (Socket::new(), fake_with_pod());
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    assert_eq!(listening.of(ID).await.container.name, "web");
    let fake = fake_with_pod();
    fake.container(OTHER, fake::CONTAINERD_INFO);
    socket.serve(fake.services());
    assert_eq!(listening.of(OTHER).await.container.name, "web");
    listening.end().await;
}

/// Scenario: a stream of events that ends after some, while the runtime goes on; and runtimes whose stream ends at once, or that have none.
/// Guarantees: after the first all are listed again, since events may have been missed; the others are neither asked for events again and
/// again nor left alone.
#[tokio::test]
async fn a_stream_of_events_may_end() {
    let (mut socket, fake) = (Socket::new(), Fake::with_events("containerd"));
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    fake.listener().await;
    fake.web(fake::CONTAINERD_INFO);
    fake.pod(fake::CONTAINERD_SANDBOX_INFO);
    fake.tell(ID, 1);
    assert_eq!(listening.of(ID).await.container.name, "web");
    fake.container(OTHER, fake::CONTAINERD_INFO);
    fake.new_events();
    assert_eq!(listening.of(OTHER).await.container.name, "web");
    listening.end().await;

    for ends_at_once in [true, false] {
        let (mut socket, fake) = (Socket::new(), fake_with_pod());
        if ends_at_once {
            fake.end_events_at_once();
        }
        socket.serve(fake.services());
        let mut listening = listen(&socket);
        assert_eq!(listening.of(ID).await.container.name, "web");
        fake.container(OTHER, fake::CONTAINERD_INFO);
        tokio::time::sleep(Duration::from_millis(500)).await;
        listening.asked.send(OTHER.to_owned()).await.unwrap();
        assert_eq!(listening.of(OTHER).await.container.name, "web");
        assert_eq!(fake.asked("GetContainerEvents"), 1);
        listening.end().await;
    }
}

/// Scenario: a runtime that never answers for some containers, more than are asked for at the same time, and answers for others.
/// Guarantees: the others are told; nothing is told of those.
#[tokio::test]
async fn one_container_that_hangs_holds_no_other_up() {
    let (mut socket, fake) = (Socket::new(), fake_with_pod());
    for number in 0..12 {
        fake.container(&format!("hung{number}"), fake::CONTAINERD_INFO);
        fake.hang(&format!("hung{number}"));
    }
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    listening.asked.send(ID.to_owned()).await.unwrap();
    assert_eq!(listening.of(ID).await.container.name, "web");
    fake.container(OTHER, fake::CONTAINERD_INFO);
    listening.asked.send(OTHER.to_owned()).await.unwrap();
    assert_eq!(listening.of(OTHER).await.container.name, "web");
    assert!(listening.until_now().iter().all(|told| !told.id.starts_with("hung")));
    listening.end().await;
}

/// Scenario: a runtime that answers for one container, or sandbox, when it is asked for another. Guarantees: nothing of it is told.
#[tokio::test]
async fn answers_of_others_are_not_taken() {
    let (mut socket, fake) = (Socket::new(), fake_with_pod());
    fake.lie(OTHER, ID);
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    listening.asked.send(OTHER.to_owned()).await.unwrap();
    assert_eq!(listening.of(OTHER).await, Cri::unknown(OTHER));
    fake.lie(OTHER, SANDBOX);
    listening.asked.send(OTHER.to_owned()).await.unwrap();
    assert_eq!(listening.of(OTHER).await, Cri::unknown(OTHER));
    listening.end().await;
}

/// Scenario: JSON beside the status that is none, endlessly nested, of other shapes, or missing, and texts without measure. Guarantees: what
/// the status says is told, bounded, with a reason for the rest.
#[tokio::test]
async fn hostile_json_costs_only_itself() {
    let nested = "[".repeat(200_000);
    let large = format!("{{\"sandboxID\":{:?}}}", "x".repeat(500_000));
    for info in ["", "{", "[]", "7", "null", &nested, r#"{"runtimeSpec":7,"config":"x"}"#, &large] {
        let (mut socket, fake) = (Socket::new(), Fake::new("containerd"));
        fake.pod(info);
        fake.web(info);
        fake.change_web(|status| {
            status.labels = (0..5_000).map(|n| (n.to_string(), "x".repeat(20))).collect();
            status.mounts = vec![status.mounts[0].clone(); 5_000];
            status.metadata =
                Some(crate::containers::api::cri::ContainerMetadata { name: "n".repeat(100_000) });
            status.created_at = i64::MIN;
        });
        socket.serve(fake.services());
        let mut listening = listen(&socket);
        let told = listening.of(ID).await.container;
        assert!(!told.reasons.is_empty(), "{info:.40}");
        assert_eq!((told.name.len(), told.created_ns), (1_024, 0));
        assert!(prost::Message::encoded_len(&told) < 256 << 10, "{info:.40}");
        assert_eq!(told.is_privileged, None);
        listening.asked.send(SANDBOX.to_owned()).await.unwrap();
        assert_eq!(listening.of(SANDBOX).await.container.pod_name, "shop");
        listening.end().await;
    }
}

/// Scenario: a status of more than a megabyte. Guarantees: it is not taken, and nothing is told of that container; others are told.
#[tokio::test]
async fn a_status_without_measure_is_not_taken() {
    let (mut socket, fake) = (Socket::new(), fake_with_pod());
    fake.container(OTHER, &"x".repeat(MAX_STATUS_BYTES));
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    assert_eq!(listening.of(ID).await.container.name, "web");
    listening.asked.send(OTHER.to_owned()).await.unwrap();
    listening.asked.send("nobody".to_owned()).await.unwrap();
    assert_eq!(listening.of("nobody").await, Cri::unknown("nobody"));
    assert!(listening.until_now().iter().all(|told| told.id != OTHER));
    listening.end().await;
}

/// Scenario: more containers than fit into one answer, some of a sandbox and others that no list has. Guarantees: they are listed by
/// sandboxes; who is in no list is told when it is asked for.
#[tokio::test]
async fn a_list_that_is_too_large_is_asked_for_in_parts() {
    let (mut socket, fake) = (Socket::new(), fake_with_pod());
    (0..50).for_each(|number| fake.container(&format!("{number:064}"), fake::CONTAINERD_INFO));
    fake.unlist(&format!("{:064}", 3));
    socket.serve(fake.services());
    let connection = Connection::open(&socket.path()).await.unwrap();
    let cri = Cri::open(connection).await.unwrap();
    // A sandbox of ours has all: neither its list nor the whole one fits at first, then the whole one does.
    let small = Cri { max_list_bytes: 2_000, ..cri.clone() };
    assert_eq!(small.list().await.unwrap(), [SANDBOX]);
    assert_eq!(fake.asked("ListContainers"), 2);
    assert_eq!(cri.list().await.unwrap().len(), 51);
    let told = small.describe(format!("{:064}", 3)).await.unwrap().unwrap();
    assert_eq!(told.container.name, "web");
    let tiny = Cri { max_list_bytes: 10, ..cri };
    assert!(tiny.list().await.unwrap().is_empty());
}
