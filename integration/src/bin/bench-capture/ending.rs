//! A measurement that is told to end ends what it has started.

use std::{
    fs,
    path::PathBuf,
    process::exit,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// For agent and engine to end, and take their BPF programs with them.
const PATIENCE: Duration = Duration::from_secs(15);
/// As shells tell that a signal ended it.
const EXIT_CODE: i32 = 130;

/// From now on Ctrl-C and SIGTERM end this process, after its children, and remove the folder.
pub(crate) fn end_in_order(folder: PathBuf) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait_and_end = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        });
        eprintln!("bench-capture: told to end");
        end_children();
        let _ = fs::remove_dir_all(folder);
        exit(EXIT_CODE)
    };
    thread::Builder::new().name("ending".to_owned()).spawn(wait_and_end).context("no thread")?;
    Ok(())
}

fn end_children() {
    let deadline = Instant::now() + PATIENCE;
    let mut told = Vec::new();
    loop {
        let running: Vec<i32> = children().into_iter().filter(|pid| is_running(*pid)).collect();
        if running.is_empty() || Instant::now() > deadline {
            return;
        }
        for pid in running {
            if let Some(process) = Pid::from_raw(pid).filter(|_| !told.contains(&pid)) {
                let _ = kill_process(process, Signal::TERM);
                told.push(pid);
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Of all threads of this process.
fn children() -> Vec<i32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether it has not ended, though nobody may have asked for its status yet.
fn is_running(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Scenario: a child sleeps, and is ended without anybody waiting for it. Guarantees: it is found while it runs, and not thereafter.
    #[test]
    fn children_are_found_while_they_run() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(children().contains(&pid) && is_running(pid));
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while is_running(pid) {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(5));
        }
        child.wait().unwrap();
    }
}
