//! `k8s.peer.*`: the pod, service or node that has the remote address of an event.
//!
//! Who has an address is for whoever makes the view to find out; here is only which address is meant.

use std::net::IpAddr;

use eyrie_proto::{event::Event, metadata::KubernetesObject};
use rule_language::{ArgumentKind::Key, FieldType::CharBuf};

use crate::{
    classes,
    container::{bytes, labels},
    declaration::{Declaration, Extract, Scope},
    descriptor::subject,
    value::{Extracted, Value},
    view::{EventView, PeerView},
};

const fn field(name: &'static str, extract: Extract, description: &'static str) -> Declaration {
    Declaration::new(classes::PEER, name, CharBuf, Scope::Event, extract, description)
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field("k8s.peer.kind", |view, _| of(view, |peer| Some(kind(peer))), "what has the remote address: pod, service or node"),
    field("k8s.peer.name", |view, _| of(view, |peer| bytes(&peer.name)), "the name of what has the remote address"),
    field("k8s.peer.ns", |view, _| of(view, |peer| bytes(&peer.namespace)), "the namespace of what has the remote address; nodes have none"),
    field("k8s.peer.uid", |view, _| of(view, |peer| bytes(&peer.key.as_ref()?.object_uid)), "the uid of what has the remote address"),
    field("k8s.peer.label", |view, argument| of(view, |peer| labels::one(&peer.labels, argument)), "the label of that name of what has the remote address").required(Key),
    field("k8s.peer.labels", |view, _| of(view, |peer| labels::all(&peer.labels)), "the labels of what has the remote address, as name:value with commas between"),
];

/// The remote address of an event, if it is about a connection over IP. An IPv4 peer of a dual-stack socket counts as IPv4.
pub fn remote_address(event: &Event) -> Option<IpAddr> {
    Some(subject(event)?.ends()?.remote?.ip)
}

fn of<'a>(
    view: &EventView<'a>,
    get: impl FnOnce(&'a KubernetesObject) -> Option<Value<'a>>,
) -> Extracted<'a> {
    match view.peer {
        PeerView::Known(peer) => Extracted::from_option(get(peer)),
        PeerView::Unknown => Extracted::Unknown,
        PeerView::Absent => Extracted::Absent,
    }
}

fn kind<'a>(peer: &KubernetesObject) -> Value<'a> {
    Value::bytes(peer.kind.to_ascii_lowercase().into_bytes())
}
