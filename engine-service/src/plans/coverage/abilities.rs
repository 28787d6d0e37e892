//! Which rules see less on a host whose agent lacks something.

use eyrie_proto::capture::MissingAbility;

use crate::evaluate::RuleFacts;

/// Without these containers are noticed late, or those that ran before the agent never.
const OF_CONTAINERS: [&str; 3] = ["cgroup_made", "cgroup_removed", "cgroup_scan"];
/// Without it a connect that waits for an answer is told when it returns.
const OF_CONNECTS: &str = "connect_start";
/// Without these the agent has more to do, and no rule sees less.
const OF_NO_RULE: [&str; 2] = ["own_calls_excluded", "task_snapshot"];

/// Whether a rule may see less without the ability. Of those that are not known here, every rule.
pub(super) fn is_needed(missing: &MissingAbility, rule: &RuleFacts) -> bool {
    match missing.name.as_str() {
        name if OF_CONTAINERS.contains(&name) => rule.asks_of_containers,
        OF_CONNECTS => {
            rule.event_types.as_ref().is_none_or(|types| types.iter().any(|name| name == "connect"))
        }
        name => !OF_NO_RULE.contains(&name),
    }
}

/// As it is told.
pub(super) fn lacks(missing: &MissingAbility) -> String {
    format!("the agent lacks {}: {} ({})", missing.name, missing.consequence, missing.reason)
}
