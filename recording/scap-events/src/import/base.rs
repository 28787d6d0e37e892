//! What is known before the first event: processes, their descriptors, and facts of the host.

use std::collections::{BTreeMap, HashMap};

use eyrie_proto::{
    capture::BaseState,
    event::{
        Capabilities, Credentials, Event, Executable, HostIdentityFact, OrderedFact, OverlayLayer,
        ProcessKey, ProcessState, Session, SocketRole, ThreadState, descriptor::Kind as DescriptorKind,
        event::Kind as EventKind, ordered_fact,
    },
    recording::recording_entry::Kind,
};
use prost::Message as _;
use scap::Thread as ScapThread;

use super::{
    addresses::{AF_INET, port_of},
    identity::Identity,
    kinds::directory,
    listed::entry_of,
    section::Section,
    streams::standard_streams,
    tasks::{Process, Thread, capabilities, clipped},
};

/// A message of an agent is under 1 MiB; so are these, with what is around them.
const MAX_PART_BYTES: usize = 768 << 10;
/// What is kept of all processes and threads until the first event: those of a host with 20,000 processes of 8 KiB of arguments and environment each.
const MAX_BASE_BYTES: usize = 256 << 20;
/// What a thread that is not its process's first takes, with its name and its place in the list.
const THREAD_BYTES: usize = size_of::<ThreadState>() + 64;
/// The page cache's page on x86_64.
const PAGE_SIZE: u32 = 4096;

/// Processes that are to be told once the clock of their host is known.
#[derive(Debug, Default)]
pub(crate) struct Base {
    processes: Vec<ScapThread>,
    /// Where in `processes` each is: a file may tell of one again.
    places: HashMap<u32, usize>,
    /// By process and thread.
    others: HashMap<u32, BTreeMap<u32, ThreadState>>,
    bytes: usize,
    refused: u64,
}

// === impl Base ===

impl Base {
    /// Processes and threads that there was no room for.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// A thread; told again it takes the place of what was told of it before.
    fn add(&mut self, pid: u32, tid: u32, thread: ScapThread) {
        if tid != pid {
            return self.add_other(pid, tid, &thread);
        }
        let place = self.places.get(&pid).copied();
        let before = place.and_then(|place| self.processes.get_mut(place));
        let size = size_of_process(&thread);
        let others = self.bytes - before.as_deref().map_or(0, size_of_process);
        if others + size > MAX_BASE_BYTES {
            self.refused += 1;
            return;
        }
        self.bytes = others + size;
        match before {
            Some(before) => *before = thread,
            None => {
                self.places.insert(pid, self.processes.len());
                self.processes.push(thread);
            }
        }
    }

    fn add_other(&mut self, pid: u32, tid: u32, thread: &ScapThread) {
        let is_known = self.others.get(&pid).is_some_and(|threads| threads.contains_key(&tid));
        if !is_known && self.bytes + THREAD_BYTES > MAX_BASE_BYTES {
            self.refused += 1;
            return;
        }
        self.bytes += if is_known { 0 } else { THREAD_BYTES };
        let state = ThreadState {
            tid,
            namespace_tid: namespace_id(thread.namespace_tid, thread.tid),
            comm: clipped(&thread.comm),
            start_boot_ns: 0,
        };
        self.others.entry(pid).or_default().insert(tid, state);
    }
}

fn size_of_process(thread: &ScapThread) -> usize {
    let lists = [&thread.arguments, &thread.environment, &thread.cgroups];
    let lists = lists.into_iter().flatten().map(|text| text.len() + size_of::<Vec<u8>>()).sum::<usize>();
    let exe_path = thread.exe_path.as_deref().unwrap_or_default();
    let texts = [&thread.comm, &thread.exe, exe_path, &thread.working_directory, &thread.root];
    size_of::<ScapThread>() + lists + texts.into_iter().map(<[u8]>::len).sum::<usize>()
}

// === impl Section ===

impl Section {
    /// A thread of the list. One whose number is none is left out.
    pub(crate) fn thread(&mut self, thread: ScapThread) {
        let number = |id: u64| u32::try_from(id).ok().filter(|id| *id != 0);
        let (Some(tid), Some(pid)) = (number(thread.tid), number(thread.pid)) else { return };
        let (cgroup_id, fact) = self.cgroups.id_of(&thread.cgroups.join(&0));
        if let Some(fact) = fact {
            self.new_cgroup(fact);
        }
        let known = Thread::new(pid, namespace_id(thread.namespace_tid, thread.tid), &thread.comm);
        let process = || process_of(&thread, pid, cgroup_id);
        if !self.tasks.insert(tid, known, process) {
            return;
        }
        // The leader knows better than any thread that came before it.
        if let Some(own) = self.tasks.process_mut(pid).filter(|_| tid == pid) {
            own.update_from(process());
            self.tasks.count_directories(pid);
        }
        // Behind the first event everybody has been told what was to be told.
        if !self.has_begun() {
            self.base.add(pid, tid, thread);
        }
    }

    /// The descriptors of a thread; those of threads that are no process lie with their process.
    pub(crate) fn descriptors_of(&mut self, list: scap::Descriptors) {
        let Some(tid) = u32::try_from(list.tid).ok().filter(|tid| *tid != 0) else { return };
        let Some(pid) = self.tasks.seen(tid, 0) else { return };
        for descriptor in list.entries {
            let Ok(fd) = i32::try_from(descriptor.fd) else { continue };
            self.descriptors.insert(pid, fd, entry_of(descriptor));
        }
    }

    /// Which end sockets are: connections from a port at which this host listens are a server's.
    pub(crate) fn tell_ends(&mut self) {
        let sockets = self.descriptors.all().filter_map(|entry| match &entry.kind {
            DescriptorKind::Socket(socket) if socket.remote.is_none() => socket.local.as_ref(),
            _ => None,
        });
        let ports: std::collections::HashSet<u32> =
            sockets.filter_map(port_of).filter(|port| *port != 0).collect();
        self.descriptors.update_all(|entry| {
            let DescriptorKind::Socket(socket) = &mut entry.kind else { return };
            let own = socket.local.as_ref().and_then(port_of);
            // As Falco does, IPv4 alone.
            if socket.family == AF_INET && socket.remote.is_some() {
                let is_server = own.is_some_and(|port| ports.contains(&port));
                socket.set_role(if is_server { SocketRole::Server } else { SocketRole::Client });
            }
        });
    }

    /// The parts of the base state, as of then.
    pub(crate) fn base_state(
        &mut self,
        identity: &Identity,
        at_boot_ns: u64,
        facts: Vec<ordered_fact::Kind>,
    ) -> Vec<Kind> {
        let host = HostIdentityFact {
            hostname: identity.hostname.clone(),
            page_size: PAGE_SIZE,
            cpu_count: self.machine.cpu_count,
            ..HostIdentityFact::default()
        };
        let facts = std::iter::once(ordered_fact::Kind::Host(host)).chain(facts);
        let base = std::mem::take(&mut self.base);
        let mut others = base.others;
        let mut parts = Parts::default();
        for fact in facts {
            parts.add_fact(fact_event(fact, at_boot_ns));
        }
        for thread in base.processes {
            let pid = thread.pid as u32;
            let threads = others.remove(&pid).unwrap_or_default().into_values().collect();
            if let Some(state) = self.state_of(identity, thread, threads) {
                parts.add_process(state);
            }
        }
        self.base.refused = base.refused;
        parts.finish()
    }

    fn state_of(
        &self,
        identity: &Identity,
        thread: ScapThread,
        threads: Vec<ThreadState>,
    ) -> Option<ProcessState> {
        let process = self.tasks.process(thread.pid as u32)?;
        let [memory, _, _] = thread.memory_kib;
        let [major_faults, minor_faults] = thread.faults;
        let namespace_start = thread.tail.pid_namespace_start_ns.filter(|start| *start != 0);
        Some(ProcessState {
            process: Some(process.key),
            parent_pid: process.parent_pid,
            comm: clipped(&thread.comm),
            executable: executable_of(&thread),
            exe: thread.exe,
            arguments: thread.arguments,
            // Who writes over its own title leaves nothing but NUL bytes behind it.
            environment: thread.environment.into_iter().filter(|entry| !entry.is_empty()).collect(),
            working_directory: process.working_directory.clone(),
            root_directory: process.root_directory.clone(),
            credentials: Some(process.credentials),
            session: Some(process.session),
            cgroup_id: process.cgroup_id,
            namespace_pid: process.namespace_pid,
            standard_streams: standard_streams(&self.descriptors, process.key.pid),
            open_files_limit: u64::try_from(thread.open_files_limit).unwrap_or(0),
            threads,
            pid_namespace_start_boot_ns: namespace_start.map_or(0, |start| identity.boot_ns(start)),
            virtual_memory_kib: memory.into(),
            major_faults,
            minor_faults,
            ..ProcessState::default()
        })
    }
}

/// A fact as an event of the stream.
pub(crate) fn fact_event(fact: ordered_fact::Kind, at_boot_ns: u64) -> Event {
    let fact = OrderedFact { since_boot_ns: at_boot_ns, kind: Some(fact) };
    Event { boot_ns: at_boot_ns, kind: Some(EventKind::Fact(fact)), ..Event::default() }
}

/// An id in a thread's own namespace; where the file does not tell it, it is the host's.
fn namespace_id(told: i64, host: u64) -> u32 {
    u32::try_from(told).ok().filter(|id| *id != 0).unwrap_or_else(|| u32::try_from(host).unwrap_or(0))
}

fn process_of(thread: &ScapThread, pid: u32, cgroup_id: u64) -> Process {
    let low = |id: Option<u64>| id.and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    let tail = &thread.tail;
    let namespace_pid = namespace_id(thread.namespace_pid, thread.pid);
    let group = low(thread.namespace_process_group_id);
    let host_group = tail.process_group_id.and_then(|id| u32::try_from(id).ok()).filter(|id| *id != 0);
    let session_id = low(thread.session_id);
    let [inheritable, permitted, effective] = tail.capabilities.unwrap_or_default();
    Process {
        // When it started no file says; 0 stands for that, and what is reckoned from it is absent.
        key: ProcessKey { pid, start_boot_ns: 0 },
        parent_pid: u32::try_from(thread.parent_pid).unwrap_or(0),
        namespace_pid,
        credentials: Credentials {
            uid: thread.uid,
            gid: thread.gid,
            effective_uid: thread.uid,
            effective_gid: thread.gid,
            login_uid: tail.login_uid.unwrap_or(u32::MAX),
            capabilities: tail
                .capabilities
                .map(|_| -> Capabilities { capabilities(inheritable, permitted, effective) }),
        },
        session: Session {
            session_id,
            // In the host's own namespace both are the same.
            process_group_id: host_group.unwrap_or(if namespace_pid == pid { group } else { 0 }),
            tty: tail.tty.unwrap_or(0),
            namespace_session_id: session_id,
            namespace_process_group_id: group,
            audit_session_id: 0,
        },
        cgroup_id,
        working_directory: directory(&thread.working_directory),
        root_directory: if thread.root == b"/" { Vec::new() } else { directory(&thread.root) },
        ..Process::default()
    }
}

fn executable_of(thread: &ScapThread) -> Option<Executable> {
    let (path, tail) = (thread.exe_path.as_deref().unwrap_or_default(), &thread.tail);
    let is_known = !path.is_empty() || tail.exe_inode.is_some_and(|inode| inode != 0);
    let layer = match (tail.is_exe_upper_layer, tail.is_exe_lower_layer) {
        (Some(true), _) => OverlayLayer::Upper,
        (_, Some(true)) => OverlayLayer::Lower,
        _ => OverlayLayer::Unspecified,
    };
    is_known.then(|| Executable {
        path: path.to_vec(),
        inode: tail.exe_inode.unwrap_or(0),
        change_time_ns: tail.exe_change_time_ns.unwrap_or(0),
        modify_time_ns: tail.exe_modify_time_ns.unwrap_or(0),
        layer: layer.into(),
        is_memfd: tail.is_exe_memfd.unwrap_or(false),
        is_writable: tail.is_exe_writable.unwrap_or(false),
        ..Executable::default()
    })
}

/// Parts of a base state as they fill.
#[derive(Debug, Default)]
struct Parts {
    done: Vec<BaseState>,
    current: BaseState,
    bytes: usize,
}

// === impl Parts ===

impl Parts {
    fn add_fact(&mut self, fact: Event) {
        self.make_room(fact.encoded_len());
        self.current.facts.push(fact);
    }

    fn add_process(&mut self, state: ProcessState) {
        self.make_room(state.encoded_len());
        self.current.processes.push(state);
    }

    fn make_room(&mut self, bytes: usize) {
        if self.bytes != 0 && self.bytes + bytes > MAX_PART_BYTES {
            self.done.push(std::mem::take(&mut self.current));
            self.bytes = 0;
        }
        self.bytes += bytes;
    }

    fn finish(mut self) -> Vec<Kind> {
        self.current.is_last = true;
        self.done.push(self.current);
        self.done.into_iter().map(Kind::BaseState).collect()
    }
}
