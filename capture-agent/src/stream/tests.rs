//! The outbox and the base against a model of an engine that acks, refuses, forgets and is replaced at random.

mod engine;
mod rules;

use eyrie_proto::{
    capture::ClockReading,
    event::{Event, Exec, Exit, Fork, Open, PathArgument, ProcessKey, Task, event::Kind},
};
use proptest::prelude::*;

use self::engine::{Engine, Verdict};
use super::*;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Push(EventSpec),
    /// There is nothing more to be had just now.
    Drained,
    /// Time passes, in milliseconds.
    Wait(u64),
    /// Up to so many batches are sent and the engine does this with each.
    Send(usize, Verdict),
    /// The engine acks up to this share (of 8) of what it has taken.
    Ack(u64),
    Credit(u64),
    /// The connection breaks. The next engine is the same, or one that knows nothing.
    Reconnect {
        is_same_engine: bool,
        credit: u64,
        max_message_bytes: u64,
    },
    Disconnect,
}

#[derive(Clone, Copy, Debug)]
enum EventSpec {
    Fork { parent: u32, child: u32 },
    Exec { pid: u32, name: u8 },
    Exit { pid: u32 },
    Open { pid: u32, length: usize },
}

/// An outbox with its base, a world of engines, and what has to hold for both.
struct World {
    outbox: Outbox,
    base: Base,
    engine: Engine,
    now_boot_ns: u64,
    accepted: Vec<(u64, Event)>,
    refused: u64,
}

fn pids() -> impl Strategy<Value = u32> {
    1_u32..8
}

fn steps(is_refusal_possible: bool) -> impl Strategy<Value = Vec<Step>> {
    let spec = prop_oneof![
        2 => (pids(), pids()).prop_map(|(parent, child)| EventSpec::Fork { parent, child }),
        2 => (pids(), any::<u8>()).prop_map(|(pid, name)| EventSpec::Exec { pid, name }),
        2 => pids().prop_map(|pid| EventSpec::Exit { pid }),
        4 => (pids(), 0..400_usize).prop_map(|(pid, length)| EventSpec::Open { pid, length }),
    ];
    let verdict = prop_oneof![
        8 => Just(Verdict::Take),
        1 => (0..50_u64).prop_map(Verdict::RefuseFor),
        1 => any::<bool>().prop_map(move |is_skipped| match is_refusal_possible {
            true => Verdict::RefuseForGood { is_skipped },
            false => Verdict::Take,
        }),
    ];
    let step = prop_oneof![
        12 => spec.prop_map(Step::Push),
        2 => Just(Step::Drained),
        3 => (0..30_u64).prop_map(Step::Wait),
        5 => (1..4_usize, verdict).prop_map(|(count, verdict)| Step::Send(count, verdict)),
        3 => (0..=8_u64).prop_map(Step::Ack),
        1 => (0..4_000_u64).prop_map(Step::Credit),
        1 => (any::<bool>(), 0..8_000_u64, 600..4_000_u64).prop_map(|(is_same_engine, credit, max_message_bytes)|
            Step::Reconnect { is_same_engine, credit, max_message_bytes }),
        1 => Just(Step::Disconnect),
    ];
    prop::collection::vec(step, 1..200)
}

// === impl EventSpec ===

impl EventSpec {
    fn event(self, boot_ns: u64) -> Event {
        let key = |pid: u32| ProcessKey { pid, start_boot_ns: u64::from(pid) };
        let (pid, kind) = match self {
            Self::Fork { parent, child } => {
                let child_process = Some(ProcessKey { pid: child, start_boot_ns: boot_ns });
                (parent, Kind::Fork(Fork { child_process, child_tid: child, ..Fork::default() }))
            }
            Self::Exec { pid, name } => (pid, Kind::Exec(Exec { exe: vec![name], ..Exec::default() })),
            Self::Exit { pid } => (pid, Kind::Exit(Exit { is_process_end: true, ..Exit::default() })),
            Self::Open { pid, length } => {
                let path = Some(PathArgument { requested: vec![b'a'; length], ..PathArgument::default() });
                (pid, Kind::Open(Open { path, ..Open::default() }))
            }
        };
        let task = Task { process: Some(key(pid)), tid: pid, comm: vec![b'c'], ..Task::default() };
        Event { boot_ns, task: Some(task), kind: Some(kind), ..Event::default() }
    }
}

// === impl World ===

impl World {
    fn new() -> Self {
        let limits = Limits {
            queue_bytes: 6_000,
            reserve_bytes: 1_500,
            batch_events: 7,
            batch_bytes: 1_200,
            batch_age_ns: 10_000_000,
        };
        Self {
            outbox: Outbox::new(42, limits),
            base: Base::new(Vec::new()),
            engine: Engine::new(),
            now_boot_ns: 1_000,
            accepted: Vec::new(),
            refused: 0,
        }
    }

    fn clock(&self) -> ClockReading {
        ClockReading { boot_ns: self.now_boot_ns, epoch_ns: 0 }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Push(spec) => {
                self.now_boot_ns += 1;
                let event = spec.event(self.now_boot_ns);
                match self.outbox.push(&event, self.now_boot_ns) {
                    Ok(sequence) => self.accepted.push((sequence, event)),
                    Err(_) => self.refused += 1,
                }
            }
            Step::Drained => self.outbox.is_drained(),
            Step::Wait(ms) => self.now_boot_ns += ms * 1_000_000,
            Step::Send(count, verdict) => self.send(count, verdict),
            Step::Ack(eighths) => {
                let span = self.engine.taken_through() - self.outbox.acked_through();
                self.ack(self.outbox.acked_through() + span * eighths / 8);
            }
            Step::Credit(bytes) => {
                self.outbox.add_credit(bytes);
                self.engine.credit += bytes;
            }
            Step::Reconnect { is_same_engine, credit, max_message_bytes } => {
                self.reconnect(is_same_engine, credit, max_message_bytes);
            }
            Step::Disconnect => self.outbox.disconnect(),
        }
        self.check_bounds();
    }

    fn send(&mut self, count: usize, verdict: Verdict) {
        for _ in 0..count {
            let Some(frame) = self.outbox.next_to_send(self.clock()) else { return };
            if let Some(rejection) = self.engine.receive(&frame, verdict) {
                // Only the last of these is a bug; the model never disagrees about order for long.
                self.outbox.reject(&rejection, self.now_boot_ns).unwrap();
            }
        }
    }

    fn ack(&mut self, through: u64) {
        for batch in self.outbox.acknowledge(through).unwrap() {
            self.base.fold(&batch);
        }
    }

    fn reconnect(&mut self, is_same_engine: bool, credit: u64, max_message_bytes: u64) {
        self.outbox.disconnect();
        let held = is_same_engine.then(|| self.engine.taken_through());
        let resume = self.outbox.resume(held, credit, max_message_bytes).unwrap();
        for batch in resume.acked {
            self.base.fold(&batch);
        }
        self.engine.credit = credit;
        assert_eq!(resume.is_base_wanted, !is_same_engine);
        if !is_same_engine {
            let parts = self.base.parts(500);
            assert!(parts.iter().all(|part| part.as_of_sequence == self.outbox.acked_through()));
            self.engine.replace(&parts);
        }
    }

    /// Guarantees: the queue never holds more than its bound and reserve, but for a round of loss records and, where an
    /// engine made us cut batches small, what batches cost.
    fn check_bounds(&self) {
        let totals = self.outbox.totals();
        let overhead = 256 * usize::try_from(totals.unacked_events).unwrap();
        assert!(totals.unacked_bytes <= 6_000 + 1_500 + 500 + overhead, "{totals:?}");
    }

    /// An engine without whims takes what is left, until nothing is.
    fn settle(&mut self) {
        self.reconnect(true, u64::MAX, 1 << 20);
        for _ in 0..50 {
            self.now_boot_ns += 100_000_000;
            self.send(usize::MAX, Verdict::Take);
            self.ack(self.engine.taken_through());
            self.outbox.place_losses(self.now_boot_ns);
        }
        assert!(self.outbox.is_empty(), "everything is acked in the end: {:?}", self.outbox);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Scenario: any mix of events, pauses, acks (also within batches), refusals for a time, credit, overflow, broken connections,
    /// the same and other engines, and bounds of messages.
    ///
    /// Guarantees: every accepted event arrives, in order and with one effect; every event is either delivered or counted as
    /// lost, and the losses told are the losses counted; the engine's state, also after base state and resend, is that of an
    /// uninterrupted run.
    #[test]
    fn the_stream_survives_any_engine(steps in steps(false)) {
        play(&steps);
    }

    /// Scenario: the same with engines that refuse batches for good. Guarantees: what is refused is counted as lost with its class, blanks
    /// keep the order, and everything else arrives.
    #[test]
    fn the_stream_survives_refusals(steps in steps(true)) {
        play(&steps);
    }
}

fn play(steps: &[Step]) {
    let mut world = World::new();
    for step in steps {
        world.take(step);
    }
    world.settle();
    world.engine.check_against(&world.accepted, &world.outbox.totals(), world.refused);
}
