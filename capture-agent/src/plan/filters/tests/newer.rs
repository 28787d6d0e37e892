//! Plans of an engine that knows more than this agent.

use prost::Message as _;

use super::*;

/// A field of a message that has a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).ok().filter(|length| *length < 0x80).unwrap();
    [&[number << 3 | 2, length], bytes].concat()
}

/// Scenario: the bytes of a plan with a kind of test of paths that does not exist yet, beside one that does, each in a condition on the outcome.
/// Guarantees: the plan is taken; the condition with it has no test of paths, and says so, and the other one has its own.
#[test]
fn an_unknown_kind_of_test_is_left_out() {
    let known = field(1, b"/etc/");
    let unknown = field(15, b"anything");
    let failed: &[u8] = &[1 << 3, 2];
    let succeeded: &[u8] = &[1 << 3, 1];
    let with_both = [failed, &field(3, &known), &field(3, &unknown)].concat();
    let with_known = [succeeded, &field(3, &known)].concat();
    let call = [field(1, b"unlink"), field(2, &with_both), field(2, &with_known)].concat();
    let plan = CapturePlan::decode(&*[&[1 << 3, 7], &*field(3, &call)].concat()).unwrap();
    let paths: Vec<_> = plan.calls[0].any_of.iter().map(|filter| filter.paths.len()).collect();
    assert_eq!(paths, [2, 1]);

    let (compiled, answer) = compile(plan, &initial_settings(0));
    assert_eq!(answer.failure, "");
    let effective = &answer.effective.unwrap().calls[0].any_of;
    let of = |outcome: CallOutcome| effective.iter().find(|filter| filter.outcome() == outcome).unwrap();
    assert_eq!(of(CallOutcome::Failed).paths, []);
    assert_eq!(of(CallOutcome::Succeeded).paths, [prefix("/etc/")]);
    let made = compiled.unwrap().filters.native.get(&numbers("unlink").0.unwrap()).cloned().unwrap();
    assert_eq!(made.clauses.len(), 2);
}

/// Scenario: conditions with an outcome, a container scope, a path of a call and an end of a connection that do not exist yet, beside a test of the
/// result. Guarantees: the test with the new name is left out, with the others of its list, and the answer shows the condition without it.
#[test]
fn unknown_names_are_left_out() {
    let any = CallFilter { results: vec![-1], ..CallFilter::default() };
    let of_new_end =
        || vec![NetworkFilter { end: 3, ..network(&[10, 0, 0, 1], 32, (0, 65_535), NetworkEnd::Local) }];
    let with_known = |mut networks: Vec<NetworkFilter>| {
        networks.push(network(&[10, 0, 0, 2], 32, (0, 65_535), NetworkEnd::Local));
        networks
    };
    let cases = [
        ("unlink", CallFilter { outcome: 9, ..any.clone() }),
        ("unlink", CallFilter { container_scope: 9, ..any.clone() }),
        (
            "unlink",
            CallFilter {
                paths: vec![prefix("/a"), PathFilter { subject: 2, ..prefix("/b") }],
                ..any.clone()
            },
        ),
        ("connect", CallFilter { networks: with_known(of_new_end()), ..any.clone() }),
        ("connect", CallFilter { outside_networks: with_known(of_new_end()), ..any.clone() }),
    ];
    for (name, filter) in cases {
        let (made, effective) = of_one(name, vec![filter.clone()]);
        assert_eq!(effective, std::slice::from_ref(&any), "{filter:?}");
        assert_eq!(made.unwrap().clauses.len(), 1, "{filter:?}");
    }
}
