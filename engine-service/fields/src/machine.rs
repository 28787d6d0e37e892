//! `host.*`: the host that an event happened on.
//!
//! Its ids are those of its origin and so always there; what its agent tells of it comes with the first message of its
//! session or shortly after. What has not come is unknown, until the agent has said that this was all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eyrie_proto::{
    event::{HostBoot, InterfaceAddress, Origin, origin},
    metadata::Host,
};
use rule_language::{
    ArgumentKind::Key,
    FieldType::{CharBuf, IpAddr as Ip},
};

use crate::{
    classes,
    container::{bytes, labels},
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

macro_rules! field {
    ($name:literal, $description:literal, $extract:expr) => {
        field!($name, CharBuf, $description, $extract)
    };
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::HOST, $name, $type, Scope::Host, $extract, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("host.name", "the host's name, as uname -n says it", |view, _| told(view, |host| bytes(&host.hostname))),
    field!("host.id", "the host's id, the same at each boot: /etc/machine-id", |view, _| of_boot(view, |boot| &boot.machine_id)),
    field!("host.boot_id", "the id of the host's boot", |view, _| of_boot(view, |boot| &boot.boot_id)),
    field!("host.kernel", "the release of the kernel, as uname -r says it", |view, _| told(view, |host| bytes(&host.kernel_release))),
    field!("host.os", "the operating system by the name that it gives itself: PRETTY_NAME of /etc/os-release", |view, _| told(view, |host| bytes(&host.operating_system))),
    field!("host.arch", "the processor's architecture: x86_64, aarch64", |view, _| told(view, |host| bytes(&host.architecture))),
    field!("host.label", "the host's label of that name, from the agent's configuration", |view, argument| told(view, |host| labels::one(&host.labels, argument))).required(Key),
    field!("host.labels", "the host's labels as name:value with commas between", |view, _| told(view, |host| labels::all(&host.labels))),
    field!("host.ip", Ip, "the host's addresses at the time of the event, those apart that nobody else can reach (loopback, link-local)", |view, _| addresses(view)).list(),
    field!("host.tenant", "whose host it is, from the agent's configuration or certificate", |view, _| Extracted::from_option(view.machine.origin.and_then(|origin| bytes(&origin.tenant)))),
];

/// What the agent tells of the host; what is missing may be open.
pub(crate) fn told<'a>(
    view: &EventView<'a>,
    get: impl FnOnce(&'a Host) -> Option<Value<'a>>,
) -> Extracted<'a> {
    match view.machine.host.and_then(get) {
        Some(value) => Extracted::Value(value),
        None if view.machine.is_open => Extracted::Unknown,
        None => Extracted::Absent,
    }
}

fn of_boot<'a>(view: &EventView<'a>, get: fn(&HostBoot) -> &String) -> Extracted<'a> {
    let id = match view.machine.origin {
        Some(Origin { kind: Some(origin::Kind::Host(boot)), .. }) => bytes(get(boot)),
        _ => None,
    };
    Extracted::from_option(id)
}

fn addresses<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let interfaces = view.host.all_interfaces().flat_map(|fact| &fact.interfaces);
    let mut addresses: Vec<IpAddr> =
        interfaces.flat_map(|interface| &interface.addresses).filter_map(address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let values: Vec<Value<'a>> = addresses.into_iter().map(Value::Ip).collect();
    Extracted::from_option((!values.is_empty()).then_some(Value::List(values)))
}

fn address(told: &InterfaceAddress) -> Option<IpAddr> {
    let ip = match <[u8; 4]>::try_from(&*told.ip) {
        Ok(octets) => IpAddr::from(Ipv4Addr::from(octets)),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(&*told.ip).ok()?)),
    };
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    (!ip.is_loopback() && !ip.is_unspecified() && !is_link_local).then_some(ip)
}
