//! What a process spends on processors, thread by thread.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;

/// Below this a difference between the process's time and that of its threads is rounding: the kernel tells the former in ticks of 10 ms.
const ROUNDING_SECONDS: f64 = 0.025;

/// Processor time of a process so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessorTime {
    /// Of all threads that it has or had, in ticks of the kernel's.
    all_seconds: f64,
    /// Nanoseconds of the threads that it has, by their ids, with their names.
    threads: BTreeMap<u32, (String, u64)>,
}

// === impl ProcessorTime ===

impl ProcessorTime {
    /// Of a process that runs.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let folder = entry?.path();
            let tid = folder.file_name().and_then(|name| name.to_str()?.parse().ok());
            // A thread may end meanwhile.
            let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
            if let (Some(tid), Some(name), Some(statistics)) = (tid, read("comm"), read("schedstat")) {
                threads.insert(tid, (name.trim_end().to_owned(), running_ns(&statistics)?));
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Ok(Self { all_seconds: stat_seconds(&stat)?, threads })
    }

    /// Seconds since then, by the names of threads; those of threads that have ended meanwhile as `(ended)`.
    pub fn since(&self, before: &Self) -> BTreeMap<String, f64> {
        let mut split = BTreeMap::new();
        for (tid, (name, now)) in &self.threads {
            let then = before.threads.get(tid).map_or(0, |(_, then)| *then);
            #[expect(clippy::cast_precision_loss, reason = "2^52 nanoseconds are 52 days")]
            let seconds = now.saturating_sub(then) as f64 / 1e9;
            *split.entry(name.clone()).or_default() += seconds;
        }
        let ended = self.all_seconds - before.all_seconds - split.values().sum::<f64>();
        if ended > ROUNDING_SECONDS {
            split.insert("(ended)".to_owned(), ended);
        }
        split
    }
}

/// Of `schedstat`: time on a processor, time of waiting for one, times that it was given one.
fn running_ns(text: &str) -> anyhow::Result<u64> {
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .context("a schedstat file without a time")
}

/// Of `stat`: user and system time, of all threads that there are or were.
fn stat_seconds(stat: &str) -> anyhow::Result<f64> {
    // The name may have spaces in it; behind it, utime and stime are the 12th and 13th.
    let (_, rest) = stat.rsplit_once(')').context("a stat file without a name")?;
    let mut ticks = rest.split_whitespace().skip(11).map_while(|word| word.parse::<f64>().ok());
    let both = ticks.next().zip(ticks.next()).context("a stat file that is too short")?;
    #[expect(clippy::cast_precision_loss, reason = "it is 100")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok((both.0 + both.1) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a thread of this process works for some time. Guarantees: that time, and not much more, is found under the thread's name.
    #[test]
    fn time_is_told_by_thread() {
        let pid = std::process::id();
        let (begin, end) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            let work = || {
                begin.wait();
                let now = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                while now().tv_sec < 1 && now().tv_nsec < 200_000_000 {}
                end.wait();
                end.wait();
            };
            std::thread::Builder::new().name("at-work".to_owned()).spawn_scoped(scope, work).unwrap();
            let before = ProcessorTime::of(pid).unwrap();
            begin.wait();
            end.wait();
            let used = ProcessorTime::of(pid).unwrap().since(&before);
            end.wait();
            let seconds = used.get("at-work").copied().unwrap_or_default();
            assert!((0.15..0.4).contains(&seconds), "{used:?}");
        });
    }

    /// Scenario: files as the kernel writes them, one with a name that has spaces and parentheses, and others that are cut. Guarantees: the figures
    /// are those of the right columns, and what is not there is an error.
    #[test]
    fn columns_are_the_right_ones() {
        assert_eq!(running_ns("169831 3139728 3\n").unwrap(), 169_831);
        running_ns("").unwrap_err();
        let stat = "7 (a ) name) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 3 4 20 0 1 0 5 6 7";
        assert!((stat_seconds(stat).unwrap() - 2.0).abs() < 1e-9);
        stat_seconds("7 (a) S 1 7").unwrap_err();
    }

    /// Scenario: a thread that is there all the time, a new one, and one that has ended with two seconds. Guarantees: each is counted once.
    #[test]
    fn ended_threads_are_counted() {
        let of = |all_seconds, threads: &[(u32, &str, u64)]| ProcessorTime {
            all_seconds,
            threads: threads.iter().map(|(tid, name, ns)| (*tid, ((*name).to_owned(), *ns))).collect(),
        };
        let before = of(1.0, &[(1, "main", 400_000_000), (2, "gone", 600_000_000)]);
        let after = of(5.0, &[(1, "main", 1_400_000_000), (3, "new", 1_000_000_000)]);
        let used: Vec<_> = after.since(&before).into_iter().collect();
        let expected = [("(ended)", 2.0), ("main", 1.0), ("new", 1.0)];
        assert_eq!(used, expected.map(|(name, seconds)| (name.to_owned(), seconds)));
    }
}
