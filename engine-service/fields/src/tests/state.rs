//! Fields that hang on what came before: times of other events, what processes take up, who is above.

use eyrie_proto::event::{
    Event, LossRecord, MemoryCall, PathCall, StandardStream, ThreadState, TwoPathCall, event::Kind,
};
use host_model::HostModel;

use rule_language::{ArgumentError, Catalogue as _, FieldType};

use super::fixture::{
    NOW, OFFSET, call, check, file, host, open, path, show, show_in, snapshot, state, tell_cgroup, view,
};
use crate::{EventView, FieldSettings, catalogue};

fn at(boot_ns: u64) -> Event {
    Event { boot_ns, ..open("/x", "/x") }
}

/// Scenario: events with a fact and a loss between them, and one that a slower processor tells late. Guarantees: times since the first and
/// since the one before; what is no event does not count; nothing is below zero.
#[test]
fn events_have_times_beside_others() {
    let mut host = host();
    let first = at(NOW);
    host.apply(&first);
    check(&first, &host, &[("evt.reltime", "0"), ("evt.deltatime", "0")]);
    tell_cgroup(&mut host, 30, "");
    host.apply(&Event {
        boot_ns: NOW + 50,
        kind: Some(Kind::Loss(LossRecord::default())),
        ..Event::default()
    });
    let second = at(NOW + 3_000_000_007);
    host.apply(&second);
    let expected = [
        ("evt.reltime", "3000000007"),
        ("evt.reltime.s", "3"),
        ("evt.reltime.ns", "7"),
        ("evt.deltatime", "3000000007"),
        ("evt.deltatime.s", "3"),
        ("evt.deltatime.ns", "7"),
    ];
    check(&second, &host, &expected);
    let late = at(NOW + 3_000_000_000);
    host.apply(&late);
    check(&late, &host, &[("evt.reltime", "3000000000"), ("evt.deltatime", "0")]);
}

/// Scenario: the same events on a model that another one's state was put into between two of them. Guarantees: the same times.
#[test]
fn times_are_the_same_on_another_engine() {
    let (mut whole, mut resumed) = (host(), HostModel::default());
    whole.apply(&at(NOW));
    resumed.restore(whole.base_state(), whole.base_facts());
    let next = at(NOW + 9);
    for model in [&mut whole, &mut resumed] {
        model.apply(&next);
        check(&next, model, &[("evt.reltime", "9"), ("evt.deltatime", "9")]);
    }
}

/// Scenario: times before, at and after the event. Guarantees: the distance in whole milliseconds, rounded up, so that D holds from D before
/// to D after.
#[test]
fn an_event_is_around_a_time() {
    let time = NOW.saturating_add_signed(OFFSET);
    for (around, expected) in [
        (time, "0"),
        (time - 1, "1"),
        (time + 1_000_000, "1"),
        (time + 1_000_001, "2"),
        (time - 5_000_000, "5"),
    ] {
        assert_eq!(show(&format!("evt.around[{around}]"), &at(NOW), &host()), expected, "{around}");
    }
}

/// Scenario: a process with two threads, of which a snapshot tells all, and one of which only events tell. Guarantees: what it took up when it
/// executed its program; only the main thread has the memory; of what nobody told nothing is said.
#[test]
fn a_process_takes_up_what_it_did_at_exec() {
    let mut host = host();
    let thread = |tid| ThreadState { tid, ..ThreadState::default() };
    let mut process = state(30, 20, "cat", &[]);
    process.threads = vec![thread(31), thread(32)];
    process.as_of_boot_ns += 1;
    host.apply(&snapshot(process));
    let mut event = open("/x", "/x");
    let expected = [
        ("proc.vmsize", "8000"),
        ("thread.pfmajor", "2"),
        ("thread.pfminor", "300"),
        ("thread.vmsize", "8000"),
        ("thread.vmsize.b", "8192000"),
        ("proc.nthreads", "3"),
        ("proc.nchilds", "2"),
        ("proc.fdlimit", "1024"),
        ("thread.nametid", "cat30"),
    ];
    check(&event, &host, &expected);
    if let Some(task) = &mut event.task {
        task.tid = 31;
    }
    check(&event, &host, &[("thread.vmsize", "0"), ("proc.vmsize", "8000"), ("thread.nametid", "cat31")]);
    let mut unknown = HostModel::default();
    unknown.apply(&event);
    check(
        &event,
        &unknown,
        &[("proc.vmsize", "<absent>"), ("proc.fdlimit", "<absent>"), ("proc.nchilds", "0")],
    );
}

/// Scenario: a control group that is told, one that may still be, and a host that tells of none. Guarantees: its path for each controller that
/// Falco tells of; unknown; absent.
#[test]
fn a_process_is_in_control_groups() {
    let (event, mut host) = (open("/x", "/x"), host());
    check(&event, &host, &[("thread.cgroups", "<absent>")]);
    tell_cgroup(&mut host, 1, "");
    check(&event, &host, &[("thread.cgroups", "<unknown>"), ("thread.cgroup[cpu]", "<unknown>")]);
    tell_cgroup(&mut host, 30, "");
    let group = "/machine.slice/c";
    let all = format!("cpuset={group} cpu={group} cpuacct={group} io={group} memory={group}");
    check(
        &event,
        &host,
        &[("thread.cgroups", &all), ("thread.cgroup[memory]", group), ("thread.cgroup[net_cls]", "<absent>")],
    );
}

/// Scenario: environments of a process and those above, by number, by name, and altogether. Guarantees: a name finds the nearest above that has
/// a value for it, never the process's own.
#[test]
fn environments_above_are_seen() {
    let mut host = HostModel::default();
    for (pid, parent, environment) in
        [(1, 0, vec!["A=one", "B=one"]), (20, 1, vec!["A=twenty", "B="]), (30, 20, vec!["A=thirty", "C=x"])]
    {
        let mut process = state(pid, parent, "sh", &[]);
        process.environment = environment.into_iter().map(|entry| entry.as_bytes().to_vec()).collect();
        host.apply(&snapshot(process));
    }
    let expected = [
        ("proc.aenv[A]", "twenty"),
        ("proc.aenv[B]", "one"),
        ("proc.aenv[C]", "<absent>"),
        ("proc.aenv[1]", "A=twenty B="),
        ("proc.aenv[2]", "A=one B=one"),
        ("proc.aenv[3]", "<absent>"),
        ("proc.aenv", "A=twenty B= A=one B=one"),
    ];
    check(&open("/x", "/x"), &host, &expected);
}

/// Scenario: standard streams of a process, an event on one of them, on another descriptor, and on none. Guarantees: what is known, each kind
/// once; the event knows better than the exec what its own descriptor is.
#[test]
fn kinds_of_descriptors_are_those_that_are_known() {
    let mut host = host();
    let stream = |fd, kind: &str| StandardStream { fd, r#type: kind.to_owned(), name: Vec::new() };
    let mut process = state(30, 20, "cat", &[]);
    process.standard_streams = vec![stream(0, "pipe"), stream(1, "file"), stream(2, "ipv4")];
    process.as_of_boot_ns += 1;
    host.apply(&snapshot(process));
    let event = open("/x", "/x");
    let expected = [
        ("fd.types", "file pipe ipv4"),
        ("fd.types[0]", "pipe"),
        ("fd.types[3]", "file"),
        ("fd.types[9]", "<absent>"),
        ("fd.uid", "303"),
    ];
    check(&event, &host, &expected);
    let mut on_input = open("/x", "/x");
    if let Some(Kind::Open(open)) = &mut on_input.kind {
        open.descriptor = Some(file(0, "/x"));
    }
    check(&on_input, &host, &[("fd.types[0]", "file"), ("fd.types", "file ipv4")]);
    let none = call(87, 0, Kind::PathCall(PathCall { path: Some(path("/x")), ..PathCall::default() }));
    check(&none, &host, &[("fd.types", "<absent>"), ("fd.uid", "<absent>")]);
}

/// Scenario: calls on files, sockets, memory and nothing of these that fail and succeed. Guarantees: each is counted under what it is about, as
/// Falco does, and under nothing else.
#[test]
fn failures_are_counted_by_what_they_are_about() {
    let counts = |event: &Event, expected: [&str; 4]| {
        for (name, expected) in ["file", "net", "memory", "other"].into_iter().zip(expected) {
            let field = format!("evt.count.error.{name}");
            assert_eq!(show(&field, event, &host()), expected, "{field} of {:?}", event.kind);
        }
    };
    let absent = "<absent>";
    counts(&open("/x", "/x"), ["0", absent, absent, absent]);
    let failed = call(257, -2, Kind::Open(eyrie_proto::event::Open::default()));
    counts(&failed, ["1", absent, absent, absent]);
    let connect = call(42, -111, Kind::Connect(eyrie_proto::event::Connect::default()));
    counts(&connect, [absent, "1", absent, absent]);
    let unmap = call(11, -22, Kind::MemoryCall(MemoryCall::default()));
    counts(&unmap, [absent, absent, "1", absent]);
    let rename = call(82, -2, Kind::TwoPathCall(TwoPathCall::default()));
    counts(&rename, [absent, absent, absent, "1"]);
    check(&rename, &host(), &[("evt.count.exit", "1"), ("evt.count.procinfo", "0")]);
}

/// Scenario: static fields that are configured and not. Guarantees: the catalogue has those that are, with any key that can be written behind a dot,
/// and suggests them for outputs behind its own; the others do not exist.
#[test]
fn static_fields_are_configured() {
    let static_fields = [("site", "berlin"), ("team.name", "a")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let settings = FieldSettings { static_fields, ..FieldSettings::default() };
    let configured = catalogue().configured(&settings);
    for (written, key) in [("static.site", "site"), ("static.team.name", "team.name")] {
        let (id, argument) = configured.lookup(written).expect(written);
        assert_eq!((argument, configured.type_of(id, argument)), (Some(key), Ok(FieldType::CharBuf)));
        let unset = catalogue().type_of(id, argument);
        assert!(matches!(unset, Err(ArgumentError::NotConfigured { .. })), "{unset:?}");
    }
    let suggested = configured.suggested_output("syscall");
    assert_eq!(suggested.last().map(String::as_str), Some("static.team.name"));
    assert!(suggested.starts_with(&["container.id".to_owned()]), "{suggested:?}");
    let (event, host) = (open("/x", "/x"), host());
    let view = EventView { settings: &settings, ..view(&event, &host) };
    assert_eq!(show_in("static[site]", &view), "berlin");
    assert_eq!(show("static[site]", &event, &host), "<absent>");
}
