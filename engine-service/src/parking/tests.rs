//! What waits ends as it would have ended had everything been known at once.

use std::sync::Arc;

use evaluator::Residual;
use eyrie_proto::{
    alert::{Alert, MetadataState},
    event::{CgroupFact, CgroupKey, Event, Origin},
    metadata::{Completeness, Container},
};
use fields::{ContainerView, HostView};
use proptest::prelude::*;
use rule_language::Source;

use super::{
    ParkingLimits, Table,
    group::{Awaited, Candidate, ParkedGroup},
    scene::Scene,
    table::Knowledge,
};
use crate::{
    host_status::HostStatus,
    metadata::{Answer, ContainerName, KnownHost},
};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Nobody knows anything.
struct Nothing;

impl Knowledge for Nothing {
    fn container(&self, _: &ContainerName, _: u64) -> Answer {
        Answer::Unknown
    }

    fn host(&self, _: &str) -> KnownHost {
        KnownHost::default()
    }
}

fn fact() -> CgroupFact {
    let cgroup = Some(CgroupKey { cgroup_id: 7, ..CgroupKey::default() });
    CgroupFact { cgroup, container_id: "c0ffee".into(), ..CgroupFact::default() }
}

/// What is left of a rule with this condition when nothing is known of the container.
fn residual(condition: &str) -> Residual {
    let rule = format!(
        "- rule: r\n  desc: d\n  condition: {condition}\n  output: 'in %container.name'\n  priority: INFO\n"
    );
    let sources = [Source { name: "r.yaml".into(), text: rule }];
    let loaded = rule_language::load(&sources, fields::catalogue()).unwrap();
    let rules = evaluator::CompiledRuleSet::new(loaded.rule_set, fields::catalogue()).unwrap();
    let scene = Scene::new(Some(&fact()));
    let mut view = scene.view(ContainerView::Unknown, HostView::default());
    let open = eyrie_proto::event::Open::default();
    let kind = Some(eyrie_proto::event::event::Kind::Open(open));
    let call = Some(eyrie_proto::event::SystemCall { number: 257, ..Default::default() });
    let event = Event { kind, call, ..view.event.clone() };
    (view.event, view.source) = (&event, "syscall");
    let mut matches = Vec::new();
    rules.evaluate(&view, evaluator::Matching::First, &mut matches);
    let found = matches.pop().unwrap();
    found.residual.unwrap_or_else(|| Residual::decided(found.message))
}

fn candidate(number: usize, condition: &str) -> Candidate {
    let alert = Alert { id: format!("{number:032x}"), origin: Some(Origin::default()), ..Alert::default() };
    Candidate { alert, residual: residual(condition) }
}

fn group(conditions: &[String]) -> ParkedGroup {
    let candidates: Vec<_> =
        conditions.iter().enumerate().map(|(number, condition)| candidate(number, condition)).collect();
    ParkedGroup {
        id: candidates[0].alert.id.clone(),
        origin: "/host/m/b".into(),
        boot_ns: 5,
        awaited: Awaited::Container(fact()),
        candidates,
        is_told: false,
    }
}

fn known(name: &str, completeness: Completeness) -> Answer {
    let container =
        Container { name: name.into(), completeness: completeness.into(), ..Container::default() };
    Answer::Known(Arc::new(container))
}

fn ids(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.id.as_str()).collect()
}

proptest! {
    /// Scenario: rules of which only the first that matches counts, each about a container's name; the name comes in time,
    /// or after the alerts went out marked. Guarantees: what stands in the end is the first match alone: late, every alert
    /// is either confirmed or taken back, and the one that counts was among those that went out.
    #[test]
    fn late_answers_end_as_early_ones(
        conditions in prop::collection::vec(
            (prop::sample::select(&NAMES[..]), any::<bool>())
                .prop_map(|(name, negated)| format!("container.name {} {name}", if negated { "!=" } else { "=" })),
            1..5,
        ),
        name in prop::sample::select(&NAMES[..]),
    ) {
        let holds = |condition: &String| condition.contains("!=") != condition.ends_with(name);
        let first = conditions.iter().position(holds).map(|number| format!("{number:032x}"));
        let expected: Vec<&str> = first.iter().map(String::as_str).collect();
        let answer = known(name, Completeness::Complete);

        let in_time = group(&conditions).settle(&answer, &KnownHost::default()).unwrap();
        prop_assert_eq!(ids(&in_time.confirmed), expected.clone());
        prop_assert!(in_time.retracted.is_empty());

        let mut late = group(&conditions);
        prop_assert_eq!(late.settle(&Answer::Unknown, &KnownHost::default()), None);
        let told = late.tell(&Answer::Unknown, &KnownHost::default());
        prop_assert!(told.iter().all(|alert| alert.metadata_state() == MetadataState::Partial));
        prop_assert!(told.iter().all(|alert| alert.unknown_fields == ["container.name"]));
        let late = ParkedGroup::restore(&late.entry()).unwrap();
        let amended = late.settle(&answer, &KnownHost::default()).unwrap();
        prop_assert_eq!(ids(&amended.confirmed), expected);
        let mut all = [ids(&amended.confirmed), ids(&amended.retracted)].concat();
        all.sort_unstable();
        prop_assert_eq!(all, ids(&told));
        for alert in amended.confirmed.iter().chain(&amended.retracted) {
            prop_assert_eq!((alert.is_amendment, alert.amendment_number), (true, 1));
        }
    }
}

/// Scenario: a container of which the name is known and more is to come; then all is; one that does not exist; a control
/// group that turns out to be the host's. Guarantees: what can be ruled out is at once, what holds waits for the whole, and
/// the state says what was known.
#[test]
fn what_holds_waits_for_the_whole() {
    let one = group(&["container.name = a".to_owned()]);
    let pending = known("b", Completeness::Pending);
    assert_eq!(one.settle(&pending, &KnownHost::default()).unwrap(), super::group::Settled::default());
    assert_eq!(one.settle(&known("a", Completeness::Pending), &KnownHost::default()), None);
    let state = |answer: &Answer, group: &ParkedGroup| {
        let settled = group.settle(answer, &KnownHost::default()).unwrap();
        (settled.confirmed[0].message.clone(), settled.confirmed[0].metadata_state())
    };
    let whole = known("a", Completeness::FinalPartial);
    assert!(!one.is_unanswerable(&pending, &KnownHost::default()));
    assert_eq!(state(&whole, &one), ("in a".to_owned(), MetadataState::Complete));
    let other = group(&["evt.type = openat".to_owned()]);
    assert_eq!(state(&Answer::Absent, &other), ("in <NA>".to_owned(), MetadataState::Absent));
    let awaited = Awaited::Cgroup(CgroupKey { cgroup_id: 7, ..CgroupKey::default() });
    let untold = ParkedGroup { awaited, ..other.clone() };
    assert_eq!(untold.settle(&whole, &KnownHost::default()), None);
    let of_host = CgroupFact { container_id: String::new(), ..fact() };
    let on_host = ParkedGroup { awaited: Awaited::Container(of_host), ..other };
    assert_eq!(state(&Answer::Unknown, &on_host), ("in host".to_owned(), MetadataState::Unspecified));
}

/// The container's name could not be had.
struct Nameless;

impl Knowledge for Nameless {
    fn container(&self, _: &ContainerName, _: u64) -> Answer {
        known("", Completeness::FinalPartial)
    }

    fn host(&self, _: &str) -> KnownHost {
        KnownHost::settled()
    }
}

/// The container's runtime has answered.
struct Named;

impl Knowledge for Named {
    fn container(&self, _: &ContainerName, _: u64) -> Answer {
        known("a", Completeness::Complete)
    }

    fn host(&self, _: &str) -> KnownHost {
        KnownHost::settled()
    }
}

/// Scenario: a match waits for the name of a container; then it is told that the name cannot be had; later its runtime answers after all. The same, told before the
/// match. Guarantees: the alert goes out at once, marked with the field that is unknown, counts as unanswerable, and is amended by the answer.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_not_waited_for() {
    let table = Table::new(ParkingLimits::default());
    let status = Arc::new(std::sync::Mutex::new(HostStatus::new(Origin::default())));
    let one = group(&["container.name = a".to_owned()]);
    table.park(vec![one.clone()], &status);
    assert!(table.round(false, &Nothing).is_none());
    table.container_changed(&one.container().unwrap());
    let told = table.round(false, &Nameless).unwrap();
    assert_eq!((told.unanswerable, told.timed_out, told.batch.parked.len()), (1, 0, 1));
    let alert = &told.batch.alerts[0];
    assert_eq!((alert.metadata_state(), &*alert.message), (MetadataState::Partial, "in <NA>"));
    assert_eq!(alert.unknown_fields, ["container.name"]);
    let mut early = one.clone();
    assert!(early.is_unanswerable(&known("", Completeness::FinalPartial), &KnownHost::settled()));
    assert!(!early.is_unanswerable(&known("", Completeness::FinalPartial), &KnownHost::default()));
    assert_eq!(early.tell(&known("", Completeness::FinalPartial), &KnownHost::settled()), told.batch.alerts);
    let early = ParkedGroup { id: "early".into(), ..early };
    table.park(vec![early], &status);
    tokio::time::advance(ParkingLimits::default().wait * 2).await;
    assert!(table.round(false, &Nameless).is_none());
    assert_eq!(table.len(), 2);
    table.container_changed(&one.container().unwrap());
    let amended = table.round(false, &Named).unwrap();
    let messages: Vec<_> =
        amended.batch.alerts.iter().map(|alert| (alert.is_amendment, &*alert.message)).collect();
    assert_eq!(messages, [(true, "in a"), (true, "in a")]);
    assert_eq!((amended.amended, table.len()), (2, 0));
}

/// Scenario: stored groups that are damaged, empty, or of a rule whose field no longer exists. Guarantees: an error each, and
/// the alerts of the last are still there to be told.
#[test]
fn what_was_stored_is_checked() {
    let entry = group(&["container.name = a".to_owned()]).entry();
    let damaged = crate::alert_log::ParkedEntry { body: vec![0xff; 9], ..entry.clone() };
    assert!(ParkedGroup::restore(&damaged).is_err());
    let empty = crate::alert_log::ParkedEntry { body: Vec::new(), ..entry.clone() };
    assert!(matches!(ParkedGroup::restore(&empty), Err(super::record::RestoreError::Empty)));
    let mut body = entry.body.clone();
    let place = body.windows(14).position(|window| window == b"container.name").unwrap();
    body[place..place + 14].copy_from_slice(b"container.gone");
    let renamed = crate::alert_log::ParkedEntry { body, ..entry };
    let Err(super::record::RestoreError::Residual { alerts, error }) = ParkedGroup::restore(&renamed) else {
        panic!("it was restored")
    };
    assert_eq!(alerts.len(), 1);
    assert!(error.to_string().contains("container.gone"), "{error}");
}

/// Scenario: a table for two groups, one of which was told; a third comes, and a fourth. Guarantees: the told one makes room
/// and is given up, untold ones never are, and a full table says so.
#[tokio::test(start_paused = true)]
async fn told_groups_make_room() {
    let limits = ParkingLimits { max_groups: 2, ..ParkingLimits::default() };
    let wait = limits.wait;
    let table = Table::new(limits);
    let status = Arc::new(std::sync::Mutex::new(HostStatus::new(Origin::default())));
    let numbered =
        |number: u64| ParkedGroup { id: number.to_string(), ..group(&["container.name = a".to_owned()]) };
    let name = numbered(0).container().unwrap();
    table.park(vec![numbered(0)], &status);
    assert!(table.round(false, &Nothing).is_none());
    tokio::time::advance(wait).await;
    let told = table.round(false, &Nothing).unwrap();
    assert_eq!((told.timed_out, told.batch.alerts.len(), told.batch.parked.len()), (1, 1, 1));
    table.park(vec![numbered(1)], &status);
    assert!(table.has_room(Some(&name), &[]));
    assert!(!table.has_room(Some(&name), &[numbered(2)]));
    table.park(vec![numbered(2)], &status);
    assert!(!table.has_room(Some(&name), &[]));
    let given_up = table.round(false, &Nothing).unwrap();
    assert_eq!((given_up.batch.settled, given_up.unanswered), (vec!["0".to_owned()], 1));
    assert_eq!(table.len(), 2);
    let end = table.round(true, &Nothing).unwrap();
    assert_eq!((end.timed_out, end.batch.alerts.len()), (2, 2));
    assert!(table.round(true, &Nothing).is_none());
}
