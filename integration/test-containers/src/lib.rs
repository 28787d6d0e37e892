//! Real containers for tests: podman with runc, docker, containerd with its part for Kubernetes, and an image of busybox alone.
//!
//! No registry is asked: the image is made of the machine's own static busybox. A test asks for
//! `Requirement::Containers` first; everything here is gone when it is dropped, and nothing else is touched.
#![forbid(unsafe_code)]

mod containerd;
mod daemon;
mod docker;
mod podman;

use std::{
    path::Path,
    process::Output,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, ensure};

use self::podman::pack;
pub use self::{
    containerd::{Containerd, ContainerdContainer, Pod, PodOptions},
    docker::Docker,
    podman::{Listed, Podman, PodmanService},
};

/// Debian's busybox-static: it needs no libraries, so that it is a root file system by itself.
const BUSYBOX: &str = "/bin/busybox";
/// The programs of the image, beside `/bin/busybox`.
const PROGRAMS: [&str; 3] = ["sh", "cat", "sleep"];
/// No registry, no network, limits that an unprivileged machine can set.
const RUN: [&str; 7] =
    ["run", "--pull=never", "--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];

/// Users and groups of the image: none of them is one of the host's.
const PASSWD: &str = "root:x:0:0::/:/bin/sh\neyrie-inside:x:61234:61234::/home:/bin/sh\n";
const GROUP: &str = "root:x:0:\neyrie-insiders:x:61234:\n";
/// Images of one process have names of their own.
static IMAGES: AtomicU32 = AtomicU32::new(0);

/// An image with a static busybox, a user `eyrie-inside` (61234) and a group `eyrie-insiders`, and nothing else.
#[derive(Debug)]
pub struct Image {
    podman: Podman,
    repository: String,
    tag: String,
}

/// A container; removed when dropped, whether it still runs or not.
#[derive(Debug)]
pub struct Container {
    podman: Podman,
    id: String,
    name: String,
}

// === impl Image ===

impl Image {
    /// Imports the image under a name that no other has, into the machine's storage.
    pub fn import() -> anyhow::Result<Self> {
        Self::import_to(Podman::default())
    }

    pub(crate) fn import_to(podman: Podman) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        let number = IMAGES.fetch_add(1, Ordering::Relaxed);
        let image = Self {
            podman,
            repository: format!("localhost/eyrie-test-{}-{number}", std::process::id()),
            tag: "7".to_owned(),
        };
        write_root(&root, &image.reference())?;
        let archive = folder.path().join("image.tar");
        pack(&root, &archive)?;
        image.podman.run(&["import", "--quiet", &archive.display().to_string(), &image.reference()])?;
        Ok(image)
    }

    /// Its name without the tag.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Its tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Name and tag.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// Starts a container of the image, and does not wait for its end.
    pub fn start(&self, name: &str, command: &[&str]) -> anyhow::Result<Container> {
        self.start_with(&[], name, command)
    }

    /// The same with further options of `podman run`.
    pub fn start_with(&self, options: &[&str], name: &str, command: &[&str]) -> anyhow::Result<Container> {
        let id = self.start_and_leave(options, name, command)?;
        Ok(Container { podman: self.podman.clone(), id, name: name.to_owned() })
    }

    /// The same, but it stays until its storage goes, which is faster for many. Gives the whole id.
    pub fn start_and_leave(&self, options: &[&str], name: &str, command: &[&str]) -> anyhow::Result<String> {
        let reference = self.reference();
        let arguments = [&RUN[..], options, &["--detach", "--name", name, &reference], command].concat();
        self.podman.run(&arguments)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = self.podman.run(&["rmi", "--force", &self.reference()]);
    }
}

// === impl Container ===

impl Container {
    /// The whole id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a program in it, and waits for its end.
    pub fn exec(&self, command: &[&str]) -> anyhow::Result<()> {
        self.exec_with(&[], command)
    }

    /// The same with options of `podman exec`.
    pub fn exec_with(&self, options: &[&str], command: &[&str]) -> anyhow::Result<()> {
        self.podman.run(&[&["exec"], options, &[self.name.as_str()], command].concat()).map(drop)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.podman.run(&["rm", "--force", "--time", "0", &self.name]);
    }
}

/// A root file system with busybox, for an image called `name`.
fn write_root(root: &Path, name: &str) -> anyhow::Result<()> {
    let bin = root.join("bin");
    std::fs::create_dir_all(&bin)?;
    std::fs::copy(BUSYBOX, bin.join("busybox")).context("cannot copy busybox")?;
    for program in PROGRAMS {
        std::os::unix::fs::symlink("busybox", bin.join(program))?;
    }
    std::fs::create_dir(root.join("etc"))?;
    std::fs::write(root.join("etc/passwd"), PASSWD)?;
    std::fs::write(root.join("etc/group"), GROUP)?;
    // Images with the same files that are imported in the same second are one to podman, and go together when one goes.
    Ok(std::fs::write(root.join("name"), name)?)
}

fn succeeded(program: &str, output: Output) -> anyhow::Result<String> {
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed ({}): {error}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
