//! What can be set comes out again, and what cannot is refused.

mod settable;

use rule_language::Catalogue as _;

use self::settable::{PARAMETERS, SETTABLE};
use crate::{
    fixture::{cases, problems, results, rule, rules},
    play::{Changed, Checking, play},
};

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

/// Scenario: what agents and clusters tell, said by one event, then an event that says nothing of it, then one of the host. Guarantees: of the host it lasts, of a
/// container for its processes; a peer is the event's alone; on the host there is no pod.
#[test]
fn what_is_told_lasts_as_long_as_it_should() {
    let text = "
cases:
  - name: c
    events:
      - {evt.type: openat, host.name: web-1, 'cloud.tag[team]': red, container.labels: 'a:b', k8smeta.svc.name: [shop], k8s.peer.name: p}
      - {evt.type: openat}
      - {evt.type: openat, container.id: host}
    expect:
      - {rule: R, event: 1, fields: {host.name: web-1, 'cloud.tag[team]': red, 'container.label[a]': b, k8smeta.svc.name: [shop], k8s.peer.kind: pod}}
      - {rule: R, event: 2, fields: {host.name: web-1, cloud.tags: 'team:red', container.labels: 'a:b', k8smeta.svc.name: [shop], k8s.peer.name: ~}}
      - {rule: R, event: 3, fields: {host.name: web-1, container.labels: '', k8smeta.svc.name: ~, k8s.peer.name: ~}}
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
