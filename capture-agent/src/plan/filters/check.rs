//! What no plan may have: it is refused whole, since nobody can say what was meant.

use eyrie_proto::capture::{
    ArgumentFilter, CallFilter, CallOutcome, CallPlan, CapturePlan, ContainerScope, NetworkEnd,
    NetworkFilter, PathFilter, PathSubject,
};
use prost::Message as _;

/// More than a message of the stream may have, and so a bound for all that is made of a plan.
pub(in crate::plan) const PLAN_BYTES_MAX: usize = 1 << 20;
/// Conditions of all calls together: what is made of one may be sixteen clauses.
pub(in crate::plan) const CONDITIONS_MAX: usize = 16_384;
/// Registers that arguments are in.
const ARGUMENTS: u32 = 6;
const MILLION: u32 = 1_000_000;

/// The first thing that is wrong, and where.
pub(in crate::plan) fn check(plan: &CapturePlan) -> Result<(), String> {
    let bytes = plan.encoded_len();
    if bytes > PLAN_BYTES_MAX {
        return Err(format!("the plan has {bytes} bytes, which are more than {PLAN_BYTES_MAX}"));
    }
    let conditions: usize = plan.calls.iter().map(|call| call.any_of.len()).sum();
    if conditions > CONDITIONS_MAX {
        return Err(format!(
            "{conditions} conditions are more than the {CONDITIONS_MAX} that a plan may have"
        ));
    }
    if plan.verify_sample_ppm > MILLION {
        return Err(format!("{} parts per million are more than all", plan.verify_sample_ppm));
    }
    plan.calls.iter().try_for_each(check_call)
}

fn check_call(call: &CallPlan) -> Result<(), String> {
    for (index, filter) in call.any_of.iter().enumerate() {
        check_filter(filter)
            .map_err(|problem| format!("{}, condition {}: {problem}", call.event_type, index + 1))?;
    }
    Ok(())
}

fn check_filter(filter: &CallFilter) -> Result<(), String> {
    is_known::<CallOutcome>(filter.outcome, "outcome")?;
    is_known::<ContainerScope>(filter.container_scope, "container scope")?;
    filter.arguments.iter().try_for_each(check_argument)?;
    filter.open_flags.iter().try_for_each(|flags| check_mask(flags.mask))?;
    filter.paths.iter().try_for_each(check_path)?;
    filter.networks.iter().chain(&filter.outside_networks).try_for_each(check_network)
}

fn is_known<T: TryFrom<i32>>(value: i32, what: &str) -> Result<(), String> {
    T::try_from(value).map(drop).map_err(|_| format!("there is no {what} {value}"))
}

fn check_argument(argument: &ArgumentFilter) -> Result<(), String> {
    if argument.index >= ARGUMENTS {
        return Err(format!("there is no argument {}: the last one is {}", argument.index, ARGUMENTS - 1));
    }
    check_mask(argument.mask)
}

/// What is masked with nothing is nothing, so that no test of it can be meant.
fn check_mask(mask: u64) -> Result<(), String> {
    if mask == 0 { Err("a mask is zero".to_owned()) } else { Ok(()) }
}

fn check_path(path: &PathFilter) -> Result<(), String> {
    is_known::<PathSubject>(path.subject, "path")?;
    if path.kind.is_none() { Err("a test of a path says not for what".to_owned()) } else { Ok(()) }
}

fn check_network(network: &NetworkFilter) -> Result<(), String> {
    is_known::<NetworkEnd>(network.end, "end of a connection")?;
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
