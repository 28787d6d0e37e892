//! Points in time as text.

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// A point in time as `strftime` shows it; `None` for times that no calendar has.
fn format(epoch_ns: u64, zone: TimeZone, pattern: &str) -> Option<String> {
    let time = Timestamp::from_nanosecond(i128::from(epoch_ns)).ok()?.to_zoned(zone);
    strtime::format(pattern, &time).ok()
}

/// `evt.time`: the time of day in the reader's time zone, with nanoseconds.
pub(crate) fn time_of_day(epoch_ns: u64) -> Option<String> {
    Some(format!("{}.{:09}", format(epoch_ns, TimeZone::system(), "%H:%M:%S")?, epoch_ns % SECOND))
}

/// `evt.time.s`: without nanoseconds.
pub(crate) fn time_of_day_seconds(epoch_ns: u64) -> Option<String> {
    format(epoch_ns, TimeZone::system(), "%H:%M:%S")
}

/// `evt.time.iso8601`: with offset, as Falco has it for people. Always UTC.
pub(crate) fn iso8601(epoch_ns: u64) -> Option<String> {
    Some(format!("{}.{:09}+0000", format(epoch_ns, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S")?, epoch_ns % SECOND))
}

/// `evt.datetime`: date and time of day in the reader's time zone, with nanoseconds.
pub(crate) fn date_time(epoch_ns: u64) -> Option<String> {
    Some(format!("{}.{:09}", format(epoch_ns, TimeZone::system(), "%Y-%m-%d %H:%M:%S")?, epoch_ns % SECOND))
}

/// `evt.datetime.s`: without nanoseconds.
pub(crate) fn date_time_seconds(epoch_ns: u64) -> Option<String> {
    format(epoch_ns, TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a known instant. Guarantees: Falco's forms of time, nanoseconds padded.
    #[test]
    fn times_have_falcos_forms() {
        let instant = 1_700_000_000 * SECOND + 42;
        assert_eq!(iso8601(instant).as_deref(), Some("2023-11-14T22:13:20.000000042+0000"));
        let time = time_of_day(instant).expect("a time");
        assert_eq!(time.len(), "22:13:20.000000042".len());
        assert!(time.ends_with(":20.000000042"));
        assert!(time_of_day_seconds(instant).is_some_and(|time| time.ends_with(":20")));
        assert!(date_time(instant).is_some_and(|time| time.starts_with("2023-11-1")));
        assert!(date_time_seconds(instant).is_some_and(|time| time.ends_with(":20")));
    }

    /// Scenario: the greatest number of nanoseconds. Guarantees: a time, or nothing, but no panic.
    #[test]
    fn the_end_of_time_is_no_panic() {
        let _ = (time_of_day(u64::MAX), iso8601(u64::MAX), date_time(u64::MAX));
    }
}
