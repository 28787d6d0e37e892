//! A runtime of a test: what is served at a socket below /tmp, and what was told of it.

use std::{path::PathBuf, time::Duration};

use tokio::{
    net::UnixListener,
    runtime::Runtime,
    sync::mpsc::{self, UnboundedReceiver},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Server, server::Router};

use crate::containers::told::Told;

/// Until what must come has come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A socket that may be served, or not.
pub(in crate::containers) struct Socket {
    folder: tempfile::TempDir,
    /// Of its own, so that connections end with it.
    server: Option<Runtime>,
}

/// What is told by an interface that runs.
pub(in crate::containers) struct Listening {
    pub(in crate::containers) asked: mpsc::Sender<String>,
    told: UnboundedReceiver<Told>,
    running: JoinHandle<()>,
}

// === impl Socket ===

impl Socket {
    pub(in crate::containers) fn new() -> Self {
        Self { folder: tempfile::tempdir_in("/tmp").unwrap(), server: None }
    }

    pub(in crate::containers) fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Serves `services` there, in the place of what was served before.
    pub(in crate::containers) fn serve(&mut self, services: impl FnOnce(Server) -> Router + Send + 'static) {
        self.serve_by(|listener| async move {
            let incoming = UnixListenerStream::new(listener);
            services(Server::builder()).serve_with_incoming(incoming).await.unwrap();
        });
    }

    /// The same with whatever is done with the connections.
    pub(in crate::containers) fn serve_by<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        serve: impl FnOnce(UnixListener) -> F + Send + 'static,
    ) {
        self.end();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let path = self.path();
        let (bound, is_bound) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = UnixListener::bind(path).unwrap();
            bound.send(()).unwrap();
            serve(listener).await;
        });
        is_bound.recv_timeout(PATIENCE).unwrap();
        self.server = Some(runtime);
    }

    /// All connections end, and there is no socket any more.
    pub(in crate::containers) fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
            std::fs::remove_file(self.path()).unwrap();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.end();
    }
}

// === impl Listening ===

impl Listening {
    /// Starts an interface by its function.
    pub(in crate::containers) fn start<F: Future<Output = ()> + Send + 'static>(
        run: impl FnOnce(mpsc::Receiver<String>, Box<dyn Fn(Told) + Send + Sync>) -> F,
    ) -> Self {
        let (asked, ids) = mpsc::channel(64);
        let (tell, told) = mpsc::unbounded_channel();
        let running = tokio::spawn(run(ids, Box::new(move |told| drop(tell.send(told)))));
        Self { asked, told, running }
    }

    /// What is told of a container next.
    pub(in crate::containers) async fn of(&mut self, id: &str) -> Told {
        let of_it = async {
            loop {
                let told = self.told.recv().await.unwrap();
                if told.id == id {
                    return told;
                }
            }
        };
        timeout(PATIENCE, of_it).await.unwrap_or_else(|_| panic!("nothing is told of {id}"))
    }

    /// Everything that was told until now.
    pub(in crate::containers) fn until_now(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// Nobody asks any more: it must end.
    pub(in crate::containers) async fn end(self) {
        drop(self.asked);
        timeout(PATIENCE, self.running).await.expect("it ends when nobody asks").unwrap();
    }
}
