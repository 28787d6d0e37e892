use crate::layout::{COUNTERS_PER_CLASS, counter};

/// What the loss of a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClass {
    /// Rules may miss something.
    Plain,
    /// The picture of processes may be wrong until it is repaired.
    StateBearing,
}

/// A counter of the programs. All count since the object was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Records that went into the ring.
    Produced,
    /// Lost: the ring had no room.
    LostFull,
    /// Lost: the ring was above three quarters, and the rest is for records that bear state.
    LostRefused,
    /// Lost by a mistake of ours: a record that does not fit its buffer.
    LostBug,
    /// Not lost: records of which a part could not be read from the program's memory.
    Fault,
    /// Boot time of the first loss since [`Config::loss_epoch`](crate::Config::loss_epoch) was changed.
    FirstLossNs,
    /// Boot time of the last loss.
    LastLossNs,
    /// The epoch to which `FirstLossNs` belongs.
    LossEpoch,
    /// Not lost: calls of the process that is left out ([`Config::own_tgid`](crate::Config::own_tgid)). All are counted as plain.
    Own,
    /// Lost: calls that are shed ([`Config::shed_calls`](crate::Config::shed_calls)). Their times are apart from those of other
    /// losses.
    LostDegraded,
    /// Boot time of the first of these since [`Config::loss_epoch`](crate::Config::loss_epoch) was changed.
    FirstDegradedNs,
    /// Boot time of the last of these.
    LastDegradedNs,
    /// The epoch to which `FirstDegradedNs` belongs.
    DegradedEpoch,
    /// Not lost: records that found their ring more than half full, taken or not.
    AboveHalf,
    /// Not lost: calls that the plan's filters left out. All are counted as plain.
    Filtered,
    /// Not lost: calls that they would have left out, and that were recorded and marked instead.
    Marked,
}

/// The counters of one class over all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// See [`Counter::Produced`].
    pub produced: u64,
    /// See [`Counter::LostFull`].
    pub lost_full: u64,
    /// See [`Counter::LostRefused`].
    pub lost_refused: u64,
    /// See [`Counter::LostBug`].
    pub lost_bug: u64,
    /// See [`Counter::Fault`].
    pub faults: u64,
    /// See [`Counter::LostDegraded`].
    pub lost_degraded: u64,
    /// See [`Counter::Own`].
    pub own: u64,
    /// See [`Counter::AboveHalf`].
    pub above_half: u64,
    /// See [`Counter::Filtered`].
    pub filtered: u64,
    /// See [`Counter::Marked`].
    pub marked: u64,
    /// Boot time of the first loss of the epoch; `None` if there was none.
    pub first_loss_ns: Option<u64>,
    /// Boot time of the last loss of any epoch; `None` if there never was one.
    pub last_loss_ns: Option<u64>,
    /// Boot time of the first call of the epoch that was shed; `None` if there was none.
    pub first_degraded_ns: Option<u64>,
    /// Boot time of the last call of any epoch that was shed; `None` if there never was one.
    pub last_degraded_ns: Option<u64>,
}

// === impl Counter ===

impl Counter {
    /// Its place in the map [`COUNTERS_MAP`](crate::COUNTERS_MAP).
    pub fn index(self, class: EventClass) -> u32 {
        let counter = match self {
            Self::Produced => counter::PRODUCED,
            Self::LostFull => counter::LOST_FULL,
            Self::LostRefused => counter::LOST_REFUSED,
            Self::LostBug => counter::LOST_BUG,
            Self::Fault => counter::FAULT,
            Self::FirstLossNs => counter::FIRST_LOSS_NS,
            Self::LastLossNs => counter::LAST_LOSS_NS,
            Self::LossEpoch => counter::LOSS_EPOCH,
            Self::Own => counter::OWN,
            Self::LostDegraded => counter::LOST_DEGRADED,
            Self::FirstDegradedNs => counter::FIRST_DEGRADED_NS,
            Self::LastDegradedNs => counter::LAST_DEGRADED_NS,
            Self::DegradedEpoch => counter::DEGRADED_EPOCH,
            Self::AboveHalf => counter::ABOVE_HALF,
            Self::Filtered => counter::FILTERED,
            Self::Marked => counter::MARKED,
        };
        match class {
            EventClass::Plain => counter,
            EventClass::StateBearing => counter + COUNTERS_PER_CLASS,
        }
    }
}

// === impl Counts ===

impl Counts {
    /// Sums the counters of `class`. `read` returns the values of one index of the map, one for each processor; `epoch`
    /// is the [`Config::loss_epoch`](crate::Config::loss_epoch) that is set.
    ///
    /// To report losses in turns: read, compare with the counts of the last turn, then set another epoch. A loss between
    /// reading and setting is counted in the next turn, with a first time that may be a moment too late.
    pub fn sum<E>(
        class: EventClass,
        epoch: u64,
        mut read: impl FnMut(u32) -> Result<Vec<u64>, E>,
    ) -> Result<Self, E> {
        let mut values = |counter: Counter| read(counter.index(class));
        let sum = |values: Vec<u64>| values.into_iter().fold(0, u64::wrapping_add);
        let first = |values: Vec<u64>, epochs: Vec<u64>| {
            let times = values.into_iter().zip(epochs);
            times.filter(|(at, of)| *at != 0 && *of == epoch).map(|(at, _)| at).min()
        };
        let last = |values: Vec<u64>| values.into_iter().filter(|at| *at != 0).max();
        Ok(Self {
            first_loss_ns: first(values(Counter::FirstLossNs)?, values(Counter::LossEpoch)?),
            last_loss_ns: last(values(Counter::LastLossNs)?),
            first_degraded_ns: first(values(Counter::FirstDegradedNs)?, values(Counter::DegradedEpoch)?),
            last_degraded_ns: last(values(Counter::LastDegradedNs)?),
            produced: sum(values(Counter::Produced)?),
            lost_full: sum(values(Counter::LostFull)?),
            lost_refused: sum(values(Counter::LostRefused)?),
            lost_bug: sum(values(Counter::LostBug)?),
            faults: sum(values(Counter::Fault)?),
            lost_degraded: sum(values(Counter::LostDegraded)?),
            own: sum(values(Counter::Own)?),
            above_half: sum(values(Counter::AboveHalf)?),
            filtered: sum(values(Counter::Filtered)?),
            marked: sum(values(Counter::Marked)?),
        })
    }

    /// All losses.
    pub fn lost(&self) -> u64 {
        let in_ring = self.lost_full.wrapping_add(self.lost_refused).wrapping_add(self.lost_bug);
        in_ring.wrapping_add(self.lost_degraded)
    }
}
