//! The first message.

use eyrie_proto::{
    capture::{AgentInfo, BatchEncoding, CaptureRequest, ClockReading, Hello, capture_request::Kind},
    event::{Origin, origin},
};
use prost::Message as _;
use tonic::Streaming;

use super::{PROTOCOL_VERSION, kind_name, next_message};
use crate::{error::RpcError, evaluate::HostFacts, intake::SessionLimits};

/// Bytes of what an agent says of itself: it is kept as long as the origin is listed.
const MAX_AGENT_INFO_BYTES: usize = 16 * 1024;
/// Bytes of each of the names in an origin.
const MAX_NAME_BYTES: usize = 256;

/// A Hello whose parts are all there and well-formed. They are claims all the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CheckedHello {
    pub(super) origin: Origin,
    pub(super) epoch: u64,
    pub(super) acked_through: u64,
    pub(super) first_sequence: u64,
    pub(super) agent: AgentInfo,
    /// Those of which we know.
    pub(super) batch_encodings: Vec<BatchEncoding>,
    pub(super) facts: HostFacts,
    pub(super) plan_generation: u64,
    pub(super) clock: ClockReading,
}

/// Waits for Hello and checks it; `None` if the stream ends without a message.
pub(super) async fn receive(
    stream: &mut Streaming<CaptureRequest>,
    limits: &SessionLimits,
) -> Result<Option<CheckedHello>, RpcError> {
    let message = tokio::time::timeout(limits.hello_wait, next_message(stream, limits.max_message_bytes))
        .await
        .map_err(|_| RpcError::HelloMissing { waited: limits.hello_wait })??;
    match message {
        Some(Kind::Hello(hello)) => check(hello).map(Some),
        Some(other) => Err(RpcError::HelloExpected { found: kind_name(&other) }),
        None => Ok(None),
    }
}

fn check(hello: Hello) -> Result<CheckedHello, RpcError> {
    let invalid = |field, detail: &str| RpcError::HelloInvalid { field, detail: detail.to_owned() };
    let origin = hello.origin.ok_or_else(|| RpcError::OriginInvalid {
        detail: "it is missing: say which host or source".into(),
    })?;
    check_origin(&origin)?;
    if hello.epoch == 0 {
        return Err(RpcError::EpochInvalid);
    }
    if !hello.protocol_versions.contains(&PROTOCOL_VERSION) {
        let offered = hello.protocol_versions.into_iter().take(16).collect();
        return Err(RpcError::ProtocolUnsupported { offered, known: PROTOCOL_VERSION });
    }
    if hello.first_sequence == 0 {
        return Err(invalid("first_sequence", "it is 0, and the first event of an epoch is 1"));
    }
    let agent = hello.agent.unwrap_or_default();
    if agent.encoded_len() > MAX_AGENT_INFO_BYTES {
        return Err(invalid("agent", "it has more than 16 KiB: shorten labels and missing abilities"));
    }
    let clock = hello.clock.ok_or_else(|| invalid("clock", "it is missing: events could not be dated"))?;
    Ok(CheckedHello {
        facts: HostFacts::from(&agent),
        origin,
        epoch: hello.epoch,
        acked_through: hello.acked_through_sequence,
        first_sequence: hello.first_sequence,
        batch_encodings: hello
            .batch_encodings
            .into_iter()
            .filter_map(|encoding| encoding.try_into().ok())
            .collect(),
        agent,
        plan_generation: hello.plan_generation,
        clock,
    })
}

fn check_origin(origin: &Origin) -> Result<(), RpcError> {
    let invalid = |detail: String| Err(RpcError::OriginInvalid { detail });
    if origin.tenant.len() > MAX_NAME_BYTES {
        return invalid(format!("the tenant has more than {MAX_NAME_BYTES} bytes"));
    }
    match &origin.kind {
        None => invalid("it names neither a host nor a source".into()),
        Some(origin::Kind::Host(host)) if !is_hex(&host.machine_id, 32) => {
            invalid("host.machine_id is not 32 hexadecimal digits, as /etc/machine-id has them".into())
        }
        Some(origin::Kind::Host(host)) if !is_uuid(&host.boot_id) => {
            invalid("host.boot_id is no UUID, as /proc/sys/kernel/random/boot_id has it".into())
        }
        Some(origin::Kind::Host(_)) => Ok(()),
        Some(origin::Kind::Source(source)) => {
            let is_name = |name: &str| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
            if is_name(&source.source) && is_name(&source.instance) {
                return Ok(());
            }
            invalid(format!("source.source and source.instance must have 1 to {MAX_NAME_BYTES} bytes"))
        }
    }
}

/// Lower case only: the same host must not have two names.
fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    lengths.into_iter().all(|length| parts.next().is_some_and(|part| is_hex(part, length)))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use eyrie_proto::event::{HostBoot, SourceInstance};

    use super::*;

    const MACHINE: &str = "0123456789abcdef0123456789abcdef";
    const BOOT: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn host(machine_id: &str, boot_id: &str) -> Origin {
        let boot = HostBoot { machine_id: machine_id.into(), boot_id: boot_id.into() };
        Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) }
    }

    fn hello() -> Hello {
        Hello {
            origin: Some(host(MACHINE, BOOT)),
            epoch: 7,
            first_sequence: 1,
            protocol_versions: vec![1],
            clock: Some(ClockReading::default()),
            ..Hello::default()
        }
    }

    /// Scenario: each part of Hello wrong by itself. Guarantees: it is refused for that very reason, and only then.
    #[test]
    fn every_part_is_checked() {
        assert!(check(hello()).is_ok());
        let refused = |change: fn(&mut Hello)| {
            let mut hello = hello();
            change(&mut hello);
            check(hello).unwrap_err().reason()
        };
        assert_eq!(refused(|hello| hello.origin = None), "ORIGIN_INVALID");
        assert_eq!(refused(|hello| hello.origin = Some(Origin::default())), "ORIGIN_INVALID");
        assert_eq!(refused(|hello| hello.epoch = 0), "EPOCH_INVALID");
        assert_eq!(refused(|hello| hello.protocol_versions = vec![2, 3]), "PROTOCOL_UNSUPPORTED");
        assert_eq!(refused(|hello| hello.protocol_versions.clear()), "PROTOCOL_UNSUPPORTED");
        assert_eq!(refused(|hello| hello.first_sequence = 0), "HELLO_INVALID");
        assert_eq!(refused(|hello| hello.clock = None), "HELLO_INVALID");
        let large = AgentInfo { hostname: "h".repeat(20_000), ..AgentInfo::default() };
        let refusal = check(Hello { agent: Some(large), ..hello() }).unwrap_err();
        assert_eq!(refusal.reason(), "HELLO_INVALID");
    }

    /// Scenario: origins of hosts and sources, right and wrong. Guarantees: only canonical ids pass.
    #[test]
    fn origins_are_canonical() {
        for (machine, boot) in
            [("", BOOT), ("x", BOOT), (&MACHINE.to_uppercase(), BOOT), (MACHINE, MACHINE), (MACHINE, "")]
        {
            assert!(check_origin(&host(machine, boot)).is_err(), "{machine} {boot}");
        }
        let source = |instance: &str| Origin {
            tenant: "t".into(),
            kind: Some(origin::Kind::Source(SourceInstance {
                source: "k8s_audit".into(),
                instance: instance.into(),
            })),
        };
        assert!(check_origin(&source("c1")).is_ok());
        assert!(check_origin(&source("")).is_err());
        assert!(check_origin(&source(&"c".repeat(257))).is_err());
    }
}
