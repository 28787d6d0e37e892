//! Who acts in an event: its process, and the processes above.

mod ancestors;
mod identity;
mod sessions;

use eyrie_proto::event::{ProcessKey, ProcessState, Task, ordered_fact};

use super::{
    SECOND, World,
    containers::{HOST_CGROUP, Place},
    primitives::Primitives,
    process::{self, default_credentials, set, set_variable},
};
use crate::given::{Problem, Setting};

/// The process of events that do not say which.
const DEFAULT_PID: u32 = 4_242;
/// Its id in a container.
const DEFAULT_NAMESPACE_PID: u32 = 42;
const INIT_PID: u32 = 1;
/// How long a process has run that the case says nothing of, and how much longer each one above it.
const AGE_NS: u64 = 10 * SECOND;
/// Namespaces of the host (include/linux/proc_ns.h), and of containers.
const HOST_PID_NAMESPACE: u64 = 0xefff_fffc;
const CONTAINER_PID_NAMESPACE: u64 = 0xf000_1000;
/// What root may do on a host, and in a container by default (moby's profile).
const ALL_CAPABILITIES: u64 = 0x1ff_ffff_ffff;
const CONTAINER_CAPABILITIES: u64 = 0xa804_25fb;
/// The names above a process, from its parent on.
const ABOVE: [&str; 2] = ["bash", "systemd"];
const ABOVE_IN_CONTAINER: [&str; 3] = ["bash", "containerd-shim", "systemd"];
/// How many processes above one a case may speak of.
const MAX_ANCESTORS: usize = 64;

/// Who acts.
pub(super) struct Actor {
    pub(super) state: ProcessState,
    pub(super) tid: u32,
    namespace_tid: u32,
    /// The container that it is in.
    pub(super) container: Option<String>,
}

/// A process and those above it, the nearest first.
struct Line {
    states: Vec<ProcessState>,
    /// The process itself has just been made.
    is_new: bool,
}

// === impl Actor ===

impl Actor {
    /// As it rides on the event.
    pub(super) fn task(&self) -> Task {
        let state = &self.state;
        Task {
            process: state.process,
            tid: self.tid,
            comm: state.comm.clone(),
            credentials: state.credentials,
            session: state.session,
            cgroup_id: state.cgroup_id,
            namespace_pid: state.namespace_pid,
            namespace_tid: self.namespace_tid,
            pid_namespace: state.pid_namespace,
            parent_pid: state.parent_pid,
            mount_namespace: state.mount_namespace,
            cgroup_hierarchy: state.cgroup_hierarchy,
        }
    }
}

impl World<'_> {
    /// Makes the process of the event, those above it, its users and its container be as the case says, and tells the model.
    /// `is_running` if the event executes the program that the case describes.
    pub(super) fn settle(&mut self, primitives: &mut Primitives, is_running: bool) -> Result<Actor, Problem> {
        let pid = primitives.take("proc.pid").map(|pid| pid.number()).transpose()?.unwrap_or(DEFAULT_PID);
        let current = self.model.process(pid).map_or(HOST_CGROUP, host_model::Process::cgroup_id);
        let current = self.containers.of_cgroup(current).map(str::to_owned);
        let container = match self.containers.place(primitives, current.as_deref())? {
            Place::Unsaid => current,
            Place::Host => None,
            Place::Container(id) => Some(id),
        };
        self.container.clone_from(&container);
        let fact = self.containers.fact(container.as_deref());
        let cgroup_id = fact.cgroup.map_or(HOST_CGROUP, |cgroup| cgroup.cgroup_id);
        self.tell(ordered_fact::Kind::Cgroup(fact));
        if container.is_some() {
            self.tell(ordered_fact::Kind::Cgroup(self.containers.fact(None)));
        }
        let mut line = self.line(pid, container.is_some(), primitives)?;
        let before = line.states.clone();
        self.describe_self(&mut line, primitives, is_running, container.as_deref())?;
        if let Some(state) = line.states.first_mut() {
            state.cgroup_id = cgroup_id;
        }
        self.describe_above(&mut line, primitives)?;
        self.describe_session(&mut line.states, line.is_new, primitives)?;
        self.describe_user(&mut line, primitives, container.as_deref())?;
        let mut parent = None;
        for (place, state) in line.states.iter().enumerate().rev() {
            let state = ProcessState { parent_pid: parent.unwrap_or(state.parent_pid), ..state.clone() };
            parent = state.process.map(|key| key.pid);
            if before.get(place) != Some(&state) || self.model.process(parent.unwrap_or_default()).is_none() {
                self.tell_process(state);
            }
        }
        let state = self.model.process(pid).map(host_model::Process::to_state).unwrap_or_default();
        let thread = |name: &str, primitives: &mut Primitives, default| {
            primitives.take(name).map_or(Ok(default), |setting| setting.number())
        };
        let tid = thread("thread.tid", primitives, pid)?;
        let namespace_tid = thread("thread.vtid", primitives, state.namespace_pid)?;
        Ok(Actor { state, tid, namespace_tid, container })
    }

    /// The process with those above it, as they are known or else as they are by default.
    fn line(&mut self, pid: u32, is_contained: bool, primitives: &mut Primitives) -> Result<Line, Problem> {
        let known = self.model.process(pid);
        let is_new = known.is_none();
        let mut states: Vec<ProcessState> = known.into_iter().map(host_model::Process::to_state).collect();
        let above =
            |process| self.model.ancestors(process).map(host_model::Process::to_state).collect::<Vec<_>>();
        // A parent that has acted before brings its own ancestors.
        let parent = match primitives.get("proc.apid[1]") {
            Some(setting) if !setting.is_missing() => self.model.process(setting.number()?),
            _ => None,
        };
        if let Some(process) = known.filter(|_| parent.is_none()) {
            states.extend(above(process));
            return Ok(Line { states, is_new });
        }
        let duration = primitives.take("proc.duration");
        if is_new {
            states.push(self.new_process(pid, b"program", AGE_NS, is_contained));
            self.start(&mut states, primitives, duration)?;
        }
        if let Some(process) = parent {
            states.truncate(1);
            states.push(process.to_state());
            states.extend(above(process));
            return Ok(Line { states, is_new });
        }
        let names: &[&str] = if is_contained { &ABOVE_IN_CONTAINER } else { &ABOVE };
        for name in names {
            self.push_above(&mut states, name.as_bytes());
        }
        Ok(Line { states, is_new })
    }

    /// When a new process started, where the case says so.
    fn start(
        &self,
        states: &mut [ProcessState],
        primitives: &mut Primitives,
        duration: Option<Setting>,
    ) -> Result<(), Problem> {
        let start = match (duration, primitives.take("proc.pid.ts")) {
            (Some(duration), _) => self.boot_ns.saturating_sub(duration.number()?),
            (None, Some(start)) => {
                start.number::<u64>()?.saturating_add_signed(super::EPOCH_OFFSET_NS.wrapping_neg())
            }
            (None, None) => return Ok(()),
        };
        if let Some(key) = states.first_mut().and_then(|state| state.process.as_mut()) {
            key.start_boot_ns = start;
        }
        Ok(())
    }

    /// Adds a process above the last one; the first process of the host is there once.
    fn push_above(&mut self, states: &mut Vec<ProcessState>, name: &[u8]) {
        let below =
            states.last().and_then(|state| state.process).map_or(self.boot_ns, |key| key.start_boot_ns);
        let age = self.boot_ns.saturating_sub(below) + SECOND;
        if name == b"systemd" {
            let known = self.model.process(INIT_PID).map(host_model::Process::to_state);
            let init = known.unwrap_or_else(|| {
                let mut init = self.new_process(INIT_PID, name, self.boot_ns - SECOND, false);
                init.credentials.get_or_insert_default().clone_from(&root());
                init
            });
            states.push(init);
            return;
        }
        let pid = self.free_pid();
        states.push(self.new_process(pid, name, age, false));
    }

    /// A pid that no process has.
    fn free_pid(&mut self) -> u32 {
        loop {
            self.next_pid += 1;
            if self.model.process(self.next_pid).is_none() && self.next_pid != DEFAULT_PID {
                return self.next_pid;
            }
        }
    }

    fn new_process(&self, pid: u32, name: &[u8], age_ns: u64, is_contained: bool) -> ProcessState {
        let start_boot_ns = self.boot_ns.saturating_sub(age_ns).max(SECOND);
        let mut state = ProcessState {
            process: Some(ProcessKey { pid, start_boot_ns }),
            working_directory: b"/home/user".to_vec(),
            credentials: Some(default_credentials()),
            namespace_pid: if is_contained { DEFAULT_NAMESPACE_PID } else { pid },
            pid_namespace: if is_contained { CONTAINER_PID_NAMESPACE } else { HOST_PID_NAMESPACE },
            cgroup_id: HOST_CGROUP,
            exec_boot_ns: start_boot_ns,
            open_files_limit: 1_024,
            pid_namespace_start_boot_ns: SECOND,
            ..ProcessState::default()
        };
        process::run(&mut state, name, self.epoch_ns());
        state
    }

    /// `proc.*` of the process itself.
    fn describe_self(
        &self,
        line: &mut Line,
        primitives: &mut Primitives,
        is_running: bool,
        container: Option<&str>,
    ) -> Result<(), Problem> {
        let Some(state) = line.states.first_mut() else { return Ok(()) };
        // The program that is executed is another one than before, if anything is said of it.
        let says = |name: &str| primitives.get(name).filter(|setting| !setting.is_missing());
        let program = says("proc.name").or(says("proc.exepath")).or(says("proc.exe"));
        if let Some(program) = program.filter(|_| line.is_new || is_running) {
            let path = program.bytes()?;
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(&path);
            let name = if name.is_empty() { b"program" } else { name };
            process::run(state, name, self.epoch_ns());
            if container.is_some()
                && let Some(file) = &mut state.executable
            {
                file.set_layer(eyrie_proto::event::OverlayLayer::Lower);
            }
        }
        for (name, setting) in primitives.take_with_arguments("proc.env") {
            set_variable(state, &name, &setting)?;
        }
        if let Some(age) = primitives.take("proc.exe_ino.ctime_duration_proc_start") {
            let start = state.process.map_or(0, |key| key.start_boot_ns);
            let start = start.saturating_add_signed(super::EPOCH_OFFSET_NS);
            let file = state.executable.get_or_insert_default();
            file.change_time_ns = start.saturating_sub(age.number()?);
        }
        for setting in primitives.take_family("proc.") {
            let property = setting.field.trim_start_matches("proc.");
            let is_of_others = property.starts_with("a") && property.contains('[')
                || ["sid", "sname", "pgid", "vpgid", "is_sid", "is_pgid", "is_vpgid"]
                    .iter()
                    .any(|family| property.starts_with(family));
            if is_of_others || !set(state, property, &setting)? {
                primitives.put_back(setting);
            }
        }
        Ok(())
    }
}

fn root() -> eyrie_proto::event::Credentials {
    let mut root = default_credentials();
    (root.uid, root.gid, root.effective_uid, root.effective_gid) = (0, 0, 0, 0);
    root
}
