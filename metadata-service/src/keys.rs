//! Which statements and questions mean the same container.
//!
//! A control group's id is used again once the group is gone, a runtime starts the same container id again in a new
//! control group, and who asks or tells may not know all parts of a key. What is unknown is never taken to be equal by
//! itself: one part that cannot be shared has to agree, and none may differ.

use eyrie_proto::{event::Origin, event::origin, metadata::ContainerKey};

/// Bytes of a tenant, a source, an id.
const MAX_NAME_BYTES: usize = 256;

/// A container's key without its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContainerName {
    /// Of the control group.
    pub hierarchy: u32,
    /// 0: the control group is not known.
    pub cgroup_id: u64,
    /// Nanoseconds since the host's boot; 0: not known.
    pub birth_ns: u64,
    /// Empty: not known.
    pub runtime_id: String,
}

/// How well a stored container fits the one that is asked for or told of; the better, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// The same control group, and nothing else is known by the asker: only time can tell.
    CgroupOnly,
    /// The same runtime id; one of the two has no control group.
    RuntimeId,
    /// The same control group and the same runtime id, or neither knows more than the control group.
    CgroupAndRuntimeId,
    /// The same control group with the same birth.
    Birth,
}

/// Why a key or an origin cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("it has no key")]
    Missing,
    /// No part says which container.
    #[error("its key has neither a cgroup id nor a runtime id")]
    Empty,
    /// A part is too long.
    #[error("its {part} has {found} bytes, more than {MAX_NAME_BYTES}")]
    TooLong {
        /// Which.
        part: &'static str,
        /// Its length.
        found: usize,
    },
    /// The origin is missing or incomplete.
    #[error("its origin names neither a host's boot nor a source's instance")]
    OriginMissing,
    /// The cluster or the object is missing.
    #[error("its key needs cluster_uid and object_uid")]
    KubernetesIncomplete,
}

// === impl ContainerName ===

impl ContainerName {
    /// Reads a key; the origin is not looked at.
    pub fn of(key: &ContainerKey) -> Result<Self, KeyError> {
        let cgroup = key.cgroup.unwrap_or_default();
        check_length("runtime_id", &key.runtime_id)?;
        if cgroup.cgroup_id == 0 && key.runtime_id.is_empty() {
            return Err(KeyError::Empty);
        }
        let has_cgroup = cgroup.cgroup_id != 0;
        Ok(Self {
            hierarchy: if has_cgroup { cgroup.hierarchy } else { 0 },
            cgroup_id: cgroup.cgroup_id,
            birth_ns: if has_cgroup { cgroup.birth_boot_ns } else { 0 },
            runtime_id: key.runtime_id.clone(),
        })
    }

    /// How `stored` fits `self`, or `None` if they are different containers or may well be.
    pub fn fit(&self, stored: &Self) -> Option<Fit> {
        let differ = |left: u64, right: u64| left != 0 && right != 0 && left != right;
        let is_cgroup_shared = self.cgroup_id != 0 && self.is_same_cgroup(stored);
        let is_other_cgroup = self.cgroup_id != 0 && stored.cgroup_id != 0 && !is_cgroup_shared;
        let knows_ids = !self.runtime_id.is_empty() && !stored.runtime_id.is_empty();
        let is_id_shared = knows_ids && self.runtime_id == stored.runtime_id;
        let is_other_id = knows_ids && !is_id_shared;
        if is_other_cgroup || is_other_id || differ(self.birth_ns, stored.birth_ns) {
            return None;
        }
        match (is_cgroup_shared, is_id_shared) {
            (true, _) if self.birth_ns != 0 && self.birth_ns == stored.birth_ns => Some(Fit::Birth),
            (true, true) => Some(Fit::CgroupAndRuntimeId),
            (true, false) if self == stored => Some(Fit::CgroupAndRuntimeId),
            (true, false) if self.birth_ns == 0 && self.runtime_id.is_empty() => Some(Fit::CgroupOnly),
            (false, true) => Some(Fit::RuntimeId),
            _ => None,
        }
    }

    /// The control groups have the same id, at whatever time.
    pub fn is_same_cgroup(&self, other: &Self) -> bool {
        self.cgroup_id == other.cgroup_id && self.hierarchy == other.hierarchy
    }

    /// Takes over the parts that are not known yet.
    pub fn learn(&mut self, other: &Self) {
        if self.cgroup_id == 0 {
            (self.hierarchy, self.cgroup_id) = (other.hierarchy, other.cgroup_id);
        }
        if self.birth_ns == 0 {
            self.birth_ns = other.birth_ns;
        }
        if self.runtime_id.is_empty() {
            self.runtime_id.clone_from(&other.runtime_id);
        }
    }
}

/// The name of an origin's scope, if the origin can be used.
pub fn scope_of(origin: Option<&Origin>) -> Result<String, KeyError> {
    let origin = origin.ok_or(KeyError::OriginMissing)?;
    let (first, second) = match &origin.kind {
        Some(origin::Kind::Host(host)) => (&host.machine_id, &host.boot_id),
        Some(origin::Kind::Source(source)) => (&source.source, &source.instance),
        None => return Err(KeyError::OriginMissing),
    };
    if first.is_empty() || second.is_empty() {
        return Err(KeyError::OriginMissing);
    }
    for part in [&origin.tenant, first, second] {
        check_length("origin", part)?;
    }
    Ok(origin.to_string())
}

/// Refuses what is too long to be a name.
pub fn check_length(part: &'static str, text: &str) -> Result<(), KeyError> {
    match text.len() {
        found if found > MAX_NAME_BYTES => Err(KeyError::TooLong { part, found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(cgroup_id: u64, birth_ns: u64, runtime_id: &str) -> ContainerName {
        ContainerName { hierarchy: 0, cgroup_id, birth_ns, runtime_id: runtime_id.into() }
    }

    /// Scenario: keys with all mixtures of known and unknown parts. Guarantees: what differs in a known part never fits, and
    /// what is only not known to differ does not either.
    #[test]
    fn only_what_is_certain_fits() {
        let fit = |left: (u64, u64, &str), right: (u64, u64, &str)| {
            name(left.0, left.1, left.2).fit(&name(right.0, right.1, right.2))
        };
        assert_eq!(fit((5, 10, "a"), (5, 10, "a")), Some(Fit::Birth));
        assert_eq!(fit((5, 10, ""), (5, 10, "a")), Some(Fit::Birth));
        assert_eq!(fit((5, 0, "a"), (5, 10, "a")), Some(Fit::CgroupAndRuntimeId));
        assert_eq!(fit((0, 0, "a"), (5, 10, "a")), Some(Fit::RuntimeId));
        assert_eq!(fit((5, 0, ""), (5, 10, "a")), Some(Fit::CgroupOnly));
        assert_eq!(fit((5, 0, ""), (5, 0, "")), Some(Fit::CgroupAndRuntimeId));
        for (left, right) in [
            ((5, 10, "a"), (5, 11, "a")),
            ((5, 10, "a"), (5, 10, "b")),
            ((5, 10, "a"), (6, 10, "a")),
            ((5, 10, ""), (5, 0, "a")),
            ((5, 0, "a"), (5, 10, "")),
            ((0, 0, "a"), (5, 10, "")),
        ] {
            assert_eq!(fit(left, right), None, "{left:?} {right:?}");
        }
        let other_hierarchy = ContainerName { hierarchy: 4, ..name(5, 10, "a") };
        assert_eq!(name(5, 10, "a").fit(&other_hierarchy), None);
    }
}
