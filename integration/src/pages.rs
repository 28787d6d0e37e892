//! What a program's admin pages say.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// For a page to be read.
const WAIT: Duration = Duration::from_secs(10);

/// The value of a metric without labels; nothing if the pages are not there (yet), or do not have it.
pub fn metric(address: &str, name: &str) -> Option<f64> {
    let page = get(address, "/metrics").ok()?;
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The sum of a metric over all its labels, 0 if it was never counted; nothing if the pages are not there (yet).
pub fn metric_sum(address: &str, name: &str) -> Option<f64> {
    Some(Metrics::read(address)?.sum(name))
}

/// A page as it comes: status, headers, body.
pub fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// All metrics of a program, as they were at one time.
#[derive(Clone, Debug, Default)]
pub struct Metrics(String);

// === impl Metrics ===

impl Metrics {
    /// What the pages have now; nothing if they are not there (yet).
    pub fn read(address: &str) -> Option<Self> {
        get(address, "/metrics").ok().map(Self)
    }

    /// The sum of a metric over all its labels, 0 if it was never counted.
    pub fn sum(&self, name: &str) -> f64 {
        self.sum_where(name, "")
    }

    /// The same over those whose labels contain `label`, as `outcome="own"`.
    pub fn sum_where(&self, name: &str, label: &str) -> f64 {
        self.0.lines().filter_map(|line| value_of(line, name, label)).sum()
    }

    /// Whether there is such a metric.
    pub fn has(&self, name: &str) -> bool {
        self.0.lines().any(|line| value_of(line, name, "").is_some())
    }
}

/// The value of a line, if it is of this metric and has such a label.
fn value_of(line: &str, name: &str, label: &str) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = if rest.starts_with('{') { rest.rsplit_once('}')? } else { ("", rest) };
    if !labels.contains(label) {
        return None;
    }
    value.strip_prefix(' ')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a page with a metric that has labels, one whose name begins with the same, and help. Guarantees: sums are of the one that was asked for,
    /// over the labels that were asked for.
    #[test]
    fn metrics_are_summed_by_name_and_label() {
        let page =
            "# HELP a_total All\na_total{b=\"x\",c=\"}\"} 3\na_total{b=\"y\"} 4.5\na_total_more 9\nd 2\n";
        let metrics = Metrics(page.to_owned());
        assert!((metrics.sum("a_total") - 7.5).abs() < 1e-9);
        assert!((metrics.sum_where("a_total", "b=\"y\"") - 4.5).abs() < 1e-9);
        assert!((metrics.sum("d") - 2.0).abs() < 1e-9 && metrics.sum("a").abs() < 1e-9);
        assert!(metrics.has("d") && !metrics.has("e"));
    }
}
