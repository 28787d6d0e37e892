//! The same activity seen live, in its recording, and in its recording as `.scap`: the same alerts with the same fields.
//!
//! One rule matches whatever the actor does, and has every field of the catalogue in its output. What differs through a `.scap` file without
//! Eyrie's own pieces, which is what other tools see of it, is listed in `docs/falco-compatibility.md`.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
};

use anyhow::ensure;
use eyrie_proto::{event::event::Kind as EventKind, recording::recording_entry::Kind};
use fields::catalogue;
use integration::{
    act, eventually,
    program::{self, Program, built},
    scene::Scene,
    subscriber,
};
use recording::{CreateOptions, Format};
use rule_language::Catalogue as _;
use scap::{Compression, Writer};
use scap_events::export::{Export, ExportOptions};
use serde_json::Value;
use test_requirements::{Requirement, requires};

use self::{
    listed::{unlisted, without_difference},
    walk::{Walked, not_understood},
};

#[path = "scap_equality/listed.rs"]
mod listed;
#[path = "scap_equality/walk.rs"]
mod walk;

/// What the actor's command line says.
const TAG: &str = "equality-of-scap";
/// The rule's name.
const RULE: &str = "Whatever The Actor Does";
/// What it does. Opened libraries and what is read of them would be most of it.
const CONDITION: &str = "(evt.type in (unlink, unlinkat, mkdir, mkdirat, rename, renameat, renameat2, symlink, symlinkat, link, linkat, \
    fchmodat, chmod, chdir, socket, bind, listen, connect, accept, accept4, sendto, recvfrom, dup, dup2, dup3, pipe, pipe2, clone, \
    clone3, vfork, fork, execve, procexit, kill, prctl, ptrace, setuid, setresuid, setgid, setresgid, keyctl, close_range) \
    or (evt.type in (open, openat, openat2) and fs.path.name contains of-scap) \
    or (evt.type in (read, write, close) and proc.name in (head, tr)))";
/// The acts; the last removes a file that nothing else does.
const SCRIPT: &str = r#"
echo secret > "$1/file"
cat "$1/file"
cat "$1/nothing" || true
mkdir "$1/folder"
ln -s "$1/file" "$1/link"
touch "$1/last"
cat "$1/link"
ln "$1/file" "$1/hard"
chmod 4755 "$1/file"
mv "$1/hard" "$1/folder/moved"
cd "$1/folder"
cat moved | tr a-z A-Z
bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; echo hello >&3; exec head -c 3 <&3' "$2"
perl "$3" "$4"
rm moved
sh -c 'kill -9 $$' || true
rm "$1/last"
"#;
/// What the last act removes.
const LAST: &str = "/last";
/// What needs more than a shell: a connection and a datagram with both ends, a shell that reads from the former, calls without an event,
/// another name, another user.
const SOCKETS: &str = r#"
use Socket;
my ($listener, $client, $served, $receiver, $sender, $datagram, $file);
my $any = pack_sockaddr_in(0, INADDR_LOOPBACK);
socket($listener, PF_INET, SOCK_STREAM, 0) and bind($listener, $any) and listen($listener, 1) or die;
socket($client, PF_INET, SOCK_STREAM, 0) and connect($client, getsockname($listener)) or die;
accept($served, $listener) or die;
syswrite($client, "exit 0\n") and shutdown($client, 1) or die;
if (!fork) { open(STDIN, "<&", $served) or die; exec("sh") or die; }
wait;
socket($receiver, PF_INET, SOCK_DGRAM, 0) and bind($receiver, $any) or die;
socket($sender, PF_INET, SOCK_DGRAM, 0) and send($sender, "datagram", 0, getsockname($receiver)) or die;
recv($receiver, $datagram, 100, 0);
syscall(0 + $ARGV[0], 9999);
syscall(436, 100, 200, 0);
$0 = "renamed";
$) = $( = 65534;
$> = $< = 65534;
open($file, "<", "moved");
"#;
/// The number of `keyctl`, which Falco has no event for; that of `close_range` is the same everywhere.
const KEYCTL: u32 = if cfg!(target_arch = "aarch64") { 219 } else { 250 };
/// What two agents see differently of one event, by what names contain: each has its own numbers and clock readings (and ids made of them), and
/// events on several processors in its own order.
const OF_ONE_AGENT: [&str; 13] = [
    "evt.num",
    "evt.time",
    "evt.rawtime",
    "evt.datetime",
    "evt.outputtime",
    "evt.reltime",
    "evt.deltatime",
    "duration",
    "exec_id",
    "pid.ts",
    "start_ts",
    "proc.nchilds",
    "proc.nthreads",
];

/// The fields of an alert that have a value.
type Fields = BTreeMap<String, Value>;

/// The rule, with every field that needs no argument in its output.
fn rule() -> String {
    let needs_nothing =
        |name: &&str| catalogue().field(name).is_some_and(|id| catalogue().type_of(id, None).is_ok());
    let shown = catalogue().fields().iter().filter(|info| info.allowed_in_output);
    let names = shown.map(|info| info.name).filter(needs_nothing);
    let output: Vec<_> = names.map(|name| format!("%{name}")).collect();
    format!(
        "- rule: {RULE}\n  desc: Whatever the actor does.\n  condition: >\n    {CONDITION} and\n    \
         (proc.cmdline contains {TAG} or proc.acmdline contains {TAG})\n  output: what {}\n  priority: NOTICE\n",
        output.join(" ")
    )
}

/// The actor's alerts among lines of JSON, in their order, up to the last act: what comes behind it, an agent that ends need not tell.
fn of_actor<'a>(lines: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Vec<Fields>> {
    let mut alerts = Vec::new();
    for line in lines.into_iter().filter(|line| line.starts_with('{')) {
        let alert: Value = serde_json::from_str(line)?;
        if alert["rule"] == RULE {
            let fields: Fields = serde_json::from_value(alert["output_fields"].clone())?;
            alerts.push(fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
        }
        if is_last(line) {
            break;
        }
    }
    Ok(alerts)
}

fn replayed(file: &Path, rules: &Path) -> anyhow::Result<Vec<Fields>> {
    let output =
        Command::new(built("eyrie")?).args(["replay", "--json", "--rules"]).args([rules, file]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    of_actor(String::from_utf8(output.stdout)?.lines())
}

/// The recording as `.scap`: as `eyrie record` writes it, and without the pieces that only Eyrie reads.
fn to_scap(recorded: &Path, whole: &Path, plain: &Path) -> anyhow::Result<()> {
    let options = CreateOptions { format: Format::Scap, ..CreateOptions::default() };
    let mut sink = recording::create(whole, &options)?;
    let without = ExportOptions { carries_entries: false, ..ExportOptions::default() };
    let mut export = Export::new(Writer::new(File::create(plain)?, Compression::Gzip)?, without);
    let mut source = recording::open(recorded)?;
    while let Some(kind) = source.next()? {
        sink.write(&kind)?;
        export.write(&kind)?;
    }
    sink.finish()?;
    export.finish()?;
    Ok(())
}

/// Takes one connection, reads a line and answers.
fn answer(listener: TcpListener) -> std::thread::JoinHandle<std::io::Result<()>> {
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept()?;
        connection.read_exact(&mut [0; 6])?;
        connection.write_all(b"abc")
    })
}

/// Whether a line is the alert of the last act.
fn is_last(line: &str) -> bool {
    line.contains("\"evt.type\":\"unlink") && line.contains(&format!("{LAST}\""))
}

/// Without what hangs on which agent saw it, in an order that does not.
fn of_any_agent(alerts: &[Fields]) -> Vec<String> {
    let is_of_any = |name: &str| !OF_ONE_AGENT.iter().any(|own| name.contains(own));
    let mut alerts: Vec<_> = alerts
        .iter()
        .map(|alert| format!("{:?}", alert.iter().filter(|(name, _)| is_of_any(name)).collect::<Vec<_>>()))
        .collect();
    alerts.sort();
    alerts
}

/// Scenario: an engine with its agent, and a recorder beside them, while an actor writes, links and removes files, connects, starts
/// processes and kills one. Guarantees: the recording gives the engine's alerts, but for what two agents see differently; its `.scap` file
/// gives the recording's alerts, field for field; without Eyrie's pieces, the same alerts (a second one at the end of each connect), and exactly the
/// listed fields differ. A reader that knows the format alone understands every block, event and parameter of both files.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_the_same_through_scap() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    program::build_only(&["eyrie", "capture-agent", "engine-service"])?;
    let scene = Scene::new()?;
    fs::write(scene.rules(), rule())?;
    let engine = scene.engine_with(&["--json"])?;
    let mut agent = scene.agent()?;
    let recorded = scene.folder().join("a.eyrie");
    let (file, rules) = (recorded.display().to_string(), scene.rules().display().to_string());
    let mut recorder = Program::start("eyrie", ["record", &file, "--rules", &rules], scene.folder())?;
    // Both capture by the rules' plan: what is done before is not seen.
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.plan.is_some())).await?;
    eventually(|| Ok(has_piece(&recorded, ends_base_state).then_some(()))).await?;
    eventually(|| Ok(recorder.log_text().contains("recording to ").then_some(()))).await?;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let answered = answer(listener);
    let sockets = scene.folder().join("sockets");
    fs::write(&sockets, SOCKETS)?;
    act::perform(SCRIPT, TAG, scene.folder(), [port, sockets.display().to_string(), KEYCTL.to_string()])?;
    answered.join().map_err(|_| anyhow::anyhow!("nobody answered"))??;
    let live = || of_actor(engine.output_lines()?.iter().map(String::as_str));
    eventually(|| Ok(engine.output_lines()?.iter().any(|line| is_last(line)).then_some(()))).await?;
    eventually(|| Ok(has_piece(&recorded, has_last_act).then_some(()))).await?;
    ensure!(recorder.terminate()?.success(), "{}", recorder.log_text());
    ensure!(agent.terminate()?.success(), "{}", agent.log_text());

    let from_ours = replayed(&recorded, &scene.rules())?;
    same_by_agents(&live()?, &from_ours);
    same_through_scap(&recorded, &scene.rules(), &from_ours)
}

/// The alerts of the engine and of the recording, each by an agent of its own.
fn same_by_agents(live: &[Fields], recorded: &[Fields]) {
    let [live, recorded] = [live, recorded].map(of_any_agent);
    assert_eq!(live.len(), recorded.len());
    for (live, recorded) in live.iter().zip(&recorded) {
        assert_eq!(live, recorded);
    }
}

/// In a file without Eyrie's pieces nothing says that the end of a `connect` belongs to its start: it raises an alert of its own.
fn is_end_of_connect(alert: &Fields, from_ours: &[Fields]) -> bool {
    alert["evt.type"] == "connect"
        && alert["evt.res"] == "SUCCESS"
        && !from_ours.iter().any(|ours| ours.get("evt.rawtime") == alert.get("evt.rawtime"))
}

/// The recording as `.scap`, with Eyrie's own pieces and without.
fn same_through_scap(recorded: &Path, rules: &Path, from_ours: &[Fields]) -> anyhow::Result<()> {
    let [whole, plain] = ["whole.scap", "plain.scap"].map(|name| recorded.with_file_name(name));
    to_scap(recorded, &whole, &plain)?;
    let sizes = [recorded, &whole, &plain].map(|file| fs::metadata(file).map_or(0, |file| file.len()));
    println!("{} alerts; bytes: {sizes:?} of ours, .scap with and without our pieces", from_ours.len());
    let (of_whole, of_plain) = (Walked::of(&whole)?, Walked::of(&plain)?);
    assert_eq!((&of_whole.shown, of_whole.threads), (&of_plain.shown, of_plain.threads));
    assert_eq!(of_whole.state_only, of_plain.state_only + of_whole.entries);
    assert!(
        of_whole.entries > 0 && of_plain.entries == 0 && of_plain.threads > 0,
        "{of_whole:?} {of_plain:?}"
    );
    assert_eq!(not_understood(&plain)?, BTreeMap::new());
    let (from_whole, from_plain) = std::thread::scope(|scope| {
        let from_whole = scope.spawn(|| replayed(&whole, rules));
        let from_plain = replayed(&plain, rules);
        (from_whole.join().unwrap(), from_plain)
    });
    assert!(from_whole? == from_ours, "Eyrie's own pieces");
    let (is_end, from_plain): (Vec<_>, Vec<_>) =
        from_plain?.into_iter().partition(|alert| is_end_of_connect(alert, from_ours));
    assert!(!is_end.is_empty(), "the ends of connects raise no alert of their own any more");
    let types = |alerts: &[Fields]| alerts.iter().map(|alert| alert["evt.type"].clone()).collect::<Vec<_>>();
    assert_eq!(types(&from_plain), types(from_ours));
    let unlisted = unlisted(from_ours, &from_plain);
    let without = without_difference(from_ours, &from_plain);
    assert!(
        unlisted.is_empty() && without.is_empty(),
        "not in docs/falco-compatibility.md:\n{}\nthere, and everywhere the same:\n{without:?}",
        unlisted.join("\n")
    );
    Ok(())
}

/// Whether a recording has such a piece so far.
fn has_piece(file: &Path, is_it: fn(&Kind) -> bool) -> bool {
    let Ok(mut source) = recording::open(file) else { return false };
    std::iter::from_fn(|| source.next().ok().flatten()).any(|kind| is_it(&kind))
}

fn ends_base_state(kind: &Kind) -> bool {
    matches!(kind, Kind::BaseState(part) if part.is_last)
}

fn has_last_act(kind: &Kind) -> bool {
    let Kind::Batch(recorded) = kind else { return false };
    recorded.batch.iter().flat_map(|batch| &batch.events).any(|event| match &event.kind {
        Some(EventKind::PathCall(call)) => {
            call.path.as_ref().is_some_and(|path| path.requested.ends_with(LAST.as_bytes()))
        }
        _ => false,
    })
}
