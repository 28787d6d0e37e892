//! Fails if the tests of this folder have left BPF programs behind; `make test` runs it last.
#![forbid(unsafe_code)]

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use integration::bpf;

/// The kernel frees programs some time after their last holder has gone.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        println!("BPF programs left behind: not looked for, since that needs root");
        return Ok(ExitCode::SUCCESS);
    }
    let own = std::env::current_exe()?;
    // TARGET/PROFILE/bpf-left
    let folder = own.ancestors().nth(2).context("this runs outside a target folder")?;
    let deadline = Instant::now() + PATIENCE;
    let mut left = bpf::left_behind(folder)?;
    while !left.is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
        left = bpf::left_behind(folder)?;
    }
    for program in &left {
        let holder = program.holder.as_ref().map_or_else(
            || "held by no process: is it pinned?".to_owned(),
            |(pid, executable)| format!("held by process {pid}, {}", executable.display()),
        );
        eprintln!("left behind: BPF program {} ({}), {holder}", program.name, program.program);
    }
    println!("BPF programs left behind: {}", left.len());
    Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
