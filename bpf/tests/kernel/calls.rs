use std::fs;

use eyrie_bpf::{CallSet, ChangeDirectory, Config, Record, flag};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting, run},
    loaded::{Loaded, RING_BYTES, Recorded},
    opens::folder,
};

#[cfg(target_arch = "x86_64")]
const SETSID: u32 = 112;
#[cfg(target_arch = "aarch64")]
const SETSID: u32 = 157;

fn changes(recorded: &Recorded) -> Vec<ChangeDirectory<'_>> {
    let mut changes = Vec::new();
    for record in recorded.iter() {
        if let Record::ChangeDirectory(change) = record {
            changes.push(change);
        }
    }
    changes
}

/// Scenario: chdir to a relative path, to one that is missing, and fchdir. Guarantees: the directory afterwards is
/// recorded each time, and only what changed it bears state.
#[test]
fn a_changed_directory_is_recorded() {
    if is_acting() {
        let inner = fs::File::open("a/b").unwrap();
        rustix::process::chdir("a").unwrap();
        rustix::process::chdir("missing").unwrap_err();
        rustix::process::fchdir(&inner).unwrap();
        rustix::process::fchdir(fs::File::open("/etc/passwd").unwrap()).unwrap_err();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::create_dir_all(path.join("a/b")).unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::calls::a_changed_directory_is_recorded", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let changes = changes(&recorded);
    let text = |path: std::path::PathBuf| path.into_os_string().into_encoded_bytes();
    let at = changes.iter().position(|change| change.requested == b"a").unwrap();
    let [a, missing, inner, file] = changes[at..at + 4] else { panic!("{changes:?}") };
    assert_eq!((a.header.call_result, a.working_directory), (0, &text(path.join("a"))[..]));
    assert!(a.header.is_state_bearing() && a.base.is_empty());
    assert_eq!((missing.header.call_result, missing.requested), (-2, &b"missing"[..]));
    assert_eq!(missing.base, text(path.join("a")));
    assert_eq!(missing.working_directory, text(path.join("a")));
    assert!(!missing.header.is_state_bearing());
    assert_eq!((inner.header.call_result, inner.working_directory), (0, &text(path.join("a/b"))[..]));
    assert!(inner.requested.is_empty() && inner.directory_fd > 2);
    assert_eq!((file.header.call_result, file.base), (-20, &b"/etc/passwd"[..]));
}

/// Scenario: setsid is added to the captured calls, then all calls are taken out, without loading anything anew.
/// Guarantees: settings act at once; a call without a program of its own is recorded with its arguments, and bears state
/// as the settings say; its header has what holds afterwards.
#[test]
fn captured_calls_change_at_run_time() {
    if is_acting() {
        let session = rustix::process::setsid().unwrap();
        println!("session={}", session.as_raw_nonzero());
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut loaded = Loaded::with(RING_BYTES, &Config::default());
    let act = || run(&mut actor("kernel::calls::captured_calls_change_at_run_time", &path)).succeeded();
    let is_call = |record: &Record<'_>| record.header().call().is_some();

    let acted = act();
    let recorded = loaded.drain(acted.pid);
    assert!(recorded.iter().any(|record| is_call(&record)));
    assert!(!recorded.iter().any(|record| matches!(record, Record::Call(_))));

    let mut config = Config { plan_generation: 2, ..Config::default() };
    assert!(config.calls.insert(SETSID) && config.state_calls.insert(SETSID));
    loaded.configure(&config);
    let acted = act();
    let recorded = loaded.drain(acted.pid);
    let call = recorded.only(|record| match record {
        Record::Call(call) => Some(call),
        _ => None,
    });
    assert_eq!((call.header.call_number, call.header.plan_generation), (SETSID, 2));
    assert_eq!(call.header.call_result.to_string(), acted.said("session"));
    assert_eq!(call.header.session_id.to_string(), acted.said("session"));
    assert!(call.header.has(flag::STATE_BEARING | flag::HAS_CALL));

    loaded.configure(&Config { calls: CallSet::default(), ..config });
    let acted = act();
    let recorded = loaded.drain(acted.pid);
    assert!(!recorded.iter().any(|record| is_call(&record)));
    assert!(recorded.iter().any(|record| matches!(record, Record::Exec(_))));
}

/// Scenario: the agent's own process opens a file. Guarantees: nothing of it is recorded while it is named in the
/// settings, and all of it otherwise.
#[test]
fn the_agents_own_calls_are_not_recorded() {
    requires!(Requirement::Kernel);
    let own = std::process::id();
    let mut loaded = Loaded::with(RING_BYTES, &Config { own_tgid: own, ..Config::default() });
    let name = "/eyrie-own-missing";
    fs::File::open(name).unwrap_err();
    let opened = |recorded: &Recorded| {
        recorded
            .iter()
            .any(|record| matches!(record, Record::Open(open) if open.requested == name.as_bytes()))
    };
    assert!(!opened(&loaded.drain(own)));
    loaded.configure(&Config::default());
    fs::File::open(name).unwrap_err();
    assert!(opened(&loaded.drain(own)));
}
