//! Makes integration/corpus anew: `make corpus`, as root. With names of workloads only those.
//!
//! Each workload is recorded by `eyrie record`, and what its processes did is kept ([`integration::corpus::narrow`]). The
//! workloads run with an environment and a working directory that say nothing of the machine.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use eyrie_proto::{event::event::Kind as EventKind, recording::recording_entry::Kind};
use integration::{
    act::{execute_from_descriptor, perform},
    corpus::{self, OUTSIDE_RULES, PORTS, narrow, summary},
    program::{PATIENCE, built},
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_containers::Image;

use self::programs::Programs;

#[path = "../../tests/own_rules/acts.rs"]
#[allow(dead_code, reason = "some of it is of tests alone")]
mod own_acts;
#[path = "../../tests/stock_live/programs.rs"]
#[allow(dead_code, reason = "some of it is of tests alone")]
mod programs;
#[path = "../../tests/stock_live/acts.rs"]
#[allow(dead_code, reason = "some of it is of tests alone")]
mod stock_acts;

/// On the command line of the last process of a workload.
const DONE: &str = "corpus-done";
/// Of the server's clients at a time, and requests of each.
const CLIENTS: usize = 4;
const REQUESTS: usize = 8;

/// Small programs in C, built in two processes at a time, and put into an archive.
const PACKAGE_BUILD: &str = r#"
cd "$1"
mkdir src
for n in 1 2 3; do echo "int f$n(int x) { return x + $n; }" > src/f$n.c; done
echo 'int f1(int); int f2(int); int f3(int); int main(void) { return f1(f2(f3(-6))); }' > src/main.c
printf 'OBJECTS = src/f1.o src/f2.o src/f3.o src/main.o\nprogram: $(OBJECTS)\n\tcc -o $@ $(OBJECTS)\n' > Makefile
printf 'install: program\n\tinstall -D program root/usr/bin/program\n' >> Makefile
make -s -j2
./program
make -s install
tar -cf package.tar -C root .
"#;

/// Loops, pipes, subshells and files, as scripts of operators have them.
const SHELL_LOOPS: &str = r#"
cd "$1"
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    echo "line $n" | sed 's/line/Line/' | tr a-z A-Z > "file-$n"
done
ls | while read -r name; do ( wc -l < "$name" ); done | sort -n | uniq -c
n=0
while [ "$n" -lt 20 ]; do n=$(expr "$n" + 1); done
find . -name 'file-*' -exec cat {} + | grep -c LINE
for name in file-*; do mv "$name" "$name.old"; rm "$name.old"; done
"#;

/// What is recorded.
struct Workload {
    name: &'static str,
    options: &'static [&'static str],
    run: fn(&Path) -> anyhow::Result<()>,
}

const WORKLOADS: &[Workload] = &[
    Workload { name: "attacks-of-own-rules", options: &[], run: own_attacks },
    Workload { name: "attacks-of-stock-rules", options: &[], run: stock_attacks },
    Workload { name: "package-build", options: &[], run: package_build },
    Workload { name: "shell-loops", options: &[], run: shell_loops },
    // With reads and writes.
    Workload { name: "server-under-load", options: &["--all"], run: server_under_load },
    Workload { name: "container-starts", options: &[], run: container_starts },
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", count] => serve(count.parse()?),
        ["load", port] => load(port.parse()?),
        ["record", eyrie, out, name] => record(Path::new(eyrie), Path::new(out), name),
        names => record_all(names),
    }
}

/// Records each by a process of its own, which knows nothing of this one's environment.
fn record_all(names: &[&str]) -> anyhow::Result<()> {
    let (eyrie, folder) = (built("eyrie")?, corpus::folder());
    for workload in WORKLOADS.iter().filter(|it| names.is_empty() || names.contains(&it.name)) {
        let out = folder.join(workload.name).with_extension("eyrie");
        let status = Command::new(env::current_exe()?)
            .arg("record")
            .args([&eyrie, &out])
            .arg(workload.name)
            .env_clear()
            .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root"), ("LANG", "C")])
            .env("EYRIE_AGENT_CLOUD_METADATA", "off")
            .current_dir("/")
            .stdin(Stdio::null())
            .status()?;
        ensure!(status.success(), "{} was not recorded", workload.name);
        println!("{}: {} bytes", workload.name, fs::metadata(&out)?.len());
    }
    write_summaries(&folder)
}

/// What is in them now, for the test that holds them to it.
fn write_summaries(folder: &Path) -> anyhow::Result<()> {
    let outside = tempfile::NamedTempFile::with_suffix(".yaml")?;
    fs::write(outside.path(), OUTSIDE_RULES)?;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let mut summaries = serde_json::Map::new();
    for file in corpus::files()? {
        let name = file.file_stem().context("no name")?.to_string_lossy().into_owned();
        summaries.insert(name, summary(&file, &[&rules, outside.path()])?.to_json());
    }
    let text = serde_json::to_string_pretty(&summaries)?;
    Ok(fs::write(folder.join("summary.json"), text + "\n")?)
}

fn record(eyrie: &Path, out: &Path, name: &str) -> anyhow::Result<()> {
    let workload = WORKLOADS.iter().find(|workload| workload.name == name).context("no such workload")?;
    let folder = TempDir::with_prefix_in("corpus-", "/tmp")?;
    let raw = folder.path().join("raw.eyrie");
    let mut recorder = Recorder(
        Command::new(eyrie).arg("record").args(workload.options).arg(&raw).stderr(Stdio::null()).spawn()?,
    );
    recorder.wait_until(&raw, |kind| matches!(kind, Kind::Batch(_)))?;
    (workload.run)(folder.path())?;
    Command::new("/bin/true").arg(DONE).status()?;
    recorder.wait_until(&raw, is_done)?;
    recorder.end()?;
    narrow(&raw, out, std::process::id())
}

/// `eyrie record`; killed when dropped.
struct Recorder(Child);

// === impl Recorder ===

impl Recorder {
    fn wait_until(&mut self, file: &Path, is_it: impl Fn(&Kind) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Ok(mut source) = recording::open(file) {
                while let Ok(Some(kind)) = source.next() {
                    if is_it(&kind) {
                        return Ok(());
                    }
                }
            }
            ensure!(self.0.try_wait()?.is_none(), "the recorder ended");
            thread::sleep(Duration::from_millis(200));
        }
        bail!("it was not recorded in time")
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::INT)?;
        ensure!(self.0.wait()?.success(), "the recorder failed");
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_done(kind: &Kind) -> bool {
    let Kind::Batch(recorded) = kind else { return false };
    recorded.batch.iter().flat_map(|batch| &batch.events).any(|event| match &event.kind {
        Some(EventKind::Exec(exec)) => exec.arguments == [DONE.as_bytes()],
        _ => false,
    })
}

fn own_attacks(folder: &Path) -> anyhow::Result<()> {
    let listeners = PORTS.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    let [_outside, _inside] = listeners;
    let shared = TempDir::with_prefix_in("corpus-", "/dev/shm")?;
    let ports = PORTS.map(|port| port.to_string());
    for (number, act) in own_acts::ACTS.iter().enumerate() {
        let arguments = [Path::new(&ports[0]), Path::new(&ports[1]), shared.path()];
        perform(act.script, &format!("act-{number}"), folder, arguments)
            .with_context(|| act.script.to_owned())?;
        fs::remove_dir_all(shared.path())?;
        fs::create_dir(shared.path())?;
    }
    execute_from_descriptor(true, "act-memfd", folder)
}

fn stock_attacks(folder: &Path) -> anyhow::Result<()> {
    let programs = Programs::write_to(folder.join("programs"))?;
    let shared = TempDir::with_prefix_in("corpus-", "/dev/shm")?;
    for (number, act) in [stock_acts::HOST, stock_acts::SWITCHED_ON].concat().iter().enumerate() {
        perform(act.script, &format!("act-{number}"), folder, [programs.folder(), shared.path()])
            .with_context(|| act.script.to_owned())?;
    }
    Ok(())
}

fn package_build(folder: &Path) -> anyhow::Result<()> {
    perform(PACKAGE_BUILD, "package", folder, [""; 0])
}

fn shell_loops(folder: &Path) -> anyhow::Result<()> {
    perform(SHELL_LOOPS, "loops", folder, [""; 0])
}

/// Two programs, which are copies so that their path says nothing of where this one is: one serves, one asks.
fn server_under_load(folder: &Path) -> anyhow::Result<()> {
    let [server, client] = ["server", "client"].map(|name| folder.join(name));
    for name in [&server, &client] {
        fs::copy(env::current_exe()?, name)?;
    }
    let mut serving = Command::new(server)
        .arg0("server")
        .args(["serve", &(CLIENTS * REQUESTS).to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut port = [0; 6];
    let length = serving.stdout.as_mut().context("no output")?.read(&mut port)?;
    let port = std::str::from_utf8(port.get(..length).unwrap_or_default())?.trim().to_owned();
    let loaded = Command::new(client).arg0("client").args(["load", &port]).status()?;
    ensure!(loaded.success() && serving.wait()?.success(), "the server or its client failed");
    Ok(())
}

/// Answers so many requests, each by a thread of its own.
fn serve(count: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let answer = |mut stream: TcpStream| {
        let mut request = [0; 64];
        let length = stream.read(&mut request)?;
        let version = fs::read_to_string("/etc/debian_version").map_or(0, |version| version.len());
        stream.write_all(
            &[b"answer to ", request.get(..length).unwrap_or_default(), &[b'0' + (version % 2) as u8]]
                .concat(),
        )
    };
    let threads: Vec<_> =
        listener.incoming().take(count).map(|stream| thread::spawn(move || answer(stream?))).collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread failed"))??;
    }
    Ok(())
}

/// Asks, some at a time.
fn load(port: u16) -> anyhow::Result<()> {
    let ask = move || -> std::io::Result<()> {
        for number in 0..REQUESTS {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            write!(stream, "request {number}")?;
            stream.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    };
    let threads: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(ask)).collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread failed"))??;
    }
    Ok(())
}

/// Three containers that do something and end.
fn container_starts(folder: &Path) -> anyhow::Result<()> {
    let image = Image::import()?;
    let done = folder.join("done");
    fs::create_dir(&done)?;
    let volume = format!("{}:/done", done.display());
    for name in ["corpus-one", "corpus-two", "corpus-three"] {
        let script = format!("/bin/busybox cat /etc/passwd; : > /done/{name}");
        let container =
            image.start_with(&["--volume", &volume], name, &["/bin/busybox", "sh", "-c", &script])?;
        let file: PathBuf = done.join(name);
        let deadline = Instant::now() + PATIENCE;
        while !file.exists() {
            ensure!(Instant::now() < deadline, "{name} did nothing");
            thread::sleep(Duration::from_millis(50));
        }
        drop(container);
    }
    Ok(())
}
