//! Calls that change the process itself, or reach into another one.

use eyrie_bpf::Place;
use eyrie_proto::event::{
    ChangeCredentials, ChangeNamespace, ChangeSession, ProcessAccess, ProcessControl, ResourceLimit, Signal,
};

use super::{
    super::credentials,
    parts::{Parts, u32_at, u64_at, until_nul},
};
use crate::plan::Register;

/// linux/prctl.h: options whose second argument is text. Of the second one the kernel wrote it.
const PR_SET_NAME: i32 = 15;
const PR_GET_NAME: i32 = 16;

pub(super) fn change_credentials(parts: &Parts<'_>) -> ChangeCredentials {
    ChangeCredentials { ids: parts.ids(Register::Id, Register::Id16).collect(), capabilities: None }
}

/// The sets that hold afterwards: they ride on every event.
pub(super) fn change_capabilities(parts: &Parts<'_>) -> ChangeCredentials {
    let capabilities = credentials(&parts.record.header).capabilities;
    ChangeCredentials { ids: Vec::new(), capabilities }
}

pub(super) fn change_session(parts: &Parts<'_>) -> ChangeSession {
    ChangeSession { pid: parts.low(Register::Pid), process_group_id: parts.low(Register::ProcessGroup) }
}

pub(super) fn control(parts: &Parts<'_>) -> ProcessControl {
    let option = parts.signed(Register::Option);
    let text = match option {
        PR_SET_NAME | PR_GET_NAME => until_nul(parts.record.data),
        _ => &[],
    };
    ProcessControl { option, arguments: parts.all(Register::Word).collect(), text: text.to_vec() }
}

pub(super) fn change_namespace(parts: &Parts<'_>) -> ChangeNamespace {
    ChangeNamespace { flags: parts.flags(), descriptor: parts.descriptor(Place::First) }
}

pub(super) fn limit(parts: &Parts<'_>) -> ResourceLimit {
    let (new, old) = (pair_of_limits(parts.record.data), pair_of_limits(parts.record.control));
    ResourceLimit {
        pid: parts.low(Register::Pid),
        resource: parts.low(Register::Resource),
        new_soft: new.map(|(soft, _)| soft),
        new_hard: new.map(|(_, hard)| hard),
        old_soft: old.map(|(soft, _)| soft),
        old_hard: old.map(|(_, hard)| hard),
    }
}

/// `struct rlimit` of 64-bit or of 32-bit programs, by its size. All bits set are "no limit" in both.
fn pair_of_limits(bytes: &[u8]) -> Option<(u64, u64)> {
    let widened = |half: u32| if half == u32::MAX { u64::MAX } else { half.into() };
    match bytes.len() {
        16 => Some((u64_at(bytes, 0)?, u64_at(bytes, 8)?)),
        8 => Some((widened(u32_at(bytes, 0)?), widened(u32_at(bytes, 4)?))),
        _ => None,
    }
}

pub(super) fn access(parts: &Parts<'_>) -> ProcessAccess {
    ProcessAccess {
        request: parts.word(Register::Request),
        pid: parts.low(Register::Pid),
        address: parts.word(Register::Address),
        data: parts.word(Register::Data),
    }
}

pub(super) fn signal(parts: &Parts<'_>) -> Signal {
    Signal {
        number: parts.low(Register::Number),
        pid: parts.signed(Register::Pid),
        tid: parts.low(Register::Tid),
    }
}
