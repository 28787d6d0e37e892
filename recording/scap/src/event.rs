//! An event as it lies in its block.

use std::ops::Range;

use crate::{
    fields::{Fields, Malformed},
    table::{self, EventType},
    value::{self, Value, ValueError},
};

/// An event as it lies in its block.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Where its block begins, in uncompressed bytes.
    pub offset: u64,
    /// Processor.
    pub cpu: u16,
    /// 1: it only changes state, and nobody is to see it.
    pub flags: u32,
    /// Nanoseconds since the epoch; `None` if it says that it has none.
    pub time_ns: Option<u64>,
    /// -1 where nobody acted.
    pub tid: i64,
    /// `ppm_event_code`.
    pub code: u16,
    /// What the code means; `None` if nobody knows.
    pub event_type: Option<&'static EventType>,
    /// The parameters that there are; none of a code that nobody knows, since it tells how they lie.
    pub parameters: Vec<&'a [u8]>,
}

/// The most parameters that the format has room for.
pub(crate) const MAX_PARAMETERS: u32 = 32;
/// Instead of a time.
pub(crate) const NO_TIME: u64 = u64::MAX;

/// Time, thread, length and code; newer blocks have the number of parameters as well.
const HEADER_BYTES: u32 = 22;
pub(crate) const HEADER_WITH_COUNT_BYTES: u32 = 26;

/// NOTIFICATION_E and INFRASTRUCTURE_EVENT_E, whose length old writers said so many bytes too large.
const OVERLONG_CODES: [u16; 2] = [280, 286];
const OVERLONG_BYTES: usize = 3;

/// An event whose lengths agree with each other.
#[derive(Debug)]
pub(crate) struct Parsed {
    cpu: u16,
    flags: u32,
    header: Header,
    pub(crate) event_type: Option<&'static EventType>,
    /// How many parameters it has.
    count: usize,
    /// Where in the block's body lengths and values are.
    content: Range<usize>,
}

#[derive(Debug)]
struct Header {
    time_ns: u64,
    tid: i64,
    code: u16,
    /// `None` in old blocks.
    count: Option<u32>,
    /// What lengths and values take.
    content_bytes: usize,
}

/// Why an event is passed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    #[error(transparent)]
    Fields(#[from] Malformed),
    #[error(
        "{name}: {count} parameters with their lengths take {found} bytes, the event has {left} for them"
    )]
    Lengths { name: &'static str, count: usize, found: usize, left: usize },
    #[error("{name}: no number of parameters fits its {left} bytes")]
    NoCount { name: &'static str, left: usize },
    #[error("{name}, parameter {parameter}: {error}")]
    Parameter { name: &'static str, parameter: &'static str, error: ValueError },
}

/// Reads the body of an event block. What follows the event in its block (padding, comments) is passed over.
pub(crate) fn parse(body: &[u8], has_flags: bool, has_count: bool) -> Result<Parsed, EventError> {
    let mut fields = Fields::new(body);
    let cpu = fields.u16("cpu")?;
    let flags = if has_flags { fields.u32("flags")? } else { 0 };
    let header = read_header(&mut fields, has_count)?;
    let start = body.len().saturating_sub(fields.left());
    let event_type = table::event_type(header.code);
    let is_overlong = !has_count && OVERLONG_CODES.contains(&header.code);
    let length = header.content_bytes.saturating_sub(if is_overlong { OVERLONG_BYTES } else { 0 });
    let content = fields.bytes("parameters", length)?;
    let count = match event_type {
        Some(known) => checked_count(known, header.count, content)?,
        None => 0,
    };
    Ok(Parsed { cpu, flags, header, event_type, count, content: start..start.saturating_add(length) })
}

fn read_header(fields: &mut Fields<'_>, has_count: bool) -> Result<Header, Malformed> {
    let (time_ns, tid) = (fields.u64("ts")?, fields.i64("tid")?);
    let length = fields.u32("len")?;
    let code = fields.u16("type")?;
    let count = has_count.then(|| fields.u32("nparams")).transpose()?;
    let own = if has_count { HEADER_WITH_COUNT_BYTES } else { HEADER_BYTES };
    let content = length.checked_sub(own).ok_or(Malformed::Length {
        field: "len",
        said: length.into(),
        found: own.into(),
    })?;
    Ok(Header { time_ns, tid, code, count, content_bytes: usize::try_from(content).unwrap_or(usize::MAX) })
}

/// How many parameters there are, if their lengths fill the content and are those of their types.
fn checked_count(
    event_type: &'static EventType,
    count: Option<u32>,
    content: &[u8],
) -> Result<usize, EventError> {
    let (name, left) = (event_type.name, content.len());
    let count = match count {
        Some(count) => checked_sum(event_type, count, content)?,
        // Old blocks do not say. Of all numbers only one makes lengths and values fill the content: every length more adds
        // its own bytes at least.
        None => (0..=event_type.parameters.len())
            .rev()
            .find(|count| total_bytes(event_type, *count, content) == Some(left))
            .ok_or(EventError::NoCount { name, left })?,
    };
    let parameters = split(event_type, count, content)?;
    for (parameter, bytes) in event_type.parameters.iter().zip(&parameters) {
        let size = parameter.parameter_type.size();
        if size.is_some_and(|size| !bytes.is_empty() && bytes.len() != size) {
            let error = ValueError::Length { parameter_type: parameter.parameter_type, length: bytes.len() };
            return Err(EventError::Parameter { name, parameter: parameter.name, error });
        }
    }
    Ok(count)
}

/// The number that the event says, if it is none that nobody writes and fills the content.
fn checked_sum(event_type: &'static EventType, count: u32, content: &[u8]) -> Result<usize, EventError> {
    if count > MAX_PARAMETERS {
        let too_many =
            Malformed::TooMany { field: "nparams", found: count.into(), limit: MAX_PARAMETERS.into() };
        return Err(too_many.into());
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match total_bytes(event_type, count, content) {
        Some(found) if found == content.len() => Ok(count),
        found => Err(EventError::Lengths {
            name: event_type.name,
            count,
            found: found.unwrap_or_else(|| lengths_bytes(event_type, count)),
            left: content.len(),
        }),
    }
}

/// `count` lengths, then as many values.
fn split<'a>(event_type: &EventType, count: usize, content: &'a [u8]) -> Result<Vec<&'a [u8]>, Malformed> {
    let (mut lengths, mut values) = (Fields::new(content), Fields::new(content));
    values.bytes("lengths", lengths_bytes(event_type, count))?;
    (0..count)
        .map(|_| {
            let length = read_length(event_type, &mut lengths)?;
            values.bytes("a parameter", length)
        })
        .collect()
}

/// What `count` lengths and as many values take; `None` if the content has not even the lengths.
fn total_bytes(event_type: &EventType, count: usize, content: &[u8]) -> Option<usize> {
    let mut lengths = Fields::new(content);
    let values =
        (0..count).try_fold(0usize, |sum, _| sum.checked_add(read_length(event_type, &mut lengths).ok()?))?;
    values.checked_add(lengths_bytes(event_type, count))
}

fn lengths_bytes(event_type: &EventType, count: usize) -> usize {
    count.saturating_mul(if event_type.has_large_lengths { 4 } else { 2 })
}

fn read_length(event_type: &EventType, fields: &mut Fields<'_>) -> Result<usize, Malformed> {
    if event_type.has_large_lengths {
        return Ok(usize::try_from(fields.u32("lengths")?).unwrap_or(usize::MAX));
    }
    Ok(fields.u16("lengths")?.into())
}

// === impl Parsed ===

impl Parsed {
    /// The event, out of the body that it was parsed from.
    pub(crate) fn event<'a>(&self, body: &'a [u8], offset: u64) -> Event<'a> {
        let content = body.get(self.content.clone()).unwrap_or_default();
        let parameters = self.event_type.and_then(|known| split(known, self.count, content).ok());
        Event {
            offset,
            cpu: self.cpu,
            flags: self.flags,
            time_ns: (self.header.time_ns != NO_TIME).then_some(self.header.time_ns),
            tid: self.header.tid,
            code: self.header.code,
            event_type: self.event_type,
            parameters: parameters.unwrap_or_default(),
        }
    }
}

// === impl Event ===

impl<'a> Event<'a> {
    /// The bytes of the parameter with this name; `None` if it is absent: not written by the file's age, or empty.
    pub fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        let (index, _) = self.event_type?.parameter(name)?;
        self.parameters.get(index).copied().filter(|bytes| !bytes.is_empty())
    }

    /// What the parameter with this name says; `None` if it is absent.
    pub fn value(&self, name: &str) -> Result<Option<Value>, ValueError> {
        let Some((index, parameter_type)) = self.event_type.and_then(|known| known.parameter(name)) else {
            return Ok(None);
        };
        self.parameters.get(index).map_or(Ok(None), |bytes| value::decode(parameter_type, bytes))
    }
}
