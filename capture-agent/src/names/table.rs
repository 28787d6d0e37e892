//! Which names are looked up when, and what came of it. It has no clock of its own.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use eyrie_proto::{
    capture::UnresolvableName,
    event::{NamesFact, OrderedFact, ordered_fact::Kind},
};

use super::NameCounts;

/// Names that are looked up: with 300 bytes and at most [`MAX_ADDRESSES`] of 16 bytes each, 2 MiB.
const MAX_NAMES: usize = 512;
/// Names of which an answer to a plan says why they are not looked up, of 400 bytes each.
const MAX_REFUSED: usize = 2_048;
/// The longest name of a host (RFC 1035).
const MAX_NAME_BYTES: usize = 253;
/// Addresses that are kept of one name, those that are first in order.
const MAX_ADDRESSES: usize = 256;
/// The wait after an answer that is another than before; Falco's.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait while the answer stays the same: names of hosts seldom move, and a fleet must not flood its
/// name servers. Falco waits up to 320 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait while the name does not resolve.
const LONGEST_FAILED_WAIT: Duration = Duration::from_secs(320);
/// How long an answer holds after it came. Some lookups in a row may fail before it ends.
const LIFETIME: Duration = Duration::from_secs(180);
/// An answer that does not change is told again when it holds no longer than this.
const TOLD_AGAIN_BELOW: Duration = Duration::from_secs(120);
/// A lookup that has brought nothing after this time is given up for lost, and the name is looked up again.
const LOST_AFTER: Duration = Duration::from_secs(600);

/// What came of a lookup: the addresses, or nothing.
pub(super) type Answered = Option<Vec<IpAddr>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Table {
    names: BTreeMap<String, Name>,
    refused: Vec<UnresolvableName>,
    failed_lookups: u64,
}

#[derive(Debug)]
struct Name {
    due_boot_ns: u64,
    wait: Duration,
    /// Ascending, each once.
    ips: Vec<IpAddr>,
    /// 0 before the first answer.
    valid_until_boot_ns: u64,
    /// When the answer as it is came; it is told with this time.
    since_boot_ns: u64,
    /// Until when the answer holds as it was told last; 0 if it was not.
    told_until_boot_ns: u64,
}

// === impl Table ===

impl Table {
    pub(super) fn want(&mut self, names: Vec<String>) {
        let mut before = std::mem::take(&mut self.names);
        self.refused.clear();
        for name in names {
            if self.names.contains_key(&name) {
                continue;
            }
            match self.reason_against(&name) {
                None => {
                    let known = before.remove(&name).unwrap_or_else(Name::new);
                    self.names.insert(name, known);
                }
                Some(reason) if self.refused.len() < MAX_REFUSED => {
                    self.refused.push(UnresolvableName { name, reason });
                }
                Some(_) => {}
            }
        }
    }

    fn reason_against(&self, name: &str) -> Option<String> {
        let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_of_host) {
            return Some(format!(
                "no host can have it: names have 1 to {MAX_NAME_BYTES} letters, digits, dots, hyphens and underscores"
            ));
        }
        (self.names.len() >= MAX_NAMES).then(|| {
            format!("{MAX_NAMES} names are resolved, which is the most; compare with addresses or networks")
        })
    }

    pub(super) fn wanted(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn refused(&self) -> &[UnresolvableName] {
        &self.refused
    }

    /// A name that is to be looked up now; it is not due again before [`Table::answered`], or much later.
    pub(super) fn take_due(&mut self, now_boot_ns: u64) -> Option<String> {
        let (name, due) = self.names.iter_mut().min_by_key(|(_, name)| name.due_boot_ns)?;
        if due.due_boot_ns > now_boot_ns {
            return None;
        }
        due.due_boot_ns = after(now_boot_ns, LOST_AFTER);
        Some(name.clone())
    }

    pub(super) fn next_due_boot_ns(&self) -> Option<u64> {
        self.names.values().map(|name| name.due_boot_ns).min()
    }

    /// Takes the outcome of a lookup, of a name that may not be wanted any more.
    pub(super) fn answered(&mut self, name: &str, answer: Answered, now_boot_ns: u64, spread: f64) {
        let answer = answer.filter(|ips| !ips.is_empty());
        self.failed_lookups += u64::from(answer.is_none());
        let Some(known) = self.names.get_mut(name) else { return };
        match answer {
            Some(ips) => known.resolved(ips, now_boot_ns),
            None => known.wait = (known.wait * 2).clamp(FIRST_WAIT, LONGEST_FAILED_WAIT),
        }
        known.due_boot_ns = after(now_boot_ns, known.wait.mul_f64(spread));
    }

    pub(super) fn take_news(&mut self, now_boot_ns: u64) -> Vec<OrderedFact> {
        let news = self.names.iter_mut().filter(|(_, known)| known.is_news(now_boot_ns));
        news.map(|(name, known)| known.tell(name)).collect()
    }

    pub(super) fn forget_told(&mut self) {
        self.names.values_mut().for_each(|name| name.told_until_boot_ns = 0);
    }

    pub(super) fn counts(&self, now_boot_ns: u64) -> NameCounts {
        let resolved = self.names.values().filter(|name| name.valid_until_boot_ns >= now_boot_ns);
        NameCounts {
            wanted: self.names.len() as u64,
            resolved: resolved.count() as u64,
            failed_lookups: self.failed_lookups,
        }
    }
}

// === impl Name ===

impl Name {
    /// One that is due at once.
    fn new() -> Self {
        Self {
            due_boot_ns: 0,
            wait: Duration::ZERO,
            ips: Vec::new(),
            valid_until_boot_ns: 0,
            since_boot_ns: 0,
            told_until_boot_ns: 0,
        }
    }

    fn resolved(&mut self, ips: Vec<IpAddr>, now_boot_ns: u64) {
        // As an engine has addresses: those of IPv4 are of IPv4, however they are written.
        let mut ips: Vec<_> = ips.into_iter().map(|ip| ip.to_canonical()).collect();
        ips.sort_unstable();
        ips.dedup();
        ips.truncate(MAX_ADDRESSES);
        let is_same = ips == self.ips && now_boot_ns <= self.valid_until_boot_ns;
        self.wait = if is_same { (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT) } else { FIRST_WAIT };
        if !is_same {
            self.ips = ips;
            self.since_boot_ns = now_boot_ns;
            self.told_until_boot_ns = 0;
        }
        self.valid_until_boot_ns = after(now_boot_ns, LIFETIME);
    }

    fn is_news(&self, now_boot_ns: u64) -> bool {
        self.valid_until_boot_ns >= now_boot_ns
            && self.told_until_boot_ns < self.valid_until_boot_ns
            && self.told_until_boot_ns < after(now_boot_ns, TOLD_AGAIN_BELOW)
    }

    fn tell(&mut self, name: &str) -> OrderedFact {
        self.told_until_boot_ns = self.valid_until_boot_ns;
        let octets = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let fact = NamesFact {
            name: name.to_owned(),
            ips: self.ips.iter().map(octets).collect(),
            valid_until_boot_ns: self.valid_until_boot_ns,
        };
        OrderedFact { since_boot_ns: self.since_boot_ns, kind: Some(Kind::Names(fact)) }
    }
}

fn after(boot_ns: u64, wait: Duration) -> u64 {
    boot_ns.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
