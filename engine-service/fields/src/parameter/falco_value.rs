//! Parameters as Falco's own events have them, for who writes such events.

use std::{borrow::Cow, net::SocketAddr};

use eyrie_proto::event::{SocketAddress, event::Kind};

use super::{
    Parameter, Raw,
    schema::{Shape, schema_of},
};
use crate::{
    address::{Endpoint, unix_path},
    descriptor::subject,
    event_type::event_type,
    view::EventView,
};

/// What a parameter of an event is, in Falco's numbering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FalcoValue<'a> {
    /// Any number: a result, a descriptor, an id, flags.
    Number(i128),
    /// Text, a path as the program gave it, or data.
    Bytes(Cow<'a, [u8]>),
    /// Arguments or environment.
    Texts(&'a [Vec<u8>]),
    /// An address.
    Address(SocketAddr),
    /// Both ends of a connection: who sends, and who receives.
    Ends(SocketAddr, SocketAddr),
    /// The path of a Unix socket; `@` stands for the NUL byte that abstract names begin with.
    UnixPath(Cow<'a, [u8]>),
}

/// The parameter of the event with this name; `None` if the event has none of this name, or if it has no value.
pub fn falco_value<'a>(view: &EventView<'a>, name: &str) -> Option<FalcoValue<'a>> {
    let event = event_type(view.event, view.architecture)?;
    let column = schema_of(event)?.columns.iter().find(|column| column.name == name)?;
    match column.shape {
        Shape::Tuple => return tuple(view, event.starts_with("recv") || event.starts_with("accept")),
        Shape::Address => return address(view),
        _ => {}
    }
    let parameter = Parameter::of(view, event, column)?;
    if let Some(number) = parameter.number() {
        return Some(FalcoValue::Number(number));
    }
    match parameter.raw {
        Raw::Bytes(bytes) => Some(FalcoValue::Bytes(bytes)),
        Raw::Texts(texts) => Some(FalcoValue::Texts(texts)),
        Raw::Path(path) if !path.is_unreadable => Some(FalcoValue::Bytes(Cow::Borrowed(&path.requested))),
        _ => None,
    }
}

fn tuple<'a>(view: &EventView<'a>, is_inbound: bool) -> Option<FalcoValue<'a>> {
    let subject = subject(view.event)?;
    if let Some(path) = subject.unix_path() {
        return Some(FalcoValue::UnixPath(path));
    }
    let ends = subject.ends()?;
    let remote = ends.remote?;
    let local = ends.local.unwrap_or_else(|| Endpoint::unspecified_like(remote));
    let (from, to) = if is_inbound { (remote, local) } else { (local, remote) };
    Some(FalcoValue::Ends(from.socket_address(), to.socket_address()))
}

/// What connect and bind were given; of connect, failing that, what it reached.
fn address<'a>(view: &EventView<'a>) -> Option<FalcoValue<'a>> {
    match view.event.kind.as_ref()? {
        Kind::Connect(connect) => connect.requested.as_ref().and_then(of_address).or_else(|| {
            let subject = subject(view.event)?;
            let remote = subject.ends().and_then(|ends| ends.remote);
            let address = remote.map(|remote| FalcoValue::Address(remote.socket_address()));
            address.or_else(|| subject.unix_path().map(FalcoValue::UnixPath))
        }),
        Kind::Bind(bind) => bind.requested.as_ref().and_then(of_address),
        _ => None,
    }
}

fn of_address(address: &SocketAddress) -> Option<FalcoValue<'_>> {
    let end = Endpoint::of(address).map(|end| FalcoValue::Address(end.socket_address()));
    end.or_else(|| unix_path(address).map(FalcoValue::UnixPath))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture;

    /// Scenario: an open's parameters, and names that are no parameters of it. Guarantees: numbers are Falco's, the path is as it
    /// was given, and what is not there has no value.
    #[test]
    fn parameters_are_falcos() {
        let host = fixture::host();
        let event = fixture::open("/etc/shadow", "/etc/shadow");
        let view = fixture::view(&event, &host);
        assert_eq!(falco_value(&view, "flags"), Some(FalcoValue::Number(4097)));
        assert_eq!(falco_value(&view, "name"), Some(FalcoValue::Bytes(Cow::Borrowed(b"/etc/shadow"))));
        assert_eq!((falco_value(&view, "tuple"), falco_value(&view, "")), (None, None));
    }
}
