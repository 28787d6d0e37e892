//! Compiles `programs/eyrie.bpf.c` to the objects that the crate embeds, and to those of the other architecture, so that a change
//! which breaks them is noticed where it is made.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const SOURCES: &str = "programs";
/// Rust's name of an architecture and the kernel's.
const ARCHITECTURES: [(&str, &str); 2] = [("x86_64", "x86"), ("aarch64", "arm64")];
/// The objects by name, and what the sources have to know to become them.
const OBJECTS: [(&str, &[&str]); 2] = [("full", &[]), ("baseline", &["-DEYRIE_BASELINE"])];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={SOURCES}");
    println!("cargo::rerun-if-env-changed=CLANG");
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<(), String> {
    let target = variable("CARGO_CFG_TARGET_ARCH")?;
    if ARCHITECTURES.iter().all(|(name, _)| *name != target) {
        return Err(format!("the BPF programs do not know the registers of {target} yet (programs/calls.h)"));
    }
    let folder = PathBuf::from(variable("OUT_DIR")?);
    for (architecture, kernel_name) in ARCHITECTURES {
        for (object, flags) in OBJECTS {
            let mut flags = flags.to_vec();
            let define = format!("-D__TARGET_ARCH_{kernel_name}");
            flags.push(&define);
            compile_object(&flags, &folder.join(format!("{architecture}-{object}.bpf.o")))?;
        }
        // The target's own, where the crate finds them.
        if architecture == target {
            for (object, _) in OBJECTS {
                let own = folder.join(format!("{architecture}-{object}.bpf.o"));
                std::fs::copy(own, folder.join(format!("{object}.bpf.o")))
                    .map_err(|error| format!("cannot copy the object: {error}"))?;
            }
        }
    }
    Ok(())
}

fn compile_object(flags: &[&str], object: &Path) -> Result<(), String> {
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let output = Command::new(&clang)
        .args(["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
        // The object carries line information; where it was built is nobody's business.
        .arg(format!("-fdebug-prefix-map={}=.", variable("CARGO_MANIFEST_DIR")?))
        .args(flags)
        .arg("-c")
        .arg(Path::new(SOURCES).join("eyrie.bpf.c"))
        .arg("-o")
        .arg(object)
        .output()
        .map_err(|error| {
            format!(
                "cannot run `{clang}` ({error}): the BPF programs are compiled by clang 14 or newer; install the \
                 Debian package `clang`, or set CLANG to its path"
            )
        })?;
    if !output.status.success() {
        return Err(format!(
            "`{clang}` could not compile the BPF programs ({}); it must be clang 14 or newer:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
        .replace('\n', "\ncargo::error="));
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("cargo did not set {name}: {error}"))
}
