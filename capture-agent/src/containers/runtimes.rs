//! The runtimes' own interfaces, each a task on one thread beside all others: one that hangs or lies holds up nobody.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinSet,
};

use super::{
    containerd, cri, docker,
    left_out::LeftOut,
    told::{Interface, Teller, ToldBox},
};

/// Ids that wait for an interface to ask for. What is more is asked for later, or is in its next list.
const MAX_ASKED: usize = 1_024;

/// The sockets of runtimes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Docker's.
    pub docker: PathBuf,
    /// podman's for the whole host. Those of users are theirs to answer as they like, and are not asked.
    pub podman: PathBuf,
    /// containerd's.
    pub containerd: PathBuf,
    /// Whatever speaks the interface of Kubernetes: containerd again, CRI-O and those of distributions.
    pub cri: Vec<PathBuf>,
}

/// The interfaces that run.
#[derive(Debug, Default)]
pub(super) struct Runtimes {
    interfaces: Vec<Asked>,
    left_out: LeftOut,
}

/// One of them, as it is asked.
#[derive(Debug)]
struct Asked {
    source: &'static str,
    /// Whose containers it knows, as paths of control groups name them.
    runtimes: &'static [&'static str],
    socket: PathBuf,
    ids: Sender<String>,
}

/// Interfaces that are about to run.
struct Starting<'a> {
    told: &'a Arc<ToldBox>,
    interfaces: Vec<Asked>,
    tasks: JoinSet<()>,
    runtime: &'a tokio::runtime::Handle,
}

// === impl Sockets ===

impl Default for Sockets {
    fn default() -> Self {
        let cri = [
            "/run/containerd/containerd.sock",
            "/run/crio/crio.sock",
            "/run/k3s/containerd/containerd.sock",
            "/run/k0s/containerd.sock",
            "/run/host-containerd/containerd.sock",
        ];
        Self {
            docker: "/run/docker.sock".into(),
            podman: "/run/podman/podman.sock".into(),
            containerd: "/run/containerd/containerd.sock".into(),
            cri: cri.map(PathBuf::from).to_vec(),
        }
    }
}

// === impl Runtimes ===

impl Runtimes {
    /// Starts the thread, which ends when this is dropped.
    pub(super) fn start(sockets: &Sockets, told: &Arc<ToldBox>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut starting =
            Starting { told, interfaces: Vec::new(), tasks: JoinSet::new(), runtime: runtime.handle() };
        starting.start_all(sockets);
        let Starting { interfaces, mut tasks, .. } = starting;
        // One by one: a panic in one of them must not end the others.
        let run = move || runtime.block_on(async move { while tasks.join_next().await.is_some() {} });
        thread::Builder::new().name("runtimes".to_owned()).spawn(run)?;
        Ok(Self { interfaces, left_out: told.left_out().clone() })
    }

    /// Those that may know a container of `runtime`: where their sockets are, what they call themselves.
    pub(super) fn of(&self, runtime: &str) -> impl Iterator<Item = (Interface, &'static str, &Path)> {
        let is_of = move |asked: &Asked| asked.runtimes.contains(&runtime);
        let all = self.interfaces.iter().enumerate().filter(move |(_, asked)| is_of(asked));
        all.map(|(interface, asked)| (interface, asked.source, asked.socket.as_path()))
    }

    /// Asks for a container. Never waits; the answer comes by the box, or does not.
    pub(super) fn ask(&self, interface: Interface, id: &str) {
        if let Some(asked) = self.interfaces.get(interface) {
            // Full: it does not answer anyway.
            if asked.ids.try_send(id.to_owned()).is_err() {
                self.left_out.not_asked.increment();
            }
        }
    }
}

// === impl Starting ===

impl Starting<'_> {
    /// The table of interfaces: how each is called, whose containers it knows, its socket, and the function that runs it.
    fn start_all(&mut self, sockets: &Sockets) {
        self.start("docker-api", &["docker"], &sockets.docker, |socket, asked, told| {
            docker::run("docker-api", socket, asked, told)
        });
        self.start("podman-api", &["podman"], &sockets.podman, |socket, asked, told| {
            docker::run("podman-api", socket, asked, told)
        });
        self.start("containerd", &["containerd"], &sockets.containerd, containerd::run);
        for socket in &sockets.cri {
            self.start("cri", &["containerd", "cri-o"], socket, cri::run);
        }
    }

    fn start<F, Running>(
        &mut self,
        source: &'static str,
        runtimes: &'static [&'static str],
        socket: &Path,
        run: F,
    ) where
        F: FnOnce(PathBuf, Receiver<String>, Teller) -> Running,
        Running: Future<Output = ()> + Send + 'static,
    {
        let (ids, asked) = channel(MAX_ASKED);
        let teller = self.told.teller(self.interfaces.len());
        self.tasks.spawn_on(run(socket.to_owned(), asked, teller), self.runtime);
        self.interfaces.push(Asked { source, runtimes, socket: socket.to_owned(), ids });
    }
}
