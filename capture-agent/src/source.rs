//! Where events come from: the kernel, or a script in tests.

use std::time::Duration;

use eyrie_proto::{
    capture::{CapturePlan, MissingAbility, PlanAnswer},
    event::{Event, LossRecord, OrderedFact, ProcessState},
};
use telemetry::Meter;

/// A source of the events of one host. It is driven by the capture thread alone.
pub trait EventSource: Send + 'static {
    /// Hands over what there is, up to some hundred events, so that the caller can look after other things in between.
    /// It does not wait. The sink tells each event's sequence number; `None` if it found no room.
    fn drain(&mut self, sink: &mut dyn FnMut(Event) -> Option<u64>) -> Drained;

    /// Waits until it is time to drain again. The source knows how full it gets.
    fn wait(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
    }

    /// The losses since the last call.
    fn take_losses(&mut self) -> Vec<LossRecord>;

    /// The processes with these pids, or all if there are none in the list, as they are now. A process that is not in the
    /// answer does not exist. `None` if the host cannot be read just now.
    fn snapshot(&mut self, pids: &[u32]) -> Option<Vec<ProcessState>>;

    /// Captures by this plan from now on, and says what became of it.
    fn carry_out(&mut self, plan: CapturePlan) -> PlanAnswer;

    /// Looks at how much of the processor the agent uses, and leaves calls out or takes them back where that asks for it. The
    /// answer to the plan that is carried out, if it is another now.
    fn keep_within_budget(&mut self) -> Option<PlanAnswer> {
        None
    }

    /// Facts about control groups that were not drained as events. A source that knows of none has none.
    fn cgroup_facts(&mut self, reading: CgroupReading) -> Vec<OrderedFact> {
        let _ = reading;
        Vec::new()
    }

    /// Makes visible what the source itself counts. One that counts nothing has nothing to show.
    fn show(&self, meter: &Meter) {
        let _ = meter;
    }

    /// What cannot be captured on this host.
    fn missing_abilities(&self) -> Vec<MissingAbility>;

    /// Stops capturing. What was captured before can still be drained.
    fn stop(&mut self);
}

/// Why control groups are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupReading {
    /// All are to be told, as if for the first time.
    All,
    /// What was told and still holds is wanted once more, and is not told to the engine again.
    Known,
    /// Records were lost, and theirs may be among them.
    Repair,
    /// Some seconds have passed; a source that is told of every change has nothing to do.
    Routine,
}

/// What a drain met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Records taken, also those that made no event.
    pub records: usize,
    /// There is more.
    pub is_more: bool,
}
