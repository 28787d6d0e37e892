//! Goals, and whether they are met.

use std::fmt;

use integration::measured::statistics::Estimate;
use serde_json::{Value, json};

/// A bound that a figure has to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A figure with its bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) measured: Estimate,
    pub(crate) bound: Bound,
}

/// Whether a figure keeps its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of the interval does.
    Met,
    /// The figure does, and an end of its interval does not.
    Open,
    /// The figure does not.
    Missed,
}

/// Something to be reached.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    /// In the units of the goal.
    pub(crate) absolute: Held,
    /// As multiples of the bare time, here and there, if it can be told so: other machines are faster or slower.
    pub(crate) scaled: Option<Held>,
}

/// What figures are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Milliseconds,
    Megabytes,
    Percent,
    Times,
    Count,
}

// === impl Bound ===

impl Bound {
    fn is_kept_by(self, figure: f64) -> bool {
        match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::AtMost(value) | Self::AtLeast(value) => value,
        }
    }

    fn text(self, unit: Unit) -> String {
        let sign = if matches!(self, Self::AtMost(_)) { "≤" } else { "≥" };
        format!("{sign} {}", unit.text(self.value()))
    }
}

// === impl Held ===

impl Held {
    pub(crate) fn verdict(&self) -> Verdict {
        let Estimate { value, low, high } = self.measured;
        let is_kept = |figure| self.bound.is_kept_by(figure);
        match (is_kept(value), is_kept(low) && is_kept(high)) {
            (true, true) => Verdict::Met,
            (true, false) => Verdict::Open,
            (false, _) => Verdict::Missed,
        }
    }

    fn texts(&self, unit: Unit) -> [String; 3] {
        [estimate_text(self.measured, unit), self.bound.text(unit), self.verdict().to_string()]
    }

    fn json(&self) -> Value {
        let Estimate { value, low, high } = self.measured;
        json!({"value": value, "low": low, "high": high, "bound": self.bound.value(), "verdict": self.verdict().to_string()})
    }
}

// === impl Verdict ===

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Open => "open: the interval reaches beyond",
            Self::Missed => "MISSED",
        })
    }
}

// === impl Goal ===

impl Goal {
    pub(crate) const HEADER: [&'static str; 7] =
        ["goal", "measured", "bound", "", "÷ bare here", "bound ÷ bare there", ""];

    pub(crate) fn row(&self) -> [String; 7] {
        let [measured, bound, verdict] = self.absolute.texts(self.unit);
        let [scaled, scaled_bound, scaled_verdict] =
            self.scaled.map_or_else(Default::default, |held| held.texts(Unit::Times));
        [self.what.clone(), measured, bound, verdict, scaled, scaled_bound, scaled_verdict]
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "goal": self.what,
            "unit": format!("{:?}", self.unit).to_lowercase(),
            "absolute": self.absolute.json(),
            "scaled": self.scaled.map(|held| held.json()),
        })
    }
}

// === impl Unit ===

impl Unit {
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => format!("{value:.0} ns"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Megabytes => format!("{:.2} MB", value / 1e6),
            Self::Percent => format!("{:.2} %", value * 100.0),
            Self::Times => format!("{value:.3}"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// With its interval, if it has one.
pub(crate) fn estimate_text(estimate: Estimate, unit: Unit) -> String {
    let value = unit.text(estimate.value);
    if estimate == Estimate::exact(estimate.value) {
        return value;
    }
    format!("{value} ({} to {})", unit.text(estimate.low), unit.text(estimate.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(low: f64, value: f64, high: f64, bound: Bound) -> Held {
        Held { measured: Estimate { value, low, high }, bound }
    }

    /// Scenario: intervals below, around and above bounds of both kinds, and at the bound itself. Guarantees: a goal is met only with the whole interval.
    #[test]
    fn a_goal_is_met_by_the_whole_interval() {
        let cases = [
            (held(1.0, 2.0, 3.0, Bound::AtMost(3.0)), Verdict::Met),
            (held(1.0, 2.0, 3.1, Bound::AtMost(3.0)), Verdict::Open),
            (held(1.0, 3.1, 4.0, Bound::AtMost(3.0)), Verdict::Missed),
            (held(3.0, 4.0, 5.0, Bound::AtLeast(3.0)), Verdict::Met),
            (held(2.9, 4.0, 5.0, Bound::AtLeast(3.0)), Verdict::Open),
            (held(1.0, 2.9, 5.0, Bound::AtLeast(3.0)), Verdict::Missed),
            (held(f64::NAN, f64::NAN, f64::NAN, Bound::AtMost(3.0)), Verdict::Missed),
        ];
        for (held, verdict) in cases {
            assert_eq!(held.verdict(), verdict, "{held:?}");
        }
    }

    /// Scenario: a goal that is met as such and missed by ratio, and one without a ratio. Guarantees: both readings are in the row, each with its verdict.
    #[test]
    fn rows_have_both_readings() {
        let absolute = held(80.0, 90.0, 93.0, Bound::AtMost(93.0));
        let scaled = Some(held(0.9, 1.0, 1.1, Bound::AtMost(0.8)));
        let goal = Goal { what: "getpid".to_owned(), unit: Unit::Nanoseconds, absolute, scaled };
        let expected = [
            "getpid",
            "90 ns (80 ns to 93 ns)",
            "≤ 93 ns",
            "met",
            "1.000 (0.900 to 1.100)",
            "≤ 0.800",
            "MISSED",
        ];
        assert_eq!(goal.row(), expected);
        let absolute = Held { measured: Estimate::exact(0.961), bound: Bound::AtLeast(0.95) };
        let goal = Goal { what: "kept".to_owned(), unit: Unit::Percent, absolute, scaled: None };
        assert_eq!(goal.row(), ["kept", "96.10 %", "≥ 95.00 %", "met", "", "", ""]);
        assert_eq!(goal.json()["absolute"]["verdict"], "met");
    }
}
