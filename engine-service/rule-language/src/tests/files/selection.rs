//! Falco's `rules:` and `priority:` settings.

use super::{loaded, rule};
use crate::{Priority, RuleSelector, Selection};

/// Scenario: selections by name and tag after each other, and a minimum priority. Guarantees: they apply in order, and then the
/// priority does.
#[test]
fn selections_apply_in_order() {
    let file = rule("aa", "evt.type=open")
        + "  tags: [t]\n"
        + &rule("ab", "evt.type=open")
        + &rule("b", "evt.type=open").replace("INFO", "DEBUG");
    let mut set = loaded(&[&file]).rule_set;
    let name = |pattern: &str| RuleSelector::Name(pattern.to_owned());
    let selections = [
        Selection { enable: false, rules: name("a*") },
        Selection { enable: true, rules: RuleSelector::Tag("t".to_owned()) },
    ];
    set.select(&selections, Priority::Informational);
    let enabled: Vec<_> = set.rules.iter().map(|rule| rule.enabled).collect();
    assert_eq!(enabled, [true, false, false]);
}

/// Scenario: all rules switched off and one on again, which its file has off, too. Guarantees: settings win over files.
#[test]
fn settings_win_over_files() {
    let file = rule("a", "evt.type=open") + "  enabled: false\n" + &rule("b", "evt.type=open");
    let mut set = loaded(&[&file]).rule_set;
    let select = |enable, pattern: &str| Selection { enable, rules: RuleSelector::Name(pattern.to_owned()) };
    set.select(&[select(false, "*"), select(true, "a")], Priority::Debug);
    let enabled: Vec<_> = set.rules.iter().map(|rule| rule.enabled).collect();
    assert_eq!(enabled, [true, false]);
}
