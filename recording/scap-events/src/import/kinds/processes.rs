//! Calls that change the process itself, or reach into another one.

use eyrie_proto::event::{
    ChangeCredentials, ChangeNamespace, ChangeSession, ProcessAccess, ProcessControl, ResourceLimit, Signal,
};
use scap::{
    table::{Dynamic, ParameterType},
    value::{self, Value},
};

use super::Call;
use crate::import::tasks::capabilities;

/// linux/prctl.h: options whose second argument is text.
const PR_SET_NAME: i32 = 15;
const PR_GET_NAME: i32 = 16;
/// linux/sched.h
const CLONE_FILES: u64 = 0x400;
/// What leaves an id as it is.
const UNCHANGED: u32 = u32::MAX;

pub(super) fn change_credentials(call: &mut Call<'_>) -> ChangeCredentials {
    let of = |names: &[&str]| names.iter().filter_map(|name| call.parameters.low(name)).collect::<Vec<u32>>();
    let is_group = call.name.contains("gid");
    let ids =
        if is_group { of(&["gid", "rgid", "egid", "sgid"]) } else { of(&["uid", "ruid", "euid", "suid"]) };
    if !call.has_failed() {
        let changed = |place: usize| ids.get(place).copied().filter(|id| *id != UNCHANGED);
        // One id is all of them; of several the first is the real one, the second the effective one.
        let (real, effective) =
            if ids.len() == 1 { (changed(0), changed(0)) } else { (changed(0), changed(1)) };
        let credentials = &mut call.process.credentials;
        let (own_real, own_effective) = if is_group {
            (&mut credentials.gid, &mut credentials.effective_gid)
        } else {
            (&mut credentials.uid, &mut credentials.effective_uid)
        };
        *own_real = real.unwrap_or(*own_real);
        *own_effective = effective.unwrap_or(*own_effective);
    }
    ChangeCredentials { ids, capabilities: None }
}

pub(super) fn change_capabilities(call: &mut Call<'_>) -> ChangeCredentials {
    let set = |name: &str| call.parameters.unsigned(name);
    let sets = [set("cap_inheritable"), set("cap_permitted"), set("cap_effective")];
    if let (false, [Some(inheritable), Some(permitted), Some(effective)]) = (call.has_failed(), sets) {
        call.process.credentials.capabilities = Some(capabilities(inheritable, permitted, effective));
    }
    // The sets that hold afterwards.
    ChangeCredentials { ids: Vec::new(), capabilities: call.process.credentials.capabilities }
}

pub(super) fn set_session(call: &mut Call<'_>) -> ChangeSession {
    if let (false, Ok(id)) = (call.has_failed(), u32::try_from(call.result)) {
        let session = &mut call.process.session;
        // The result is the number in the process's own namespace, which its leader's pid is in the host's.
        (session.namespace_session_id, session.namespace_process_group_id) = (id, id);
        (session.session_id, session.process_group_id, session.tty) = (call.pid, call.pid, 0);
    }
    ChangeSession::default()
}

pub(super) fn change_session(call: &mut Call<'_>) -> ChangeSession {
    let pid = call.parameters.low("pid").unwrap_or(0);
    let process_group_id = call.parameters.low("pgid").unwrap_or(0);
    let is_own = pid == 0 || pid == call.process.namespace_pid;
    if is_own && !call.has_failed() {
        let own = call.process.namespace_pid;
        let is_leader = process_group_id == 0 || process_group_id == own;
        let session = &mut call.process.session;
        session.namespace_process_group_id = if is_leader { own } else { process_group_id };
        // In another namespace the number says nothing of the host's.
        if is_leader {
            session.process_group_id = call.pid;
        } else if own == call.pid {
            session.process_group_id = process_group_id;
        }
    }
    ChangeSession { pid, process_group_id }
}

pub(super) fn control(call: &mut Call<'_>) -> ProcessControl {
    let option = call.parameters.kernel("option").unwrap_or(0) as i32;
    let text = match option {
        PR_SET_NAME | PR_GET_NAME => call.parameters.text("arg2_str").unwrap_or_default(),
        _ => &[],
    };
    let arguments = call.parameters.unsigned("arg2_int").into_iter().collect();
    ProcessControl { option, arguments, text: text.to_vec() }
}

/// The new name of the thread, if the call gave it one.
pub(in crate::import) fn new_name(control: &ProcessControl, result: i64) -> Option<&[u8]> {
    (control.option == PR_SET_NAME && result >= 0).then_some(&*control.text)
}

pub(super) fn change_namespace(call: &mut Call<'_>) -> ChangeNamespace {
    let flags = call.parameters.kernel("nstype").unwrap_or_else(|| call.flags());
    if call.name == "unshare" && !call.has_failed() && flags & CLONE_FILES != 0 {
        call.descriptors.unshare(call.pid);
    }
    ChangeNamespace { flags, descriptor: call.given("fd") }
}

pub(super) fn limit(call: &mut Call<'_>) -> ResourceLimit {
    let parameters = &call.parameters;
    // -1 stands for no limit, and for one that was not given.
    let value = |name: &str| parameters.number(name).filter(|value| *value >= 0).map(i64::cast_unsigned);
    let is_get = call.name == "getrlimit";
    let of_one = |name: &str, is_of: bool| value(name).filter(|_| is_of);
    ResourceLimit {
        pid: parameters.low("pid").unwrap_or(0),
        resource: parameters.kernel("resource").unwrap_or(0) as u32,
        new_soft: value("newcur").or_else(|| of_one("cur", !is_get)),
        new_hard: value("newmax").or_else(|| of_one("max", !is_get)),
        old_soft: value("oldcur").or_else(|| of_one("cur", is_get)),
        old_hard: value("oldmax").or_else(|| of_one("max", is_get)),
    }
}

pub(super) fn access(call: &mut Call<'_>) -> ProcessAccess {
    let operand = |name: &str| {
        let bytes = call.parameters.bytes(name)?;
        match value::decode(ParameterType::Dyn(Dynamic::Ptrace), bytes) {
            Ok(Some(Value::Dynamic(_, value))) => match *value {
                Value::Unsigned(number) => Some(number),
                Value::Signed(number) => Some(number.cast_unsigned()),
                _ => None,
            },
            _ => None,
        }
    };
    ProcessAccess {
        request: call.parameters.kernel("request").unwrap_or(0),
        pid: call.parameters.low("pid").unwrap_or(0),
        address: operand("addr").unwrap_or(0),
        data: operand("data").unwrap_or(0),
    }
}

pub(super) fn signal(call: &mut Call<'_>) -> Signal {
    let parameters = &call.parameters;
    Signal {
        number: parameters.low("sig").unwrap_or(0),
        pid: parameters.low("pid").unwrap_or(0).cast_signed(),
        tid: parameters.low("tid").unwrap_or(0),
    }
}
