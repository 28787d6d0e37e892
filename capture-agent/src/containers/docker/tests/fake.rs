//! A runtime's service in process: HTTP over a Unix socket in /tmp, and everything that may be wrong with one.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::broadcast,
};
use tokio_util::task::AbortOnDropHandle;

/// How a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Json(String),
    Late(Duration, String),
    /// Never.
    Silence,
    Garbage,
    /// A body that does not end.
    Endless,
    Status(u16),
}

/// What the service knows, while it is there and while it is not.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    folder: Arc<tempfile::TempDir>,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
    events: broadcast::Sender<String>,
}

/// The service while it is there.
#[derive(Debug)]
pub(crate) struct Serving {
    socket: PathBuf,
    _task: AbortOnDropHandle<()>,
}

// === impl Fake ===

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            folder: Arc::new(tempfile::tempdir_in("/tmp").unwrap()),
            answers: Arc::default(),
            requests: Arc::default(),
            events: broadcast::channel(64).0,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// It is answered as it would be by itself.
    pub(crate) fn forget(&self, path: &str) {
        self.answers.lock().unwrap().remove(path);
    }

    /// A container by its id, called `name`, and the list of those that run.
    pub(crate) fn put(&self, id: &str, name: &str) {
        let inspected = format!(
            r#"{{"Id":"{id}","Name":"/{name}","Image":"sha256:0f","Config":{{"Image":"local/app:1"}},"HostConfig":{{}}}}"#
        );
        self.answer(&format!("/containers/{id}/json"), Answer::Json(inspected));
    }

    pub(crate) fn list(&self, ids: &[&str]) {
        let listed: Vec<_> = ids.iter().map(|id| format!(r#"{{"Id":"{id}"}}"#)).collect();
        self.answer("/containers/json", Answer::Json(format!("[{}]", listed.join(","))));
    }

    /// Tells all who listen; nobody if nobody does.
    pub(crate) fn event(&self, line: &str) {
        let _ = self.events.send(format!("{line}\n"));
    }

    pub(crate) fn listeners(&self) -> usize {
        self.events.receiver_count()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn serve(&self) -> Serving {
        let socket = self.socket();
        let listener = UnixListener::bind(&socket).unwrap();
        let this = self.clone();
        let serve = async move {
            // Those of one service end with it.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                connections.spawn(this.clone().connection(stream));
            }
        };
        Serving { socket, _task: AbortOnDropHandle::new(tokio::spawn(serve)) }
    }

    async fn connection(self, mut stream: UnixStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        self.requests.lock().unwrap().push(target.clone());
        let path = target.split('?').next().unwrap();
        let answer = self.answers.lock().unwrap().get(path).cloned();
        let _ = match answer {
            None if path == "/events" => self.tell_events(stream).await,
            answer => write(stream, answer.unwrap_or(Answer::Status(404))).await,
        };
    }

    async fn tell_events(&self, mut stream: UnixStream) -> std::io::Result<()> {
        let mut events = self.events.subscribe();
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
        while let Ok(line) = events.recv().await {
            stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await?;
        }
        Ok(())
    }
}

async fn write(mut stream: UnixStream, answer: Answer) -> std::io::Result<()> {
    let (wait, body) = match answer {
        Answer::Json(body) => (Duration::ZERO, body),
        Answer::Late(wait, body) => (wait, body),
        Answer::Silence => return std::future::pending().await,
        Answer::Garbage => return stream.write_all(b"\0\x01 not HTTP\r\n\r\n").await,
        Answer::Status(status) => {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            return stream.write_all(text.as_bytes()).await;
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 4_096]).await?;
            }
        }
    };
    tokio::time::sleep(wait).await;
    let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await
}

// === impl Serving ===

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}
