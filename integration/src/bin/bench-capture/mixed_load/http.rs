//! A server and a client of HTTP on loopback.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
};

use anyhow::{Context as _, ensure};

/// Requests a file so often over a connection for each, and as often again over one connection.
pub(super) fn exchange(file: &Path, requests: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let size = usize::try_from(fs::metadata(file)?.len())?;
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, file, requests + 1));
        let client = || {
            for _ in 0..requests {
                let mut connection = BufReader::new(TcpStream::connect(address)?);
                ensure!(request(&mut connection)? == size, "the answer is of another size");
            }
            let mut connection = BufReader::new(TcpStream::connect(address)?);
            (0..requests).try_for_each(|_| {
                ensure!(request(&mut connection)? == size, "the answer is of another size");
                Ok(())
            })
        };
        let asked = client();
        let served = server.join().map_err(|_| anyhow::anyhow!("the server panicked"))?;
        asked.and(served)
    })
}

/// So many connections, each until the client ends it. The file is read for each request.
fn serve(listener: &TcpListener, file: &Path, connections: usize) -> anyhow::Result<()> {
    for _ in 0..connections {
        let mut connection = BufReader::new(listener.accept()?.0);
        while let Some(lines) = head(&mut connection)? {
            ensure!(lines.first().is_some_and(|line| line.starts_with("GET / ")), "another request");
            let body = fs::read(file)?;
            let mut answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            answer.extend(body);
            connection.get_mut().write_all(&answer)?;
        }
    }
    Ok(())
}

/// The size of the answer's body.
fn request(connection: &mut BufReader<TcpStream>) -> anyhow::Result<usize> {
    connection.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let lines = head(connection)?.context("no answer")?;
    let length = lines.iter().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.context("an answer without a length")?];
    connection.read_exact(&mut body)?;
    Ok(body.len())
}

/// Lines until the empty one; nothing if the other side has ended.
fn head(connection: &mut BufReader<TcpStream>) -> anyhow::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(lines)),
            line => lines.push(line.to_owned()),
        }
    }
}
