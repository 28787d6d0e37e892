//! Compiles `programs/eyrie.bpf.c` to the object that the crate embeds.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const SOURCES: &str = "programs";

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
    let architecture = match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => {
            return Err(format!(
                "the BPF programs do not know the registers of {other} yet (programs/calls.h)"
            ));
        }
    };
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let object = PathBuf::from(variable("OUT_DIR")?).join("eyrie.bpf.o");
    let output = Command::new(&clang)
        .args(["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
        // The object carries line information; where it was built is nobody's business.
        .arg(format!("-fdebug-prefix-map={}=.", variable("CARGO_MANIFEST_DIR")?))
        .arg(format!("-D__TARGET_ARCH_{architecture}"))
        .arg("-c")
        .arg(Path::new(SOURCES).join("eyrie.bpf.c"))
        .arg("-o")
        .arg(&object)
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
