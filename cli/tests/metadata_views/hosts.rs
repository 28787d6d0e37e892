//! `eyrie hosts` with what a metadata service knows, and without.

use eyrie_proto::capture::{
    AgentInfo, Host, ListHostsRequest, ListHostsResponse,
    host_service_server::{HostService, HostServiceServer},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::support::*;

/// An engine that knows of three hosts, of which one has a name that would paint the terminal.
struct Engine;

#[tonic::async_trait]
impl HostService for Engine {
    async fn list_hosts(
        &self,
        _request: Request<ListHostsRequest>,
    ) -> Result<Response<ListHostsResponse>, Status> {
        let host = |number, hostname: &str| Host {
            origin: Some(origin(number)),
            agent: Some(AgentInfo {
                hostname: hostname.into(),
                kernel_release: "5.10.0-of-the-agent".into(),
                ..AgentInfo::default()
            }),
            is_connected: true,
            received_events: 4_711,
            ..Host::default()
        };
        Ok(Response::new(ListHostsResponse {
            hosts: vec![host(1, "one"), host(3, "three"), host(4, "\x1b[31mfour")],
        }))
    }
}

/// Its URL; it ends with the test's runtime.
async fn engine() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().add_service(HostServiceServer::new(Engine));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    url
}

/// Scenario: three hosts are connected, of which the metadata service knows one. Guarantees: the wide table and the JSON have what it knows
/// beside all that the engine does; the plain table asks nobody and is as it was; tables have no blanks at the ends of lines, and nothing that a
/// host's name would do to a terminal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_have_what_is_known_of_them() {
    let (scene, engine) = (Scene::start().await, engine().await);
    let wide = scene.run(&["hosts", "--engine", &engine, "-o", "wide"]).await;
    assert_eq!((wide.code, &*wide.errors), (0, ""));
    let lines: Vec<String> = words(&wide.output).iter().map(|line| line.join(" ")).collect();
    assert!(lines[0].ends_with("SINCE ORIGIN SYSTEM KERNEL ARCH CLOUD LABELS"), "{}", lines[0]);
    assert!(
        lines[1].contains("4711")
            && lines[1].ends_with("Debian GNU/Linux 13 6.18.0 x86_64 aws/eu-west-1/i-0123 rack=r7"),
        "{}",
        lines[1]
    );
    assert!(lines[2].ends_with("<unknown> 5.10.0-of-the-agent <unknown> <unknown> <none>"), "{}", lines[2]);
    assert!(wide.output.lines().all(|line| line == line.trim()), "{:?}", wide.output);
    assert!(!wide.output.contains('\x1b') && wide.output.contains("four"), "{:?}", wide.output);
    let json = scene.json(&["hosts", "--engine", &engine]).await;
    assert_eq!(json[0]["events"], 4_711);
    assert_eq!(json[0]["metadata"]["operating_system"], "Debian GNU/Linux 13");
    assert_eq!(json[0]["metadata"]["cloud"]["region"], "eu-west-1");
    assert_eq!(json[1]["hostname"], "three");
    assert!(json[1]["metadata"].is_null());
    let plain = run(&["hosts", "--engine", &engine, "--metadata", "http://127.0.0.1:1"]).await;
    assert_eq!((plain.code, &*plain.errors), (0, ""));
    assert!(plain.output.contains("ORIGIN") && !plain.output.contains("CLOUD"), "{}", plain.output);
}

/// Scenario: no metadata service can be reached. Guarantees: what the engine knows is told all the same, with a note that says what is
/// left out and why, beside the output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_are_told_without_a_metadata_service() {
    let engine = engine().await;
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("http://{away}");
    for (format, text) in [("wide", "5.10.0-of-the-agent"), ("json", "\"metadata\":null")] {
        let run = run(&["hosts", "--engine", &engine, "--metadata", &away, "-o", format]).await;
        assert_eq!(run.code, 0);
        assert!(run.output.contains(text) && run.output.contains("4711"), "{}", run.output);
        assert!(run.errors.contains("left out: no metadata service answers"), "{}", run.errors);
    }
}
