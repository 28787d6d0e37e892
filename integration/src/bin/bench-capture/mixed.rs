//! A mixed load: what of it stays in the kernel, and what goes over the wire.
//!
//! What Falco would process is counted by a recording of every such call; what leaves the kernel by a recording that the engine makes
//! of what the agent with the stock rules' plan sends it. Both are of the load's own processes alone. How long it takes and what is sent are
//! measured without either.

mod calls;

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use integration::{
    measured::{
        attached::{Arm, Attached},
        statistics::Estimate,
        usage::Usage,
    },
    program::{PATIENCE, Program},
};
use serde_json::json;

use crate::{
    Bench,
    goals::{Bound, Goal, Held, Unit, estimate_text},
    mixed_load, peer,
    recorded::Recorded,
    report::{Report, Table},
    workloads::progress,
};

const ROUNDS: usize = 5;
const ARMS: [Arm; 2] = [Arm::Bare, Arm::StockRules];
/// Said where events were lost.
const INEXACT: &str = "Events were lost while calls of the mixed load were counted: where they were lost of all calls, \
    more stays in the kernel than the share says; of those that were sent, less.";
/// For a recording without losses.
const ATTEMPTS: usize = 3;
/// Calls that are told of those that leave the kernel.
const TOLD_CALLS: usize = 12;

/// Runs of the load, one of each arm in every round.
#[derive(Debug, Default)]
struct Runs {
    bare_seconds: Vec<f64>,
    with_seconds: Vec<f64>,
    used: Usage,
}

/// What the load's processes did.
#[derive(Debug)]
struct Shares {
    names: Vec<String>,
    /// Every call that Falco would process.
    all: Recorded,
    /// What was sent of the load.
    sent: Recorded,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let folder = bench.folder().join("mixed");
    mixed_load::prepare(&folder)?;
    // Once to warm up.
    run(&folder)?;
    let runs = time(bench, report, &folder)?;
    let names = calls::of_falco(&bench.rules)?;
    let all = record_all(bench, &folder, &names)?;
    let sent = record_sent(bench, &folder)?;
    tell(report, &runs, &Shares { names, all, sent });
    Ok(())
}

/// Does it once; the process that did, and seconds.
fn run(folder: &Path) -> anyhow::Result<(u32, f64)> {
    let began = Instant::now();
    let mut load = Command::new(std::env::current_exe()?).arg("mixed-load").arg(folder).spawn()?;
    let pid = load.id();
    ensure!(load.wait()?.success(), "the mixed load failed");
    Ok((pid, began.elapsed().as_secs_f64()))
}

fn time(bench: &Bench, report: &mut Report, folder: &Path) -> anyhow::Result<Runs> {
    let rounds = ROUNDS.min(bench.rounds);
    let progress = progress(rounds * ARMS.len())?;
    let mut runs = Runs::default();
    for round in 0..rounds {
        let mut arms = ARMS;
        arms.rotate_left(round % ARMS.len());
        for arm in arms {
            progress.set_message(format!("{arm}: mixed load"));
            let mut attached = bench.start(arm)?;
            let is_foreign = attached.foreign_programs()?;
            let before = attached.reading()?;
            let (_, seconds) = run(folder)?;
            attached.is_done()?;
            let used = attached.reading()?.since(&before);
            report.run(is_foreign || attached.foreign_programs()?);
            attached.stop()?;
            match arm {
                Arm::Bare => runs.bare_seconds.push(seconds),
                Arm::NothingAsked | Arm::StockRules => {
                    runs.with_seconds.push(seconds);
                    runs.used = std::mem::take(&mut runs.used) + used;
                }
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(runs)
}

/// Records every call with one of the names while the load runs; again if some were lost, and the best of it.
fn record_all(bench: &Bench, folder: &Path, names: &[String]) -> anyhow::Result<Recorded> {
    let mut best = record_all_once(bench, folder, names)?;
    for _ in 1..ATTEMPTS {
        if best.lost == 0 {
            break;
        }
        let other = record_all_once(bench, folder, names)?;
        if other.lost < best.lost {
            best = other;
        }
    }
    Ok(best)
}

fn record_all_once(bench: &Bench, folder: &Path, names: &[String]) -> anyhow::Result<Recorded> {
    let file = bench.folder().join("all.eyrie");
    let condition = format!("evt.type in ({})", names.join(", "));
    let path = file.display().to_string();
    let mut recorder = Program::start("eyrie", ["record", "--filter", &condition, &path], bench.folder())?;
    recorder.wait_for_log("recording to ")?;
    recorded(recorder, folder, &file, || Ok(()))
}

/// Records what the engine gets while the load runs.
fn record_sent(bench: &Bench, folder: &Path) -> anyhow::Result<Recorded> {
    let mut attached = bench.start(Arm::StockRules)?;
    let file = bench.folder().join("sent.eyrie");
    let recorder = recorder_of(&attached, &file, bench.folder())?;
    let recorded = recorded(recorder, folder, &file, || attached.is_done())?;
    attached.stop()?;
    Ok(recorded)
}

fn recorder_of(attached: &Attached, file: &Path, folder: &Path) -> anyhow::Result<Program> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    let (engine, path) = (attached.engine_url().context("no engine")?, file.display().to_string());
    let arguments = ["record", "--engine", engine, "--host", host.trim(), &path];
    let mut recorder = Program::start("eyrie", arguments, folder)?;
    let deadline = Instant::now() + PATIENCE;
    // It is made when the engine has begun to tell.
    while !file.exists() {
        ensure!(recorder.is_running()?, "the recorder ended: {}", recorder.log_text());
        ensure!(Instant::now() < deadline, "the recorder does not begin: {}", recorder.log_text());
        thread::sleep(Duration::from_millis(20));
    }
    Ok(recorder)
}

/// Lets the load run, ends the recorder, and counts.
fn recorded(
    mut recorder: Program,
    folder: &Path,
    file: &PathBuf,
    is_done: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Recorded> {
    let (root, _) = run(folder)?;
    is_done()?;
    // What was captured last is on its way yet.
    thread::sleep(Duration::from_secs(2));
    let status = recorder.terminate()?;
    ensure!(status.success(), "the recorder failed ({status}): {}", recorder.log_text());
    let recorded = Recorded::of_descendants(file, root)?;
    std::fs::remove_file(file)?;
    Ok(recorded)
}

fn tell(report: &mut Report, runs: &Runs, shares: &Shares) {
    let (all, sent) = (shares.all.count(&shares.names), shares.sent.count(&shares.names));
    let share = Estimate::exact(1.0 - as_f64(sent) / as_f64(all.max(1)));
    report.goal(Goal {
        what: "mixed load: share of the calls that Falco processes which stays in the kernel".to_owned(),
        unit: Unit::Percent,
        absolute: Held { measured: share, bound: Bound::AtLeast(peer::MIN_KEPT_SHARE) },
        scaled: None,
    });
    let ratios: Vec<f64> =
        runs.with_seconds.iter().zip(&runs.bare_seconds).map(|(with, bare)| with / bare).collect();
    let Some((seconds, ratio)) = Estimate::of(&runs.with_seconds).zip(Estimate::of(&ratios)) else { return };
    let count = as_f64(u64::try_from(runs.with_seconds.len()).unwrap_or(u64::MAX));
    let (events, bytes) = (runs.used.events / count, runs.used.sent_bytes / count);
    let row = |what: &str, figure: String| vec![what.to_owned(), figure];
    report.table(Table {
        title: "The mixed load with 93 stock rules".to_owned(),
        header: vec!["figure", "a run"],
        rows: vec![
            row("seconds", estimate_text(seconds, Unit::Times)),
            row("ratio to bare", estimate_text(ratio, Unit::Times)),
            row("calls of the load that Falco processes", all.to_string()),
            row("events of these that left the kernel", sent.to_string()),
            row("of which filters would have dropped, sent as a sample", shares.sent.marked.to_string()),
            row(
                "lost while these were counted: of all, of what was sent",
                format!("{}, {}", shares.all.lost, shares.sent.lost),
            ),
            row("events of the whole host", format!("{events:.0}")),
            row("lost", format!("{:.0}", runs.used.losses / count)),
            row("bytes sent", format!("{bytes:.0}")),
            row("bytes sent a second", format!("{:.0}", bytes / seconds.value)),
            row("bytes sent for 1,000 of these calls", format!("{:.0}", bytes / as_f64(all.max(1)) * 1e3)),
            row("bytes an event", format!("{:.1}", bytes / events.max(1.0))),
            row(
                "agent + engine CPU s",
                format!("{:.3} + {:.3}", runs.used.agent_seconds / count, runs.used.engine_seconds / count),
            ),
        ],
    });
    report.table(Table {
        title: "Calls of the mixed load that left the kernel, most first".to_owned(),
        header: vec!["call", "made", "left the kernel", "% of what left"],
        rows: call_rows(shares),
    });
    if shares.sent.lost > 0 || shares.all.lost > 0 {
        report.note(INEXACT);
    }
    report.figures("mixed", json!({
        "bare_seconds": runs.bare_seconds, "with_seconds": runs.with_seconds, "events": events, "bytes": bytes,
        "all": shares.all.calls, "sent": shares.sent.calls, "falco_calls": shares.names,
        "lost": [shares.all.lost, shares.sent.lost],
    }));
}

fn call_rows(shares: &Shares) -> Vec<Vec<String>> {
    let left = as_f64(shares.sent.count(&shares.names).max(1));
    let mut calls: Vec<_> = shares.sent.among(&shares.names).collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let row = |(name, count): (&str, u64)| {
        let made = shares.all.calls.get(name).copied().unwrap_or_default();
        let share = format!("{:.1}", 100.0 * as_f64(count) / left);
        vec![name.to_owned(), made.to_string(), count.to_string(), share]
    };
    calls.into_iter().take(TOLD_CALLS).map(row).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: calls that Falco processes of which some were sent, and one that it does not. Guarantees: the rows have what was sent, the most first, beside what
    /// was made, and not the other.
    #[test]
    fn what_left_the_kernel_is_told_by_call() {
        let of = |calls: &[(&str, u64)]| Recorded {
            calls: calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            ..Recorded::default()
        };
        let shares = Shares {
            names: ["openat", "clone", "close"].map(str::to_owned).to_vec(),
            all: of(&[("openat", 900), ("clone", 30), ("close", 100)]),
            sent: of(&[("openat", 10), ("clone", 30), ("read", 5)]),
        };
        let expected = [["clone", "30", "30", "75.0"], ["openat", "900", "10", "25.0"]];
        assert_eq!(call_rows(&shares), expected);
    }
}
