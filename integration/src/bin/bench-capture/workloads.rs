//! The four workloads, bare and with agent, engine and 93 stock rules.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressStyle};
use integration::measured::{
    attached::Arm,
    statistics::Estimate,
    usage::Usage,
    workload::{Clock, Workload},
};
use serde_json::json;

use crate::{
    Bench,
    goals::{Bound, Goal, Held, Unit, Verdict, estimate_text},
    peer, profile,
    report::{Report, Table},
};

const ARMS: [Arm; 2] = [Arm::Bare, Arm::StockRules];

/// All runs of a workload, one of each arm in every round.
#[derive(Debug, Default)]
struct Runs {
    bare_ns: Vec<f64>,
    with_ns: Vec<f64>,
    /// Processor time of agent and engine, nanoseconds an iteration.
    own_ns: Vec<f64>,
    used: Usage,
}

/// What runs come to, an iteration.
#[derive(Clone, Copy, Debug)]
struct Costs {
    bare_ns: Estimate,
    added_ns: Estimate,
    /// Added, by the bare time of the same round.
    added_share: Estimate,
    own_ns: Estimate,
    own_share: Estimate,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut runs = BTreeMap::<Workload, Runs>::new();
    for workload in Workload::ALL {
        bench.load.run(workload, bench.iterations(workload) / 10 + 1, Clock::Elapsed)?;
    }
    let progress = progress(bench.rounds * ARMS.len() * Workload::ALL.len())?;
    for round in 0..bench.rounds {
        let (mut arms, mut workloads) = (ARMS, Workload::ALL);
        arms.rotate_left(round % ARMS.len());
        workloads.rotate_left(round / ARMS.len() % Workload::ALL.len());
        for arm in arms {
            let mut attached = bench.start(arm)?;
            for workload in workloads {
                progress.set_message(format!("{arm}: {workload}"));
                let iterations = bench.iterations(workload);
                let is_foreign = attached.foreign_programs()?;
                let before = attached.reading()?;
                let ns = bench.load.run(workload, iterations, Clock::Elapsed)?;
                attached.is_done()?;
                let used = attached.reading()?.since(&before);
                report.run(is_foreign || attached.foreign_programs()?);
                runs.entry(workload).or_default().add(arm, ns, iterations, used);
                progress.inc(1);
            }
            attached.stop()?;
        }
    }
    progress.finish_and_clear();
    tell(bench, report, &runs);
    Ok(())
}

/// A bar on standard error, for so many steps.
pub(crate) fn progress(steps: usize) -> anyhow::Result<ProgressBar> {
    let progress = ProgressBar::new(steps.try_into()?);
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} (about {eta} left)")?);
    Ok(progress)
}

fn tell(bench: &Bench, report: &mut Report, runs: &BTreeMap<Workload, Runs>) {
    let (mut rows, mut threads, mut figures, mut profiled) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (workload, runs) in runs {
        let Some(costs) = runs.costs() else { continue };
        let iterations = as_f64(bench.iterations(*workload));
        let count = as_f64(runs.with_ns.len());
        rows.push(row(*workload, &costs, &runs.used, iterations, count));
        threads.extend(thread_rows(*workload, &runs.used, iterations * count));
        report.added.insert(*workload, costs.added_ns.value);
        let goals = goals(*workload, &costs);
        if goals.iter().any(|goal| goal.absolute.verdict() != Verdict::Met) {
            profiled.push(*workload);
        }
        goals.into_iter().for_each(|goal| report.goal(goal));
        figures.push(json!({
            "workload": workload.name(), "iterations": iterations,
            "bare_ns": runs.bare_ns, "with_ns": runs.with_ns, "own_ns": runs.own_ns,
            "events": runs.used.events / count, "filtered": runs.used.filtered / count, "losses": runs.used.losses, "sent_bytes": runs.used.sent_bytes / count,
            "thread_seconds": runs.used.threads,
        }));
    }
    report.table(Table {
        title: "The workloads with 93 stock rules".to_owned(),
        header: vec![
            "workload",
            "bare ns",
            "added ns",
            "ratio",
            "own CPU ns/iteration",
            "agent + engine s/run",
            "resident MiB",
            "events/run",
            "filtered/run",
            "bytes/run",
            "lost",
        ],
        rows,
    });
    report.table(Table {
        title: "Own processor time by threads".to_owned(),
        header: vec!["workload", "threads called", "ns/iteration", "%"],
        rows: threads,
    });
    report.figures("workloads", json!(figures));
    if bench.is_profiled {
        let note = profile::measure(bench, &profiled);
        report.note(note.unwrap_or_else(|error| format!("Not profiled: {error:#}.")));
    }
}

fn row(workload: Workload, costs: &Costs, used: &Usage, iterations: f64, count: f64) -> Vec<String> {
    let Costs { bare_ns, added_ns, added_share, own_ns, .. } = costs;
    let ratio =
        Estimate { value: added_share.value + 1.0, low: added_share.low + 1.0, high: added_share.high + 1.0 };
    let lost = if used.losses == 0.0 { 0.0 } else { used.losses / (used.losses + used.events) };
    vec![
        format!("{workload} × {iterations}"),
        format!("{:.0}", bare_ns.value),
        estimate_text(*added_ns, Unit::Count),
        estimate_text(ratio, Unit::Times),
        estimate_text(*own_ns, Unit::Count),
        format!("{:.3} + {:.3}", used.agent_seconds / count, used.engine_seconds / count),
        format!("{} + {}", used.agent_bytes >> 20, used.engine_bytes >> 20),
        format!("{:.0}", used.events / count),
        format!("{:.0}", used.filtered / count),
        format!("{:.0}", used.sent_bytes / count),
        if lost == 0.0 { "0".to_owned() } else { format!("{:.3} %", lost * 100.0) },
    ]
}

/// Threads that have used something to speak of, those that have used most first.
fn thread_rows(workload: Workload, used: &Usage, iterations: f64) -> Vec<Vec<String>> {
    let all: f64 = used.threads.values().sum();
    let mut threads: Vec<_> = used.threads.iter().filter(|(_, seconds)| **seconds > all * 0.02).collect();
    threads.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let row = |(name, seconds): (&String, &f64)| {
        let (ns, percent) = (seconds * 1e9 / iterations, 100.0 * seconds / all);
        vec![workload.to_string(), name.clone(), format!("{ns:.0}"), format!("{percent:.1}")]
    };
    threads.into_iter().map(row).collect()
}

fn goals(workload: Workload, costs: &Costs) -> Vec<Goal> {
    let (falco, allowed) = (peer::falco(workload), peer::allowed(workload));
    let held = |measured, bound| Held { measured, bound: Bound::AtMost(bound) };
    let mut goals = vec![Goal {
        what: format!("{workload}: added to an iteration, {} × Falco's", allowed.added),
        unit: Unit::Nanoseconds,
        absolute: held(costs.added_ns, allowed.added * falco.added_ns),
        scaled: Some(held(costs.added_share, allowed.added * falco.added_ns / falco.bare_ns)),
    }];
    if let Some(own) = allowed.own {
        let iterations = as_f64(workload.default_iterations());
        let falco_share = falco.own_seconds * 1e9 / iterations / falco.bare_ns;
        goals.push(Goal {
            what: format!("{workload}: own CPU for {iterations} iterations, {own} × Falco's"),
            unit: Unit::Milliseconds,
            absolute: held(costs.own_ns.times(iterations / 1e6), own * falco.own_seconds * 1e3),
            scaled: Some(held(costs.own_share, own * falco_share)),
        });
    }
    goals
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn as_f64(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or_default() as f64
}

// === impl Runs ===

impl Runs {
    fn add(&mut self, arm: Arm, ns: f64, iterations: u64, used: Usage) {
        if arm == Arm::Bare {
            self.bare_ns.push(ns);
            return;
        }
        self.with_ns.push(ns);
        self.own_ns.push((used.agent_seconds + used.engine_seconds) * 1e9 / as_f64(iterations));
        self.used = std::mem::take(&mut self.used) + used;
    }

    /// Nothing without a round.
    fn costs(&self) -> Option<Costs> {
        let pairs = |compare: fn(f64, f64) -> f64, figures: &[f64]| {
            let pairs = figures.iter().zip(&self.bare_ns);
            Estimate::of(&pairs.map(|(with, bare)| compare(*with, *bare)).collect::<Vec<_>>())
        };
        Some(Costs {
            bare_ns: Estimate::of(&self.bare_ns)?,
            added_ns: pairs(|with, bare| with - bare, &self.with_ns)?,
            added_share: pairs(|with, bare| (with - bare) / bare, &self.with_ns)?,
            own_ns: Estimate::of(&self.own_ns)?,
            own_share: pairs(|own, bare| own / bare, &self.own_ns)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: nine rounds on a machine that becomes twice as slow; `io` becomes a tenth slower by us, and costs us 0.2 s a run. Guarantees: what is added is
    /// compared within rounds, so that its share has no spread; both readings of both goals are held against a share of Falco's.
    #[test]
    fn goals_are_shares_of_falco() {
        let mut runs = Runs::default();
        for round in 0..9 {
            let bare = 2_000.0 * (1.0 + f64::from(round) / 8.0);
            runs.add(Arm::Bare, bare, 500_000, Usage::default());
            let used = Usage { agent_seconds: 0.15, engine_seconds: 0.05, ..Usage::default() };
            runs.add(Arm::StockRules, bare * 1.1, 500_000, used);
        }
        let costs = runs.costs().unwrap();
        assert!((costs.added_ns.value - 300.0).abs() < 1e-6, "{costs:?}");
        assert!((costs.added_share.high - costs.added_share.low).abs() < 1e-6, "{costs:?}");
        let goals = goals(Workload::Io, &costs);
        let bounds: Vec<_> = goals.iter().map(|goal| goal.absolute.bound).collect();
        assert_eq!(bounds, [Bound::AtMost(0.3 * 2_595.0), Bound::AtMost(0.25 * 1.16 * 1e3)]);
        assert!((goals[1].absolute.measured.value - 200.0).abs() < 1e-6);
        let scaled = goals[0].scaled.unwrap();
        assert!((scaled.measured.value - 0.1).abs() < 1e-9, "{scaled:?}");
        assert_eq!(scaled.bound, Bound::AtMost(0.3 * 2_595.0 / 2_319.0));
        assert!(goals.iter().all(|goal| goal.absolute.verdict() == Verdict::Met));
        assert_eq!(super::goals(Workload::Getpid, &costs).len(), 1);
    }

    /// Scenario: threads that used much, little and next to nothing. Guarantees: the first two are told, the most first, with what that is of all.
    #[test]
    fn threads_are_told_by_their_share() {
        let threads =
            [("agent: b".to_owned(), 1.0), ("engine: a".to_owned(), 3.0), ("agent: c".to_owned(), 0.01)];
        let used = Usage { threads: threads.into(), ..Usage::default() };
        let rows = thread_rows(Workload::Io, &used, 1e6);
        assert_eq!(rows, [["io", "engine: a", "3000", "74.8"], ["io", "agent: b", "1000", "24.9"]]);
    }
}
