//! Taking a model's state out, and putting it into another.

use eyrie_proto::event::{Event, ProcessKey, ProcessPhase, ProcessState};

use crate::{HostModel, process::Process, program::Program};

// === impl HostModel ===

impl HostModel {
    /// The state of all processes, ascending by pid; then those that are gone, of which late news may still come. A pid
    /// can be among both.
    pub fn base_state(&self) -> impl Iterator<Item = ProcessState> + '_ {
        let ended = self.table.ended();
        let processes = self.table.ascending().map(move |process| match ended {
            Some((key, boot_ns)) if key == process.key() => ProcessState {
                phase: ProcessPhase::Ended.into(),
                ended_boot_ns: boot_ns,
                ..process.to_state()
            },
            _ => process.to_state(),
        });
        processes.chain(self.table.gone().iter().map(|(key, ended_boot_ns)| gone(key, ended_boot_ns)))
    }

    /// The facts that hold, the recent losses and the times of events, as the events that would tell them again.
    pub fn base_facts(&self) -> impl Iterator<Item = Event> + '_ {
        self.facts.events().chain(self.losses.events()).chain(self.timeline.event())
    }

    /// Puts in a part of a state that [`Self::base_state`] and [`Self::base_facts`] gave; parts may come one by one, in
    /// order, into a model that was empty before them. Incomplete processes are listed to be asked for.
    pub fn restore(
        &mut self,
        processes: impl IntoIterator<Item = ProcessState>,
        facts: impl IntoIterator<Item = Event>,
    ) {
        for state in processes {
            self.restore_process(&state);
        }
        for fact in facts {
            self.restore_fact(&fact);
        }
    }

    fn restore_process(&mut self, state: &ProcessState) {
        let Some(key) = state.process.filter(|key| key.pid != 0) else { return };
        if state.phase() == ProcessPhase::Gone {
            self.table.gone_mut().restore(key, state.ended_boot_ns);
            return;
        }
        let Some(mut process) = Process::from_state(state, self.table.limits()) else { return };
        if process.is_incomplete && *process.program == *Program::unknown() {
            process.program = Program::unknown();
        } else if let Some(parent) = self.table.get(process.parent_pid) {
            process.share_with(parent);
        }
        self.table.insert(process, 0);
        self.table.note_if_unknown(key.pid);
        if state.phase() == ProcessPhase::Ended {
            self.table.restore_ended(key, state.ended_boot_ns);
        }
    }

    fn restore_fact(&mut self, event: &Event) {
        use eyrie_proto::event::{event::Kind, ordered_fact};
        match &event.kind {
            Some(Kind::Fact(fact)) => match &fact.kind {
                Some(ordered_fact::Kind::Timeline(timeline)) => self.timeline.restore(timeline),
                _ => self.facts.apply(fact),
            },
            Some(Kind::Loss(loss)) => self.losses.apply(loss),
            _ => {}
        }
    }
}

fn gone(key: ProcessKey, ended_boot_ns: u64) -> ProcessState {
    ProcessState {
        process: Some(key),
        phase: ProcessPhase::Gone.into(),
        ended_boot_ns,
        ..ProcessState::default()
    }
}
