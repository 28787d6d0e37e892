//! An image as an archive that containerd imports: a manifest, a configuration, and one layer.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{podman, succeeded, write_root};

/// Long enough for a test, and no longer: it runs in sandboxes, too.
const PAUSE: [&str; 2] = ["/bin/sleep", "600"];

/// Writes the archive into `folder`.
pub(super) fn pack(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let at = |name: &str| folder.join("image").join(name);
    write_root(&at("root"), name)?;
    podman::pack(&at("root"), &at("layer.tar"))?;
    let mut digest = "sha256:".to_owned();
    Sha256::digest(std::fs::read(at("layer.tar"))?)
        .iter()
        .try_for_each(|byte| write!(digest, "{byte:02x}"))?;
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let configuration = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Cmd": PAUSE, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    });
    std::fs::write(at("config.json"), configuration.to_string())?;
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    std::fs::write(at("manifest.json"), manifest.to_string())?;
    let archive = folder.join("image.tar");
    let mut command = Command::new("tar");
    command.arg("-cf").arg(&archive).arg("-C").arg(folder.join("image"));
    command.args(["config.json", "manifest.json", "layer.tar"]);
    succeeded("tar", command.output()?)?;
    Ok(archive)
}
