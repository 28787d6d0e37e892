//! Whether a task runs on the host or in a container.
//!
//! Whose container a control group is may still have to be told, or may never be; where it is not known to be the host's, or not known to be a
//! container's, the scopes hold.

use eyrie_proto::capture::{CallFilter, ContainerScope};
use fields::Value;
use rule_language::condition::Literal;

use super::{super::need::Need, leaf::Leaf};

/// What the fields say of a process of the host.
const HOST: &str = "host";

pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    let on_host = match leaf.field.name.as_str() {
        "container.id" | "container.full_id" | "container.type" => Value::bytes(HOST.as_bytes()),
        "container.privileged" | "container.host_pid" | "container.host_network" | "container.host_ipc" => {
            Value::Bool(false)
        }
        _ => return None,
    };
    if !leaf.may_hold(&on_host) {
        return Some(of_scope(ContainerScope::Container));
    }
    let is_host = |literals: &[Literal]| literals.iter().all(|literal| literal.text == HOST.as_bytes());
    let is_text = matches!(on_host, Value::Bytes(_));
    // The runtime of a container may not be known: its type is missing then, which a negated comparison holds of.
    let may_be_missing = leaf.is_negated && leaf.field.name == "container.type";
    let is_only_host = is_text && !may_be_missing && leaf.equals_one_of().is_some_and(is_host);
    is_only_host.then(|| of_scope(ContainerScope::Host))
}

fn of_scope(scope: ContainerScope) -> Need {
    Need::of(CallFilter { container_scope: scope.into(), ..CallFilter::default() })
}
