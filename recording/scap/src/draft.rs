//! An event that is being composed.

use crate::{
    WriteError,
    block::{self, BlockType, FRAME_BYTES},
    event::{HEADER_WITH_COUNT_BYTES, NO_TIME},
    reader::MAX_EVENT_BLOCK_BYTES,
    table::{self, EventType},
    value::{self, Value, ValueError},
};

/// Codes of which readers of libs 0.21 and later take no more parameters than this, because a later release than theirs
/// appended one; they convert shorter ones and refuse the file at longer ones.
const SAFE_COUNTS: [(u16, usize); 3] = [
    // SOCKET_SOCKET_X without flags.
    (19, 4),
    // SYSCALL_FCNTL_X without arg.
    (151, 3),
    // SYSCALL_EXECVE_19_X without filename.
    (293, 30),
];

/// What libscap takes of an event block that is not called large: body and trailer.
const PLAIN_EVENT_BYTES: usize = 65_536;

/// An event that is being composed.
#[derive(Clone, Debug)]
pub struct EventDraft {
    /// Processor.
    pub cpu: u16,
    /// 1: it only changes state.
    pub flags: u32,
    /// Nanoseconds since the epoch; `None` writes that it has none.
    pub time_ns: Option<u64>,
    /// -1 where nobody acted.
    pub tid: i64,
    code: u16,
    event_type: Option<&'static EventType>,
    /// All that the table has, also beyond `count`.
    parameters: Vec<Vec<u8>>,
    /// How many are written.
    count: usize,
}

// === impl EventDraft ===

impl EventDraft {
    /// An event without parameters; each that is not set is empty. As many are written as every reader takes: all that the table
    /// has, but for three events that late releases appended one to (`socket`, `fcntl`, `execve`).
    pub fn new(code: u16, time_ns: u64, tid: i64) -> Self {
        let event_type = table::event_type(code);
        let known = event_type.map_or(0, |event_type| event_type.parameters.len());
        let safe = SAFE_COUNTS.iter().find(|(safe, _)| *safe == code).map_or(known, |(_, count)| *count);
        Self {
            cpu: 0,
            flags: 0,
            time_ns: Some(time_ns),
            tid,
            code,
            event_type,
            parameters: vec![Vec::new(); known],
            count: safe,
        }
    }

    /// Its code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Sets the parameter with this name.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), ValueError> {
        let found = self.event_type.and_then(|event_type| event_type.parameter(name));
        let place =
            found.and_then(|(index, parameter_type)| Some((self.parameters.get_mut(index)?, parameter_type)));
        let Some((place, parameter_type)) = place else {
            return Err(ValueError::NoParameter { code: self.code, name: name.to_owned() });
        };
        let mut bytes = Vec::new();
        value::encode(parameter_type, value, &mut bytes)?;
        *place = bytes;
        Ok(())
    }

    /// Leaves out the parameters from this index on, for readers that know no more.
    pub fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }

    /// Writes every parameter that the table has, for readers of Falco 0.44 (schema 4.5.1) and later.
    pub fn keep_all(&mut self) {
        self.count = self.parameters.len();
    }

    /// The type and body of its block.
    pub(crate) fn to_block(&self) -> Result<(BlockType, Vec<u8>), WriteError> {
        let Some(event_type) = self.event_type else {
            return Err(WriteError::UnknownCode { code: self.code });
        };
        let mut body = self.cpu.to_le_bytes().to_vec();
        if self.flags != 0 {
            body.extend(self.flags.to_le_bytes());
        }
        let (lengths, values) = self.content(event_type)?;
        body.extend(self.time_ns.unwrap_or(NO_TIME).to_le_bytes());
        body.extend(self.tid.to_le_bytes());
        let header = usize::try_from(HEADER_WITH_COUNT_BYTES).unwrap_or(usize::MAX);
        let length = header.saturating_add(lengths.len()).saturating_add(values.len());
        body.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        body.extend(self.code.to_le_bytes());
        body.extend(u32::try_from(self.count).unwrap_or(u32::MAX).to_le_bytes());
        body.extend(lengths);
        body.extend(values);
        let is_large = event_type.has_large_lengths || body.len() > PLAIN_EVENT_BYTES - 8;
        let block_type = match (self.flags != 0, is_large) {
            (false, false) => block::EVENT_V2,
            (false, true) => block::EVENT_V2_LARGE,
            (true, false) => block::EVENT_FLAGS_V2,
            (true, true) => block::EVENT_FLAGS_V2_LARGE,
        };
        let limit = MAX_EVENT_BLOCK_BYTES;
        let frame = usize::try_from(FRAME_BYTES).unwrap_or(usize::MAX);
        match body.len().saturating_add(frame) {
            length if u32::try_from(length).is_ok_and(|length| length <= limit) => Ok((block_type, body)),
            length => Err(WriteError::BlockTooLarge { block_type, length, limit }),
        }
    }

    /// Lengths and values.
    fn content(&self, event_type: &'static EventType) -> Result<(Vec<u8>, Vec<u8>), WriteError> {
        let (mut lengths, mut values) = (Vec::new(), Vec::new());
        for (parameter, bytes) in event_type.parameters.iter().zip(&self.parameters).take(self.count) {
            let limit = if event_type.has_large_lengths { u32::MAX } else { u16::MAX.into() };
            let Some(length) = u32::try_from(bytes.len()).ok().filter(|length| *length <= limit) else {
                return Err(WriteError::ParameterTooLong {
                    event: event_type.name,
                    name: parameter.name,
                    length: bytes.len(),
                    limit: usize::try_from(limit).unwrap_or(usize::MAX),
                });
            };
            let width = if event_type.has_large_lengths { 4 } else { 2 };
            lengths.extend(length.to_le_bytes().iter().take(width));
            values.extend(bytes);
        }
        Ok((lengths, values))
    }
}
