//! What of the workloads' time is the BPF programs'.
//!
//! In rounds of its own: that the kernel measures makes every run dearer.

use std::collections::BTreeMap;

use anyhow::Context as _;
use integration::{
    bpf::{Ids, RunTimesMeasured},
    measured::{
        attached::Arm,
        statistics::Estimate,
        workload::{Clock, Workload},
    },
};
use serde_json::json;

use crate::{
    Bench,
    goals::{Unit, estimate_text},
    report::{Report, Table},
};

const ROUNDS: usize = 5;
/// Programs that ran for less than this share of the time of all are not told.
const TOLD_SHARE: f64 = 0.02;

/// Runs and nanoseconds of a program, an iteration of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Share {
    runs: f64,
    ns: f64,
}

/// Of each round, the programs by name.
type Rounds = Vec<BTreeMap<String, Share>>;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut rounds = BTreeMap::<Workload, Rounds>::new();
    for _ in 0..ROUNDS.min(bench.rounds) {
        let mut attached = bench.start(Arm::StockRules)?;
        let (agent, _) = attached.pids().context("no agent")?;
        let programs = Ids::of(agent)?.programs;
        let measured = RunTimesMeasured::begin()?;
        for workload in Workload::ALL {
            let iterations = bench.iterations(workload);
            let is_foreign = attached.foreign_programs()?;
            let before = measured.read(&programs)?;
            bench.load.run(workload, iterations, Clock::Elapsed)?;
            let after = measured.read(&programs)?;
            attached.is_done()?;
            report.run(is_foreign || attached.foreign_programs()?);
            let mut shares = BTreeMap::<String, Share>::new();
            for (id, now) in after {
                let (count, ns) = before.get(&id).map_or((0, 0), |then| (then.count, then.ns));
                let share = shares.entry(now.name).or_default();
                share.runs += per(now.count.saturating_sub(count), iterations);
                share.ns += per(now.ns.saturating_sub(ns), iterations);
            }
            rounds.entry(workload).or_default().push(shares);
        }
        drop(measured);
        attached.stop()?;
    }
    tell(report, &rounds);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per(count: u64, iterations: u64) -> f64 {
    count as f64 / iterations as f64
}

fn tell(report: &mut Report, rounds: &BTreeMap<Workload, Rounds>) {
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for (workload, rounds) in rounds {
        let all: Vec<f64> = rounds.iter().map(|shares| shares.values().map(|share| share.ns).sum()).collect();
        let Some(all) = Estimate::of(&all) else { continue };
        let added = report.added.get(workload).filter(|added| **added > 0.0);
        let of_added = added
            .map_or(String::new(), |added| format!("{:.0} % of what is added", 100.0 * all.value / added));
        let all_ns = estimate_text(all, Unit::Count);
        rows.push(vec![
            workload.to_string(),
            "all".to_owned(),
            String::new(),
            String::new(),
            all_ns,
            of_added,
        ]);
        let mut told = BTreeMap::new();
        for (name, share) in means(rounds) {
            told.insert(name.clone(), json!({"runs": share.runs, "ns": share.ns}));
            if share.ns >= all.value * TOLD_SHARE {
                let (runs, each) = (format!("{:.2}", share.runs), format!("{:.0}", share.ns / share.runs));
                rows.push(vec![
                    workload.to_string(),
                    name,
                    runs,
                    each,
                    format!("{:.0}", share.ns),
                    String::new(),
                ]);
            }
        }
        figures.push(json!({
            "workload": workload.name(), "ns": all.value, "low": all.low, "high": all.high, "programs": told,
        }));
    }
    report.table(Table {
        title: "The BPF programs, as the kernel measures them".to_owned(),
        header: vec!["workload", "program", "runs/iteration", "ns/run", "ns/iteration", ""],
        rows,
    });
    if !rounds.is_empty() {
        report.note(
            "The kernel's figures of BPF programs are of rounds of their own, as measuring costs some 20 ns a run, part of which is in them; runs for \
             other processes are among them, agent's and engine's too.",
        );
    }
    report.figures("programs", json!(figures));
}

/// Means over rounds, those that ran longest first.
fn means(rounds: &Rounds) -> Vec<(String, Share)> {
    let mut sums = BTreeMap::<&String, Share>::new();
    for (name, share) in rounds.iter().flatten() {
        let sum = sums.entry(name).or_default();
        sum.runs += share.runs;
        sum.ns += share.ns;
    }
    let count = f64::from(u32::try_from(rounds.len()).unwrap_or(u32::MAX));
    let mean =
        |(name, sum): (&String, Share)| (name.clone(), Share { runs: sum.runs / count, ns: sum.ns / count });
    let mut means: Vec<_> = sums.into_iter().map(mean).collect();
    means.sort_by(|(_, one), (_, other)| other.ns.total_cmp(&one.ns));
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: two rounds with programs of which one ran in only one of them. Guarantees: means are over both rounds, the dearest first.
    #[test]
    fn means_are_over_all_rounds() {
        let of = |name: &str, runs, ns| (name.to_owned(), Share { runs, ns });
        let rounds = vec![[of("a", 4.0, 100.0)].into(), [of("a", 4.0, 140.0), of("b", 2.0, 600.0)].into()];
        assert_eq!(means(&rounds), [of("b", 1.0, 300.0), of("a", 4.0, 120.0)]);
    }
}
