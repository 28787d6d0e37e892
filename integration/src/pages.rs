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
    let page = get(address, "/metrics").ok()?;
    let of_name = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let rest = if rest.starts_with('{') { rest.rsplit_once('}')?.1 } else { rest };
        rest.strip_prefix(' ')?.parse::<f64>().ok()
    };
    Some(page.lines().filter_map(of_name).sum())
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
