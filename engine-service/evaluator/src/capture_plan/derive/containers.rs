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
    leaf.equals_one_of()
        .filter(|literals| matches!(on_host, Value::Bytes(_)) && is_host(literals))
        .map(|_| of_scope(ContainerScope::Host))
}

fn of_scope(scope: ContainerScope) -> Need {
    Need::of(CallFilter { container_scope: scope.into(), ..CallFilter::default() })
}
