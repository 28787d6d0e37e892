//! The rings between the programs and the agent: drained in order, and made larger where they are too small.

mod drain_period;
mod growing_ring;
mod limits;
mod merge;

use std::{os::fd::OwnedFd, time::Instant};

use aya::{
    Ebpf,
    maps::{ArrayOfMaps, Map, MapData, MapError, RingBuf},
};
use eyrie_bpf::{RING_BYTES, RINGS_MAP};
use rustix::event::epoll;
use telemetry::{
    Meter,
    observe::{Count, Level, Name},
};
use tracing::{info, warn};

pub use self::limits::RingLimits;
use self::{drain_period::DrainPeriod, growing_ring::GrowingRing, merge::Merge};
use super::KernelError;
use crate::{clock, source::Drained};

/// Records of one drain: about half a millisecond of work, after which the caller may look after other things.
const RECORDS_PER_DRAIN: usize = 1_024;
/// `BPF_MAP_TYPE_RINGBUF`
const RINGBUF: u32 = 27;
/// All rings.
pub(super) struct Rings {
    /// What the programs look into.
    outer: ArrayOfMaps<MapData, RingBuf<MapData>>,
    rings: Vec<GrowingRing>,
    processors_per_ring: u32,
    max_bytes: u32,
    merge: Merge,
    /// Becomes ready when a program wakes the reader of a ring.
    wake: OwnedFd,
    period: DrainPeriod,
    is_ending: bool,
    shown: Shown,
}

#[derive(Default)]
struct Shown {
    rings: Level,
    bytes: Level,
    grown: Count,
    period_us: Level,
}

// === impl Rings ===

impl Rings {
    /// Puts rings into the map of an object that was loaded with room for as many as [`RingLimits::layout_of_host`] says.
    pub(super) fn new(ebpf: &mut Ebpf, limits: &RingLimits) -> Result<Self, KernelError> {
        let (count, processors_per_ring) = limits.layout_of_host();
        let outer = ebpf.take_map(RINGS_MAP).ok_or_else(KernelError::no_map(RINGS_MAP))?;
        let outer = ArrayOfMaps::try_from(outer).map_err(KernelError::map(RINGS_MAP))?;
        let wake = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(KernelError::wake)?;
        let mut rings = Self {
            outer,
            rings: Vec::new(),
            processors_per_ring,
            max_bytes: limits.max_bytes,
            merge: Merge::new(count as usize),
            wake,
            period: DrainPeriod::default(),
            is_ending: false,
            shown: Shown::default(),
        };
        for index in 0..count {
            let ring = rings.first(index, limits.bytes)?;
            rings.rings.push(ring);
        }
        rings.show_sizes();
        info!(rings = count, processors_per_ring, bytes = limits.bytes, max_bytes = rings.max_bytes, "rings");
        Ok(rings)
    }

    pub(super) fn processors_per_ring(&self) -> u32 {
        self.processors_per_ring
    }

    fn first(&mut self, index: u32, bytes: u32) -> Result<GrowingRing, KernelError> {
        match self.install(index, bytes) {
            Ok(ring) => Ok(GrowingRing::new(ring, bytes)),
            Err(error) if bytes != RING_BYTES => {
                warn!("the kernel takes no ring of {bytes} bytes, so that it has {RING_BYTES}: {error}");
                self.max_bytes = RING_BYTES;
                let ring = self.install(index, RING_BYTES).map_err(KernelError::map(RINGS_MAP))?;
                Ok(GrowingRing::new(ring, RING_BYTES))
            }
            Err(error) => Err(KernelError::map(RINGS_MAP)(error)),
        }
    }

    /// Puts a new ring in a place. The kernel returns when no program can hold the one before it any more (it waits for a grace
    /// period of RCU, under which our programs look the ring up), so that what that one has then is all that it will have.
    fn install(&mut self, index: u32, bytes: u32) -> Result<RingBuf<MapData>, MapError> {
        let map = aya_obj::Map::new_from_params(RINGBUF, 0, 0, bytes, 0);
        let ring = RingBuf::try_from(Map::RingBuf(MapData::create(map, "eyrie_ring", None)?))?;
        // Edge-triggered: ready when a program wakes us, and not because there is something to read.
        let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&self.wake, &ring, epoll::EventData::new_u64(0), events)
            .map_err(|errno| MapError::IoError(errno.into()))?;
        self.outer.set(index, &ring, 0)?;
        Ok(ring)
    }

    /// Returns when no program runs any more that ran as this was called: putting a ring in its own place waits for the same grace
    /// period as putting another one there.
    pub(super) fn wait_for_programs(&mut self) -> Result<(), KernelError> {
        let Some(ring) = self.rings.first() else { return Ok(()) };
        self.outer.set(0, ring.ring(), 0).map_err(KernelError::map(RINGS_MAP))
    }

    /// Doubles the rings that too much came into since the last call. `pressure` are for each ring the records so far that found it
    /// more than half full or no room in it.
    pub(super) fn grow(&mut self, pressure: &[u64]) {
        for (index, pressure) in (0..).zip(pressure) {
            let Some(ring) = self.rings.get_mut(index as usize) else { return };
            let bytes = ring.bytes.saturating_mul(2);
            if ring.is_too_small(*pressure) && bytes <= self.max_bytes {
                self.replace(index, bytes);
            }
        }
    }

    fn replace(&mut self, index: u32, bytes: u32) {
        let began = Instant::now();
        match self.install(index, bytes) {
            Ok(ring) => {
                let Some(place) = self.rings.get_mut(index as usize) else { return };
                let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                info!(
                    ring = index,
                    from_bytes = place.bytes,
                    bytes,
                    took_us,
                    "a ring was more than half full and has grown"
                );
                place.replace(ring, bytes);
                self.shown.grown.increment();
                self.show_sizes();
            }
            Err(error) => {
                warn!("a ring of {bytes} bytes cannot be had, so that rings stay as they are: {error}");
                self.max_bytes = 0;
            }
        }
    }

    /// Hands over what lies in the rings, up to a bound: in the order of a ring, and those of several merged by their times.
    pub(super) fn drain(&mut self, take: &mut dyn FnMut(&[u8])) -> Drained {
        match self.rings.as_mut_slice() {
            [ring] => ring.drain(RECORDS_PER_DRAIN, take),
            rings => {
                let began_boot_ns = clock::boot_ns();
                let each = RECORDS_PER_DRAIN.div_ceil(rings.len().max(1));
                let mut is_more = false;
                for (index, ring) in rings.iter_mut().enumerate() {
                    let drained = ring.drain(each, &mut |bytes| self.merge.push(index, bytes));
                    self.merge.read_through(index, (!drained.is_more).then_some(began_boot_ns));
                    is_more |= drained.is_more;
                }
                let records = self.merge.release(self.is_ending && !is_more, take);
                Drained { records, is_more }
            }
        }
    }

    /// Waits until it is time for the next drain, or a program says that a ring is filling fast.
    pub(super) fn wait(&mut self) {
        let fill = self.rings.iter_mut().map(GrowingRing::take_fill).max().unwrap_or(0);
        let period = self.period.after(fill);
        self.shown.period_us.set(u64::try_from(period.as_micros()).unwrap_or(u64::MAX));
        let mut events =
            [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }];
        let timeout = rustix::time::Timespec::try_from(period).ok();
        // Woken, over, or interrupted: the caller drains in any case.
        let _ = epoll::wait(&self.wake, &mut events, timeout.as_ref());
    }

    /// No program writes any more: what is drained from now on need not wait for what other rings may get.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
    }

    pub(super) fn show(&self, meter: &Meter) {
        let shown = &self.shown;
        shown.rings.show(
            meter,
            Name { name: "eyrie.agent.rings", description: "Rings between the kernel and the agent" },
        );
        shown
            .bytes
            .show(meter, Name { name: "eyrie.agent.ring.bytes", description: "Bytes of all rings together" });
        shown.grown.show(
            meter,
            Name { name: "eyrie.agent.ring.grown", description: "Rings that were replaced by larger ones" },
        );
        let name = "eyrie.agent.drain.period_us";
        shown
            .period_us
            .show(meter, Name { name, description: "Microseconds between two looks at the rings" });
    }

    fn show_sizes(&self) {
        self.shown.rings.set(self.rings.len() as u64);
        self.shown.bytes.set(self.rings.iter().map(|ring| u64::from(ring.bytes)).sum());
    }
}
