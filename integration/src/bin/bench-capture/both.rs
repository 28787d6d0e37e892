//! `io` on both processors at once, with agent and engine wherever the kernel puts them.

use std::{collections::BTreeMap, thread};

use integration::{
    measured::{
        attached::{Arm, Attached},
        needs::{LOAD_CPU, OBSERVER_CPU, pin_to},
        statistics::Estimate,
        usage::FILTERED,
        workload::{Clock, Workload},
    },
    pages::Metrics,
};
use serde_json::json;

use crate::{
    Bench, SETTLE,
    goals::{Bound, Goal, Held, Unit, estimate_text},
    peer,
    report::{Report, Table},
    workloads::progress,
};

const ROUNDS: usize = 9;
/// The agent's metric of what became of the programs' records.
const RECORDS: &str = "eyrie_agent_ring_records_total";
const ARMS: [Arm; 2] = [Arm::Bare, Arm::StockRules];

/// What became of the calls of a run, all processes' together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Account {
    /// Opens of the loads.
    opens: f64,
    /// Records that the programs made.
    produced: f64,
    /// Calls that a filter kept in the kernel.
    filtered: f64,
    /// Records that were lost, as the programs counted them.
    lost: f64,
    /// Losses that were told in the stream.
    told: f64,
}

/// A run's time, and of the attached ones what became of its calls.
type Runs = BTreeMap<Arm, Vec<(f64, Account)>>;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    pin_to(&[LOAD_CPU, OBSERVER_CPU])?;
    let runs = run_all(bench, report);
    pin_to(&[OBSERVER_CPU])?;
    tell(report, &runs?);
    Ok(())
}

fn run_all(bench: &Bench, report: &mut Report) -> anyhow::Result<Runs> {
    let rounds = ROUNDS.min(bench.rounds);
    let progress = progress(rounds * ARMS.len())?;
    let mut runs = Runs::new();
    for round in 0..rounds {
        let mut arms = ARMS;
        arms.rotate_left(round % ARMS.len());
        for arm in arms {
            progress.set_message(format!("{arm}: io on both processors"));
            let mut attached = bench.start(arm)?;
            let is_foreign = attached.foreign_programs()?;
            let run = run(bench, &mut attached)?;
            report.run(is_foreign || attached.foreign_programs()?);
            attached.stop()?;
            runs.entry(arm).or_default().push(run);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(runs)
}

fn run(bench: &Bench, attached: &mut Attached) -> anyhow::Result<(f64, Account)> {
    let iterations = bench.iterations(Workload::Io);
    let before = attached.reading()?;
    let on = |processor| move || bench.load.run_on(processor, Workload::Io, iterations, Clock::Elapsed);
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(on(LOAD_CPU));
        let other = on(OBSERVER_CPU)();
        (one.join(), other)
    });
    let one = one.map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    attached.is_done()?;
    if attached.pids().is_some() {
        // The agent reads the programs' counters now and then.
        thread::sleep(SETTLE);
    }
    let after = attached.reading()?;
    anyhow::ensure!(
        attached.pids().is_none() || [RECORDS, FILTERED].iter().all(|name| after.metrics.has(name)),
        "the agent's pages have not both {RECORDS} and {FILTERED}"
    );
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let opens = 2.0 * iterations as f64;
    Ok((f64::midpoint(one, other?), Account::between(&before.metrics, &after.metrics, opens)))
}

fn tell(report: &mut Report, runs: &Runs) {
    let of = |arm| runs.get(&arm).map_or(&[][..], Vec::as_slice);
    let (bare, with) = (of(Arm::Bare), of(Arm::StockRules));
    let ratios: Vec<f64> = with.iter().zip(bare).map(|((with, _), (bare, _))| with / bare).collect();
    let Some(ratio) = Estimate::of(&ratios) else { return };
    let accounts: Vec<Account> = with.iter().map(|(_, account)| *account).collect();
    let unaccounted = accounts.iter().map(Account::unaccounted).fold(0.0, f64::max);
    let held = |measured, bound| Held { measured, bound: Bound::AtMost(bound) };
    report.goal(Goal {
        what: "io on both processors: time, as a ratio to bare".to_owned(),
        unit: Unit::Times,
        absolute: held(ratio, peer::MAX_BOTH_RATIO),
        scaled: None,
    });
    report.goal(Goal {
        what: "io on both processors: calls of which nothing was told, the most of a run".to_owned(),
        unit: Unit::Count,
        absolute: held(Estimate::exact(unaccounted), 0.0),
        scaled: None,
    });
    report.table(Table {
        title: "io on both processors at once".to_owned(),
        header: vec![
            "ratio",
            "opens/run",
            "records/run",
            "filtered/run",
            "lost/run",
            "told as lost/run",
            "others' calls/run",
        ],
        rows: vec![row(ratio, &accounts)],
    });
    let account = |account: &Account| {
        let Account { opens, produced, filtered, lost, told } = account;
        json!({"opens": opens, "produced": produced, "filtered": filtered, "lost": lost, "told": told})
    };
    report.figures(
        "both",
        json!({"ratios": ratios, "accounts": accounts.iter().map(account).collect::<Vec<_>>()}),
    );
}

fn row(ratio: Estimate, accounts: &[Account]) -> Vec<String> {
    let count = f64::from(u32::try_from(accounts.len()).unwrap_or(u32::MAX));
    let mean =
        |figure: fn(&Account) -> f64| format!("{:.0}", accounts.iter().map(figure).sum::<f64>() / count);
    vec![
        estimate_text(ratio, Unit::Times),
        mean(|account| account.opens),
        mean(|account| account.produced),
        mean(|account| account.filtered),
        mean(|account| account.lost),
        mean(|account| account.told),
        mean(|account| (account.handled() - account.opens).max(0.0)),
    ]
}

// === impl Account ===

impl Account {
    fn between(before: &Metrics, after: &Metrics, opens: f64) -> Self {
        let grown = |name: &str, label: &str| after.sum_where(name, label) - before.sum_where(name, label);
        let records = |outcome: &str| grown(RECORDS, &format!("outcome=\"{outcome}\""));
        Self {
            opens,
            produced: records("produced"),
            filtered: grown(FILTERED, ""),
            lost: ["lost_full", "lost_refused", "lost_bug", "lost_degraded"].map(records).iter().sum(),
            told: grown("eyrie_agent_losses_total", "place=\"RING\""),
        }
    }

    fn handled(&self) -> f64 {
        self.produced + self.filtered + self.lost
    }

    /// Calls that were neither recorded, nor filtered, nor counted as lost, and losses that the programs counted and nobody told. What other
    /// processes did at the same time is among what was handled, and can hide as many.
    fn unaccounted(&self) -> f64 {
        (self.opens - self.handled()).max(0.0) + (self.lost - self.told).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: runs in which all was handled, with calls of others; in which a call is missing; and in which a loss was not told. Guarantees: only what is
    /// missing counts.
    #[test]
    fn what_is_missing_is_counted() {
        let whole = Account { opens: 100.0, produced: 10.0, filtered: 95.0, lost: 2.0, told: 2.0 };
        assert!(whole.unaccounted() == 0.0);
        assert!(Account { filtered: 87.0, ..whole }.unaccounted() == 1.0);
        assert!(Account { told: 0.0, ..whole }.unaccounted() == 2.0);
    }
}
