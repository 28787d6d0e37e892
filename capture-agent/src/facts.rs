//! Ordered facts about the host: what it is, its users and groups, its interfaces.
//!
//! They are the first events of a stream, and come again when what they were read from changes. Names that files give
//! are taken as bytes; a line that cannot be read is skipped, as the C library does.

mod accounts;
mod interfaces;

pub(crate) use self::accounts::{groups as groups_of, users as users_of};

use std::path::{Path, PathBuf};

use eyrie_proto::event::{HostIdentityFact, OrderedFact, UsersFact, ordered_fact::Kind};

/// A users or groups file larger than this is not read: it would not fit in a message.
const MAX_FILE_BYTES: u64 = 512 << 10;

/// Reads the facts and remembers which were told.
#[derive(Debug)]
pub(crate) struct FactReader {
    etc: PathBuf,
    identity: HostIdentityFact,
    told: Vec<Kind>,
}

// === impl FactReader ===

impl FactReader {
    /// Reads users and groups from the folder `etc`.
    pub(crate) fn new(identity: HostIdentityFact, etc: impl Into<PathBuf>) -> Self {
        Self { etc: etc.into(), identity, told: Vec::new() }
    }

    /// The facts that are other than when they were told last, in a fixed order.
    pub(crate) fn changed(&mut self, now_boot_ns: u64) -> Vec<OrderedFact> {
        let current = [
            Some(Kind::Host(self.identity.clone())),
            self.users().map(Kind::Users),
            interfaces::read().map(Kind::Interfaces),
        ];
        let mut changed = Vec::new();
        for kind in current.into_iter().flatten() {
            if self.told.contains(&kind) {
                continue;
            }
            self.told.retain(|told| std::mem::discriminant(told) != std::mem::discriminant(&kind));
            self.told.push(kind.clone());
            changed.push(OrderedFact { since_boot_ns: now_boot_ns, kind: Some(kind) });
        }
        changed
    }

    /// All facts count as not told.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
    }

    fn users(&self) -> Option<UsersFact> {
        let users = read_bounded(&self.etc.join("passwd"))?;
        let groups = read_bounded(&self.etc.join("group")).unwrap_or_default();
        Some(UsersFact {
            container_id: String::new(),
            users: accounts::users(&users),
            groups: accounts::groups(&groups),
        })
    }
}

/// The file, unless it is missing or unreasonably large. Such a state may pass (a file is being replaced), so that what was
/// told before stays.
fn read_bounded(path: &Path) -> Option<Vec<u8>> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > MAX_FILE_BYTES {
        tracing::warn!(path = %path.display(), length, "too large to be sent: names of users or groups are missing");
        return None;
    }
    std::fs::read(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(facts: &[OrderedFact]) -> Vec<&'static str> {
        facts
            .iter()
            .filter_map(|fact| match fact.kind.as_ref()? {
                Kind::Host(_) => Some("host"),
                Kind::Users(_) => Some("users"),
                _ => None,
            })
            .collect()
    }

    /// Scenario: a user is added while the agent runs. Guarantees: facts are told once, the identity first, and of what
    /// changed only that is told again.
    #[test]
    fn only_what_changed_is_told_again() {
        let etc = tempfile::tempdir().unwrap();
        std::fs::write(etc.path().join("passwd"), "root:x:0:0:root:/root:/bin/bash\n").unwrap();
        std::fs::write(etc.path().join("group"), "root:x:0:\n").unwrap();
        let mut facts = FactReader::new(HostIdentityFact::default(), etc.path());
        assert_eq!(kinds(&facts.changed(1)), ["host", "users"]);
        assert_eq!(kinds(&facts.changed(2)), [""; 0]);
        std::fs::write(etc.path().join("passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/false\n")
            .unwrap();
        let changed = facts.changed(3);
        assert_eq!(kinds(&changed), ["users"]);
        let Some(Kind::Users(users)) = &changed[0].kind else { panic!("no users") };
        assert_eq!(users.users.len(), 2);
        assert_eq!(users.users[1].name, b"web");
        std::fs::remove_file(etc.path().join("passwd")).unwrap();
        assert_eq!(kinds(&facts.changed(4)), [""; 0], "a file that is being replaced takes nothing away");
    }
}
