//! Facts and losses.

use std::time::Duration;

use eyrie_proto::event::{
    CgroupFact, CgroupKey, EventClass, Group, HostIdentityFact, LossPlace, LossRecord, NamesFact,
    OrderedFact, User, UsersFact, event::Kind, ordered_fact,
};

use super::*;

fn fact(since_boot_ns: u64, kind: ordered_fact::Kind) -> Event {
    let fact = OrderedFact { since_boot_ns, kind: Some(kind) };
    Event { boot_ns: since_boot_ns, kind: Some(Kind::Fact(fact)), ..Event::default() }
}

fn cgroup(birth_boot_ns: u64, container_id: &str, is_removed: bool) -> Event {
    let key = CgroupKey { hierarchy: 0, cgroup_id: 77, birth_boot_ns };
    let cgroup = CgroupFact {
        cgroup: Some(key),
        container_id: container_id.into(),
        is_removed,
        ..CgroupFact::default()
    };
    fact(1, ordered_fact::Kind::Cgroup(cgroup))
}

fn users(container_id: &str, users: &[(u32, &str)]) -> Event {
    let users = users.iter().map(|(uid, name)| User { uid: *uid, name: (*name).into(), ..User::default() });
    let groups = vec![Group { gid: 5, name: b"tty".to_vec() }];
    let kind = UsersFact { container_id: container_id.into(), users: users.collect(), groups };
    fact(1, ordered_fact::Kind::Users(kind))
}

/// Scenario: a control group is unknown, then the host's, then a container's, then gone and its id used again.
/// Guarantees: unknown, host and container are told apart; the late end of the former group does not end the latter.
#[test]
fn a_process_is_in_a_container_or_not_or_it_is_unknown() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    assert_eq!(model.container_id(get(&model, 10)), ContainerId::Unknown);
    model.apply(&cgroup(5, "", false));
    assert_eq!(model.container_id(get(&model, 10)), ContainerId::Host);
    model.apply(&cgroup(9, "abc", false));
    model.apply(&cgroup(5, "", true));
    assert_eq!(model.container_id(get(&model, 10)), ContainerId::Container("abc"));
    model.apply(&cgroup(9, "abc", true));
    assert_eq!(model.container_id(get(&model, 10)), ContainerId::Unknown);
}

/// Scenario: a process whose control group is told in a v1 hierarchy, and facts about the same id in that hierarchy and in
/// v2; the process forks, and the state goes over to another model. Guarantees: only the fact of its own hierarchy counts,
/// for its child and after the handover as well.
#[test]
fn a_control_group_is_one_of_its_hierarchy() {
    let first = Task { cgroup_hierarchy: 4, ..task(10, 1) };
    let mut model = after([exec(1, first.clone(), "/bin/sh"), cgroup(5, "v2", false)]);
    assert_eq!(model.container_id(get(&model, 10)), ContainerId::Unknown);
    let group = CgroupKey { hierarchy: 4, cgroup_id: 77, birth_boot_ns: 5 };
    let container_id = "v1".to_owned();
    let in_v1 = CgroupFact { cgroup: Some(group), container_id, ..CgroupFact::default() };
    model.apply(&fact(2, ordered_fact::Kind::Cgroup(in_v1)));
    assert_eq!(model.container_id(get(&model, 10)), ContainerId::Container("v1"));
    model.apply(&fork(3, first, key(20)));
    assert_eq!(model.container_id(get(&model, 20)), ContainerId::Container("v1"));
    let mut other = HostModel::default();
    other.restore(model.base_state(), model.base_facts());
    assert_eq!(other.container_id(get(&other, 20)), ContainerId::Container("v1"));
}

/// Scenario: users of the host and of a container, with one id twice. Guarantees: each has its own, the first of an id
/// counts, a newer fact replaces the whole.
#[test]
fn users_are_the_hosts_or_a_containers() {
    let mut model = after([users("", &[(7, "b"), (0, "root"), (7, "c")]), users("abc", &[(7, "inside")])]);
    assert_eq!(model.user(7).map(|user| &*user.name), Some(&b"b"[..]));
    assert_eq!(model.container_user("abc", 7).map(|user| &*user.name), Some(&b"inside"[..]));
    assert_eq!(model.group(5), model.container_group("abc", 5));
    assert!(model.user(8).is_none() && model.has_users("") && !model.has_users("other"));
    model.apply(&users("", &[(1, "x")]));
    assert!(model.user(7).is_none());
}

/// Scenario: facts of other kinds, twice. Guarantees: the last value is read.
#[test]
fn the_last_value_counts() {
    let host = |name: &str| HostIdentityFact { hostname: name.into(), ..HostIdentityFact::default() };
    let names = |ip: u8| NamesFact { name: "db".into(), ips: vec![vec![ip]], ..NamesFact::default() };
    let model = after([
        fact(1, ordered_fact::Kind::Host(host("a"))),
        fact(2, ordered_fact::Kind::Host(host("b"))),
        fact(3, ordered_fact::Kind::Names(names(1))),
        fact(4, ordered_fact::Kind::Names(names(2))),
    ]);
    assert_eq!(model.host().map(|host| &*host.hostname), Some("b"));
    assert_eq!(model.names("db").map(|names| names.ips.clone()), Some(vec![vec![2]]));
}

/// Scenario: more facts than may be kept. Guarantees: the oldest go, counted, and the bounds hold.
#[test]
fn facts_are_bounded() {
    let limits = Limits { max_facts: 8, max_facts_bytes: 200, ..Limits::default() };
    let mut model = HostModel::new(limits);
    for number in 0..100u64 {
        let name = NamesFact { name: format!("n{number}"), ips: vec![vec![0; 4]], ..NamesFact::default() };
        model.apply(&fact(number, ordered_fact::Kind::Names(name)));
    }
    assert!(model.names("n99").is_some() && model.names("n50").is_none());
    let kept = model.base_facts().count();
    assert!((1..=8).contains(&kept), "{kept}");
    assert_eq!(model.counters().evicted_facts, 100 - kept as u64);
    let big = NamesFact { name: "big".into(), ips: vec![vec![0; 300]], ..NamesFact::default() };
    model.apply(&fact(200, ordered_fact::Kind::Names(big)));
    assert!(model.names("big").is_none() && model.names("n99").is_some());
}

/// Scenario: losses of two classes at different times. Guarantees: totals are by place and class, only losses around
/// the moment asked for are found, and only so many are kept.
#[test]
fn losses_are_counted_and_found_by_time() {
    let loss = |class: EventClass, first_boot_ns, last_boot_ns| Event {
        kind: Some(Kind::Loss(LossRecord {
            place: LossPlace::Ring.into(),
            event_class: class.into(),
            count: 3,
            first_boot_ns,
            last_boot_ns,
            ..LossRecord::default()
        })),
        ..Event::default()
    };
    let mut model = HostModel::new(Limits { max_recent_losses: 2, ..Limits::default() });
    model.apply(&loss(EventClass::Plain, 1, 1));
    model.apply(&loss(EventClass::Plain, 1_000, 2_000));
    model.apply(&loss(EventClass::StateBearing, 9_000, 9_500));
    assert_eq!(model.total_loss(LossPlace::Ring, EventClass::Plain), 6);
    assert_eq!(model.total_loss(LossPlace::Ring, EventClass::StateBearing), 3);
    assert_eq!(model.total_loss(LossPlace::Spool, EventClass::Plain), 0);
    let found = |at, window| {
        let losses = model.recent_loss(at, Duration::from_nanos(window));
        losses.map(|loss| loss.first_boot_ns).collect::<Vec<_>>()
    };
    assert_eq!(found(2_100, 100), [1_000]);
    assert_eq!(found(2_101, 100), Vec::<u64>::new());
    assert_eq!(found(900, 100), [1_000]);
    assert_eq!(found(5_000, 4_000), [1_000, 9_000]);
    assert_eq!(found(0, 10), Vec::<u64>::new(), "the first was pushed out");
}
