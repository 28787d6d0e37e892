//! A NATS server with JetStream, as a process of its own.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use metadata_service::store::nats::{NatsConfig, NatsStorage};
use tempfile::TempDir;

/// Ends the server when standard input ends, which it does with whoever started this, however that ends; and then removes
/// the folder, if it is told to.
const KEEPER: &str = "nats-server -c \"$1\" >\"$1.log\" 2>&1 & read -r _; kill -KILL $! 2>/dev/null; wait; \
                      if [ -n \"$2\" ]; then rm -rf \"$2\"; fi";
const START_WAIT: Duration = Duration::from_secs(20);

/// A server; ended when dropped.
pub(crate) struct NatsServer {
    keeper: Option<Child>,
    folder: PathBuf,
    port: u16,
    /// `None` for the one that is never dropped, whose keeper removes it.
    _temporary: Option<TempDir>,
}

/// The server of the tests that do nothing to it.
pub(crate) fn shared() -> &'static NatsServer {
    static SERVER: OnceLock<NatsServer> = OnceLock::new();
    SERVER.get_or_init(|| NatsServer::start_in(temporary().keep(), None))
}

fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("eyrie-nats-").tempdir_in("/tmp").unwrap()
}

// === impl NatsServer ===

impl NatsServer {
    pub(crate) fn start() -> Self {
        let temporary = temporary();
        Self::start_in(temporary.path().to_owned(), Some(temporary))
    }

    fn start_in(folder: PathBuf, temporary: Option<TempDir>) -> Self {
        let mut server = Self { keeper: None, folder, port: 0, _temporary: temporary };
        server.run();
        server
    }

    /// Starts on what it left; with the port that it had.
    pub(crate) fn run(&mut self) {
        let port = if self.port == 0 { -1 } else { i32::from(self.port) };
        let folder = self.folder.display().to_string();
        let path = self.folder.join("nats.conf");
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\nports_file_dir: \"{folder}\"\npid_file: \"{folder}/pid\"\n\
             jetstream {{ store_dir: \"{folder}/store\", max_mem: 64M, max_file: 2G }}\n"
        );
        std::fs::write(&path, settings).unwrap();
        self.forget_ports();
        let to_remove = if self._temporary.is_none() { &*folder } else { "" };
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&path).arg(to_remove);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.keeper = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while !self.is_answering() {
            let log = std::fs::read_to_string(format!("{}.log", path.display())).unwrap_or_default();
            assert!(begun.elapsed() < START_WAIT, "nats-server does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    pub(crate) fn bucket(&self, name: &str) -> NatsConfig {
        NatsConfig {
            servers: self.url().parse().unwrap(),
            bucket: name.to_owned(),
            replicas: 1,
            storage: NatsStorage::File,
            credentials: None,
            tls_ca: None,
            tls_identity: None,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The stream that a bucket is.
    pub(crate) async fn stream(&self, bucket: &str) -> async_nats::jetstream::stream::Stream {
        let client = async_nats::connect(self.url()).await.unwrap();
        async_nats::jetstream::new(client).get_stream(format!("KV_{bucket}")).await.unwrap()
    }

    fn is_answering(&mut self) -> bool {
        if self.port == 0 {
            self.port = self.ports_files().iter().find_map(|path| port_in(path)).unwrap_or(0);
        }
        self.port != 0 && std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn ports_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "ports")).collect()
    }

    fn forget_ports(&self) {
        self.ports_files().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn port_in(path: &Path) -> Option<u16> {
    let ports: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
}
