//! The agent's memory when nothing much happens.

use std::time::Duration;

use anyhow::Context as _;
use integration::measured::{attached::Arm, statistics::Estimate, usage::Memory};
use serde_json::json;

use crate::{
    Bench,
    goals::{Bound, Goal, Held, Unit},
    peer,
    report::{Report, Table},
};

/// What a start takes is given back, and what grows at first has grown.
const STEADY: Duration = Duration::from_secs(60);
const QUICK_STEADY: Duration = Duration::from_secs(5);

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let attached = bench.start(Arm::StockRules)?;
    let is_foreign = attached.foreign_programs()?;
    std::thread::sleep(if bench.is_quick { QUICK_STEADY } else { STEADY });
    let (agent, engine) = attached.pids().context("no agent")?;
    let (agent, engine) = (Memory::of(agent)?, Memory::of(engine)?);
    report.run(is_foreign || attached.foreign_programs()?);
    attached.stop()?;
    let absolute = Held {
        measured: Estimate::exact(bytes(agent.anonymous)),
        bound: Bound::AtMost(peer::MAX_ANONYMOUS_BYTES),
    };
    report.goal(Goal {
        what: "the agent's own memory, steady".to_owned(),
        unit: Unit::Megabytes,
        absolute,
        scaled: None,
    });
    let row = |name: &str, memory: &Memory| {
        let Memory { anonymous, resident, peak } = *memory;
        let figures = [anonymous, resident, peak].map(|figure| Unit::Megabytes.text(bytes(figure)));
        std::iter::once(name.to_owned()).chain(figures).collect()
    };
    report.table(Table {
        title: "Memory, steady (1 MB is 1,000,000 bytes; the rings are mapped twice, and count twice among what is resident)".to_owned(),
        header: vec!["process", "anonymous", "resident", "most resident"],
        rows: vec![row("agent", &agent), row("engine", &engine)],
    });
    let figures = |memory: &Memory| json!({"anonymous": memory.anonymous, "resident": memory.resident, "peak": memory.peak});
    report.figures("memory", json!({"agent": figures(&agent), "engine": figures(&engine)}));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "2^52 bytes are no machine's")]
fn bytes(count: u64) -> f64 {
    count as f64
}
