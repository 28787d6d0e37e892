//! What can be set comes out again, and what cannot is refused.

use rule_language::Catalogue as _;

use crate::{
    fixture::{cases, problems, results, rule, rules},
    play::{Changed, Checking, play},
};

/// Fields that cases can set, each with an event and a value that is not what it would be by itself.
const SETTABLE: &[(&str, &str, &str)] = &[
    ("openat2", "evt.type", "openat2"),
    ("read", "syscall.type", "pread64"),
    ("close", "evt.num", "7"),
    ("close", "evt.time", "2026-03-01T12:00:00Z"),
    ("close", "evt.time.iso8601", "2026-03-01T12:00:00.000000000+0000"),
    ("close", "evt.rawtime", "1772366400000000001"),
    ("close", "evt.hostname", "web-1"),
    ("close", "evt.cpu", "3"),
    ("openat", "evt.res", "EACCES"),
    ("openat", "evt.rawres", "9"),
    ("openat", "evt.failed", "true"),
    ("read", "evt.buffer", "{hex: cafe00}"),
    ("openat", "evt.is_open_read", "false"),
    ("openat", "evt.is_open_write", "true"),
    ("openat", "evt.is_open_exec", "true"),
    ("openat", "evt.is_io_uring", "true"),
    ("openat", "evt.loss", "true"),
    ("renameat", "evt.abspath.dst", "/a/b"),
    ("close", "proc.name", "cat"),
    ("close", "proc.pid", "77"),
    ("close", "proc.vpid", "7"),
    ("close", "proc.ppid", "78"),
    ("close", "proc.pvpid", "8"),
    ("close", "proc.exe", "./x"),
    ("close", "proc.args", "[-c, 'a b']"),
    ("close", "proc.cmdline", "cat -n /x"),
    ("close", "proc.exeline", "./x -n"),
    ("close", "proc.cwd", "/srv/"),
    ("close", "proc.env", "[A=1, B=2]"),
    ("close", "proc.env[A]", "1 2"),
    ("close", "proc.pid.ts", "1768000000000000000"),
    ("close", "proc.duration", "3600000000000"),
    ("close", "proc.pname", "sshd"),
    ("close", "proc.pexe", "/usr/sbin/sshd"),
    ("close", "proc.pexepath", "/usr/sbin/sshd"),
    ("close", "proc.pcmdline", "sshd -D"),
    ("close", "proc.exepath", "/opt/x"),
    ("close", "proc.is_exe_writable", "true"),
    ("close", "proc.is_exe_upper_layer", "true"),
    ("close", "proc.is_exe_lower_layer", "true"),
    ("close", "proc.is_exe_from_memfd", "true"),
    ("close", "proc.is_exe_deleted", "true"),
    ("close", "proc.exe_ino", "9"),
    ("close", "proc.exe_ino.ctime", "1768000000000000000"),
    ("close", "proc.exe_ino.mtime", "1768000000000000000"),
    ("close", "proc.exe_ino.ctime_duration_proc_start", "5"),
    ("close", "proc.aname", "nginx"),
    ("close", "proc.aname[4]", "nginx"),
    ("close", "proc.aexe[2]", "/x"),
    ("close", "proc.aexepath[3]", "/x"),
    ("close", "proc.apid[2]", "79"),
    ("close", "proc.acmdline[2]", "sh -c x"),
    ("close", "proc.aargs[2]", "[-c, x]"),
    ("close", "proc.sid", "55"),
    ("close", "proc.sname", "tmux"),
    ("close", "proc.sid.exe", "/x"),
    ("close", "proc.sid.exepath", "/x"),
    ("close", "proc.pgid", "56"),
    ("close", "proc.pgid.name", "make"),
    ("close", "proc.pgid.exe", "/x"),
    ("close", "proc.pgid.exepath", "/x"),
    ("close", "proc.vpgid", "57"),
    ("close", "proc.vpgid.name", "make"),
    ("close", "proc.vpgid.exe", "/x"),
    ("close", "proc.vpgid.exepath", "/x"),
    ("close", "proc.is_sid_leader", "true"),
    ("close", "proc.is_pgid_leader", "false"),
    ("close", "proc.is_vpgid_leader", "false"),
    ("close", "proc.tty", "34816"),
    ("close", "proc.stdin.type", "ipv4"),
    ("close", "proc.stdin.name", "/x"),
    ("close", "proc.stdout.type", "pipe"),
    ("close", "proc.stdout.name", "x"),
    ("close", "proc.stderr.type", "pipe"),
    ("close", "proc.stderr.name", "x"),
    ("close", "thread.tid", "4243"),
    ("close", "thread.vtid", "4244"),
    ("close", "thread.cap_permitted", "CAP_BPF CAP_SYS_ADMIN"),
    ("close", "thread.cap_effective", "'CAP_SYS_ADMIN,CAP_BPF'"),
    ("close", "thread.cap_inheritable", "CAP_CHOWN"),
    ("close", "user.uid", "33"),
    ("close", "user.name", "www-data"),
    ("close", "user.homedir", "/var/www"),
    ("close", "user.shell", "/bin/false"),
    ("close", "user.loginuid", "1001"),
    ("close", "user.loginname", "alice"),
    ("close", "group.gid", "33"),
    ("close", "group.name", "www-data"),
    ("openat", "fd.num", "9"),
    ("read", "fd.type", "pipe"),
    ("read", "fd.typechar", "u"),
    ("openat", "fd.name", "/etc/x"),
    ("openat", "fd.nameraw", "../etc/x"),
    ("openat", "fd.directory", "/etc"),
    ("openat", "fd.filename", "x"),
    ("openat", "fd.resolved", "/etc/x"),
    ("read", "fd.ino", "9"),
    ("read", "fd.dev", "2065"),
    ("connect", "fd.ip", "1.2.3.4"),
    ("connect", "fd.cip", "1.2.3.4"),
    ("connect", "fd.sip", "2001:db8::1"),
    ("accept", "fd.lip", "1.2.3.4"),
    ("accept", "fd.rip", "1.2.3.4"),
    ("connect", "fd.port", "5"),
    ("connect", "fd.cport", "5"),
    ("connect", "fd.sport", "5"),
    ("accept", "fd.lport", "5"),
    ("accept", "fd.rport", "5"),
    ("connect", "fd.proto", "5"),
    ("connect", "fd.cproto", "5"),
    ("connect", "fd.sproto", "5"),
    ("connect", "fd.lproto", "5"),
    ("connect", "fd.rproto", "5"),
    ("connect", "fd.net", "1.2.3.4"),
    ("connect", "fd.cnet", "1.2.3.4"),
    ("connect", "fd.snet", "1.2.3.4"),
    ("connect", "fd.lnet", "1.2.3.4"),
    ("connect", "fd.rnet", "1.2.3.4"),
    ("connect", "fd.cip.name", "here.example.org"),
    ("connect", "fd.sip.name", "there.example.org"),
    ("connect", "fd.lip.name", "here.example.org"),
    ("connect", "fd.rip.name", "there.example.org"),
    ("sendto", "fd.l4proto", "udp"),
    ("sendto", "fd.sockfamily", "unix"),
    ("sendto", "fd.is_server", "true"),
    ("sendto", "fd.connected", "false"),
    ("sendto", "fd.name_changed", "true"),
    ("unlinkat", "fs.path.name", "/x"),
    ("unlinkat", "fs.path.nameraw", "x"),
    ("rename", "fs.path.source", "/x"),
    ("rename", "fs.path.sourceraw", "x"),
    ("symlink", "fs.path.target", "/x"),
    ("symlink", "fs.path.targetraw", "x"),
    ("close", "container.id", "0123456789ab"),
    ("close", "container.full_id", "0123456789abcdef"),
    ("close", "container.type", "podman"),
    ("close", "container.name", "web"),
    ("close", "container.image", "registry:5000/nginx:1.25"),
    ("close", "container.image.repository", "nginx"),
    ("close", "container.image.tag", "1.25"),
    ("close", "container.image.digest", "sha256:00"),
    ("close", "container.image.id", "00"),
    ("close", "container.privileged", "true"),
    ("close", "container.start_ts", "1768000000000000000"),
    ("close", "container.label[a]", "b"),
    ("close", "container.mounts", "[{source: /, dest: /host, mode: ro, rdwr: false, propagation: rslave}]"),
    ("close", "container.mount.source[/host]", "/"),
    ("close", "container.mount.dest[/proc*]", "/host/proc"),
    ("close", "k8s.pod.name", "p"),
    ("close", "k8s.pod.uid", "u"),
    ("close", "k8s.pod.id", "u"),
    ("close", "k8s.ns.name", "n"),
];

/// Parameters of events, of each message some.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("open", "name", "/x"),
    ("openat", "flags", "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER"),
    ("openat", "mode", "0755"),
    ("openat2", "resolve", "RESOLVE_BENEATH"),
    ("creat", "mode", "0600"),
    ("execve", "filename", "/x"),
    ("execve", "comm", "x"),
    ("execve", "tty", "34816"),
    ("execve", "uid", "root"),
    ("clone", "flags", "CLONE_NEWUSER|CLONE_NEWPID"),
    ("clone", "res", "99"),
    ("procexit", "ret", "3"),
    ("connect", "addr", "1.2.3.4:5"),
    ("socket", "domain", "AF_PACKET"),
    ("socket", "type", "3"),
    ("listen", "backlog", "5"),
    ("accept4", "flags", "800"),
    ("bind", "addr", "/run/x"),
    ("sendto", "data", "abc"),
    ("recvmsg", "msgcontrol", "abc"),
    ("dup2", "newfd", "1"),
    ("dup", "res", "1"),
    ("fcntl", "cmd", "F_DUPFD"),
    ("ioctl", "request", "5412"),
    ("unlink", "path", "/x"),
    ("unlinkat", "flags", "AT_REMOVEDIR"),
    ("mkdir", "mode", "1ED"),
    ("mkdirat", "path", "x"),
    ("renameat2", "oldpath", "/x"),
    ("renameat2", "newpath", "/y"),
    ("linkat", "newpath", "/y"),
    ("symlinkat", "target", "/etc/shadow"),
    ("symlinkat", "linkpath", "/tmp/l"),
    ("chmod", "mode", "S_ISUID|S_IXUSR"),
    ("fchmodat", "filename", "/x"),
    ("fchmod", "mode", "04755"),
    ("chown", "uid", "0"),
    ("mount", "dev", "/dev/sda1"),
    ("mount", "dir", "/mnt"),
    ("mount", "flags", "RDONLY"),
    ("umount2", "name", "/mnt"),
    ("setuid", "uid", "root"),
    ("setuid", "uid", "newcomer"),
    ("setresuid", "euid", "5"),
    ("setgid", "gid", "root"),
    ("capset", "cap_effective", "20"),
    ("setpgid", "pgid", "5"),
    ("prctl", "option", "PR_SET_DUMPABLE"),
    ("unshare", "flags", "CLONE_NEWUSER"),
    ("setns", "nstype", "CLONE_NEWNET"),
    ("prlimit", "newcur", "5"),
    ("ptrace", "request", "PTRACE_TRACEME"),
    ("ptrace", "pid", "5"),
    ("kill", "sig", "SIGKILL"),
    ("kill", "pid", "5"),
    ("mprotect", "prot", "PROT_READ|PROT_EXEC"),
    ("init_module", "uargs", "a=b"),
    ("finit_module", "flags", "MODULE_INIT_IGNORE_VERMAGIC"),
    ("delete_module", "name", "x"),
    ("bpf", "cmd", "BPF_PROG_LOAD"),
    ("userfaultfd", "flags", "O_CLOEXEC"),
    ("seccomp", "op", "1"),
    ("quotactl", "special", "/dev/sda1"),
    ("memfd_create", "name", "x"),
    ("semget", "key", "5"),
    ("flock", "operation", "LOCK_EX"),
    ("setsockopt", "level", "SOL_SOCKET"),
    ("shutdown", "how", "SHUT_RD"),
    ("fchdir", "res", "ENOENT"),
    ("chdir", "path", "/srv"),
    ("chroot", "path", "/srv"),
];

fn case(settings: &str) -> String {
    format!("cases:\n- {{name: c, events: [{{{settings}}}], expect: []}}\n")
}

fn anything() -> String {
    rule("R", "evt.num = 0 and evt.type = close")
}

/// Scenario: each field that can be set, alone in an event. Guarantees: it comes out as it was set (or the case would be refused).
#[test]
fn what_is_set_comes_out() {
    for (event, field, value) in SETTABLE {
        let is_type = matches!(*field, "evt.type" | "syscall.type");
        let event = if is_type { String::new() } else { format!("evt.type: {event}, ") };
        let found = problems(&anything(), &case(&format!("{event}\"{field}\": {value}")));
        assert!(found.is_empty(), "{field}: {found:#?}");
    }
}

/// Scenario: parameters of events of every message. Guarantees: they come out as they were set.
#[test]
fn parameters_come_out() {
    for (event, parameter, value) in PARAMETERS {
        let found = problems(&anything(), &case(&format!("evt.type: {event}, evt.arg.{parameter}: {value}")));
        assert!(found.is_empty(), "{event}.{parameter}: {found:#?}");
    }
}

/// Scenario: an event of every name that there is, with nothing else said. Guarantees: those that a Linux host on x86-64 has happen, and
/// the others are said not to.
#[test]
fn every_event_may_stand_alone() {
    let mut happened = 0;
    for name in fields::catalogue().event_types() {
        let found = problems(&anything(), &case(&format!("evt.type: {name}")));
        match found.as_slice() {
            [] => happened += 1,
            [only] => assert!(only.contains("has no events of type"), "{name}: {only}"),
            more => panic!("{name}: {more:#?}"),
        }
    }
    assert!(happened > 300, "{happened}");
}

/// Scenario: every field of the catalogue, set to something. Guarantees: the case is played or refused with a reason; nothing panics.
#[test]
fn no_field_is_ignored() {
    for info in fields::catalogue().fields() {
        let field = if info.argument_required { format!("{}[0]", info.name) } else { info.name.to_owned() };
        for value in ["1", "x", "~", "[a, b]", "{a: b}", "-1", "''"] {
            let found = problems(&anything(), &case(&format!("evt.type: openat, \"{field}\": {value}")));
            assert!(found.len() <= 1, "{field}: {value}: {found:#?}");
        }
    }
}

/// Scenario: the page for authors. Guarantees: it names every field that can be set.
#[test]
fn the_page_names_what_can_be_set() {
    let page = include_str!("../../../../docs/rule-tests.md");
    for (_, field, _) in SETTABLE {
        let name = field.split('[').next().unwrap();
        let is_named = page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}["));
        assert!(is_named || name.starts_with("evt.abspath"), "docs/rule-tests.md does not name {name}");
    }
}

/// Scenario: a process in several events, another one beside it, its child, and a container that comes and goes. Guarantees: state lasts
/// from event to event, of each process its own.
#[test]
fn state_lasts() {
    let text = "
cases:
  - name: c
    containers: {web: {id: 0123456789ab, image: 'nginx:1.25'}}
    events:
      - {evt.type: execve, proc.name: sh, proc.args: [-c, x], proc.pname: nginx, user.uid: 33, user.name: www-data, container: web}
      - {evt.type: chdir, evt.arg.path: /srv}
      - {evt.type: openat, fd.nameraw: x}
      - {evt.type: openat, proc.pid: 9, proc.name: cat, fd.name: /y}
      - {evt.type: openat, proc.pid: 10, proc.name: child, proc.ppid: 9, fd.name: /z}
      - {evt.type: openat, proc.name: renamed, fd.name: /w}
    expect:
      - {rule: R, event: 3, fields: {proc.cmdline: sh -c x, proc.pname: nginx, user.name: www-data, container.image.tag: '1.25', fd.name: /srv/x, proc.cwd: /srv}}
      - {rule: R, event: 4, fields: {proc.name: cat, proc.pname: bash, user.uid: 1000, container.id: host, container.image.tag: '', k8s.ns.name: ~}}
      - {rule: R, event: 5, fields: {proc.name: child, proc.pname: cat, 'proc.aname[2]': bash}}
      - {rule: R, event: 6, fields: {proc.cmdline: renamed -c x, proc.pname: nginx, container.id: 0123456789ab}}
";
    let results = results(&rule("R", "evt.type = openat"), text);
    let failures: Vec<_> = results.iter().flat_map(|scene| &scene.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Scenario: the same case twice. Guarantees: the same events, to the last bit.
#[test]
fn the_same_case_is_the_same_host() {
    let rules = rules(&anything());
    let file = cases(&case(
        "evt.type: connect, proc.pname: x, container.name: y, fd.sip.name: z.example.org, user.name: u",
    ));
    let events = || {
        let mut events = Vec::new();
        play(&rules, &file.cases[0], Changed::default(), Checking::Strict, &mut |_, view| {
            events.push((view.event.clone(), view.host.base_state().collect::<Vec<_>>()));
            Ok(true)
        })
        .unwrap();
        events
    };
    assert_eq!(events(), events());
}
