//! Checks the facts that an engine relays, before any of them is stored.

use eyrie_proto::{
    event::Origin,
    metadata::{Container, ContainerKey, HostKey, LateFact, RelayFactsRequest, Validity, late_fact::Kind},
};
use prost::Message as _;

use crate::{
    error::RpcError,
    keys::{ContainerName, KeyError, scope_of},
    store::{Batch, Numbering, Scope, Statement, Turn},
};

/// Facts of one call.
const MAX_FACTS: usize = 1_024;
/// Of one fact, as large as agents make them; environments, labels and mounts are the largest part.
const MAX_FACT_BYTES: usize = 512 * 1024;

/// Reads a whole request; the first fact that is wrong refuses it.
pub(crate) fn check(request: RelayFactsRequest) -> Result<Batch, RpcError> {
    let invalid = |field, detail: String| RpcError::RelayInvalid { field, detail };
    let scope = scope_of(request.origin.as_ref()).map_err(|error| invalid("origin", error.to_string()))?;
    if request.epoch == 0 {
        return Err(invalid("epoch", "it is 0, and an agent's epoch is a random number".into()));
    }
    let first_sequence = request.first_fact_sequence;
    if first_sequence == 0 || first_sequence > i64::MAX.cast_unsigned() - MAX_FACTS as u64 {
        let detail = format!("it is {first_sequence}, and facts are counted from 1");
        return Err(invalid("first_fact_sequence", detail));
    }
    let found = request.facts.len();
    if found > MAX_FACTS {
        return Err(RpcError::TooManyInMessage { found, limit: MAX_FACTS, what: "facts" });
    }
    let origin = request.origin.unwrap_or_default();
    let check_one = |(index, fact)| FactCheck { index, first_sequence, origin: &origin }.statement(fact);
    let statements = request.facts.into_iter().enumerate().map(check_one).collect::<Result<_, _>>()?;
    let (scope, numbering) = (Scope::Origin(scope), Numbering::Each);
    Ok(Batch { scope, epoch: request.epoch, first_sequence, numbering, statements })
}

/// What counts the facts before a batch's as heard, without saying anything: for those that nobody has any more.
pub(crate) fn passing_over_earlier(batch: &Batch) -> Batch {
    let first_sequence = batch.first_sequence.saturating_sub(1);
    let (scope, numbering) = (batch.scope.clone(), Numbering::Turn(Turn::First));
    Batch { scope, epoch: batch.epoch, first_sequence, numbering, statements: Vec::new() }
}

/// Checks one fact.
struct FactCheck<'a> {
    index: usize,
    first_sequence: u64,
    /// The only one that the fact may be about.
    origin: &'a Origin,
}

// === impl FactCheck ===

impl FactCheck<'_> {
    fn statement(&self, fact: LateFact) -> Result<Statement, RpcError> {
        let size = fact.encoded_len();
        if size > MAX_FACT_BYTES {
            return Err(self.invalid(format!("it has {size} bytes, more than {MAX_FACT_BYTES}: shorten it")));
        }
        match fact.kind {
            None => Err(self.invalid("it is empty, or of a kind that this service does not know".into())),
            Some(Kind::Container(container)) => {
                let name = self.name(container.key.as_ref())?;
                self.interval(container.validity, name.birth_ns)?;
                Ok(Statement::Container(name, Box::new(container)))
            }
            Some(Kind::Host(host)) => {
                let key: &HostKey = host.key.as_ref().ok_or_else(|| self.key(&KeyError::Missing))?;
                self.own_origin(key.origin.as_ref())?;
                self.interval(host.validity, 0)?;
                Ok(Statement::Host(Box::new(host)))
            }
            Some(Kind::ContainerRemoval(removal)) => {
                let name = self.name(removal.key.as_ref())?;
                let until_ns = removal.removed_boot_ns;
                if until_ns == 0 {
                    return Err(self.invalid("removed_boot_ns is 0: say when the container ended".into()));
                }
                self.interval(Some(Validity { from_ns: 0, until_ns }), name.birth_ns)?;
                let container = Container { key: removal.key, ..Container::default() };
                Ok(Statement::ContainerRemoval(name, Box::new(container), until_ns))
            }
        }
    }

    fn name(&self, key: Option<&ContainerKey>) -> Result<ContainerName, RpcError> {
        let key = key.ok_or_else(|| self.key(&KeyError::Missing))?;
        self.own_origin(key.origin.as_ref())?;
        ContainerName::of(key).map_err(|error| self.key(&error))
    }

    fn own_origin(&self, origin: Option<&Origin>) -> Result<(), RpcError> {
        let Some(origin) = origin else { return Err(self.key(&KeyError::OriginMissing)) };
        if origin == self.origin {
            return Ok(());
        }
        // Only what is known to be short is told back.
        let found = scope_of(Some(origin)).map_err(|error| self.key(&error))?;
        Err(RpcError::ForeignOrigin {
            index: self.index,
            sequence: self.sequence(),
            found,
            expected: self.origin.to_string(),
        })
    }

    fn interval(&self, validity: Option<Validity>, birth_ns: u64) -> Result<(), RpcError> {
        let Validity { from_ns, until_ns } = validity.unwrap_or_default();
        let from_ns = from_ns.max(birth_ns);
        match until_ns {
            0 => Ok(()),
            until_ns if until_ns < from_ns => {
                Err(self.invalid(format!("it ended at {until_ns}, before it began at {from_ns}")))
            }
            _ => Ok(()),
        }
    }

    fn sequence(&self) -> u64 {
        self.first_sequence.saturating_add(self.index as u64)
    }

    fn key(&self, error: &KeyError) -> RpcError {
        RpcError::fact(self.index, self.sequence(), error)
    }

    fn invalid(&self, detail: String) -> RpcError {
        RpcError::FactInvalid { index: self.index, sequence: self.sequence(), detail }
    }
}
