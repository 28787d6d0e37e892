//! The host's clocks.

use std::time::Duration;

use eyrie_proto::capture::ClockReading;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// CLOCK_BOOTTIME, nanoseconds.
pub fn boot_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Boottime))
}

/// Processor time that this process has used so far, by all of its threads.
pub(crate) fn processor_time() -> Duration {
    Duration::from_nanos(nanoseconds(clock_gettime(ClockId::ProcessCPUTime)))
}

/// Boot time and wall time of the same moment.
pub fn read() -> ClockReading {
    ClockReading { boot_ns: boot_ns(), epoch_ns: nanoseconds(clock_gettime(ClockId::Realtime)) }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
