//! Which functions the time goes to that capture adds to a workload: it is sampled bare, and while agent and engine run.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context as _, ensure};

use super::perf_report;

/// A function that has at most this share of its samples without capture is there for capture, all but alone.
const OWN_SHARE: f64 = 0.2;
/// Rows that are told.
const ROWS: usize = 30;
/// Of a BPF program's name in the kernel: `bpf_prog_`, 16 digits of its tag, and the function's own name.
const PROGRAM: &str = "bpf_prog_";
const TAG_LENGTH: usize = 17;

/// Nanoseconds an iteration, by function.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sampled(BTreeMap<String, f64>);

/// A function's share of what is added.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    bare_ns: f64,
    with_ns: f64,
}

// === impl Sampled ===

impl Sampled {
    /// What perf recorded of a program's `iterations`, at this many samples a second.
    pub(super) fn read(file: &Path, hertz: f64, iterations: f64) -> anyhow::Result<Self> {
        let mut perf: Command = perf_report(file);
        let output =
            perf.args(["-F", "sample,symbol", "--sort", "symbol"]).output().context("cannot run perf")?;
        ensure!(output.status.success(), "perf report: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout), 1e9 / hertz / iterations))
    }

    fn parse(report: &str, ns: f64) -> Self {
        let mut functions = BTreeMap::<String, f64>::new();
        for line in report.lines() {
            let mut words = line.split_whitespace();
            let samples = words.next().and_then(|samples| samples.parse::<u32>().ok());
            if let (Some(samples), Some(name)) = (samples, words.nth(1)) {
                *functions.entry(function(name)).or_default() += f64::from(samples) * ns;
            }
        }
        Self(functions)
    }

    fn total(&self) -> f64 {
        self.0.values().sum()
    }
}

/// Where the time goes that `with` has more than `bare`.
pub(super) fn tell(bare: &Sampled, with: &Sampled) -> String {
    let of = |sampled: &Sampled, name: &String| sampled.0.get(name).copied().unwrap_or_default();
    let names = bare.0.keys().chain(with.0.keys());
    let mut rows: Vec<_> = names
        .map(|name| Row { name: name.clone(), bare_ns: of(bare, name), with_ns: of(with, name) })
        .collect();
    rows.sort_by(|one, other| {
        other.added_ns().total_cmp(&one.added_ns()).then_with(|| one.name.cmp(&other.name))
    });
    rows.dedup();
    let added = with.total() - bare.total();
    let own: f64 = rows.iter().filter(|row| row.is_own()).map(Row::added_ns).sum();
    let head = format!(
        "{added:.0} ns are added to an iteration while it is sampled, of {:.0}; {own:.0} of them ({:.0} %) are in functions that run for capture (*).\n",
        bare.total(),
        100.0 * own / added,
    );
    let lines = rows.iter().take(ROWS).map(|row| {
        let mark = if row.is_own() { "*" } else { " " };
        format!("{:7.0} {mark} {} ({:.0} bare)\n", row.added_ns(), row.name, row.bare_ns)
    });
    std::iter::once(head).chain(lines).collect()
}

/// A function's name without what differs from one load of a program to the next.
fn function(symbol: &str) -> String {
    match symbol.strip_prefix(PROGRAM).and_then(|rest| rest.get(TAG_LENGTH..)) {
        Some(name) if !name.is_empty() => format!("BPF {name}"),
        _ => symbol.to_owned(),
    }
}

// === impl Row ===

impl Row {
    fn added_ns(&self) -> f64 {
        self.with_ns - self.bare_ns
    }

    fn is_own(&self) -> bool {
        self.bare_ns <= OWN_SHARE * self.with_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: reports of a workload without and with capture, in which a program was loaded twice. Guarantees: samples become nanoseconds,
    /// a program's add up under its name, and what is there for capture is told from what has become slower.
    #[test]
    fn what_is_added_is_told_by_function() {
        let bare = Sampled::parse("# Samples\n\n   100  [k] tcp_ack   -  -\n    10  [.] main\n", 2.0);
        let with = "   120  [k] tcp_ack\n    10  [.] main\n    50  [k] bpf_trace_run2\n";
        let programs = "    20  [k] bpf_prog_43a44dc46f36f74d_system_call\n     5  [k] bpf_prog_0e949e32b988917c_system_call\n";
        let with = Sampled::parse(&format!("{with}{programs}"), 2.0);
        assert_eq!(with.0.get("BPF system_call"), Some(&50.0));
        let told = tell(&bare, &with);
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(
            lines[0],
            "190 ns are added to an iteration while it is sampled, of 220; 150 of them (79 %) are in functions that run for capture (*)."
        );
        assert_eq!(lines[1], "    100 * bpf_trace_run2 (0 bare)");
        assert_eq!(lines[2], "     50 * BPF system_call (0 bare)");
        assert_eq!(lines[3], "     40   tcp_ack (200 bare)");
    }
}
