//! Warnings about what rules say.

use super::{assert_warning, listed, loaded, rule, warned};
use crate::{Code, Severity};

/// Scenario: one thing to warn of in each file. Guarantees: it is warned of under Falco's code, and the rules can be used.
#[test]
fn warnings_have_falcos_codes() {
    let open = rule("r", "evt.type=open");
    for (file, code) in [
        (rule("r", "evt.type=open and proc.name=proc.pname"), Code::LoadCompileCondition),
        (rule("r", "evt.type=open and proc.name='tolower( x)'"), Code::LoadCompileCondition),
        (rule("r", "evt.type=open and proc.name regex .*x"), Code::LoadCompileCondition),
        (rule("r", "evt.type=open and ka.user.name = <NA>"), Code::LoadUnsafeNaCheck),
        (rule("r", "'evt.type=open and evt.dir=<'"), Code::LoadDeprecatedItem),
        (open.replace("%proc.name", "%evt.dir"), Code::LoadDeprecatedItem),
    ] {
        let found = loaded(&[&file]).diagnostics;
        assert!(found.iter().any(|warning| warning.code == code), "{file}: {}", listed(&found));
        assert!(found.iter().all(|warning| warning.severity == Severity::Warning));
    }
}

/// Scenario: warnings of conditions, outputs and rules as wholes. Guarantees: each is about what Falco says that it is about.
#[test]
fn warnings_have_falcos_steps() {
    let open = rule("r", "evt.type=open");
    let many = "Rule matches too many evt.type values. This has a significant performance penalty.";
    assert_warning(&[&rule("r", "proc.name=x")], Code::LoadNoEvttype, many, "rule 'r'");
    assert!(loaded(&[&(rule("r", "proc.name=x") + "  warn_evttypes: false\n")]).diagnostics.is_empty());
    let info = warned(&[&open.replace("%proc.name", "%container.info")], Code::LoadDeprecatedItem);
    assert_eq!(info[0].1, "rule 'r'");
    let in_output = warned(&[&open.replace("%proc.name", "%evt.dir")], Code::LoadDeprecatedItem);
    assert_eq!(in_output[0].1, "rule 'r' > rule output");
    let in_condition = warned(&[&rule("r", "'evt.type=open and evt.dir=<'")], Code::LoadDeprecatedItem);
    assert_eq!(in_condition[0].1, "rule 'r' > rule condition");
    let compiled =
        warned(&[&rule("r", "evt.type=open and proc.name=proc.pname")], Code::LoadCompileCondition);
    assert_eq!(compiled[0].1, "rule 'r' > rule condition > condition expression");
}
