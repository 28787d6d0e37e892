use crate::{
    Counter, DecodeError, EventClass,
    layout::{Field, Reader, counter, flag, layout, until_nul},
};

layout! {
    /// Who had a loss: a key of the map [`LOSS_SOURCES_MAP`](crate::LOSS_SOURCES_MAP), whose values count.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LossSource = "loss_source" {
        /// Name of the thread as the kernel keeps it. See [`LossSource::comm`].
        raw_comm: [u8; 16],
        /// Number of the call. See [`LossSource::call`].
        call_number: u32,
        /// Kind of the record that was lost; 0 where none was made, as of a call that is shed.
        kind: u16,
        /// Index of the counter. See [`LossSource::reason`].
        reason: u16,
        /// Of [`flag`](crate::flag): whether it bears state, is of a call, and of a 32-bit one.
        flags: u32,
    }
}

// === impl LossSource ===

impl LossSource {
    /// Size of the map's keys.
    pub const BYTES: usize = <Self as Field<'_>>::SIZE;

    /// Reads a key.
    pub fn read(bytes: &[u8; Self::BYTES]) -> Result<Self, DecodeError> {
        Field::read(&mut Reader::new(bytes, Self::BYTES), "loss_source")
    }

    /// Name of the thread, at most 15 bytes.
    pub fn comm(&self) -> &[u8] {
        until_nul(&self.raw_comm)
    }

    /// What was lost.
    pub fn class(&self) -> EventClass {
        if self.flags & flag::STATE_BEARING != 0 { EventClass::StateBearing } else { EventClass::Plain }
    }

    /// The call, and whether its number is that of a 32-bit one; `None` if it was no call.
    pub fn call(&self) -> Option<(u32, bool)> {
        (self.flags & flag::HAS_CALL != 0).then_some((self.call_number, self.flags & flag::COMPAT32 != 0))
    }

    /// The counter that it was counted under; `None` for one that this version does not know.
    pub fn reason(&self) -> Option<Counter> {
        match u32::from(self.reason) {
            counter::LOST_FULL => Some(Counter::LostFull),
            counter::LOST_REFUSED => Some(Counter::LostRefused),
            counter::LOST_BUG => Some(Counter::LostBug),
            counter::LOST_DEGRADED => Some(Counter::LostDegraded),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a key as the programs write it, for a 32-bit call. Guarantees: it is read as who, what and why.
    #[test]
    fn a_key_is_read() {
        let mut key = [0; LossSource::BYTES];
        key[..5].copy_from_slice(b"flood");
        key[16..20].copy_from_slice(&132_u32.to_ne_bytes());
        key[20..22].copy_from_slice(&crate::kind::CALL.to_ne_bytes());
        key[22..24].copy_from_slice(&2_u16.to_ne_bytes());
        key[24..].copy_from_slice(&(flag::HAS_CALL | flag::COMPAT32).to_ne_bytes());
        let source = LossSource::read(&key).unwrap();
        assert_eq!((source.comm(), source.call()), (&b"flood"[..], Some((132, true))));
        assert_eq!((source.class(), source.kind), (EventClass::Plain, crate::kind::CALL));
        assert_eq!(source.reason(), Some(Counter::LostRefused));
        key[22] = 0xff;
        key[24..].copy_from_slice(&flag::STATE_BEARING.to_ne_bytes());
        let source = LossSource::read(&key).unwrap();
        assert_eq!((source.class(), source.call(), source.reason()), (EventClass::StateBearing, None, None));
    }
}
