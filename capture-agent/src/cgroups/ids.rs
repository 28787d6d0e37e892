//! Whose the ids of containers are. A user who calls a control group of his own as a container of the host, or of another user, has no
//! container there: his processes are the host's.

use std::collections::{HashMap, VecDeque};

use super::maker::Maker;

/// Ids of the host's containers that have ended are remembered, some 200 bytes each: a container that is stopped keeps its id.
const MAX_ENDED: usize = 8_192;
/// Ids of groups that are there; as many as groups are kept.
const MAX_LIVING: usize = super::MAX_CGROUPS;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ids {
    holders: HashMap<String, Holder>,
    /// The longest ago first.
    ended: VecDeque<String>,
    refused: u64,
}

#[derive(Debug)]
struct Holder {
    maker: Maker,
    /// Its outermost group; 0 once that is gone.
    cgroup_id: u64,
}

// === impl Ids ===

impl Ids {
    /// Whether a group that `maker` made may be one of the container `id`. If it is the container's outermost one, `cgroup_id` is what it is known by.
    pub(super) fn claim(&mut self, id: &str, maker: Maker, cgroup_id: Option<u64>) -> bool {
        let holder = self.holders.get(id).map(|holder| holder.maker);
        let is_anothers = matches!((maker, holder), (Maker::User(_), Some(holder)) if holder != maker);
        if is_anothers {
            self.refuse(id, maker);
            return false;
        }
        if let Some(cgroup_id) = cgroup_id
            && (holder.is_some() || self.holders.len() < MAX_LIVING + MAX_ENDED)
        {
            self.holders.insert(id.to_owned(), Holder { maker, cgroup_id });
        }
        true
    }

    /// A group that was the outermost of a container is gone.
    pub(super) fn release(&mut self, id: &str, cgroup_id: u64) {
        let Some(holder) = self.holders.get_mut(id).filter(|holder| holder.cgroup_id == cgroup_id) else {
            return;
        };
        if let Maker::User(_) = holder.maker {
            // He must not be able to crowd out those of the host.
            self.holders.remove(id);
            return;
        }
        holder.cgroup_id = 0;
        self.ended.push_back(id.to_owned());
        while self.ended.len() > MAX_ENDED {
            let Some(oldest) = self.ended.pop_front() else { return };
            let is_over = self.holders.get(&oldest).is_some_and(|holder| holder.cgroup_id == 0);
            if is_over && !self.ended.contains(&oldest) {
                self.holders.remove(&oldest);
            }
        }
    }

    fn refuse(&mut self, id: &str, maker: Maker) {
        // The first, the second, the fourth...: he must not be able to flood the log.
        self.refused += 1;
        if self.refused.is_power_of_two() {
            tracing::warn!(
                container = id,
                ?maker,
                refused = self.refused,
                "a user's control group is called like somebody else's container: it is taken for the host's"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a container of the host and one of a user, living, stopped, started again; other users, and groups within, by their ids. Guarantees: nobody gets the id of another's,
    /// not even of one of the host's that has ended; who had it may have it again.
    #[test]
    fn an_id_is_whose_it_was_first() {
        let (user, other) = (Maker::User(1), Maker::User(2));
        let mut ids = Ids::default();
        assert!(ids.claim("a", Maker::Host, Some(7)));
        assert!(ids.claim("b", user, Some(8)));
        for (id, maker) in [("a", user), ("b", other)] {
            assert!(!ids.claim(id, maker, Some(9)) && !ids.claim(id, maker, None), "{id}");
        }
        assert!(ids.claim("b", user, None) && ids.claim("a", Maker::Host, None));
        ids.release("a", 9);
        ids.release("a", 7);
        ids.release("b", 8);
        assert!(!ids.claim("a", user, Some(10)));
        assert!(ids.claim("b", other, Some(11)));
        assert!(ids.claim("a", Maker::Host, Some(12)));
        assert!(ids.claim("b", Maker::Host, Some(13)), "a runtime of the host is believed");
        assert!(!ids.claim("b", other, Some(14)));
        assert!(ids.claim("c", Maker::Unknown, Some(15)) && ids.claim("c", Maker::Unknown, Some(16)));
    }

    /// Scenario: containers come and go without end, one stays. Guarantees: memory is bounded; the one that stays is not forgotten.
    #[test]
    fn what_has_ended_is_forgotten_in_the_end() {
        let mut ids = Ids::default();
        ids.claim("stays", Maker::Host, Some(1));
        ids.claim("comes again", Maker::Host, Some(2));
        ids.release("comes again", 2);
        ids.claim("comes again", Maker::Host, Some(3));
        for number in 10..MAX_ENDED as u64 + 100 {
            ids.claim(&number.to_string(), Maker::Host, Some(number));
            ids.release(&number.to_string(), number);
        }
        assert!(ids.holders.len() <= MAX_ENDED + 2 && ids.ended.len() <= MAX_ENDED);
        for id in ["stays", "comes again"] {
            assert!(!ids.claim(id, Maker::User(1), Some(4)), "{id}");
        }
        assert!(ids.claim("10", Maker::User(1), Some(5)));
    }
}
