//! The port, and what is not gRPC on it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use engine_service::{
    Engine,
    listener::{ListenAddress, ListenError, ListenSecurity, Listener},
};

use crate::support::*;

/// Scenario: garbage, HTTP/1, TLS, and half a greeting come in on the port, each on a connection of its own.
/// Guarantees: each connection is closed; the engine goes on serving.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_port_is_turned_away() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let ListenAddress::Tcp(address) = engine.local_address().clone() else { panic!("no TCP") };
    let greetings: [&[u8]; 5] = [
        &[0xde, 0xad, 0xbe, 0xef],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x16, 0x03, 0x01, 0x02, 0x00],
        b"PRI * HTTP/2.0\r\n\r\nXX",
        &[0xff; 100_000],
    ];
    for greeting in greetings {
        let closed = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // Whether the end is seen while writing or while reading does not matter.
            let _ = stream.write_all(greeting);
            let mut buffer = [0; 16];
            match stream.read(&mut buffer) {
                Ok(count) => assert_eq!(count, 0),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
            }
        };
        tokio::task::spawn_blocking(closed).await.unwrap();
    }
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 1, &[])).await.through_sequence, 1);
    engine.shutdown().await;
}

/// Scenario: an address that other machines can reach. Guarantees: it is refused with what to do, and taken when the operator
/// says so.
#[tokio::test]
async fn plain_text_stays_on_the_machine() {
    let address: ListenAddress = "0.0.0.0:0".parse().unwrap();
    let error = Listener::bind(address, ListenSecurity::LOCAL).await.unwrap_err();
    assert!(matches!(error, ListenError::Insecure { .. }));
    assert!(error.to_string().contains("--insecure"), "{error}");
    let insecure = ListenSecurity { is_insecure_allowed: true, ..ListenSecurity::LOCAL };
    // Taken with the word of the operator: tried out on an address that stays here all the same.
    assert!(Listener::bind("127.0.0.1:0".parse().unwrap(), insecure).await.is_ok());
}

/// Scenario: a port that is taken. Guarantees: the error names it.
#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenSecurity::LOCAL).await.unwrap();
    let error = Listener::bind(first.local_address().clone(), ListenSecurity::LOCAL).await.unwrap_err();
    assert!(error.to_string().contains(&first.local_address().to_string()), "{error}");
}

/// Scenario: an engine on a Unix socket; a second one wants it; the first ends, or is gone without a trace.
/// Guarantees: it serves; the second is refused while the first lives; a stale socket is no hindrance; nothing is left behind.
#[tokio::test]
async fn a_unix_socket_serves_and_is_cleaned_up() {
    // Not where TMPDIR says: a socket's path has room for 107 bytes.
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let path = directory.path().join("eyrie.sock");
    let address = ListenAddress::Unix(path.clone());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::bind(address.clone(), ListenSecurity::LOCAL).await.unwrap();
    let log = sqlite(directory.path());
    let parts = Engine {
        evaluator: evaluator(),
        log: log as Arc<_>,
        listener,
        output: None,
        options: options(),
        instruments: Default::default(),
    };
    let engine = parts.start().await.unwrap();
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 1, &[])).await.through_sequence, 1);
    assert!(hosts(&engine, false).await[0].peer.contains("eyrie.sock"));
    let second = Listener::bind(address, ListenSecurity::LOCAL).await.unwrap_err();
    assert!(matches!(second, ListenError::SocketInUse { .. }), "{second}");
    engine.shutdown().await;
    assert!(!path.exists());
}
