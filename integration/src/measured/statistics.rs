//! Medians, and how sure they are.

/// A median with an interval that holds the true one with a probability of at least 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The median of the sample.
    pub value: f64,
    /// The interval; nothing where the sample is too small for one.
    pub interval: Option<(f64, f64)>,
}

// === impl Median ===

impl Median {
    /// Of a sample that is not empty; nothing of an empty one.
    ///
    /// The interval is between two of the sample's values in their order. The true median lies between the k-th smallest and the
    /// k-th largest unless fewer than k of n tosses of a coin fall on one side; so nothing is assumed of how the values are
    /// distributed, and nothing has to be drawn at random.
    pub fn of(sample: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = sample.into_iter().collect();
        let value = median(&mut values)?;
        let count = values.len();
        let interval = outer_values(count)
            .and_then(|outside| Some((*values.get(outside)?, *values.get(count.checked_sub(outside + 1)?)?)));
        Some(Self { value, interval })
    }
}

/// A figure with an interval that holds the true one with a probability of about 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Of the sample.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// Draws samples anew. Seeded, so that the same figures always have the same interval.
#[derive(Clone, Debug)]
struct Draws(u64);

// === impl Estimate ===

impl Estimate {
    /// How many samples are drawn.
    const RESAMPLES: usize = 4_000;
    /// Any will do.
    const SEED: u64 = 0x6579_7269_6500_0009;

    /// The median of a sample with a percentile interval: samples of the same size are drawn from it with replacement, and the
    /// interval is what the middle 95 % of their medians span. Nothing of an empty sample; one value has no interval but itself.
    pub fn of(sample: &[f64]) -> Option<Self> {
        let value = median(&mut sample.to_vec())?;
        let mut draws = Draws(Self::SEED);
        let mut drawn = vec![value; sample.len()];
        let mut medians = Vec::with_capacity(Self::RESAMPLES);
        for _ in 0..Self::RESAMPLES {
            for place in &mut drawn {
                *place = *draws.one_of(sample)?;
            }
            medians.push(median(&mut drawn)?);
        }
        medians.sort_by(f64::total_cmp);
        let outside = Self::RESAMPLES / 40;
        let (low, high) = (medians.get(outside)?, medians.get(Self::RESAMPLES - 1 - outside)?);
        Some(Self { value, low: *low, high: *high })
    }

    /// Without an interval: a single reading.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }
}

// === impl Draws ===

impl Draws {
    /// SplitMix64 (Steele, Lea and Flood 2014): every number once in 2^64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one_of<'values, T>(&mut self, values: &'values [T]) -> Option<&'values T> {
        // The remainder prefers small numbers by less than one in 2^50 for samples of thousands.
        let place = self.next() % u64::try_from(values.len()).ok().filter(|len| *len > 0)?;
        values.get(usize::try_from(place).ok()?)
    }
}

/// Sorts the values, and gives their median; nothing of none.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    Some(f64::midpoint(*values.get(count.checked_sub(1)? / 2)?, *values.get(count / 2)?))
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

    /// Scenario: samples of a known median, drawn 200 times from a skewed distribution. Guarantees: about 95 of 100 intervals hold it; an interval is
    /// around its value, and the same for the same sample.
    #[test]
    fn intervals_hold_the_true_median() {
        let mut draws = Draws(7);
        let numbers: Vec<f64> = (0..10_000).map(f64::from).collect();
        // Squares of numbers that are equally likely up to 10,000: the median is the square of the middle.
        let mut sample = |size: usize| -> Vec<f64> {
            (0..size).map(|_| draws.one_of(&numbers).unwrap().powi(2)).collect()
        };
        let mut held = 0;
        for _ in 0..200 {
            let sample = sample(31);
            let estimate = Estimate::of(&sample).unwrap();
            assert!(estimate.low <= estimate.value && estimate.value <= estimate.high, "{estimate:?}");
            assert_eq!(Estimate::of(&sample).unwrap(), estimate);
            held += u32::from((estimate.low..=estimate.high).contains(&5_000_f64.powi(2)));
        }
        assert!((180..200).contains(&held), "{held} of 200");
    }

    /// Scenario: no value, one, equal ones. Guarantees: there is nothing of none; where nothing varies the interval is the value itself.
    #[test]
    fn intervals_of_small_samples() {
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of(&[3.0]), Some(Estimate::exact(3.0)));
        assert_eq!(Estimate::of(&[2.0; 9]), Some(Estimate::exact(2.0)));
        assert_eq!(Estimate::exact(2.0).times(1.5), Estimate::exact(3.0));
    }
}
