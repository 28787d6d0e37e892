//! Moments and spans as people write and read them.

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp, Zoned, civil};

/// Digits of a moment in nanoseconds since the epoch (`evt.rawtime`), which has so many from 2001 to 2286.
const RAWTIME_DIGITS: usize = 19;
/// Digits of one in seconds (`evt.rawtime.s`).
const RAWTIME_SECONDS_DIGITS: usize = 10;

/// A moment that is over, in nanoseconds since the epoch: RFC 3339, a span before now (`-5m`, `5m`), or what Falco prints of an
/// event's time: `10:00:00.123456789` (the last such time of day), `2026-11-27 10:00:00.123456789`, and the numbers of
/// `evt.rawtime` and `evt.rawtime.s`.
pub(crate) fn parse(text: &str, now: &Zoned) -> anyhow::Result<u64> {
    let at = read(text.trim(), now).with_context(|| {
        format!(
            "{text:?} is no time; write 2026-11-27T10:00:00Z, -5m for five minutes ago, or a time as Falco prints it, such as \
             10:00:00.123456789"
        )
    })?;
    if at > now.timestamp() {
        bail!(
            "{text:?} is yet to come (it is {} now): name a moment that is over",
            rfc3339(epoch_ns(now.timestamp()))
        );
    }
    u64::try_from(at.as_nanosecond())
        .ok()
        .filter(|ns| *ns != 0)
        .with_context(|| format!("{text:?} is before 1970"))
}

fn read(text: &str, now: &Zoned) -> Option<Timestamp> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        RAWTIME_DIGITS if is_number => return Timestamp::from_nanosecond(text.parse().ok()?).ok(),
        RAWTIME_SECONDS_DIGITS if is_number => return Timestamp::from_second(text.parse().ok()?).ok(),
        _ => {}
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let in_zone = |at: civil::DateTime| Some(at.to_zoned(now.time_zone().clone()).ok()?.timestamp());
    // From the narrow to the wide: what has a date is a time of day as well, and 01:10:00 a span.
    if let Ok(datetime) = text.parse::<civil::DateTime>() {
        return in_zone(datetime);
    }
    if let Ok(time) = text.parse::<civil::Time>()
        && text.contains(':')
    {
        let today = in_zone(now.date().to_datetime(time)).filter(|at| *at <= now.timestamp());
        return today.or_else(|| in_zone(now.date().yesterday().ok()?.to_datetime(time)));
    }
    // One with colons is a time of day that there is not.
    if let Ok(span) = text.parse::<SignedDuration>()
        && !text.contains(':')
    {
        // `+5m` is the only way to say that it is meant to come.
        let before = if text.starts_with('+') { -span.abs() } else { span.abs() };
        return now.timestamp().checked_sub(before).ok();
    }
    None
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(epoch_ns: u64) -> String {
    Timestamp::from_nanosecond(epoch_ns.into())
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

/// The same of what 0 says that it is not known.
pub(crate) fn known(epoch_ns: u64) -> Option<String> {
    (epoch_ns != 0).then(|| rfc3339(epoch_ns))
}

/// The same to the nanosecond, without zeros at the end.
pub(crate) fn known_exactly(epoch_ns: u64) -> Option<String> {
    let at = Timestamp::from_nanosecond(epoch_ns.into()).ok()?;
    (epoch_ns != 0).then(|| at.to_string())
}

/// Nanoseconds since the epoch; 0 before it.
pub(crate) fn epoch_ns(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

/// How long ago something was, as `kubectl get` prints ages: the finer the shorter.
pub(crate) fn age(since_epoch_ns: u64, now_epoch_ns: u64) -> String {
    let seconds = now_epoch_ns.saturating_sub(since_epoch_ns) / 1_000_000_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if years < 2 => format!("{days}d"),
        () if years < 8 => two(years, "y", days % 365, "d"),
        () => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: moments with and without a fraction of a second, and none. Guarantees: nothing of it is cut off, which would be before it was.
    #[test]
    fn a_fraction_of_a_second_is_told() {
        let told = |epoch_ns| known_exactly(epoch_ns).unwrap_or_default();
        assert_eq!(told(1_795_000_000_123_400_000), "2026-11-18T11:06:40.1234Z");
        assert_eq!(told(1_795_000_000_000_000_000), "2026-11-18T11:06:40Z");
        assert_eq!((known_exactly(0), known(1_999_999_999)), (None, Some("1970-01-01T00:00:01Z".to_owned())));
    }

    /// Scenario: each form of a time, at a moment in a zone with summer time, past midnight. Guarantees: each is the moment that it
    /// says; times of day are the last ones, not to come; what is no time, yet to come or before the epoch is refused.
    #[test]
    fn times_are_read_in_all_their_forms() {
        let now: Zoned = "2026-11-27T01:30:00+01:00[Europe/Berlin]".parse().unwrap();
        for (text, expected) in [
            ("2026-11-27T00:29:59Z", "2026-11-27T00:29:59Z"),
            ("2026-11-27T01:29:59+01:00", "2026-11-27T00:29:59Z"),
            ("2026-11-27T00:29:59.123456789+0000", "2026-11-27T00:29:59Z"),
            ("2026-11-27 00:29:59Z", "2026-11-27T00:29:59Z"),
            ("-5m", "2026-11-27T00:25:00Z"),
            ("5m", "2026-11-27T00:25:00Z"),
            ("1h30m", "2026-11-26T23:00:00Z"),
            ("-90s", "2026-11-27T00:28:30Z"),
            ("01:10:00.123456789", "2026-11-27T00:10:00Z"),
            ("23:10:00", "2026-11-26T22:10:00Z"),
            ("2026-11-27 01:10:00.123456789", "2026-11-27T00:10:00Z"),
            ("2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
            ("2026-11-27T01:10:00", "2026-11-27T00:10:00Z"),
            ("1795737600123456789", "2026-11-27T00:00:00Z"),
            ("1795737600", "2026-11-27T00:00:00Z"),
            (" -5m ", "2026-11-27T00:25:00Z"),
        ] {
            assert_eq!(rfc3339(parse(text, &now).unwrap()), expected, "{text}");
        }
        for (text, problem) in [
            ("", "is no time"),
            ("yesterday", "is no time"),
            ("12", "is no time"),
            ("25:00:00", "is no time"),
            ("2026-13-01T00:00:00Z", "is no time"),
            ("-99999999999h", "is no time"),
            ("2026-11-27T00:30:01Z", "yet to come"),
            ("+5m", "yet to come"),
            ("1969-12-31T23:59:59Z", "before 1970"),
        ] {
            let error = parse(text, &now).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    /// Scenario: spans on both sides of where ages become coarser. Guarantees: they are kubectl's.
    #[test]
    fn ages_are_kubectls() {
        let (minute, hour, day) = (60, 3_600, 86_400);
        for (seconds, expected) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (3 * minute + 12, "3m12s"),
            (10 * minute + 59, "10m"),
            (3 * hour - 1, "179m"),
            (3 * hour, "3h"),
            (7 * hour + 5 * minute, "7h5m"),
            (8 * hour + 59 * minute, "8h"),
            (48 * hour - 1, "47h"),
            (2 * day + hour, "2d1h"),
            (8 * day + hour, "8d"),
            (729 * day, "729d"),
            (730 * day, "2y"),
            (3 * 365 * day + 2 * day, "3y2d"),
            (9 * 365 * day + 2 * day, "9y"),
        ] {
            assert_eq!(age(1_000_000_000, (seconds + 1) * 1_000_000_000), expected, "{seconds}");
        }
        assert_eq!(age(5, 1), "0s");
    }
}
