//! Names of addresses, as far as the host has resolved them.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use eyrie_proto::event::NamesFact;
use host_model::HostModel;

/// The fields whose values are such addresses: what rules compare them with has to be resolved by somebody.
pub const HOST_NAME_FIELDS: [&str; 4] = ["fd.cip.name", "fd.sip.name", "fd.lip.name", "fd.rip.name"];

/// An address that is compared by name.
///
/// Nobody is asked for the name of an address. The names that rules mention are resolved, as Falco does it, and the
/// results come with the stream; so a name whose result has not come is neither this address's name nor another's.
#[derive(Clone, Copy)]
pub struct NamedIp<'a> {
    ip: IpAddr,
    boot_ns: u64,
    host: &'a HostModel,
}

// === impl NamedIp ===

impl<'a> NamedIp<'a> {
    /// The address as its host saw it at that time.
    pub(crate) fn new(ip: IpAddr, boot_ns: u64, host: &'a HostModel) -> Self {
        Self { ip, boot_ns, host }
    }

    /// Whether `name` stands for this address; `None` if it is not known what `name` stands for.
    pub fn has_name(&self, name: &[u8]) -> Option<bool> {
        let fact = self.host.names(str::from_utf8(name).ok()?).filter(|fact| self.is_valid(fact))?;
        Some(self.is_among(fact))
    }

    /// Every name that is known to stand for this address, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let here = *self;
        let is_ours = move |fact: &&NamesFact| here.is_valid(fact) && here.is_among(fact);
        self.host.all_names().filter(is_ours).map(|fact| &*fact.name)
    }

    fn is_valid(&self, fact: &NamesFact) -> bool {
        fact.valid_until_boot_ns == 0 || self.boot_ns <= fact.valid_until_boot_ns
    }

    fn is_among(&self, fact: &NamesFact) -> bool {
        fact.ips.iter().any(|ip| address(ip) == Some(self.ip))
    }
}

impl fmt::Debug for NamedIp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedIp").field(&self.ip).finish()
    }
}

impl PartialEq for NamedIp<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.ip == other.ip && self.boot_ns == other.boot_ns && std::ptr::eq(self.host, other.host)
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match <[u8; 4]>::try_from(octets) {
        Ok(octets) => Some(octets.into()),
        Err(_) => Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).to_canonical()),
    }
}
