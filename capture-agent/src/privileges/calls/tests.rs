use std::{io, net::UdpSocket, os::unix::net::UnixStream, process::Command, thread};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    process::{Signal, kill_process},
};
use seccompiler::apply_filter;

use super::*;

/// Runs `work` in a thread that has the filters, which no other thread gets.
fn filtered<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let filtered = move || {
        for filter in filters().unwrap() {
            apply_filter(&filter).unwrap();
        }
        work()
    };
    thread::spawn(filtered).join().unwrap()
}

/// Scenario: the list. Guarantees: each name is a call of one of the two architectures that we are built for: a name that is
/// misspelt would refuse nothing.
#[test]
fn refused_calls_exist() {
    for name in REFUSED {
        let is_known = name.parse::<syscalls::x86_64::Sysno>().is_ok()
            || name.parse::<syscalls::aarch64::Sysno>().is_ok();
        assert!(is_known, "{name}");
    }
}

/// Scenario: a filtered thread executes a program, signals itself, changes a file's mode, links it, enters a root, and gives the host its
/// name. Guarantees: each fails with EPERM, though the test may be root.
#[test]
fn what_an_agent_never_does_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let linked = folder.path().join("linked");
    let paths = (file.clone(), linked.clone());
    let errors: Vec<(&str, Option<i32>)> = filtered(move || {
        let (file, linked) = paths;
        let code = |error: io::Error| error.raw_os_error();
        let mode = std::fs::metadata(&file).unwrap().permissions();
        let mut errors = vec![
            ("exec", Command::new("/bin/true").status().err().and_then(code)),
            ("chmod", std::fs::set_permissions(&file, mode).err().and_then(code)),
            ("link", std::fs::hard_link(&file, &linked).err().and_then(code)),
        ];
        let mut add =
            |name, result: Result<(), Errno>| errors.push((name, result.err().map(Errno::raw_os_error)));
        add("kill", kill_process(rustix::process::getpid(), Signal::CONT));
        add("chroot", rustix::process::chroot("/"));
        add("sethostname", rustix::system::sethostname(rustix::system::uname().nodename().to_bytes()));
        errors
    });
    for (name, error) in errors {
        assert_eq!(error, Some(Errno::PERM.raw_os_error()), "{name}");
    }
    assert!(!linked.exists());
}

/// Scenario: a filtered thread makes sockets of each kind. Guarantees: those by which it speaks with engines work, raw and packet
/// sockets are refused.
#[test]
fn sockets_are_those_of_a_client() {
    filtered(|| {
        UdpSocket::bind("127.0.0.1:0").unwrap();
        UnixStream::pair().unwrap();
        socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map(drop)
            .or_else(no_ipv6)
            .unwrap();
        let refused = [
            (AddressFamily::INET, SocketType::RAW),
            (AddressFamily::INET6, SocketType::RAW),
            (AddressFamily::PACKET, SocketType::DGRAM),
            (AddressFamily::PACKET, SocketType::RAW),
        ];
        for (family, kind) in refused {
            // Flags are in the same argument as the type.
            let error = socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap_err();
            assert_eq!(error, Errno::PERM, "{family:?} {kind:?}");
        }
    });
}

/// A kernel may be without; then it says so, and not that it may not.
fn no_ipv6(error: Errno) -> Result<(), Errno> {
    if error == Errno::AFNOSUPPORT { Ok(()) } else { Err(error) }
}

/// Scenario: a filtered thread starts another. Guarantees: threads are made as before, and have the filters as well.
#[test]
fn threads_are_still_made() {
    let error = filtered(|| {
        let inner = thread::spawn(|| {
            Command::new("/bin/true").status().map(drop).map_err(|error| error.raw_os_error())
        });
        inner.join().unwrap().unwrap_err()
    });
    assert_eq!(error, Some(Errno::PERM.raw_os_error()));
}
