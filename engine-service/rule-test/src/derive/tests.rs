//! Derived cases and mutation on small rules.

use crate::{
    Search,
    fixture::{cases, rule, rules},
    mutation::{Options, Outcome, RuleReport, mutate},
};

fn report(rules_text: &str, cases_text: &str, derive: bool) -> RuleReport {
    let (rules, files) = (rules(rules_text), [cases(cases_text)]);
    let options = Options { is_case_wanted: &|_| true, is_rule_wanted: &|_| true, derive };
    let mut seen = Vec::new();
    let mut reports = mutate(&rules, &files, options, &mut |rule| seen.push(rule.to_owned()));
    assert_eq!((reports.len(), seen.len()), (1, 1));
    reports.remove(0)
}

const OPENED: &str = "
cases: [{name: c, events: [{evt.type: openat, fd.name: /etc/shadow, proc.cmdline: cat -n /etc/shadow, user.uid: 0}], expect: [R]}]
";

/// Scenario: each operator, in a rule that a single case fires. Guarantees: for each comparison an event is found in which it decides,
/// the rule does there as its logic says, and no mutant survives; without derived cases the deleted ones do.
#[test]
fn each_operator_is_flipped() {
    for leaf in [
        "proc.name = cat",
        "proc.name != login",
        "fd.name in (/etc/shadow, /etc/sudoers)",
        "fd.name startswith /etc/",
        "fd.name endswith shadow",
        "fd.name contains shad",
        "fd.name icontains SHAD",
        "fd.name glob /etc/s*",
        "fd.name iglob /ETC/S*",
        "fd.name pmatch (/etc)",
        "fd.directory = /etc",
        "fd.filename = shadow",
        "proc.args contains \"-n \"",
        "proc.cmdline startswith \"cat -n\"",
        "proc.pname exists",
        "proc.aname[2] = systemd",
        "proc.aname in (systemd)",
        "user.uid = 0",
        "user.uid < 10",
        "user.name = root",
        "evt.is_open_read = true",
        "evt.arg.flags contains O_RDONLY",
        "evt.rawres >= 0",
        "evt.res = SUCCESS",
        "fd.num >= 0",
        "fd.typechar = f",
        "container.id = host",
        "proc.tty = 0",
        "thread.cap_effective contains CAP_SYS_ADMIN",
        "not proc.env contains SECRET",
        "not fd.name startswith anyof (/proc, /sys)",
        "not k8s.ns.name exists",
    ] {
        let rules = rule("R", &format!("evt.type = openat and {leaf}"));
        let written = report(&rules, OPENED, false);
        assert_eq!(written.leaves[1].deleted, Outcome::Survived, "{leaf}");
        assert_eq!(written.leaves[1].negated, Outcome::Killed, "{leaf}");
        let derived = report(&rules, OPENED, true);
        let own = &derived.leaves[1];
        let Some(Search::Found(found)) = &own.derived else { panic!("{leaf}: {own:#?}") };
        assert!(!found.should_fire && !found.fired, "{leaf}: {found:#?}");
        assert_eq!(derived.survivors().count(), 0, "{leaf}: {derived:#?}");
        assert_eq!(derived.score(false).percent(), 100.0);
    }
}

/// Scenario: comparisons of connections. Guarantees: as for files.
#[test]
fn connections_are_flipped() {
    let connected = "
cases: [{name: c, events: [{evt.type: connect, fd.sip: 198.51.100.7, fd.sport: 443, fd.sip.name: c2.example.org}], expect: [R]}]
";
    for leaf in [
        "fd.sip = 198.51.100.7",
        "fd.snet in (\"198.51.100.0/24\")",
        "not fd.snet in (\"10.0.0.0/8\", \"127.0.0.0/8\")",
        "fd.sport = 443",
        "fd.sport in (443, 8443)",
        "fd.l4proto = tcp",
        "fd.type in (ipv4, ipv6)",
        "fd.typechar = 4",
        "fd.sip.name = c2.example.org",
        "fd.ip != 0.0.0.0",
        "fd.name contains 198.51",
        "fd.sockfamily = ip",
    ] {
        let report = report(&rule("R", &format!("evt.type = connect and {leaf}")), connected, true);
        assert_eq!(report.survivors().count(), 0, "{leaf}: {report:#?}");
    }
}

/// Scenario: alternatives, of which the case takes the first. Guarantees: for each of the others a case is derived that fires by it
/// alone, and the rule does fire.
#[test]
fn alternatives_are_taken_one_by_one() {
    let condition = "evt.type = openat and (fd.name = /etc/shadow or fd.name startswith /etc/sudoers.d/ or proc.name = stealer)";
    let report = report(&rule("R", condition), OPENED, true);
    for leaf in &report.leaves[2..] {
        let Some(Search::Found(found)) = &leaf.derived else { panic!("{leaf:#?}") };
        assert!(found.should_fire && found.fired, "{found:#?}");
    }
    assert_eq!(report.survivors().count(), 0, "{report:#?}");
}

/// Scenario: a comparison that another one implies, one that always says the same, and one that an exception brings. Guarantees: the
/// first cannot be made to decide, which is told, and its mutants survive; the second is no mutant; the third counts apart.
#[test]
fn what_cannot_decide_is_told() {
    let condition =
        "evt.type = openat and fd.name startswith /etc/ and fd.name startswith /e and not evt.num = 0";
    let text = rule("R", condition)
        + "  exceptions:\n  - {name: e, fields: [proc.name], comps: [=], values: [[backup]]}\n";
    let report = report(&text, OPENED, true);
    let [_, _, implied, constant, exception] = report.leaves.as_slice() else { panic!("{report:#?}") };
    assert!(
        matches!(&implied.derived, Some(Search::NotFound(reason)) if reason.contains("fd.name")),
        "{implied:#?}"
    );
    assert_eq!((implied.deleted, implied.negated), (Outcome::Survived, Outcome::Killed));
    assert_eq!((constant.deleted, constant.negated), (Outcome::Equivalent, Outcome::Killed));
    assert!(exception.is_exception() && !implied.is_exception());
    assert_eq!((report.score(true).all, report.score(false).all), (2, 7));
}
