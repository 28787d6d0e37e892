//! The store against a list that is searched from end to end.

use proptest::prelude::*;

use super::*;

/// What a test does to the store.
#[derive(Clone, Debug)]
enum Step {
    /// A container is told of.
    State { cgroup_id: u64, birth_ns: u64 },
    /// A container ended.
    Remove { cgroup_id: u64, birth_ns: u64, after_ns: u64 },
}

/// One life of a control group.
#[derive(Clone, Debug)]
struct Life {
    name: ContainerName,
    until_ns: u64,
}

/// All lives, in no order.
#[derive(Debug, Default)]
struct Model(Vec<Life>);

impl Model {
    fn end(&mut self, name: &ContainerName, until_ns: u64) {
        if !self.0.iter().any(|life| life.name == *name) {
            self.0.push(Life { name: name.clone(), until_ns: u64::MAX });
        }
        for life in self.0.iter_mut().filter(|life| life.name == *name) {
            life.until_ns = life.until_ns.min(until_ns);
        }
    }

    /// The one life that was at a moment: begun, not ended, and not followed by another yet.
    fn at(&self, cgroup_id: u64, as_of_ns: u64) -> Option<&Life> {
        let begun = |life: &&Life| life.name.cgroup_id == cgroup_id && life.name.birth_ns <= as_of_ns;
        let last = self.0.iter().filter(begun).max_by_key(|life| life.name.birth_ns)?;
        (as_of_ns < last.until_ns).then_some(last)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let ids = (1..4_u64, 1..8_u64);
    prop_oneof![
        ids.clone().prop_map(|(cgroup_id, birth)| Step::State { cgroup_id, birth_ns: birth * 10 }),
        (ids, 0..60_u64).prop_map(|((cgroup_id, birth), after_ns)| Step::Remove {
            cgroup_id,
            birth_ns: birth * 10,
            after_ns
        }),
    ]
}

/// A runtime id is never given twice, so it follows from the control group's life.
fn of(cgroup_id: u64, birth_ns: u64) -> ContainerName {
    name(cgroup_id, birth_ns, &format!("{cgroup_id}-{birth_ns}"))
}

async fn compare(steps: Vec<Step>) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let (scope, mut model) = (origin("o"), Model::default());
    let mut statements = Vec::new();
    for step in steps {
        match step {
            Step::State { cgroup_id, birth_ns } => {
                let name = of(cgroup_id, birth_ns);
                model.end(&name, u64::MAX);
                statements.push(stated(&name, &name.runtime_id));
            }
            Step::Remove { cgroup_id, birth_ns, after_ns } => {
                let name = of(cgroup_id, birth_ns);
                model.end(&name, birth_ns + after_ns);
                statements.push(stated(&name, &name.runtime_id));
                statements.push(removed(&name, birth_ns + after_ns));
            }
        }
    }
    apply(&store, &scope, statements).await;
    for cgroup_id in 1..4 {
        for as_of_ns in 1..150 {
            let expected = model.at(cgroup_id, as_of_ns).map(|life| life.name.runtime_id.clone());
            let by_group = find(&store, &scope, &name(cgroup_id, 0, ""), as_of_ns).await;
            assert_eq!(found(&by_group), expected, "cgroup {cgroup_id} as of {as_of_ns}: {by_group:?}");
            let Some(life) = model.at(cgroup_id, as_of_ns) else { continue };
            for asked in [life.name.clone(), name(0, 0, &life.name.runtime_id)] {
                assert_eq!(found(&find(&store, &scope, &asked, as_of_ns).await), expected, "{asked:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Scenario: any births and ends of a few control groups, in any order. Guarantees: at every moment every question has the
    /// answer of the list.
    #[test]
    fn intervals_are_those_of_a_plain_list(steps in proptest::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(steps));
    }
}
