//! Medians, and how sure they are.

/// A median with an interval that holds the true one with a probability of at least 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Median {
    /// The median of the sample.
    pub(crate) value: f64,
    /// The interval; nothing where the sample is too small for one.
    pub(crate) interval: Option<(f64, f64)>,
}

// === impl Median ===

impl Median {
    /// Of a sample that is not empty; nothing of an empty one.
    ///
    /// The interval is between two of the sample's values in their order. The true median lies between the k-th smallest and the
    /// k-th largest unless fewer than k of n tosses of a coin fall on one side; so nothing is assumed of how the values are
    /// distributed, and nothing has to be drawn at random.
    pub(crate) fn of(sample: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = sample.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let (low, high) = (values.get(count.checked_sub(1)? / 2)?, values.get(count / 2)?);
        let interval = outer_values(count)
            .and_then(|outside| Some((*values.get(outside)?, *values.get(count.checked_sub(outside + 1)?)?)));
        Some(Self { value: f64::midpoint(*low, *high), interval })
    }
}

/// How many of a sample's values may be left out at each end, so that the rest spans the median with 95 %.
fn outer_values(count: usize) -> Option<usize> {
    const TAIL: f64 = 0.025;
    let size = f64::from(u32::try_from(count).ok()?);
    // Probability that exactly `k` of `count` tosses fall on one side, from one k to the next.
    let mut exactly = 0.5_f64.powf(size);
    let (mut below, mut outside) = (exactly, None);
    for k in 0..count / 2 {
        if below > TAIL {
            break;
        }
        outside = Some(k);
        let k = f64::from(u32::try_from(k).ok()?);
        exactly *= (size - k) / (k + 1.0);
        below += exactly;
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: samples of sizes for which tables of the sign test are in every textbook. Guarantees: the interval leaves out as
    /// many values as those say, and there is none below six values.
    #[test]
    fn intervals_are_those_of_the_sign_test() {
        assert_eq!(outer_values(5), None);
        // The 1st and the 6th; the 2nd and the 9th of ten; the 6th and the 15th of twenty; the 10th and the 22nd of 31.
        for (count, outside) in [(6, 0), (10, 1), (20, 5), (31, 9)] {
            assert_eq!(outer_values(count), Some(outside), "{count}");
        }
    }

    /// Scenario: one to 31 in no order; an even number of values; none. Guarantees: median and interval are these.
    #[test]
    fn medians_are_of_sorted_values() {
        let shuffled = (1..=31).map(|index| f64::from(index * 7 % 32));
        assert_eq!(Median::of(shuffled), Some(Median { value: 16.0, interval: Some((10.0, 22.0)) }));
        assert_eq!(Median::of([4.0, 1.0]), Some(Median { value: 2.5, interval: None }));
        assert_eq!(Median::of([]), None);
    }
}
