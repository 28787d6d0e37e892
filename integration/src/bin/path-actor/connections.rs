//! Connections to addresses of the loopback device.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket},
    os::unix::net::{UnixListener, UnixStream},
};

use super::{Act, Ground};

pub(super) const ACTS: &[(&str, Act)] = &[("connecting", connecting), ("sending", sending)];

/// What the rules are about.
const WATCHED: Ipv4Addr = Ipv4Addr::new(127, 9, 9, 9);
const PLAIN: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn connecting(ground: &Ground) -> anyhow::Result<()> {
    let (watched, plain) = (TcpListener::bind((WATCHED, 0))?, TcpListener::bind((PLAIN, 0))?);
    let port = watched.local_addr()?.port();
    for _ in 0..3 {
        TcpStream::connect(watched.local_addr()?)?;
        TcpStream::connect(plain.local_addr()?)?;
    }
    let mapped = SocketAddrV6::new(WATCHED.to_ipv6_mapped(), port, 0, 0);
    TcpStream::connect(SocketAddr::V6(mapped))?;
    let mapped = SocketAddrV6::new(PLAIN.to_ipv6_mapped(), plain.local_addr()?.port(), 0, 0);
    TcpStream::connect(SocketAddr::V6(mapped))?;
    drop((watched, plain));
    TcpStream::connect((WATCHED, port)).expect_err("nobody listens there any more");
    TcpStream::connect((PLAIN, 1)).expect_err("nobody listens there");
    let path = ground.folder.join("socket");
    let listener = UnixListener::bind(&path)?;
    UnixStream::connect(&path)?;
    drop(listener);
    UnixStream::connect(&path).expect_err("nobody listens there any more");
    Ok(())
}

fn sending(_: &Ground) -> anyhow::Result<()> {
    let (watched, plain) = (UdpSocket::bind((WATCHED, 0))?, UdpSocket::bind((PLAIN, 0))?);
    for _ in 0..3 {
        plain.send_to(b"x", watched.local_addr()?)?;
        plain.send_to(b"x", plain.local_addr()?)?;
    }
    plain.connect(watched.local_addr()?)?;
    plain.send(b"x")?;
    Ok(())
}
