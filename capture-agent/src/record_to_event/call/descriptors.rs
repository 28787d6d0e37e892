//! Calls on descriptors, and those that move data through them.

use eyrie_bpf::Place;
use eyrie_proto::event::{DescriptorCall, SocketAddress, Transfer};

use super::{
    super::socket::{AF_INET, AF_UNSPEC, socket_address},
    parts::Parts,
};
use crate::plan::Register;

/// Commands of fcntl that make a descriptor (asm-generic/fcntl.h, linux/fcntl.h).
const F_DUPFD: u64 = 0;
const F_DUPFD_CLOEXEC: u64 = 1030;

pub(super) fn descriptor_call(parts: &Parts<'_>) -> DescriptorCall {
    DescriptorCall {
        descriptor: parts.descriptor(Place::First),
        second: parts.descriptor(Place::Second),
        command: parts.low(Register::Command).into(),
        argument: parts.word(Register::Argument) | parts.word(Register::ArgumentHigh) << 32,
        flags: parts.flags(),
        name: parts.text(),
        first: parts.low(Register::First),
        last: parts.low(Register::Last),
    }
}

pub(super) fn control(parts: &Parts<'_>) -> DescriptorCall {
    let call = descriptor_call(parts);
    let is_copy = matches!(call.command, F_DUPFD | F_DUPFD_CLOEXEC);
    DescriptorCall { second: call.second.filter(|_| is_copy), ..call }
}

pub(super) fn transfer(parts: &Parts<'_>) -> Transfer {
    Transfer {
        descriptor: parts.descriptor(Place::First),
        // It has one or the other.
        size: parts.word(Register::Size) | parts.record.data_size,
        data: parts.record.data.to_vec(),
        peer: peer(parts),
        flags: parts.flags(),
        control: parts.record.control.to_vec(),
        second: parts.descriptor(Place::Second),
        position: position(parts),
    }
}

/// An address without a family is one of IPv4 to the kernel, where the socket is of that.
fn peer(parts: &Parts<'_>) -> Option<SocketAddress> {
    let address = parts.record.address;
    match address.strip_prefix(&AF_UNSPEC.to_ne_bytes()) {
        Some(rest) if parts.record.first.family == AF_INET => {
            socket_address(&[&AF_INET.to_ne_bytes()[..], rest].concat())
        }
        _ => socket_address(address),
    }
}

/// Of a 32-bit call it is in two registers. Which two, calls of ARM do not agree on, so that of those nothing is said.
fn position(parts: &Parts<'_>) -> Option<u64> {
    let low = parts.all(Register::Position).next()?;
    if !parts.is_compat() {
        return Some(low);
    }
    let whole = u64::from(low as u32) | u64::from(parts.low(Register::PositionHigh)) << 32;
    (!cfg!(target_arch = "aarch64")).then_some(whole)
}
