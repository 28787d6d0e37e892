use eyrie_bpf::RING_BYTES;

/// Up to here one ring is as fast as several, and keeps the order of all records.
const PROCESSORS_PER_RING: u32 = 8;

/// How many rings there are and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Rings; 0 for one for every eight processors.
    pub rings: u32,
    /// Bytes of each at first, a power of two and of whole pages.
    pub bytes: u32,
    /// Bytes that each may grow to, likewise.
    pub max_bytes: u32,
}

// === impl RingLimits ===

impl RingLimits {
    /// How many rings, and how many processors each is for.
    fn layout(&self, processors: u32) -> (u32, u32) {
        let processors = processors.max(1);
        let wanted = if self.rings == 0 { processors.div_ceil(PROCESSORS_PER_RING) } else { self.rings };
        let processors_per_ring = processors.div_ceil(wanted.clamp(1, processors));
        (processors.div_ceil(processors_per_ring), processors_per_ring)
    }

    /// The same for this host, counting processors that may be plugged in later.
    pub(crate) fn layout_of_host(&self) -> (u32, u32) {
        let processors = aya::util::nr_cpus().ok().and_then(|count| u32::try_from(count).ok());
        self.layout(processors.unwrap_or(1))
    }
}

impl Default for RingLimits {
    /// 4 MiB hold what a busy host does in some ten milliseconds; 32 MiB a second of it.
    fn default() -> Self {
        Self { rings: 0, bytes: RING_BYTES, max_bytes: 32 << 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: hosts of one to 256 processors, with and without a number of rings set. Guarantees: one ring up to eight processors,
    /// then one for every eight; never more rings than processors, and none without a processor.
    #[test]
    fn rings_are_laid_out_by_processors() {
        let layout = |rings, processors| RingLimits { rings, ..RingLimits::default() }.layout(processors);
        assert_eq!(
            [layout(0, 1), layout(0, 8), layout(0, 9), layout(0, 256)],
            [(1, 1), (1, 8), (2, 5), (32, 8)]
        );
        assert_eq!(
            [layout(1, 64), layout(4, 64), layout(5, 8), layout(99, 2)],
            [(1, 64), (4, 16), (4, 2), (2, 1)]
        );
        assert_eq!(layout(0, 0), (1, 1));
    }
}
