//! A docker of its own: Debian's dockerd, with an image of busybox alone.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{daemon::Daemon, podman::pack, succeeded, write_root};

/// Debian's, whatever else is called docker on the machine.
const DOCKER: &str = "/usr/bin/docker";
/// The image that it has.
const IMAGE: &str = "eyrie/test:7";
/// A call that takes longer hangs.
const PATIENCE_SECONDS: &str = "120";
/// No bridge and no rules of a firewall: it must not change the machine's network.
const OPTIONS: [&str; 7] = [
    "--iptables=false",
    "--ip6tables=false",
    "--bridge=none",
    "--ip-forward=false",
    "--ip-masq=false",
    "--storage-driver=vfs",
    "--log-level=warn",
];

/// dockerd with everything that is its own in a folder in `/tmp`. It is ended when this is dropped, and all its containers before.
#[derive(Debug)]
pub struct Docker {
    // Before the folder.
    _daemon: Daemon,
    folder: TempDir,
}

// === impl Docker ===

impl Docker {
    /// Starts it and imports the image.
    pub fn start() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix_in("eyrie-docker-", "/tmp")?;
        let at = |name: &str| folder.path().join(name);
        let mut command = Command::new("dockerd");
        command.args(OPTIONS).arg("--host").arg(format!("unix://{}", at("docker.sock").display()));
        command.arg("--data-root").arg(at("data")).arg("--exec-root").arg(at("run/docker"));
        command.arg("--pidfile").arg(at("pid")).arg("--config-file").arg(at("daemon.json"));
        std::fs::write(at("daemon.json"), "{}")?;
        let daemon = Daemon::start(command, &at("docker.sock"), at("log"))?;
        let docker = Self { _daemon: daemon, folder };
        write_root(&docker.path("root"), IMAGE)?;
        let archive = docker.path("image.tar");
        pack(&docker.path("root"), &archive)?;
        docker.run(&["import", &archive.display().to_string(), IMAGE])?;
        Ok(docker)
    }

    /// Where it takes requests.
    pub fn socket(&self) -> PathBuf {
        self.path("docker.sock")
    }

    /// Where it keeps containers and images.
    pub fn root(&self) -> PathBuf {
        self.path("data")
    }

    /// Name and tag of its image.
    pub fn image(&self) -> &'static str {
        IMAGE
    }

    /// Starts a container of the image and gives its whole id.
    pub fn start_container(&self, options: &[&str], command: &[&str]) -> anyhow::Result<String> {
        let arguments = ["run", "--detach", "--network=none", "--ulimit", "nofile=1024:1024"];
        self.run(&[&arguments[..], options, &[IMAGE], command].concat())
    }

    /// Runs its client, and gives what that printed.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("timeout");
        command.args([PATIENCE_SECONDS, DOCKER, "--host"]).arg(format!("unix://{}", self.socket().display()));
        command.args(arguments).stdin(Stdio::null());
        succeeded("docker", command.output().context("cannot run docker")?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Docker {
    /// They would outlive dockerd.
    fn drop(&mut self) {
        let all = self.run(&["ps", "--all", "--quiet"]).unwrap_or_default();
        let all: Vec<_> = all.split_whitespace().collect();
        if !all.is_empty() {
            let _ = self.run(&[&["rm", "--force"], &all[..]].concat());
        }
    }
}
