//! Captures of sysdig of 2018, beside the project. What is in them was counted by another program.

use std::{collections::BTreeMap, path::PathBuf};

use eyrie_proto::event::{SocketRole, event::Kind, ordered_fact};
use test_requirements::{Requirement, data_dir, requires};

use crate::{ends, named, shown, socket, stream::Stream};

const CURL_END: &str = "[2600:1f18:262c:6542:9aa6:df7a:9a47:d29e]";

fn capture(name: &str) -> PathBuf {
    data_dir().join("captures").join(name)
}

fn read(name: &str) -> Stream {
    let stream = Stream::of_file(&capture(name));
    assert!(stream.error.is_none(), "{:?}", stream.error);
    assert_eq!((stream.headers.len(), stream.trailers.len()), (1, 1));
    assert_eq!(stream.trailers[0].event_count, stream.events.len() as u64);
    let counts = &stream.counts;
    assert_eq!(
        (&counts.unknown, &counts.skipped, &counts.refused),
        (&BTreeMap::new(), &BTreeMap::new(), &BTreeMap::new())
    );
    stream
}

/// How many processes have each name, threads apart.
fn names(stream: &Stream) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for process in &stream.processes {
        let threads = process.threads.iter().map(|thread| &thread.comm);
        for comm in threads.chain([&process.comm]) {
            *names.entry(String::from_utf8_lossy(comm).into_owned()).or_default() += 1;
        }
    }
    names
}

/// Everything that the kind of event has of a thread.
fn of_thread(stream: &Stream, tid: u32) -> Vec<(&Kind, i64)> {
    let own = stream.told().filter(|event| event.task.as_ref().is_some_and(|task| task.tid == tid));
    own.map(|event| (event.kind.as_ref().unwrap(), event.call.as_ref().map_or(0, |call| call.result)))
        .collect()
}

/// `RESULT requested: own -> peer` of each connect.
fn connects(stream: &Stream, tid: u32) -> Vec<String> {
    let mut connects = Vec::new();
    for (kind, result) in of_thread(stream, tid) {
        if let Kind::Connect(connect) = kind {
            let requested = shown(connect.requested.as_ref());
            connects.push(format!("{result} {requested}: {}", ends(connect.descriptor.as_ref())));
            assert_eq!(socket(connect.descriptor.as_ref()).role(), SocketRole::Client);
        }
    }
    connects
}

/// `RESULT data peer: own -> peer` of each transfer over a socket.
fn transfers(stream: &Stream, tid: u32) -> Vec<String> {
    let mut transfers = Vec::new();
    for (kind, result) in of_thread(stream, tid) {
        if let Kind::Transfer(transfer) = kind
            && named(transfer.descriptor.as_ref()) == "socket"
        {
            let peer = shown(transfer.peer.as_ref());
            transfers.push(format!("{result} {peer}: {}", ends(transfer.descriptor.as_ref())));
        }
    }
    transfers
}

/// Scenario: curl asks for a page by IPv6, with a thread that resolves the name. Guarantees: the processes of the host by name
/// and number; who runs curl, with what; its thread; what it connects to, asks and gets, by its own ends; all files that it opens.
#[test]
fn curl_asks_for_a_page() {
    requires!(Requirement::Data);
    let stream = read("curl_google.scap");
    assert_eq!((stream.counts.events(), stream.counts.told, stream.counts.joined), (1536, 598, 598));
    assert_eq!((stream.counts.unused["procinfo"], stream.counts.unused["switch"]), (315, 25));
    let names = names(&stream);
    assert_eq!(names.values().sum::<usize>(), 54);
    assert_eq!(stream.processes.len(), 31);
    let several = [
        ("amazon-ssm-agen", 7),
        ("snapd", 8),
        ("lxcfs", 3),
        ("sshd", 3),
        ("systemd", 2),
        ("dhclient", 2),
        ("iscsid", 2),
        ("gmain", 2),
        ("gdbus", 2),
        ("agetty", 2),
    ];
    for (name, count) in several {
        assert_eq!(names[name], count, "{name}");
    }
    for name in [
        "systemd-journal",
        "lvmetad",
        "sd-resolve",
        "cron",
        "dbus-daemon",
        "rsyslogd",
        "rs:main",
        "atd",
        "(sd-pam)",
        "polkitd",
    ] {
        assert_eq!(names[name], 1, "{name}");
    }
    let sysdig = stream.process(17496);
    assert_eq!(sysdig.arguments, ["-zw", "curl.scap", "proc.name=curl"].map(|text| text.as_bytes().to_vec()));
    let chain = [17496, 17495, 3200, 3199]
        .map(|pid| (stream.process(pid).comm.clone(), stream.process(pid).parent_pid));
    assert_eq!(chain.map(|(comm, _)| comm), [&b"sysdig"[..], b"sudo", b"bash", b"sshd"]);
    assert_eq!(
        (sysdig.parent_pid, stream.process(17495).parent_pid, stream.process(3200).parent_pid),
        (17495, 3200, 3199)
    );

    let own = of_thread(&stream, 17497);
    let Kind::Exec(exec) = own[0].0 else { panic!("{own:?}") };
    assert_eq!(
        (&*exec.exe, &*exec.working_directory, exec.open_files_limit),
        (&b"curl"[..], &b"/home/ubuntu"[..], 1024)
    );
    assert_eq!(exec.arguments, [b"-6".to_vec(), b"http://www.google.com".to_vec()]);
    let task = stream.told().next().unwrap().task.clone().unwrap();
    assert_eq!((task.parent_pid, &*task.comm, task.process.unwrap().start_boot_ns), (3200, &b"curl"[..], 0));
    let forks: Vec<_> = own
        .iter()
        .filter_map(|(kind, _)| if let Kind::Fork(fork) = kind { Some(fork) } else { None })
        .collect();
    assert_eq!(forks.len(), 1);
    assert_eq!(
        (forks[0].child_process.unwrap().pid, forks[0].child_tid, forks[0].child_namespace_tid),
        (17497, 17498, 17498)
    );
    // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID.
    assert_eq!(forks[0].flags, 0x15_0f00);

    assert_eq!(
        connects(&stream, 17498),
        [
            "-2 /var/run/nscd/socket: none -> none".to_owned(),
            "-2 /var/run/nscd/socket: none -> none".to_owned(),
            format!("0 [2001:4860:4860::8888]:53: {CURL_END}:40251 -> [2001:4860:4860::8888]:53"),
        ]
    );
    let page = format!("{CURL_END}:37140 -> [2607:f8b0:4004:802::2004]:80");
    assert_eq!(connects(&stream, 17497), [format!("-115 [2607:f8b0:4004:802::2004]:80: {page}")]);
    let resolver = format!("{CURL_END}:40251 -> [2001:4860:4860::8888]:53");
    assert_eq!(transfers(&stream, 17498), [format!("32 none: {resolver}"), format!("60 none: {resolver}")]);
    let asked: Vec<_> = [78, 6040, 5457, 5].into_iter().map(|size| format!("{size} none: {page}")).collect();
    assert_eq!(transfers(&stream, 17497), asked);

    files_of_curl(&stream);
}

fn files_of_curl(stream: &Stream) {
    let opens = stream.told().filter_map(|event| match event.kind.as_ref().unwrap() {
        Kind::Open(open) => Some((open, event.call.as_ref().unwrap().result)),
        _ => None,
    });
    let opens: Vec<_> = opens.collect();
    assert_eq!(opens.len(), 48);
    let paths: Vec<_> = opens
        .iter()
        .map(|(open, _)| String::from_utf8_lossy(&open.path.as_ref().unwrap().requested).into_owned())
        .collect();
    let count = |wanted: &str| paths.iter().filter(|path| *path == wanted).count();
    assert_eq!(
        ["/etc/ld.so.cache", "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf"]
            .map(count),
        [3, 2, 1, 1, 1]
    );
    assert!(paths.iter().any(|path| path.ends_with("/libcurl-gnutls.so.4")), "{paths:?}");
    for ((open, result), path) in opens.iter().zip(&paths) {
        // O_CLOEXEC, but for two.
        let flags = if path == "/dev/urandom" || path == "/home/ubuntu/.curlrc" { 0 } else { 0o2_000_000 };
        assert_eq!((open.flags, open.mode), (flags, 0), "{path}");
        match path.as_str() {
            "/home/ubuntu/.curlrc" => assert_eq!((*result, &open.descriptor), (-2, &None)),
            path => {
                assert_eq!((named(open.descriptor.as_ref()), *result > 0), (format!("file {path}"), true))
            }
        }
    }
    let pipes = stream.kinds().into_iter().filter_map(|kind| match kind {
        Kind::DescriptorCall(call)
            if named_or_nothing(call.descriptor.as_ref()) == "pipe" && call.second.is_some() =>
        {
            Some(call)
        }
        _ => None,
    });
    let pipes: Vec<_> = pipes.collect();
    assert_eq!(pipes.len(), 1);
    assert_eq!([&pipes[0].descriptor, &pipes[0].second].map(|end| end.as_ref().unwrap().fd), [4, 5]);
    // Each close names what it closes.
    let closes = stream.told().filter(|event| event.call.as_ref().is_some_and(|call| call.number == 3));
    let closed: Vec<_> = closes
        .map(|event| match event.kind.as_ref().unwrap() {
            Kind::DescriptorCall(call) => named_or_nothing(call.descriptor.as_ref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((closed.len(), closed.iter().filter(|name| name.is_empty()).count()), (54, 0), "{closed:?}");
}

fn named_or_nothing(descriptor: Option<&eyrie_proto::event::Descriptor>) -> String {
    descriptor.map_or_else(String::new, |descriptor| named(Some(descriptor)))
}

/// Scenario: the same capture with comments that Wireshark wrote into the file and three events. Guarantees: nothing else differs.
#[test]
fn comments_change_nothing() {
    requires!(Requirement::Data);
    let (plain, commented) = (read("curl_google.scap"), read("curl_google_comments.scap"));
    assert_eq!(plain.events, commented.events);
    assert_eq!((plain.headers, plain.processes), (commented.headers, commented.processes));
}

/// Scenario: two processes that no list has connect to each other. Guarantees: the server's and the client's sockets by their ends,
/// in the order in which the file has the ends of their calls; nobody's name is made up.
#[test]
fn two_processes_connect() {
    requires!(Requirement::Data);
    let stream = read("single_ipv6_conn.scap");
    assert_eq!(
        (stream.counts.events(), stream.counts.told, stream.counts.unused["procinfo"]),
        (1728, 14, 1700)
    );
    let names = names(&stream);
    assert_eq!((names.values().sum::<usize>(), stream.processes.len()), (154, 44));
    for (name, count) in [
        ("dockerd", 70),
        ("docker-containe", 11),
        ("snapd", 10),
        ("lxcfs", 8),
        ("bash", 5),
        ("nginx", 3),
        ("sshd", 3),
        ("VBoxService", 1),
        ("rpc.statd", 1),
    ] {
        assert_eq!(names[name], count, "{name}");
    }
    let task = stream.task(0);
    assert_eq!((task.tid, &*task.comm, task.credentials.unwrap().uid), (25886, &b""[..], u32::MAX));

    let server = of_thread(&stream, 25886);
    let Kind::Bind(bind) = server[1].0 else { panic!() };
    assert_eq!(
        (shown(bind.requested.as_ref()), socket(bind.descriptor.as_ref()).role()),
        ("[2001:db8::3]:1234".to_owned(), SocketRole::Server)
    );
    let Kind::Bind(listen) = server[2].0 else { panic!() };
    assert_eq!(listen.backlog, 1);
    let (Kind::Accept(accept), 4) = server[3] else { panic!() };
    assert_eq!(ends(accept.descriptor.as_ref()), "[2001:db8::3]:1234 -> [2001:db8::4]:54405");
    assert_eq!(
        (socket(accept.descriptor.as_ref()).role(), accept.queue_length, accept.queue_limit),
        (SocketRole::Server, 0, 1)
    );
    assert_eq!(transfers(&stream, 25886).len(), 2);

    let connection = "[2001:db8::4]:54405 -> [2001:db8::3]:1234";
    let connected = connects(&stream, 25888);
    assert_eq!(connected[2], format!("-115 [2001:db8::3]:1234: {connection}"));
    assert_eq!(connected[..2], ["-2 /var/run/nscd/socket: none -> none"; 2]);
    assert_eq!(transfers(&stream, 25888), [format!("15 none: {connection}")]);
    let order = stream.kinds().into_iter().filter_map(|kind| match kind {
        Kind::Accept(_) => Some("accept"),
        Kind::Connect(connect) if shown(connect.requested.as_ref()).ends_with(":1234") => Some("connect"),
        _ => None,
    });
    assert_eq!(order.collect::<Vec<_>>(), ["accept", "connect"]);
    nginx_waits(&stream);
}

/// What nginx had open when the capture began shows at its standard streams.
fn nginx_waits(stream: &Stream) {
    let nginx = stream.process(1289);
    let error_log = nginx.standard_streams.iter().find(|stream| stream.fd == 2).unwrap();
    assert_eq!((&*error_log.r#type, &*error_log.name), ("file", &b"/var/log/nginx/error.log"[..]));
    assert_eq!(stream.process(1300).parent_pid, 1289);
    let users = stream
        .facts()
        .into_iter()
        .find_map(|fact| if let ordered_fact::Kind::Users(users) = fact { Some(users) } else { None })
        .unwrap();
    assert_eq!((users.users.len(), users.groups.len()), (42, 72));
    let interfaces = stream
        .facts()
        .into_iter()
        .find_map(|fact| if let ordered_fact::Kind::Interfaces(all) = fact { Some(all) } else { None })
        .unwrap();
    let addresses: Vec<_> = interfaces.interfaces.iter().flat_map(|interface| &interface.addresses).collect();
    let count = |length| addresses.iter().filter(|address| address.ip.len() == length).count();
    assert_eq!((count(4), count(16)), (8, 5));
    let host = stream
        .facts()
        .into_iter()
        .find_map(|fact| if let ordered_fact::Kind::Host(host) = fact { Some(host) } else { None })
        .unwrap();
    assert_eq!((&*host.hostname, host.cpu_count), ("ubuntu", 2));
    assert_eq!(stream.headers[0].agent.as_ref().unwrap().hostname, "ubuntu");
}

/// Scenario: a program sends to one address and connects to others. Guarantees: the peer of each message is that of the message, or
/// of the socket where the message has none; a failed send has its error.
#[test]
fn messages_go_to_several_peers() {
    requires!(Requirement::Data);
    let stream = read("test_ipv6_client.scap");
    assert_eq!((stream.counts.events(), stream.counts.told), (326, 34));
    assert_eq!((names(&stream)["bash"], names(&stream)["emacs"], stream.processes.len()), (3, 1, 34));
    let own = of_thread(&stream, 19747);
    let Kind::Exec(exec) = own[0].0 else { panic!() };
    assert_eq!(
        (&*exec.exe, &*stream.task(0).comm, stream.task(0).parent_pid),
        (&b"./test_ipv6_client"[..], &b"test_ipv6_clien"[..], 19117)
    );
    let google = "[2001:4860:4860::8888]:53";
    assert_eq!(
        connects(&stream, 19747),
        [
            "0 [::1]:2345: [::1]:38255 -> [::1]:2345".to_owned(),
            format!("0 {google}: [::1]:38255 -> {google}"),
        ]
    );
    assert_eq!(
        transfers(&stream, 19747),
        [
            "6 [::1]:2345: none -> none".to_owned(),
            "6 none: [::1]:38255 -> [::1]:2345".to_owned(),
            format!("-111 none: [::1]:38255 -> {google}"),
            format!("6 [::1]:2345: [::1]:38255 -> {google}"),
        ]
    );
    let written = own.iter().find_map(|(kind, result)| match kind {
        Kind::Transfer(transfer) if transfer.data == b"ERR=Connection refused\n" => Some((transfer, *result)),
        _ => None,
    });
    let (written, result) = written.unwrap();
    assert_eq!((written.descriptor.as_ref().unwrap().fd, result), (2, 23));
}

/// Scenario: each capture is read twice. Guarantees: the same origin, epoch and events each time, so that alerts have the same ids; times are above
/// zero and those of the file.
#[test]
fn the_same_file_is_the_same_stream() {
    requires!(Requirement::Data);
    let (first, last) = (1_534_527_348_514_632_619, 1_534_527_348_588_309_096);
    let [one, again] = ["curl_google.scap"; 2].map(read);
    assert_eq!((&one.headers, &one.events), (&again.headers, &again.events));
    assert_ne!(one.headers[0].epoch, 0);
    let clock = one.headers[0].clock.unwrap();
    let wall = |boot_ns: u64| clock.epoch_ns - clock.boot_ns + boot_ns;
    let times: Vec<_> = one.told().map(|event| wall(event.boot_ns)).collect();
    assert_eq!(times.first(), Some(&first));
    assert!(times.iter().all(|time| (first..=last).contains(time)));
    assert_ne!(one.headers[0].origin, read("single_ipv6_conn.scap").headers[0].origin);
}
