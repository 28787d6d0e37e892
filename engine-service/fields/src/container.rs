//! `container.*`: the container that an event happened in.
//!
//! Which container a control group belongs to is told by ordered facts, what its name and image are by metadata. As long
//! as an origin has sent no fact about control groups at all, nothing will ever answer, and these fields are absent and
//! not unknown: a rule with `container.id != host` must not wait for what does not come. The host model keeps no such
//! facts yet, so that this is the case of every origin.

use rule_language::FieldType::CharBuf;

use crate::{
    argument::Argument,
    declaration::{Declaration, Scope},
    value::Extracted,
    view::EventView,
};

macro_rules! field {
    ($name:literal, $description:literal) => {
        Declaration::new($name, CharBuf, Scope::Container, without_facts, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("container.id", "the first 12 characters of the container's id; 'host' for a process of the host"),
    field!("container.full_id", "the container's whole id"),
    field!("container.name", "the container's name"),
    field!("container.image", "the image with its tag, as the runtime names it"),
    field!("container.image.repository", "the image without its tag"),
    field!("container.image.tag", "the tag of the image"),
    field!("container.image.digest", "the digest of the image"),
    field!("container.type", "the runtime: docker, podman, containerd, cri-o…"),
];

/// See the module's documentation.
fn without_facts<'a>(_: &EventView<'a>, _: &Argument) -> Extracted<'a> {
    Extracted::Absent
}
