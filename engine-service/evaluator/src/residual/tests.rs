//! What is left of a match says the same later as the whole would.

use eyrie_proto::metadata::{Completeness, Container, Image};
use fields::{ContainerView, EventView};
use proptest::prelude::*;
use prost::Message as _;
use rule_language::{FieldAddition, OutputAddition, Source, append_outputs};

use super::{Residual, ResidualError, ResidualRecord, record::PartRecord};
use crate::{
    CompiledRuleSet, Matching, RuleMatch, Truth,
    fixture::{host_with_container, open, view},
};

const LEAVES: [&str; 9] = [
    "container.name = web",
    "container.name startswith we",
    "container.image.repository in (nginx, docker.io/nginx)",
    "container.image exists",
    "tolower(container.name) = web",
    "container.label[app] = \"a b\"",
    "container.privileged = true",
    "proc.name = cat",
    "fd.name = /nowhere",
];

fn rules(condition: &str, output: &str) -> CompiledRuleSet {
    let text =
        format!("- rule: r\n  desc: d\n  condition: '{condition}'\n  output: '{output}'\n  priority: INFO\n");
    let source = Source { name: "test.yaml".to_owned(), text };
    let mut loaded = rule_language::load(&[source], fields::catalogue())
        .unwrap_or_else(|error| panic!("{condition}: {:?}", error.diagnostics));
    let formatted = |name: &str, text: &str| {
        FieldAddition::Formatted([(name.to_owned(), text.to_owned())].into_iter().collect())
    };
    let extra_fields = vec![
        FieldAddition::Raw("container.privileged".to_owned()),
        FieldAddition::Raw("proc.pname".to_owned()),
        formatted("who", "%proc.name in %6container.name"),
        // By the name of a field that is in the message.
        formatted("container.image.repository", "text"),
    ];
    let addition = OutputAddition { extra_fields, ..OutputAddition::default() };
    append_outputs(&mut loaded.rule_set, &[addition], fields::catalogue()).unwrap();
    CompiledRuleSet::new(loaded.rule_set, fields::catalogue()).unwrap()
}

fn evaluate(rules: &CompiledRuleSet, view: &EventView<'_>) -> Option<RuleMatch> {
    let mut matches = Vec::new();
    rules.evaluate(view, Matching::First, &mut matches);
    matches.pop()
}

fn container(name: &str, repository: &str, app: Option<&str>, privileged: Option<bool>) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(Image { repository: repository.to_owned(), ..Image::default() }),
        labels: app.map(|app| ("app".to_owned(), app.to_owned())).into_iter().collect(),
        is_privileged: privileged,
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(&LEAVES[..]).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts.clone().prop_map(|parts| format!("({})", parts.join(" and "))),
            parts.prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

proptest! {
    /// Scenario: any condition over a container and the rest of an event, evaluated before the container is known; what is
    /// left is stored, read, and decided once it is. Guarantees: it decides as the whole condition would have with the
    /// container known, its message and values are the same, and a condition that was decided at once stays so.
    #[test]
    fn what_is_left_decides_like_the_whole(
        condition in condition(),
        name in prop::sample::select(vec!["web", "db", ""]),
        repository in prop::sample::select(vec!["nginx", "redis", ""]),
        app in prop::sample::select(vec![None, Some("a b"), Some("c")]),
        privileged: Option<bool>,
    ) {
        let output = "%proc.name in %10container.name| of %container.image.repository %toupper(container.name)";
        let (rules, event, host) = (rules(&condition, output), open(b"/etc/shadow"), host_with_container());
        let container = container(name, repository, app, privileged);
        let before = EventView { container: ContainerView::Unknown, ..view(&event, &host) };
        let after = EventView { container: ContainerView::Known(&container), ..view(&event, &host) };
        let (early, whole) = (evaluate(&rules, &before), evaluate(&rules, &after));
        let Some(early) = early else {
            prop_assert_eq!(whole, None);
            return Ok(());
        };
        let residual = early.residual.unwrap();
        let stored = residual.record().encode_to_vec();
        let residual = Residual::restore(ResidualRecord::decode(&*stored).unwrap()).unwrap();
        let truth = residual.truth(&after, &mut Vec::new());
        prop_assert_eq!(truth, Truth::from(whole.is_some()));
        if early.truth == Truth::True {
            prop_assert_eq!(truth, Truth::True);
        }
        if let Some(whole) = whole {
            let mut unknown = Vec::new();
            let (message, gaps) = residual.fill(&after, &mut unknown);
            prop_assert_eq!(message, whole.message);
            prop_assert!(unknown.is_empty());
            let filled: crate::OutputFields = early.output_fields.into_iter().chain(gaps).collect();
            prop_assert_eq!(filled, whole.output_fields);
        }
    }
}

/// Scenario: a match whose unknown value is mixed with one that only the event knows, in the condition or in the output.
/// Guarantees: it is said that it cannot wait, instead of guessing later; where another part decides, it waits.
#[test]
fn what_needs_the_event_does_not_wait() {
    let (event, host) = (open(b"/etc/shadow"), host_with_container());
    let view = EventView { container: ContainerView::Unknown, ..view(&event, &host) };
    let residual =
        |condition: &str, output: &str| evaluate(&rules(condition, output), &view).unwrap().residual;
    assert_eq!(residual("concat(proc.name, container.name) = catweb", "x"), None);
    assert_eq!(residual("container.name = val(proc.name)", "x"), None);
    assert_eq!(residual("proc.name = cat", "%concat(proc.name, container.name)"), None);
    let decided = "(concat(proc.name, container.name) = x and proc.name = dog) or container.name = web";
    assert!(residual(decided, "x").is_some());
}

/// Scenario: a decided message; records with nothing in them, and with text that is no comparison. Guarantees: the message
/// comes back, and what cannot be read is an error that shows it.
#[test]
fn records_are_checked() {
    let (event, host) = (open(b"/etc/shadow"), host_with_container());
    let decided = Residual::restore(Residual::decided("100 %".to_owned()).record().clone()).unwrap();
    let view = view(&event, &host);
    assert_eq!(decided.truth(&view, &mut Vec::new()), Truth::True);
    assert_eq!(decided.fill(&view, &mut Vec::new()).0, "100 %");
    let empty = ResidualRecord { parts: vec![PartRecord::default()], ..ResidualRecord::default() };
    assert!(matches!(Residual::restore(empty), Err(ResidualError::UnknownKind)));
    let gap = ResidualRecord { parts: vec![PartRecord::gap("no.field".to_owned(), 0)], ..Default::default() };
    assert!(Residual::restore(gap).unwrap_err().to_string().contains("%no.field"));
}
