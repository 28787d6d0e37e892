use std::{path::PathBuf, process::Command};

use anyhow::ensure;
use test_containers::Podman;

use crate::{
    program::Program,
    scene::{RING_BYTES, Scene},
};

/// What the agent can see of podman's storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// It is told where it is.
    Told,
    /// It has to find it by the state of the low-level runtime, as it does those of users.
    Untold,
    /// For the agent alone, an empty folder is in its place.
    Hidden,
}

// === impl Storage ===

impl Storage {
    /// Starts the scene's agent.
    pub(super) fn agent(self, scene: &Scene, podman: &Podman) -> anyhow::Result<Program> {
        let storage = podman.storage().display().to_string();
        let told = ["--podman-storage", storage.as_str()];
        match self {
            Self::Told => scene.agent_with(&told),
            Self::Untold => scene.agent_with(&[]),
            Self::Hidden => {
                let (url, pages) = (scene.url(), scene.agent_pages());
                let own = ["--engine", &url, "--admin-listen", &pages, "--ring-bytes", RING_BYTES];
                let empty = empty_folder(scene)?;
                let hidden = [(empty.as_path(), storage.as_str())];
                Program::start_with_files(&hidden, "capture-agent", own.iter().chain(&told), scene.folder())
            }
        }
    }

    /// Takes away what hides the storage from the agent.
    pub(super) fn reveal(agent: &Program, podman: &Podman) -> anyhow::Result<()> {
        in_mounts_of(agent, &["umount".into(), podman.storage()])
    }

    /// Puts it there again.
    pub(super) fn hide(scene: &Scene, agent: &Program, podman: &Podman) -> anyhow::Result<()> {
        let command = ["mount".into(), "--bind".into(), empty_folder(scene)?, podman.storage()];
        in_mounts_of(agent, &command)
    }
}

fn empty_folder(scene: &Scene) -> anyhow::Result<PathBuf> {
    let empty = scene.folder().join("empty");
    std::fs::create_dir_all(&empty)?;
    Ok(empty)
}

/// Runs a command in the agent's mount namespace, which is its own.
fn in_mounts_of(agent: &Program, command: &[PathBuf]) -> anyhow::Result<()> {
    let target = agent.pid().to_string();
    let output =
        Command::new("nsenter").args(["--target", &target, "--mount", "--"]).args(command).output()?;
    ensure!(output.status.success(), "nsenter: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
