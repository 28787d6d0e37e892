use aya::maps::{MapData, RingBuf};

use crate::source::Drained;

/// What the kernel puts before a record in the ring, and what it rounds its length to.
const RECORD_HEAD_BYTES: u64 = 8;

/// A ring, and what is left of the one before it.
pub(super) struct GrowingRing {
    ring: RingBuf<MapData>,
    pub(super) bytes: u32,
    /// What was in its place before, until it is empty: no program writes into it any more.
    old: Option<RingBuf<MapData>>,
    /// Bytes drained since the last wait.
    drained_bytes: u64,
    /// Records that found it more than half full, as of the last look.
    pressure: u64,
    /// It was replaced after that look, which says nothing about its size as it is now.
    is_fresh: bool,
}

// === impl GrowingRing ===

impl GrowingRing {
    pub(super) fn new(ring: RingBuf<MapData>, bytes: u32) -> Self {
        Self { ring, bytes, old: None, drained_bytes: 0, pressure: 0, is_fresh: false }
    }

    pub(super) fn ring(&self) -> &RingBuf<MapData> {
        &self.ring
    }

    pub(super) fn replace(&mut self, ring: RingBuf<MapData>, bytes: u32) {
        self.old = Some(std::mem::replace(&mut self.ring, ring));
        self.bytes = bytes;
        self.is_fresh = true;
    }

    /// Whether more records found it more than half full than at the last call, and that says something about it as it is.
    pub(super) fn is_too_small(&mut self, pressure: u64) -> bool {
        let is_pressed = pressure != std::mem::replace(&mut self.pressure, pressure);
        let is_settled = !std::mem::take(&mut self.is_fresh) && self.old.is_none();
        is_pressed && is_settled
    }

    pub(super) fn drain(&mut self, at_most: usize, take: &mut dyn FnMut(&[u8])) -> Drained {
        let mut records = 0;
        while records < at_most {
            if !self.take(take) {
                return Drained { records, is_more: false };
            }
            records += 1;
        }
        Drained { records, is_more: true }
    }

    /// Takes the oldest record, if there is one.
    fn take(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        if let Some(old) = &mut self.old {
            if let Some(bytes) = old.next() {
                take(&bytes);
                return true;
            }
            self.old = None;
        }
        let Some(bytes) = self.ring.next() else { return false };
        self.drained_bytes += RECORD_HEAD_BYTES + (bytes.len() as u64).next_multiple_of(8);
        take(&bytes);
        true
    }

    /// How full it was since the last call, in percent.
    pub(super) fn take_fill(&mut self) -> u64 {
        std::mem::take(&mut self.drained_bytes).saturating_mul(100) / u64::from(self.bytes.max(1))
    }
}
