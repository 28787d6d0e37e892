//! The parameters of each event, as Falco shows them.

mod descriptors;
mod files;
mod kernel;
mod processes;
mod sockets;

use eyrie_proto::event::{Descriptor, OtherDescriptor, descriptor, event::Kind};

use super::fixture::{call, host, show};

/// Checks `evt.args` of a call by its number on x86_64.
fn check_arguments(number: u32, result: i64, kind: Kind, expected: &str) {
    assert_eq!(show("evt.args", &call(number, result, kind), &host()), expected);
}

fn other(fd: i32, of_type: &str, name: &str) -> Descriptor {
    let other = OtherDescriptor { r#type: of_type.to_owned(), name: name.into(), inode: 77 };
    Descriptor { fd, kind: Some(descriptor::Kind::Other(other)) }
}

/// A descriptor of which only the number is known.
fn bare(fd: i32) -> Descriptor {
    Descriptor { fd, kind: None }
}
