//! What was measured, as Markdown.

use std::{path::Path, time::Duration};

use super::served::Served;

/// Rows in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Report {
    times: Vec<String>,
    sizes: Vec<String>,
}

// === impl Report ===

impl Report {
    pub(crate) fn line(&mut self, what: &str, times: &[Duration]) {
        let mut sorted = times.to_vec();
        sorted.sort();
        let at = |share: f64| {
            let index = ((sorted.len() - 1) as f64 * share).round() as usize;
            format!("{:.2}", sorted[index].as_secs_f64() * 1e3)
        };
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        self.times.push(format!("| {what} | {} | {p50} | {p99} | {max} |", times.len()));
    }

    pub(crate) fn rate(&mut self, what: &str, facts: u64, took: Duration) {
        let rate = facts as f64 / took.as_secs_f64();
        self.sizes
            .push(format!("| {what} | {facts} facts in {:.1} s: {rate:.0} a second |", took.as_secs_f64()));
    }

    pub(crate) fn memory(&mut self, when: &str, served: &Served) {
        let (now, peak) = (served.status_mib("VmRSS"), served.status_mib("VmHWM"));
        self.sizes.push(format!("| memory, {when} | {now:.1} MiB, at most {peak:.1} MiB so far |"));
    }

    pub(crate) fn disk(&mut self, folder: &Path) {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let sizes = files.map(|file| {
            let size = file.metadata().unwrap().len() as f64 / 1024.0 / 1024.0;
            format!("{} {size:.1} MiB", file.file_name().to_string_lossy())
        });
        self.sizes.push(format!("| disk | {} |", sizes.collect::<Vec<_>>().join(", ")));
    }

    pub(crate) fn print(&self) {
        println!("| what | figure |\n|---|---|\n{}\n", self.sizes.join("\n"));
        println!(
            "| call | count | p50, ms | p99, ms | longest, ms |\n|---|---|---|---|---|\n{}",
            self.times.join("\n")
        );
    }
}
