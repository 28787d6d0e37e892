//! An event as a row of `Batch.events`.

use eyrie_proto::event::{Event, Task};
use prost::Message as _;

/// Key of `Batch.events` (field 4, length-delimited).
pub(super) const EVENTS_KEY: u8 = 4 << 3 | 2;

/// Writes rows, byte for byte as prost does, and each task that many events in a row have only once: it is more than half of
/// most of them.
#[derive(Debug, Default)]
pub(super) struct RowEncoder {
    /// The event that was written last.
    message: Vec<u8>,
    task: Option<Task>,
    /// The same as field of an event.
    task_field: Vec<u8>,
}

/// Bytes that a message of this length takes as a row.
pub(super) fn row_size(length: usize) -> usize {
    1 + prost::length_delimiter_len(length) + length
}

// === impl RowEncoder ===

impl RowEncoder {
    /// Writes the event, to be had by [`RowEncoder::message`] until the next one, and says how large its row is.
    ///
    /// A message is what its parts are one after the other; in the order of their numbers it is what prost makes of the whole.
    pub(super) fn encode(&mut self, event: &Event) -> usize {
        // All fields, so that none that is added stays out.
        let Event { boot_ns, cpu, ref task, call, plan_generation, is_filter_marked, ref kind } = *event;
        self.message.clear();
        self.part(&Event { boot_ns, cpu, ..Event::default() });
        if let Some(task) = task {
            self.set_task(task);
            self.message.extend_from_slice(&self.task_field);
        }
        self.part(&Event { call, plan_generation, is_filter_marked, ..Event::default() });
        if let Some(kind) = kind {
            kind.encode(&mut self.message);
        }
        row_size(self.message.len())
    }

    /// What was written last.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    fn part(&mut self, part: &Event) {
        // A growing buffer cannot run out of room, the only error there is.
        let _ = part.encode(&mut self.message);
    }

    fn set_task(&mut self, task: &Task) {
        if self.task.as_ref() == Some(task) {
            return;
        }
        let alone = Event { task: Some(task.clone()), ..Event::default() };
        self.task_field.clear();
        let _ = alone.encode(&mut self.task_field);
        self.task = alone.task;
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::event::{
        Credentials, Exec, Exit, Fork, GenericCall, Open, PathArgument, ProcessKey, Session, SystemCall,
        event::Kind,
    };
    use proptest::prelude::*;

    use super::*;

    fn task() -> impl Strategy<Value = Option<Task>> {
        let some = (1_u32..3, any::<bool>(), 0_u32..3).prop_map(|(pid, has_session, uid)| Task {
            process: Some(ProcessKey { pid, start_boot_ns: 7 }),
            tid: pid,
            comm: b"cat".to_vec(),
            credentials: Some(Credentials { uid, ..Credentials::default() }),
            session: has_session.then(Session::default),
            ..Task::default()
        });
        prop::option::of(some)
    }

    fn event() -> impl Strategy<Value = Event> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..300);
        let path = |requested| Some(PathArgument { requested, ..PathArgument::default() });
        let kind =
            prop_oneof![
                any::<u64>().prop_map(|flags| Kind::Fork(Fork { flags, ..Fork::default() })),
                (bytes(), prop::collection::vec(bytes(), 0..3))
                    .prop_map(|(exe, arguments)| Kind::Exec(Exec { exe, arguments, ..Exec::default() })),
                any::<i32>().prop_map(|status| Kind::Exit(Exit { status, ..Exit::default() })),
                bytes()
                    .prop_map(move |requested| Kind::Open(Open { path: path(requested), ..Open::default() })),
                Just(Kind::GenericCall(GenericCall::default())),
            ];
        let call = (any::<u32>(), any::<i64>(), any::<bool>());
        let call = call.prop_map(|(number, result, is_io_uring)| SystemCall {
            number,
            result,
            is_io_uring,
            ..SystemCall::default()
        });
        let head = (0_u64..3, 0_u32..2, 0_u64..2, any::<bool>());
        (head, task(), prop::option::of(call), prop::option::of(kind)).prop_map(
            |((boot_ns, cpu, plan_generation, is_filter_marked), task, call, kind)| Event {
                boot_ns,
                cpu,
                task,
                call,
                plan_generation,
                is_filter_marked,
                kind,
            },
        )
    }

    proptest! {
        /// Scenario: events of some tasks, one after the other. Guarantees: each is written byte for byte as prost writes it, and its
        /// size is that of its row.
        #[test]
        fn rows_are_those_of_prost(events in prop::collection::vec(event(), 1..20)) {
            let mut encoder = RowEncoder::default();
            for event in events {
                let size = encoder.encode(&event);
                prop_assert_eq!(encoder.message(), event.encode_to_vec());
                prop_assert_eq!(size, 1 + event.encode_length_delimited_to_vec().len());
            }
        }
    }
}
