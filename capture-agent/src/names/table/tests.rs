use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn wanting(names: &[&str]) -> Table {
    let mut table = Table::default();
    table.want(of(names));
    table
}

fn addresses(last_octets: &[u8]) -> Answered {
    Some(last_octets.iter().map(|octet| IpAddr::from([192, 0, 2, *octet])).collect())
}

/// What is told, as name, last octets, and seconds until which it holds.
fn told(table: &mut Table, now: u64) -> Vec<(String, Vec<u8>, u64)> {
    let fact = |fact: OrderedFact| match fact.kind {
        Some(Kind::Names(names)) => {
            let octets = names.ips.iter().map(|ip| *ip.last().unwrap()).collect();
            (names.name, octets, names.valid_until_boot_ns / SECOND)
        }
        other => panic!("{other:?}"),
    };
    table.take_news(now * SECOND).into_iter().map(fact).collect()
}

/// Lets the table look up whatever is due at this second, with the same answer for all; tells how many that were.
fn look_up(table: &mut Table, now: u64, answer: &Answered) -> usize {
    let mut count = 0;
    while let Some(name) = table.take_due(now * SECOND) {
        table.answered(&name, answer.clone(), now * SECOND, 1.0);
        count += 1;
    }
    count
}

/// Scenario: a name that resolves, first to one address and then to two. Guarantees: it is looked up at once, each answer is told
/// once and with an end, and the second in place of the first.
#[test]
fn answers_are_told_when_they_change() {
    let mut table = wanting(&["db.test"]);
    assert_eq!(look_up(&mut table, 100, &addresses(&[7])), 1);
    assert_eq!(told(&mut table, 100), [("db.test".to_owned(), vec![7], 280)]);
    assert_eq!(told(&mut table, 101), []);
    assert_eq!(look_up(&mut table, 109, &addresses(&[7])), 0, "it is not due yet");
    assert_eq!(look_up(&mut table, 110, &addresses(&[9, 7, 9])), 1);
    assert_eq!(told(&mut table, 110), [("db.test".to_owned(), vec![7, 9], 290)]);
}

/// Scenario: a name that stays the same for an hour. Guarantees: lookups get rarer and are never further apart than a minute; what is
/// told holds without a gap, and is not told at each lookup.
#[test]
fn what_stays_the_same_is_told_before_its_end() {
    let mut table = wanting(&["db.test"]);
    let (mut lookups, mut tellings, mut holds_until) = (0, 0, u64::MAX);
    for now in 0..3_600 {
        lookups += look_up(&mut table, now, &addresses(&[7]));
        for (_, _, until) in told(&mut table, now) {
            tellings += 1;
            holds_until = until;
        }
        assert!(holds_until >= now + 60, "a gap at {now}");
    }
    assert!((60..=64).contains(&lookups) && tellings <= lookups, "{lookups} lookups, {tellings} told");
}

/// Scenario: a name that resolves and then does no more. Guarantees: the answer is not told again, so that it ends; lookups get rarer, and
/// the first that succeeds is told though it is the old answer.
#[test]
fn what_resolves_no_more_ends() {
    let mut table = wanting(&["db.test"]);
    look_up(&mut table, 0, &addresses(&[7]));
    assert_eq!(told(&mut table, 0).len(), 1);
    let mut lookups = 0;
    for now in 1..2_000 {
        lookups += look_up(&mut table, now, &None);
        assert_eq!(told(&mut table, now), [], "at {now}");
    }
    assert!((6..=12).contains(&lookups), "{lookups}");
    assert_eq!(table.counts(2_000 * SECOND).resolved, 0);
    assert_eq!(look_up(&mut table, 3_000, &addresses(&[7])), 1);
    assert_eq!(told(&mut table, 3_000), [("db.test".to_owned(), vec![7], 3_180)]);
}

/// Scenario: a plan with a name twice, names that no host can have, and more names than are looked up; then a plan with few. Guarantees:
/// the first 512 that are possible are wanted, each of the others is told with a reason, and the next plan starts afresh.
#[test]
fn names_are_bounded_and_what_is_left_out_is_told() {
    let many: Vec<String> = (0..MAX_NAMES).map(|number| format!("host-{number}.test")).collect();
    let mut table = Table::default();
    let long = "x".repeat(MAX_NAME_BYTES + 1);
    let bad = ["", "two words", "tab\t.test", "nul\0", "ünicode.test", &long];
    table.want([of(&["first.test", "first.test"]), of(&bad), many].concat());
    assert_eq!(table.wanted().len(), MAX_NAMES);
    assert!(table.wanted().contains(&"first.test".to_owned()));
    let refused: Vec<_> = table.refused().iter().map(|refused| &*refused.name).collect();
    assert_eq!(refused, [&bad[..], &["host-511.test"]].concat());
    assert!(table.refused()[0].reason.contains("no host") && table.refused()[6].reason.contains("512 names"));
    table.want((0..10_000).map(|number| format!("{number} {number}")).collect());
    assert_eq!((table.wanted().len(), table.refused().len()), (0, MAX_REFUSED));
    table.want(of(&["a_1.test", "::1", "10.0.0.1"]));
    assert_eq!((table.wanted().len(), table.refused().len()), (3, 0));
}

/// Scenario: a second plan that wants one name still, one no more and one anew, while a lookup of the second is under way. Guarantees: the
/// first keeps its answer and time, the second is not told, the third is looked up at once.
#[test]
fn a_new_plan_keeps_what_is_known() {
    let mut table = wanting(&["a.test", "b.test"]);
    let is_due = |table: &mut Table| table.take_due(SECOND);
    assert_eq!((is_due(&mut table), is_due(&mut table)), (Some("a.test".into()), Some("b.test".into())));
    assert_eq!(is_due(&mut table), None);
    table.answered("a.test", addresses(&[1]), SECOND, 1.0);
    table.want(of(&["a.test", "c.test"]));
    table.answered("b.test", addresses(&[2]), SECOND, 1.0);
    assert_eq!(told(&mut table, 1), [("a.test".to_owned(), vec![1], 181)]);
    assert_eq!((is_due(&mut table), is_due(&mut table)), (Some("c.test".into()), None));
    table.forget_told();
    assert_eq!(told(&mut table, 2), [("a.test".to_owned(), vec![1], 181)]);
}

/// Scenario: a lookup that never comes back. Guarantees: the name is looked up again after a while.
#[test]
fn a_lost_lookup_is_made_again() {
    let mut table = wanting(&["a.test"]);
    assert!(table.take_due(SECOND).is_some());
    assert_eq!(table.take_due(500 * SECOND), None);
    assert!(table.take_due(601 * SECOND).is_some());
}

/// Scenario: IPv4 addresses in both notations, many addresses, none. Guarantees: they are told as IPv4, those that are first in order are
/// kept, and no address is no answer.
#[test]
fn addresses_are_told_as_engines_have_them() {
    let mut table = wanting(&["a.test", "b.test", "c.test"]);
    let mapped =
        vec!["::ffff:192.0.2.1".parse().unwrap(), "192.0.2.1".parse().unwrap(), "::1".parse().unwrap()];
    table.answered("a.test", Some(mapped), SECOND, 1.0);
    let many = (0..1_000_u32).rev().map(|number| IpAddr::from(number.to_be_bytes()));
    table.answered("b.test", Some(many.collect()), SECOND, 1.0);
    table.answered("c.test", Some(Vec::new()), SECOND, 1.0);
    let facts: Vec<NamesFact> = table
        .take_news(SECOND)
        .into_iter()
        .map(|fact| match fact.kind {
            Some(Kind::Names(names)) => names,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(facts[0].ips.iter().map(Vec::len).collect::<Vec<_>>(), [4, 16]);
    assert_eq!((facts[1].ips.len(), &facts[1].ips[0][..]), (MAX_ADDRESSES, &[0, 0, 0, 0][..]));
    assert_eq!(facts.len(), 2);
    assert_eq!(table.counts(SECOND), NameCounts { wanted: 3, resolved: 2, failed_lookups: 1 });
}

proptest! {
    /// Scenario: any order of plans, lookups, answers, failures and time that passes. Guarantees: bounds hold, nothing is looked up that is
    /// not wanted, what is told holds beyond its telling, and is never told again unchanged.
    #[test]
    fn any_order_keeps_the_bounds(steps in proptest::collection::vec((0..5_u8, 0..6_u8, 0..90_u64), 0..120)) {
        let mut table = Table::default();
        let (mut now, mut last) = (0, BTreeMap::new());
        for (step, which, seconds) in steps {
            let name = format!("{which}.test");
            match step {
                0 => {
                    table.want((0..which).map(|number| format!("{number}.test")).collect());
                    last.retain(|name, _| table.wanted().contains(name));
                }
                1 => now += seconds,
                2 => table.answered(&name, None, now * SECOND, 0.75),
                3 => table.answered(&name, addresses(&[which]), now * SECOND, 1.25),
                _ => {
                    if let Some(due) = table.take_due(now * SECOND) {
                        prop_assert!(table.wanted().contains(&due));
                    }
                }
            }
            for (name, octets, until) in told(&mut table, now) {
                prop_assert!(until >= now && !octets.is_empty());
                let before = last.insert(name, (octets.clone(), until));
                prop_assert!(before != Some((octets, until)));
            }
            prop_assert!(table.wanted().len() <= 6);
        }
    }
}
