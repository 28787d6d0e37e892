//! A state that is taken out at any event and put into another model.

use eyrie_proto::event::{Event, ProcessState};
use proptest::prelude::*;
use prost::Message;

use super::{arbitrary, *};

/// All that can be read of the processes: their states, chains and containers.
fn processes(model: &HostModel) -> Vec<(ProcessState, Vec<u32>, Vec<u32>, String)> {
    let read = |state: ProcessState| {
        let process = model.process(state.process.unwrap_or_default().pid);
        let ancestors = process.into_iter().flat_map(|process| model.ancestors(process));
        let ancestors = ancestors.map(|ancestor| ancestor.key().pid).collect();
        let children = process.into_iter().flat_map(|process| model.children(process.key().pid));
        let children = children.map(|child| child.key().pid).collect();
        let container = process.map(|process| model.container_id(process));
        (state, ancestors, children, format!("{container:?}"))
    };
    model.base_state().map(read).collect()
}

/// What fields read of the times of events.
fn times(model: &HostModel) -> (Option<u64>, Option<u64>) {
    (model.first_event_boot_ns(), model.previous_event_boot_ns())
}

/// The state as the wire carries it, in parts.
fn restored(model: &HostModel, limits: Limits, part: usize) -> HostModel {
    let wire = |state: ProcessState| ProcessState::decode(&*state.encode_to_vec()).unwrap();
    let states: Vec<ProcessState> = model.base_state().map(wire).collect();
    let facts: Vec<Event> =
        model.base_facts().map(|fact| Event::decode(&*fact.encode_to_vec()).unwrap()).collect();
    let mut restored = HostModel::new(limits);
    for states in states.chunks(part) {
        restored.restore(states.to_vec(), Vec::new());
    }
    for facts in facts.chunks(part) {
        restored.restore(Vec::new(), facts.to_vec());
    }
    restored
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Scenario: any sequence of events, cut anywhere; the state goes over the wire in parts into an empty model, which
    /// gets the rest. Guarantees: before every further event, and after the last, it reads exactly as the model that
    /// was never interrupted.
    #[test]
    fn a_restored_model_carries_on_exactly(
        events in arbitrary::events(),
        limits in arbitrary::limits(),
        cut in any::<prop::sample::Index>(),
        part in 1..5usize,
    ) {
        let (before, rest) = events.split_at(cut.index(events.len() + 1));
        let mut whole = HostModel::new(limits);
        before.iter().for_each(|event| whole.apply(event));
        let mut resumed = restored(&whole, limits, part);
        prop_assert_eq!(processes(&resumed), processes(&whole));
        prop_assert_eq!(resumed.first_event_boot_ns(), whole.first_event_boot_ns());
        for event in rest {
            whole.apply(event);
            resumed.apply(event);
            prop_assert_eq!(times(&resumed), times(&whole));
            prop_assert_eq!(processes(&resumed), processes(&whole), "after {:?}", event);
            prop_assert!(resumed.base_facts().eq(whole.base_facts()));
        }
    }

    /// Scenario: any sequence of events, twice. Guarantees: two models of them are the same in all that they hold, also in what they would ask for
    /// and have given up: nothing depends on chance or on the order of a hash map.
    #[test]
    fn the_same_events_make_the_same_model(events in arbitrary::events(), limits in arbitrary::limits()) {
        let [one, other] = [(); 2].map(|()| {
            let mut model = HostModel::new(limits);
            events.iter().for_each(|event| model.apply(event));
            model
        });
        prop_assert!(one == other, "{one:?}\n{other:?}");
    }

    /// Scenario: any sequence of events, in which the state goes on to another model again and again, as engines come and go. Guarantees: after
    /// every event it reads as that of the model that was never interrupted.
    #[test]
    fn a_state_is_handed_over_again_and_again(
        events in arbitrary::events(),
        limits in arbitrary::limits(),
        cuts in proptest::collection::vec(proptest::bool::weighted(0.1), 120),
    ) {
        let (mut whole, mut resumed) = (HostModel::new(limits), HostModel::new(limits));
        for (event, is_cut) in events.iter().zip(cuts) {
            if is_cut {
                resumed = restored(&resumed, limits, 3);
            }
            whole.apply(event);
            resumed.apply(event);
            prop_assert_eq!(processes(&resumed), processes(&whole), "after {:?}", event);
            prop_assert!(resumed.base_facts().eq(whole.base_facts()));
        }
    }

    /// Scenario: any sequence of events. Guarantees: the base state ascends by pid, with the living and the last to end
    /// before those that are gone, and names each process once; the limits hold.
    #[test]
    fn a_base_state_is_in_order_and_bounded(events in arbitrary::events(), limits in arbitrary::limits()) {
        let mut model = HostModel::new(limits);
        for event in &events {
            model.apply(event);
            prop_assert!(model.process_count() <= limits.max_processes);
            prop_assert!(model.processes().map(|process| process.threads().len()).sum::<usize>() <= limits.max_threads);
            prop_assert!(model.processes().map(|process| process.key().pid).is_sorted_by(|a, b| a < b));
            prop_assert!(model.processes().all(|process| process.key().pid != 0));
            prop_assert!(model.processes().all(|process| process.parent_pid() != process.key().pid));
        }
        let facts: Vec<Event> = model.base_facts().collect();
        // Three kinds of facts are told here, and losses.
        prop_assert!(facts.len() <= 3 * limits.max_facts + limits.max_recent_losses);
        let bytes = facts.iter().map(Event::encoded_len).sum::<usize>();
        prop_assert!(bytes <= 3 * limits.max_facts_bytes + facts.len() * 64 + 500 * limits.max_recent_losses);
        prop_assert!(model.take_unknown().len() <= limits.max_unknown);
        let order = |state: &ProcessState| (state.phase == 2, state.process.unwrap_or_default().pid);
        prop_assert!(model.base_state().filter(|state| state.phase != 2).map(|state| order(&state)).is_sorted());
        prop_assert!(model.base_state().map(|state| state.phase == 2).is_sorted());
    }
}
