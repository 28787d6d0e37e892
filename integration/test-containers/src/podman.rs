//! How podman is called: with the machine's own storage, or with one that nobody else has.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{Image, daemon::Daemon, succeeded};

/// Where podman keeps containers and images of the whole host, unless told otherwise.
const STORAGE: &str = "/var/lib/containers/storage";
/// A call that takes longer hangs. They take less than a second each, many at a time on a busy machine some more.
const PATIENCE_SECONDS: &str = "120";

/// podman. Clones share the storage; one of its own is removed with the last of them, and whatever is in it.
#[derive(Clone, Debug, Default)]
pub struct Podman {
    own: Option<Arc<Own>>,
}

#[derive(Debug)]
struct Own {
    folder: TempDir,
}

/// podman's service, which answers what docker's would. Ended when dropped.
#[derive(Debug)]
pub struct PodmanService {
    // Before the folder.
    _daemon: Daemon,
    folder: TempDir,
    _podman: Podman,
}

/// What podman says of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The whole id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Name and tag of its image.
    pub image: String,
}

// === impl Podman ===

impl Podman {
    /// With a new storage, in `/tmp`: podman allows 50 bytes for the path of what lives as long as a boot.
    pub fn with_own_storage() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix_in("eyrie-podman-", "/tmp")?;
        Ok(Self { own: Some(Arc::new(Own { folder })) })
    }

    /// Where it keeps containers and images, as an agent may have to be told (`--podman-storage`).
    pub fn storage(&self) -> PathBuf {
        self.own.as_ref().map_or_else(|| PathBuf::from(STORAGE), |own| own.storage())
    }

    /// Imports the image under a name that no other has.
    pub fn import(&self) -> anyhow::Result<Image> {
        Image::import_to(self.clone())
    }

    /// Starts its service, at a socket that no other has.
    pub fn serve(&self) -> anyhow::Result<PodmanService> {
        let folder = TempDir::with_prefix_in("eyrie-podman-", "/tmp")?;
        let socket = folder.path().join("podman.sock");
        let mut command = Command::new("podman");
        arguments_of(&mut command, self.own.as_deref());
        // It ends by itself if it should be left over.
        command.args(["system", "service", "--time", PATIENCE_SECONDS]);
        command.arg(format!("unix://{}", socket.display()));
        let daemon = Daemon::start(command, &socket, folder.path().join("log"))?;
        Ok(PodmanService { _daemon: daemon, folder, _podman: self.clone() })
    }

    /// All containers of the storage, ended ones too.
    pub fn list(&self) -> anyhow::Result<Vec<Listed>> {
        let format = "{{.ID}} {{.Names}} {{.Image}}";
        let lines = self.run(&["ps", "--all", "--no-trunc", "--format", format])?;
        let listed = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            Some(Listed { id: words.next()?, name: words.next()?, image: words.next()? })
        };
        lines
            .lines()
            .map(|line| listed(line).with_context(|| format!("podman ps printed {line:?}")))
            .collect()
    }

    /// Runs podman, and gives what it printed.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(self.own.as_deref(), arguments)
    }
}

// === impl Own ===

impl Own {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn storage(&self) -> PathBuf {
        self.path("root")
    }
}

impl Drop for Own {
    /// What still runs, and what is mounted, would outlive the folder.
    fn drop(&mut self) {
        let _ = run(Some(self), &["rm", "--all", "--force", "--time", "0"]);
        let _ = run(Some(self), &["rmi", "--all", "--force"]);
        let _ = Command::new("umount").arg(self.storage().join("overlay")).stderr(Stdio::null()).status();
    }
}

fn run(own: Option<&Own>, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("timeout");
    command.args([PATIENCE_SECONDS, "podman"]);
    arguments_of(&mut command, own);
    command.args(arguments).stdin(Stdio::null());
    succeeded("podman", command.output().context("cannot run podman")?)
}

/// What every call begins with.
fn arguments_of(command: &mut Command, own: Option<&Own>) {
    command.args(["--runtime", "runc", "--cgroup-manager=cgroupfs"]);
    if let Some(own) = own {
        command.args(["--events-backend=none", "--root"]).arg(own.storage());
        command.arg("--runroot").arg(own.path("run")).arg("--tmpdir").arg(own.path("tmp"));
    }
}

// === impl PodmanService ===

impl PodmanService {
    /// Where it takes requests.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("podman.sock")
    }
}

/// Packs a folder for `podman import`.
pub(crate) fn pack(root: &Path, archive: &Path) -> anyhow::Result<()> {
    let output = Command::new("tar").arg("-cf").arg(archive).arg("-C").arg(root).arg(".").output()?;
    succeeded("tar", output).map(drop)
}
