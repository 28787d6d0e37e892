use std::{
    ffi::OsString,
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStringExt, fs::PermissionsExt, net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
};

use eyrie_bpf::{Config, Exec, Record, file_flag, flag};
use rustix::fs::MemfdFlags;
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting, run},
    lives::{assert_header_is, until_named},
    loaded::{Loaded, RING_BYTES, Recorded},
    opens::{assert_is, folder},
};

fn exec_by<'a>(recorded: &'a Recorded, first_argument: &str) -> Exec<'a> {
    recorded.only(|record| match record {
        Record::Exec(exec) if exec.argument_list().next() == Some(first_argument.as_bytes()) => Some(exec),
        _ => None,
    })
}

fn resolved(program: &str) -> std::path::PathBuf {
    Path::new(program).canonicalize().unwrap()
}

/// Scenario: a program is executed with odd arguments, an environment and a working directory. Guarantees: the record has
/// all of them as given, and the executable by the kernel's path with inode, device and times.
#[test]
fn an_exec_has_arguments_environment_and_file() {
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut loaded = Loaded::new();
    let arguments = ["1000", "", "two words", "\u{fffd}"].map(OsString::from);
    let bytes = OsString::from_vec(b"\xff\xfe".to_vec());
    let mut child = Command::new("/bin/sh")
        .arg0("odd")
        .args(["-c", "exec sleep \"$1\"", "sh"])
        .args(&arguments)
        .arg(&bytes)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("EYRIE_MARK", "a=b c")
        .current_dir(&path)
        .spawn()
        .unwrap();
    until_named(child.id(), "sleep");
    let recorded = loaded.drain(child.id());
    let (shell, sleep) = (exec_by(&recorded, "odd"), exec_by(&recorded, "sleep"));
    assert_header_is(&sleep.header, child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut expected: Vec<Vec<u8>> =
        ["odd", "-c", "exec sleep \"$1\"", "sh"].iter().map(|text| text.as_bytes().to_vec()).collect();
    expected.extend(arguments.map(OsString::into_vec));
    expected.push(bytes.into_vec());
    assert_eq!(shell.argument_list().collect::<Vec<_>>(), expected);
    assert_eq!(shell.argument_count as usize, expected.len());
    let mut environment: Vec<_> = shell.environment_list().collect();
    environment.sort();
    assert_eq!(environment, [&b"EYRIE_MARK=a=b c"[..], b"PATH=/usr/bin:/bin"]);
    assert_eq!(shell.environment_count, 2);
    assert_eq!((shell.requested, shell.interpreter), (&b"/bin/sh"[..], &b"/bin/sh"[..]));
    assert_eq!(shell.executable_path, resolved("/bin/sh").as_os_str().as_encoded_bytes());
    assert_eq!(shell.working_directory, path.as_os_str().as_encoded_bytes());
    assert!(shell.root_directory.is_empty());
    assert_is(&shell.executable, &resolved("/bin/sh"));
    assert_eq!(shell.old_tid, child.id());
    assert!(!shell.executable.has(file_flag::MEMFD) && !shell.executable.has(file_flag::DELETED));
    assert!(shell.virtual_memory_pages > 0 && shell.open_files_limit > 0);
}

/// Scenario: a script is executed by its relative name. Guarantees: the record has the script as what was asked for, its
/// interpreter as what was loaded, and the interpreter's file.
#[test]
fn a_script_is_told_from_its_interpreter() {
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::write(path.join("script"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(path.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut loaded = Loaded::new();
    let acted = run(Command::new("./script").current_dir(&path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let exec = exec_by(&recorded, "/bin/sh");
    assert_eq!((exec.requested, exec.interpreter), (&b"./script"[..], &b"/bin/sh"[..]));
    assert_eq!(exec.executable_path, resolved("/bin/sh").as_os_str().as_encoded_bytes());
    assert_eq!(exec.header.comm(), b"script");
}

/// Scenario: arguments of 60 KiB, and limits of 100 and 50 bytes. Guarantees: what is recorded is cut at the limit and
/// marked; nothing else of the block is in the record.
#[test]
fn long_arguments_are_cut_and_marked() {
    requires!(Requirement::Kernel);
    let config = Config { max_argument_bytes: 100, max_environment_bytes: 50, ..Config::default() };
    let mut loaded = Loaded::with(RING_BYTES, &config);
    let long = "y".repeat(60 << 10);
    let acted = run(Command::new("/bin/true").arg(&long).env("LONG", &long)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let exec = exec_by(&recorded, "/bin/true");
    assert_eq!(exec.arguments, format!("/bin/true\0{}", "y".repeat(90)).as_bytes());
    assert_eq!((exec.argument_count, exec.environment.len()), (2, 50));
    assert!(exec.header.has(flag::ARGUMENTS_TRUNCATED | flag::ENVIRONMENT_TRUNCATED));

    loaded.configure(&Config::default());
    let acted = run(Command::new("/bin/true").arg(&long)).succeeded();
    let recorded = loaded.drain(acted.pid);
    assert_eq!(exec_by(&recorded, "/bin/true").arguments.len(), 4096);
}

/// Scenario: a program is copied into a memory file and executed from there; a file that is called like one is executed
/// from a directory; a program that is deleted already runs. Guarantees: only the first is told to be a memory file.
#[test]
fn memory_files_and_deleted_files_are_marked() {
    if is_acting() {
        let memory = rustix::fs::memfd_create("hidden", MemfdFlags::empty()).unwrap();
        let mut memory = fs::File::from(memory);
        memory.write_all(&fs::read("/bin/true").unwrap()).unwrap();
        run(Command::new(format!("/proc/self/fd/{}", memory.as_raw_fd())).arg0("from-memory")).succeeded();
        let fd = fs::File::open("memfd:named").unwrap();
        fs::remove_file("memfd:named").unwrap();
        run(Command::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).arg0("deleted")).succeeded();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::copy("/bin/true", path.join("memfd:named")).unwrap();
    let mut loaded = Loaded::new();
    let acted =
        run(&mut actor("kernel::execs::memory_files_and_deleted_files_are_marked", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let (memory, deleted) = (exec_by(&recorded, "from-memory"), exec_by(&recorded, "deleted"));
    assert!(memory.executable.has(file_flag::MEMFD | file_flag::DELETED));
    assert_eq!(memory.executable_path, b"/memfd:hidden");
    assert!(deleted.executable.has(file_flag::DELETED) && !deleted.executable.has(file_flag::MEMFD));
    assert_eq!(deleted.executable_path, path.join("memfd:named").as_os_str().as_encoded_bytes());
}

/// Scenario: executions of a missing file and of one that is not executable. Guarantees: path, directory and error are
/// recorded.
#[test]
fn a_failed_exec_is_recorded() {
    if is_acting() {
        Command::new("./missing").spawn().unwrap_err();
        Command::new("/etc/passwd").spawn().unwrap_err();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::execs::a_failed_exec_is_recorded", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    for (requested, base, error) in [("./missing", path.as_path(), -2), ("/etc/passwd", Path::new(""), -13)] {
        let failed = recorded.only(|record| match record {
            Record::FailedExec(failed) if failed.requested == requested.as_bytes() => Some(failed),
            _ => None,
        });
        assert_eq!(failed.header.call_result, error);
        assert_eq!(failed.base, base.as_os_str().as_encoded_bytes());
        assert!(!failed.header.is_state_bearing());
    }
}

/// Scenario: on an overlay, a program of the lower layer is executed, and then its copy in the upper one. Guarantees:
/// the layers are told apart, and a program that is on no overlay has none.
#[test]
fn layers_of_an_overlay_are_told_apart() {
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    for name in ["base", "base/lower"] {
        fs::create_dir(path.join(name)).unwrap();
    }
    fs::copy("/bin/true", path.join("base/lower/program")).unwrap();
    let script = "mount -t tmpfs none /mnt && mkdir /mnt/upper /mnt/work /mnt/all && mount -t overlay none \
         -o lowerdir=$PWD/base/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/all && cd /mnt/all && \
         ./program lower && cp program copy && touch program && ./program upper && /bin/true none";
    let mut loaded = Loaded::new();
    let acted = run(Command::new("unshare")
        .args(["--mount", "sh", "-ec", script])
        .current_dir(&path)
        .stderr(Stdio::inherit()))
    .succeeded();
    let recorded = loaded.drain(acted.pid);
    let layers = |argument: &str| {
        recorded.only(|record| match record {
            Record::Exec(exec) if exec.argument_list().nth(1) == Some(argument.as_bytes()) => {
                let info = exec.executable;
                Some((
                    info.has(file_flag::LOWER_LAYER),
                    info.has(file_flag::UPPER_LAYER),
                    String::from_utf8_lossy(exec.executable_path).into_owned(),
                ))
            }
            _ => None,
        })
    };
    assert_eq!(layers("lower"), (true, false, "/mnt/all/program".to_owned()));
    assert_eq!(layers("upper"), (false, true, "/mnt/all/program".to_owned()));
    let (lower, upper, _) = layers("none");
    assert!(!lower && !upper);
}

/// Scenario: a program is executed with a file as its input, a connected TCP socket as its output and no error stream; another one has a
/// pipe and a Unix socket. Guarantees: each descriptor is told with its path, ends or type; what is not open is told as such.
#[test]
fn standard_streams_are_told() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let input = folder.join("input");
    fs::write(&input, "").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let own_port = client.local_addr().unwrap().port();
    let (_other_end, unix) = UnixStream::pair().unwrap();
    let mut loaded = Loaded::new();
    let mut shell = Command::new("/bin/sh");
    let mut child = shell
        .args(["-c", "exec sleep 1000 2>&-"])
        .stdin(fs::File::open(&input).unwrap())
        .stdout(OwnedFd::from(client))
        .spawn()
        .unwrap();
    until_named(child.id(), "sleep");
    let mut piped = Command::new("/bin/sh");
    let mut other = piped
        .args(["-c", "exec sleep 999"])
        .stdin(Stdio::piped())
        .stdout(OwnedFd::from(unix))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until_named(other.id(), "sleep");
    let recorded = loaded.drain(std::process::id());
    // Tests that run beside this one are of the same process, and sleep as well.
    let sleeps = |pid: u32| {
        recorded.only(|record| match record {
            Record::Exec(exec)
                if exec.header.tgid == pid && exec.argument_list().next() == Some(&b"sleep"[..]) =>
            {
                Some(exec)
            }
            _ => None,
        })
    };
    let exec = sleeps(child.id());
    assert_eq!((exec.standard_input.fd, exec.standard_input.path), (0, input.as_os_str().as_encoded_bytes()));
    assert_is(&exec.standard_input.file, &input);
    let output = &exec.standard_output;
    assert_eq!((output.fd, output.family, output.local.port), (1, 2, own_port));
    assert_eq!(output.remote.port, listener.local_addr().unwrap().port());
    let error = &exec.standard_error;
    assert_eq!((error.fd, error.file.is_known(), error.file_system), (2, false, 0));
    let exec = sleeps(other.id());
    let link = fs::read_link(format!("/proc/{}/fd/0", other.id())).unwrap();
    assert_eq!(format!("pipe:[{}]", exec.standard_input.file.inode), link.to_str().unwrap());
    assert_eq!((exec.standard_output.family, exec.standard_error.path), (1, &b"/dev/null"[..]));
    for child in [&mut child, &mut other] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
