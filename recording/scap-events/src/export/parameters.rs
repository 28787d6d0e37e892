//! From the parameters of our events to those of Falco's table.

use std::net::SocketAddr;

use eyrie_proto::event::{CgroupFact, event::Kind};
use fields::{EventView, FalcoValue, falco_value};
use scap::{
    EventDraft, InternetAddress,
    table::{Dynamic, EventType, ParameterType},
    value::{SocketAddress, SocketTuple, Value},
};

use super::{ExportError, is_number, set};

/// Controllers that a path is told under: those that Falco's drivers tell of.
const CONTROLLERS: [&str; 5] = ["cpuset", "cpu", "cpuacct", "io", "memory"];
/// Bytes of one parameter: all of an event have to lie in a block of 65,536, and the longest are an exec's arguments and
/// environment, with five paths of up to 4,096 bytes besides.
const MAX_PARAMETER: usize = 20_000;
/// asm-generic/socket.h
const SO_ERROR: i32 = 4;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;
const SO_COOKIE: i32 = 57;
/// Indexes of the types of a socket option's value (`PPM_SOCKOPT_IDX_*`).
const OPTION_BYTES: u8 = 0;
const OPTION_ERROR: u8 = 1;
const OPTION_U32: u8 = 2;
const OPTION_U64: u8 = 3;
const OPTION_TIME: u8 = 4;
/// Indexes of the types of what ptrace is given (`PPM_PTRACE_IDX_*`).
const TRACE_WORD: u8 = 0;
const TRACE_SIGNAL: u8 = 1;
/// PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH and PTRACE_SYSCALL of linux/ptrace.h, whose data is a signal.
const SIGNAL_REQUESTS: [u64; 4] = [7, 9, 17, 24];

/// Sets all parameters of the table's event that the view has values for. Others stay empty.
pub(super) fn fill(
    draft: &mut EventDraft,
    event_type: &'static EventType,
    view: &EventView<'_>,
) -> Result<(), ExportError> {
    for parameter in &event_type.parameters {
        let value = match parameter.name {
            "cgroups" => cgroups(view),
            name => falco_value(view, name).and_then(|value| to_scap(value, parameter.parameter_type, view)),
        };
        if let Some(value) = value {
            set(draft, event_type.event_type, parameter.name, &value)?;
        }
    }
    Ok(())
}

/// The value in the type that the table has for it; `None` where that cannot hold it.
fn to_scap(value: FalcoValue<'_>, parameter_type: ParameterType, view: &EventView<'_>) -> Option<Value> {
    if let ParameterType::Dyn(dynamic) = parameter_type {
        return Some(dynamic_value(value, dynamic, view));
    }
    Some(match value {
        FalcoValue::Number(number) if is_number(parameter_type) => number_value(number, parameter_type),
        FalcoValue::Bytes(bytes) if parameter_type.is_text() => text(&bytes),
        FalcoValue::Bytes(bytes) if parameter_type == ParameterType::ByteBuf => bytes_value(&bytes),
        FalcoValue::Texts(texts) if parameter_type == ParameterType::ByteBuf => strings(texts),
        FalcoValue::Address(address) => Value::Address(SocketAddress::Internet(internet(address))),
        FalcoValue::Ends(from, to) => {
            Value::Tuple(SocketTuple::Internet { source: internet(from), destination: internet(to) })
        }
        FalcoValue::UnixPath(path) if parameter_type == ParameterType::SockAddr => {
            Value::Address(SocketAddress::Unix(text_bytes(&path)))
        }
        FalcoValue::UnixPath(path) => {
            Value::Tuple(SocketTuple::Unix { source: 0, destination: 0, path: text_bytes(&path) })
        }
        _ => return None,
    })
}

/// A number in as many bits as the type has.
pub(super) fn number_value(number: i128, parameter_type: ParameterType) -> Value {
    let bits = parameter_type.size().and_then(|size| u32::try_from(size * 8).ok()).unwrap_or(u64::BITS);
    #[expect(clippy::cast_possible_truncation, reason = "its low bits are what is wanted")]
    let low = number as u64;
    if parameter_type.is_signed() {
        let unused = u64::BITS.saturating_sub(bits);
        return Value::Signed((low << unused).cast_signed() >> unused);
    }
    Value::Unsigned(low & (u64::MAX >> u64::BITS.saturating_sub(bits)))
}

fn dynamic_value(value: FalcoValue<'_>, dynamic: Dynamic, view: &EventView<'_>) -> Value {
    let number = match value {
        FalcoValue::Number(number) => number,
        FalcoValue::Bytes(bytes) => return Value::Dynamic(OPTION_BYTES, Box::new(bytes_value(&bytes))),
        _ => return Value::Dynamic(OPTION_BYTES, Box::new(Value::Bytes(Vec::new()))),
    };
    let index = match (dynamic, view.event.kind.as_ref()) {
        (Dynamic::SocketOption, Some(Kind::SocketOption(option))) => match option.name {
            SO_ERROR => OPTION_ERROR,
            SO_RCVTIMEO | SO_SNDTIMEO => OPTION_TIME,
            SO_COOKIE => OPTION_U64,
            _ => OPTION_U32,
        },
        (Dynamic::Ptrace, Some(Kind::ProcessAccess(access)))
            if SIGNAL_REQUESTS.contains(&access.request) && number <= 0xff =>
        {
            TRACE_SIGNAL
        }
        _ => TRACE_WORD,
    };
    let alternative = dynamic.alternative(index).unwrap_or(ParameterType::Uint64);
    Value::Dynamic(index, Box::new(number_value(number, alternative)))
}

pub(super) fn internet(address: SocketAddr) -> InternetAddress {
    InternetAddress { ip: address.ip(), port: address.port() }
}

/// Text up to its first NUL, which ends it in the file.
pub(super) fn text(bytes: &[u8]) -> Value {
    Value::Text(text_bytes(bytes))
}

fn text_bytes(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    text.get(..MAX_PARAMETER).unwrap_or(text).to_vec()
}

fn bytes_value(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.get(..MAX_PARAMETER).unwrap_or(bytes).to_vec())
}

/// Strings that end with NUL each; as many as there is room for.
pub(super) fn strings(texts: &[Vec<u8>]) -> Value {
    let mut bytes = Vec::new();
    for text in texts {
        if bytes.len() + text.len() + 1 > MAX_PARAMETER {
            break;
        }
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    Value::Bytes(bytes)
}

fn cgroups(view: &EventView<'_>) -> Option<Value> {
    let process = view.host.process_of(view.event.task.as_ref()?)?;
    Some(strings(&cgroup_lines(view.host.cgroup(process)?)))
}

/// `controller=path` of each controller: a host that has only the one hierarchy is written so, too.
pub(super) fn cgroup_lines(fact: &CgroupFact) -> Vec<Vec<u8>> {
    CONTROLLERS.iter().map(|controller| [controller.as_bytes(), b"=", &fact.path].concat()).collect()
}
