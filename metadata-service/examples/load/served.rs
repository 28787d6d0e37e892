//! The service as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use metadata_service::{Config, MetadataService};
use telemetry::Instruments;

use super::Client;

/// A service that runs; ended when dropped.
pub(crate) struct Served {
    child: Child,
    url: String,
}

/// Serves until standard input ends, which it does with whoever started this.
pub(crate) async fn serve(directory: PathBuf) {
    let config = Config { listen: "127.0.0.1:0".parse().unwrap(), data_dir: directory, ..Config::default() };
    let running = MetadataService::start(config, &Instruments::default().meter).await.unwrap();
    println!("{}", running.local_address().uri());
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop));
    ended.await.unwrap();
    running.shutdown().await;
}

// === impl Served ===

impl Served {
    pub(crate) async fn start(directory: &Path) -> Self {
        let (child, url) = spawn(directory);
        let served = Self { child, url };
        served.client().await;
        served
    }

    /// Ends it as SIGTERM would, and starts it on what it left.
    pub(crate) async fn restart(&mut self, directory: &Path) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        *self = Self::start(directory).await;
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.url.clone()).await.unwrap()
    }

    /// Of `/proc/PID/status`, in MiB.
    pub(crate) fn status_mib(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(directory: &Path) -> (Child, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (child, url.trim().to_owned())
}
