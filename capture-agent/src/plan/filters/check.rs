//! What no plan may have: it is refused whole, since nobody can say what was meant.
//!
//! What an engine that is newer than this agent may mean is not among it: tests and names of a kind that is not known here are left out, which
//! lets more through (`clause`).

use std::collections::HashSet;

use eyrie_proto::capture::{ArgumentFilter, CallFilter, CallPlan, CapturePlan, NetworkFilter};
use prost::Message as _;

/// More than a message of the stream may have, and so a bound for all that is made of a plan.
pub(in crate::plan) const PLAN_BYTES_MAX: usize = 1 << 20;
/// Of the name of an event type: those of calls have half as many at most.
const TYPE_BYTES_MAX: usize = 64;
/// Registers that arguments are in.
const ARGUMENTS: u32 = 6;
const MILLION: u32 = 1_000_000;

/// The first thing that is wrong, and where.
pub(in crate::plan) fn check(plan: &CapturePlan) -> Result<(), String> {
    let bytes = plan.encoded_len();
    if bytes > PLAN_BYTES_MAX {
        return Err(format!("the plan has {bytes} bytes, which are more than {PLAN_BYTES_MAX}"));
    }
    if plan.verify_sample_ppm > MILLION {
        return Err(format!("{} parts per million are more than all", plan.verify_sample_ppm));
    }
    check_types(&plan.calls)?;
    plan.calls.iter().try_for_each(check_call)
}

/// A type that is named again would be answered each time with what is asked for under all its entries.
fn check_types(calls: &[CallPlan]) -> Result<(), String> {
    let mut named = HashSet::with_capacity(calls.len());
    for CallPlan { event_type, .. } in calls {
        let bytes = event_type.len();
        if bytes > TYPE_BYTES_MAX {
            return Err(format!(
                "the name of an event type has {bytes} bytes, which are more than {TYPE_BYTES_MAX}"
            ));
        }
        if !named.insert(event_type) {
            return Err(format!(
                "{event_type} is there twice: an event type has one entry, with all of its conditions"
            ));
        }
    }
    Ok(())
}

fn check_call(call: &CallPlan) -> Result<(), String> {
    for (index, filter) in call.any_of.iter().enumerate() {
        check_filter(filter)
            .map_err(|problem| format!("{}, condition {}: {problem}", call.event_type, index + 1))?;
    }
    Ok(())
}

fn check_filter(filter: &CallFilter) -> Result<(), String> {
    filter.arguments.iter().try_for_each(check_argument)?;
    filter.open_flags.iter().try_for_each(|flags| check_masked("open flags", flags.mask, &flags.values))?;
    filter.networks.iter().chain(&filter.outside_networks).try_for_each(check_network)
}

fn check_argument(argument: &ArgumentFilter) -> Result<(), String> {
    if argument.index >= ARGUMENTS {
        return Err(format!("there is no argument {}: the last one is {}", argument.index, ARGUMENTS - 1));
    }
    check_masked(&format!("argument {}", argument.index), argument.mask, &argument.values)
}

/// What is masked with nothing is nothing, and never a value with bits outside of the mask, so that no test of either can be meant.
fn check_masked(what: &str, mask: u64, values: &[u64]) -> Result<(), String> {
    if mask == 0 {
        return Err(format!("{what}: a mask is zero"));
    }
    match values.iter().find(|value| **value & !mask != 0) {
        Some(value) => Err(format!("{what}: {value:#x} is no value of the mask {mask:#x}")),
        None => Ok(()),
    }
}

fn check_network(network: &NetworkFilter) -> Result<(), String> {
    let bits = match network.ip.len() {
        bytes @ (0 | 4 | 16) => bytes * 8,
        bytes => return Err(format!("an address has {bytes} bytes")),
    };
    let (prefix, first, last) = (network.prefix_length, network.first_port, network.last_port);
    if usize::try_from(prefix).is_ok_and(|prefix| prefix > bits) {
        return Err(format!("a network's prefix has {prefix} bits, and its address {bits}"));
    }
    if first > last || last > u16::MAX.into() {
        return Err(format!("{first} to {last} are no ports"));
    }
    Ok(())
}
