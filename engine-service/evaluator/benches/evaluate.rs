//! What it costs to evaluate an open against 25 rules: one that no rule matches, which is what nearly all events are,
//! and one that matches.
#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use evaluator::{CompiledRuleSet, Matching};
use eyrie_proto::event::{
    Credentials, Descriptor, Event, FileDescriptor, Open, PathArgument, ProcessKey, ProcessSnapshot,
    ProcessState, SystemCall, Task, descriptor, event::Kind,
};
use fields::{Architecture, ContainerView, EventView, FieldSettings, HostView, PathNames, PeerView};
use host_model::HostModel;
use rule_language::Source;

/// What the rules ask beyond the kind of open; five kinds of questions, five rules each.
const QUESTIONS: [&str; 5] = [
    "fd.name in (/etc/shadow{n}, /etc/sudoers{n}, /etc/gshadow{n}, /etc/passwd{n})",
    "fd.name startswith /opt/private{n}/ and not proc.name in (app{n}, backup{n})",
    "(fd.directory = /root/.ssh{n} or fd.name endswith .pem{n}) and proc.pname != sshd",
    "fd.name glob '/home/*/.config/app{n}/*' and proc.aname in (nginx{n}, httpd{n})",
    "evt.is_open_write = true and fd.name pmatch (/usr/lib{n}, /usr/share/app{n}) and user.uid != 0",
];

fn rules() -> CompiledRuleSet {
    let mut text =
        "- macro: open_file\n  condition: (evt.type in (open, openat, openat2) and fd.typechar = 'f')\n"
            .to_owned();
    for (number, question) in QUESTIONS.iter().cycle().take(25).enumerate() {
        let question = question.replace("{n}", &number.to_string());
        text += &format!(
            "- rule: Rule {number}\n  desc: d\n  condition: >\n    open_file and {question}\n  \
             output: open of %fd.name by %proc.cmdline parent=%proc.pname user=%user.uid\n  priority: INFO\n"
        );
    }
    let sources = [Source { name: "bench.yaml".to_owned(), text }];
    let loaded = rule_language::load(&sources, fields::catalogue()).expect("rules that load");
    assert!(loaded.rule_set.rules.len() == 25);
    CompiledRuleSet::new(loaded.rule_set, fields::catalogue()).expect("rules that compile")
}

fn host() -> HostModel {
    let mut host = HostModel::default();
    for (pid, parent_pid, name) in [(1, 0, "systemd"), (20, 1, "sshd"), (25, 20, "bash"), (30, 25, "make")] {
        let state = ProcessState {
            process: Some(ProcessKey { pid, start_boot_ns: 1 }),
            parent_pid,
            comm: name.into(),
            exe: name.into(),
            arguments: vec![b"-j".to_vec(), b"all".to_vec()],
            working_directory: b"/root".to_vec(),
            ..ProcessState::default()
        };
        let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
        host.apply(&Event { kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() });
    }
    host
}

fn open(path: &str) -> Event {
    let task = Task {
        process: Some(ProcessKey { pid: 30, start_boot_ns: 1 }),
        tid: 30,
        comm: b"make".to_vec(),
        credentials: Some(Credentials { effective_uid: 1000, ..Credentials::default() }),
        parent_pid: 25,
        ..Task::default()
    };
    let file = FileDescriptor { path: path.into(), mode: 0o100_644, ..FileDescriptor::default() };
    let open = Open {
        path: Some(PathArgument { requested: path.into(), directory_fd: -100, ..PathArgument::default() }),
        descriptor: Some(Descriptor { fd: 3, kind: Some(descriptor::Kind::File(file)) }),
        ..Open::default()
    };
    let call = SystemCall { number: 257, result: 3, ..SystemCall::default() };
    Event { boot_ns: 9, task: Some(task), call: Some(call), kind: Some(Kind::Open(open)), ..Event::default() }
}

fn benchmark(criterion: &mut Criterion) {
    let (rules, host) = (rules(), host());
    for (name, path, expected) in [
        ("open that no rule matches", "/usr/lib/x86_64-linux-gnu/libc.so.6", 0),
        ("relative open that no rule matches", "src/main.c", 0),
        ("open that the last but four matches", "/etc/shadow20", 1),
    ] {
        let event = open(path);
        let view = EventView {
            event: &event,
            host: &host,
            sequence: 1,
            epoch_offset_ns: 0,
            hostname: "bench",
            architecture: Architecture::X86_64,
            source: "syscall",
            container: ContainerView::NotAsked,
            machine: HostView::default(),
            peer: PeerView::Absent,
            settings: FieldSettings::unset(),
            paths: PathNames::AskedFor,
        };
        let mut matches = Vec::new();
        rules.evaluate(&view, Matching::First, &mut matches);
        assert_eq!(matches.len(), expected, "{name}");
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                matches.clear();
                rules.evaluate(black_box(&view), Matching::First, &mut matches);
                matches.len()
            });
        });
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
