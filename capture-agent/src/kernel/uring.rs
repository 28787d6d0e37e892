//! Requests of io_uring between their submission and their completion, which are two records and become one event.

use std::collections::{BTreeMap, HashMap};

use eyrie_bpf::{Record, UringCompletion, UringRequest, decode};

use super::records::Sink;
use crate::record_to_event::{self, uring};

/// How long a request may take before it is told as started; its end is told as well then.
const PATIENCE_NS: u64 = 100_000_000;
/// Requests that are remembered: mostly 700 to 1,000 bytes each.
const MAX_REQUESTS: usize = 8_192;
/// What their records may take together: paths make some of them long. Beyond either bound the oldest is told as started and
/// forgotten, so that its end is told without what it asked for.
const MAX_BYTES: usize = 8 << 20;

/// Requests that are not complete, as far as is known.
#[derive(Debug, Default)]
pub(super) struct UringRequests {
    by_address: HashMap<u64, Waiting>,
    /// Addresses by arrival: the first is the oldest.
    by_arrival: BTreeMap<u64, u64>,
    /// Arrivals of those that were not told.
    untold: BTreeMap<u64, u64>,
    /// Addresses by ring and user data, for completions that have nothing else.
    by_name: HashMap<(u64, u64), u64>,
    arrivals: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    record: Box<[u8]>,
    arrival: u64,
    name: (u64, u64),
    tgid: u32,
    /// What its start was told under, until an end has named it.
    started_sequence: u64,
}

// === impl UringRequests ===

impl UringRequests {
    /// Remembers a request. One that was at its address before has ended without a word.
    pub(super) fn submitted(&mut self, record: &[u8], request: &UringRequest<'_>, sink: &mut Sink<'_>) {
        self.give_up(request.request, sink);
        while self.by_address.len() >= MAX_REQUESTS || self.bytes + record.len() > MAX_BYTES {
            let Some(oldest) = self.by_arrival.first_key_value().map(|(_, address)| *address) else { break };
            self.give_up(oldest, sink);
        }
        self.arrivals += 1;
        let header = &request.call.header;
        let waiting = Waiting {
            record: record.into(),
            arrival: self.arrivals,
            name: (request.ring, request.user_data),
            tgid: header.tgid,
            started_sequence: 0,
        };
        self.by_arrival.insert(waiting.arrival, request.request);
        self.untold.insert(waiting.arrival, header.boot_ns.saturating_add(PATIENCE_NS));
        self.by_name.insert(waiting.name, request.request);
        self.bytes += waiting.record.len();
        self.by_address.insert(request.request, waiting);
    }

    /// Tells the call that has ended, with what its submission said of it if that is known.
    pub(super) fn completed(&mut self, completion: &UringCompletion<'_>, sink: &mut Sink<'_>) {
        let is_last = completion.request != 0;
        let address = if is_last {
            Some(completion.request)
        } else {
            self.by_name.get(&(completion.ring, completion.user_data)).copied()
        };
        let waiting = address.and_then(|address| self.by_address.get_mut(&address));
        let (event, arrival) = match &waiting {
            Some(waiting) => match decode(&waiting.record) {
                Ok(Record::UringRequest(request)) => {
                    let completed = Record::UringRequest(uring::completed(&request, completion));
                    (record_to_event::event(&completed), Some(waiting.arrival))
                }
                _ => (None, None),
            },
            None => {
                let request = uring::of_completion(completion).map(Record::UringRequest);
                (request.and_then(|request| record_to_event::event(&request)), None)
            }
        };
        let Some(mut event) = event else { return };
        if let (Some(call), Some(waiting)) = (&mut event.call, waiting) {
            // Of several ends the first is that of the start; each of the others is one for itself.
            call.started_sequence = std::mem::take(&mut waiting.started_sequence);
        }
        sink(event);
        if let Some(arrival) = arrival {
            self.untold.remove(&arrival);
        }
        if is_last {
            self.forget(completion.request);
        }
    }

    /// Tells those as started that have taken long.
    pub(super) fn tell_due(&mut self, now_boot_ns: u64, sink: &mut Sink<'_>) {
        while let Some((arrival, due)) = self.untold.first_key_value().map(|(arrival, due)| (*arrival, *due))
            && due <= now_boot_ns
        {
            self.untold.remove(&arrival);
            let address = self.by_arrival.get(&arrival);
            let Some(waiting) = address.and_then(|address| self.by_address.get_mut(address)) else {
                continue;
            };
            waiting.started_sequence = tell_start(&waiting.record, sink);
        }
    }

    /// A process has ended, and with it all that it waited for.
    pub(super) fn process_ended(&mut self, tgid: u32, sink: &mut Sink<'_>) {
        if self.by_address.is_empty() {
            return;
        }
        let of_process = self.by_address.iter().filter(|(_, waiting)| waiting.tgid == tgid);
        let mut addresses: Vec<_> =
            of_process.map(|(address, waiting)| (waiting.arrival, *address)).collect();
        addresses.sort_unstable();
        for (_, address) in addresses {
            self.give_up(address, sink);
        }
    }

    /// Forgets a request; what was not told of it is told now.
    fn give_up(&mut self, address: u64, sink: &mut Sink<'_>) {
        let Some(waiting) = self.forget(address) else { return };
        if self.untold.remove(&waiting.arrival).is_some() {
            tell_start(&waiting.record, sink);
        }
    }

    fn forget(&mut self, address: u64) -> Option<Waiting> {
        let waiting = self.by_address.remove(&address)?;
        self.by_arrival.remove(&waiting.arrival);
        // Programs may call several by the same name: the newest has it.
        if self.by_name.get(&waiting.name) == Some(&address) {
            self.by_name.remove(&waiting.name);
        }
        self.bytes -= waiting.record.len();
        Some(waiting)
    }
}

/// Tells what is known of a request without its completion; 0 where the event was not taken.
fn tell_start(record: &[u8], sink: &mut Sink<'_>) -> u64 {
    let Ok(Record::UringRequest(request)) = decode(record) else { return 0 };
    let event = record_to_event::event(&Record::UringRequest(uring::without_completion(&request)));
    event.and_then(sink).unwrap_or_default()
}

#[cfg(test)]
mod tests;
