//! The processes above.

use eyrie_proto::event::ProcessState;

use super::{INIT_PID, Line, MAX_ANCESTORS, World};
use crate::{
    given::{Problem, Setting},
    world::{
        SECOND,
        primitives::Primitives,
        process::{self, set},
    },
};

impl World<'_> {
    /// `proc.aname[…]` and its relatives.
    pub(super) fn describe_above(
        &mut self,
        line: &mut Line,
        primitives: &mut Primitives,
    ) -> Result<(), Problem> {
        let mut end = usize::MAX;
        for name in ["proc.aname", "proc.aexe", "proc.aexepath", "proc.aargs", "proc.apid", "proc.avpid"] {
            for (number, setting) in primitives.take_with_arguments(name) {
                let number: usize =
                    number.parse().map_err(|_| setting.misfit("the number of an ancestor"))?;
                if number == 0 || number > MAX_ANCESTORS {
                    return Err(
                        setting.problem(format!("cases have {MAX_ANCESTORS} ancestors at most, from 1"))
                    );
                }
                if setting.is_missing() && matches!(name, "proc.aname" | "proc.apid") {
                    end = end.min(number);
                    continue;
                }
                self.reach(&mut line.states, number);
                let Some(state) = line.states.get_mut(number) else { continue };
                self.describe_ancestor(state, name, &setting, number)?;
            }
        }
        line.states.truncate(end);
        if end != usize::MAX
            && let Some(last) = line.states.last_mut()
        {
            last.parent_pid = 0;
        }
        self.order(&mut line.states);
        Ok(())
    }

    fn describe_ancestor(
        &self,
        state: &mut ProcessState,
        name: &str,
        setting: &Setting,
        number: usize,
    ) -> Result<(), Problem> {
        match name {
            "proc.aname" => {
                let value = setting.bytes()?;
                if state.comm != value {
                    process::run(state, &value, self.epoch_ns());
                    set(state, "name", setting)?;
                }
            }
            "proc.apid" => {
                let pid: u32 = setting.number()?;
                if pid == 0 {
                    return Err(setting.problem(format!("ancestor {number} cannot have the process id 0")));
                }
                if let Some(key) = &mut state.process {
                    // A namespace's numbers are its own.
                    state.namespace_pid =
                        if state.namespace_pid == key.pid { pid } else { state.namespace_pid };
                    key.pid = pid;
                }
            }
            "proc.avpid" => state.namespace_pid = setting.number()?,
            name => {
                set(state, name.trim_start_matches("proc.a"), setting)?;
            }
        }
        Ok(())
    }

    /// Makes the line so long that it has this ancestor and one above it.
    fn reach(&mut self, states: &mut Vec<ProcessState>, number: usize) {
        while states.len() < number + 2 {
            let init = states.pop_if(|last| last.process.is_some_and(|key| key.pid == INIT_PID));
            if states.len() > number {
                states.extend(init);
                return;
            }
            self.push_above(states, b"bash");
            match init {
                Some(init) => states.push(init),
                None => self.push_above(states, b"systemd"),
            }
        }
    }

    /// Nobody starts before its parent. Who has acted already keeps its start.
    fn order(&self, states: &mut [ProcessState]) {
        let mut earliest = u64::MAX;
        for state in states {
            let Some(key) = &mut state.process else { continue };
            if self.model.process(key.pid).is_none() && key.pid != INIT_PID && key.start_boot_ns >= earliest {
                key.start_boot_ns = earliest.saturating_sub(SECOND).max(SECOND);
            }
            earliest = key.start_boot_ns;
        }
    }
}
