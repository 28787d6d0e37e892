//! Events of a section, one after the other.

use eyrie_proto::{
    event::{Event, Signal, SystemCall, SystemCallAbi, event::Kind},
    metadata::{ContainerRemoval, late_fact},
};
use scap::table::EventType;

use super::{
    calls::{CallEvent, Message, call_event, generic_number},
    cgroups::shortened,
    containers,
    counts::{Counts, Skipped},
    kinds::{Call, new_name},
    output::Output,
    parameters::{Enter, Parameters},
    section::{At, Section},
};
use crate::extension::STATE_ONLY;

/// Codes of what is no call.
const PROCEXIT_OLD: u16 = 16;
const DROP_ENTER: u16 = 148;
const DROP_EXIT: u16 = 149;
const PROCEXIT: u16 = 186;
const CONTAINER: u16 = 228;
const SIGNAL_DELIVER: u16 = 232;
const CONTAINER_JSON: u16 = 272;
const PLUGIN_EVENT: u16 = 322;
const CONTAINER_JSON_2: u16 = 324;
const USER_ADDED: u16 = 354;
const GROUP_DELETED: u16 = 360;
const ASYNC_EVENT: u16 = 402;

/// Where events go, and what becomes of them.
#[derive(Debug)]
pub(crate) struct Sinks<'a> {
    pub(crate) output: &'a mut Output,
    pub(crate) counts: &'a mut Counts,
}

/// What every event of ours has from its event there.
struct Envelope {
    at: At,
    cpu: u32,
    is_state_only: bool,
}

// === impl Section ===

impl Section {
    /// An event of a section that has begun.
    pub(crate) fn event(
        &mut self,
        event: &scap::Event<'_>,
        event_type: &'static EventType,
        epoch_ns: u64,
        mut sinks: Sinks<'_>,
    ) {
        let boot_ns = self.boot_ns(epoch_ns);
        let parameters = Parameters::new(event_type, &event.parameters, None);
        if !parameters.are_well_formed() {
            return sinks.counts.skip(Skipped::Corrupt);
        }
        if self.state_event(event, &parameters, epoch_ns, &mut sinks) {
            return;
        }
        let code = event_type.code;
        if matches!(code, DROP_ENTER | DROP_EXIT) {
            sinks.counts.told += 1;
            let loss = self.dropped(code == DROP_ENTER, boot_ns);
            return sinks.output.event(loss);
        }
        let is_of_task = matches!(code, PROCEXIT_OLD | PROCEXIT | SIGNAL_DELIVER);
        let call = call_event(event_type);
        if call.is_none() && !is_of_task && !event_type.is_enter {
            return sinks.counts.unused(event_type.event_type);
        }
        let Some(tid) = u32::try_from(event.tid).ok().filter(|tid| *tid != 0) else {
            return sinks.counts.skip(Skipped::NoThread);
        };
        let at = At { tid, boot_ns };
        let is_state_only = event.flags & STATE_ONLY != 0;
        let envelope = Envelope { at, cpu: event.cpu.into(), is_state_only };
        match call {
            Some(call) => self.call(call, &envelope, event_type, &event.parameters, &mut sinks),
            None if is_of_task => self.task_event(code, &envelope, &parameters, &mut sinks),
            None => self.enter(at, event, event_type, &mut sinks),
        }
    }

    /// What changes only what is known; whether it was one.
    pub(crate) fn state_event(
        &mut self,
        event: &scap::Event<'_>,
        parameters: &Parameters<'_>,
        epoch_ns: u64,
        sinks: &mut Sinks<'_>,
    ) -> bool {
        match event.code {
            USER_ADDED..=GROUP_DELETED => {
                let event_type = event.event_type.map_or("", |event_type| event_type.event_type);
                let id = text(parameters, "container_id");
                // Falco calls the host's so.
                let id = if id == "host" { String::new() } else { self.whole_id(id) };
                self.accounts.change(event_type, &id, parameters);
                sinks.counts.state += 1;
            }
            CONTAINER => {
                let kind = parameters.unsigned("type").unwrap_or(0);
                let [id, name, image] = ["id", "name", "image"].map(|name| text(parameters, name));
                let told = containers::of_parts(&id, kind, &name, &image, epoch_ns);
                self.container(told, sinks);
            }
            CONTAINER_JSON | CONTAINER_JSON_2 => {
                let json = parameters.text("json").unwrap_or_default();
                self.container(containers::of_json(json, "scap", epoch_ns), sinks);
            }
            ASYNC_EVENT => {
                let data = parameters.text("data").unwrap_or_default();
                match &*text(parameters, "name") {
                    "container" => self.container(containers::of_json(data, "scap", epoch_ns), sinks),
                    "container_removed" => self.container_removed(data, epoch_ns, sinks),
                    name => sinks.counts.other(&format!("asynchronous event {name:?}")),
                }
            }
            PLUGIN_EVENT => {
                let plugin = parameters.unsigned("plugin_id").unwrap_or(0);
                sinks.counts.other(&format!("event of plugin {plugin}"));
            }
            _ => return false,
        }
        true
    }

    fn container(&mut self, told: Option<containers::Told>, sinks: &mut Sinks<'_>) {
        let Some(told) = told else { return sinks.counts.skip(Skipped::NoContainer) };
        sinks.counts.state += 1;
        if self.has_begun() {
            self.tell_container(told, sinks.output);
        } else {
            self.early(told);
        }
    }

    fn container_removed(&mut self, data: &[u8], epoch_ns: u64, sinks: &mut Sinks<'_>) {
        let Some(told) = containers::of_json(data, "scap", epoch_ns) else {
            return sinks.counts.skip(Skipped::NoContainer);
        };
        sinks.counts.state += 1;
        self.containers.forget(&told.id);
        let Some(identity) = &self.identity else { return };
        let key = Some(containers::key(&told.id, &self.cgroups, &identity.origin));
        let removed_boot_ns = identity.boot_ns(epoch_ns);
        sinks.output.late_fact(late_fact::Kind::ContainerRemoval(ContainerRemoval { key, removed_boot_ns }));
    }

    fn whole_id(&self, id: String) -> String {
        match self.cgroups.container(shortened(&id)) {
            Some((whole, _)) if !id.is_empty() => whole.clone(),
            _ => id,
        }
    }

    /// The beginning of a call: kept, as old exits say only half.
    fn enter(
        &mut self,
        at: At,
        event: &scap::Event<'_>,
        event_type: &'static EventType,
        sinks: &mut Sinks<'_>,
    ) {
        sinks.counts.joined += 1;
        if self.tasks.seen(at.tid, at.boot_ns).is_none() {
            return sinks.counts.skip(Skipped::NoRoom);
        }
        self.tasks.take_enter(at.tid);
        if let Some(enter) = Enter::new(event, event_type) {
            self.tasks.keep_enter(at.tid, enter);
        }
    }

    /// The end of a call.
    fn call(
        &mut self,
        call: CallEvent,
        envelope: &Envelope,
        event_type: &'static EventType,
        bytes: &[&[u8]],
        sinks: &mut Sinks<'_>,
    ) {
        let at = envelope.at;
        let enter = self.tasks.take_enter(at.tid).filter(|enter| enter.begins(event_type));
        let parameters = Parameters::new(event_type, bytes, enter.as_ref());
        let result = parameters.result();
        let mut system_call =
            SystemCall { number: call.number, abi: call.abi.into(), result, ..SystemCall::default() };
        if call.message == Message::Fork {
            let Some((kind, caller)) = self.fork(at, event_type.event_type, &parameters) else {
                sinks.counts.joined += 1;
                self.left_to_child = (result > 0 && !envelope.is_state_only).then_some(at.boot_ns);
                return;
            };
            let is_left = result == 0 && self.left_to_child.take() == Some(at.boot_ns);
            let is_state_only = envelope.is_state_only && !is_left;
            let envelope = &Envelope { at, cpu: envelope.cpu, is_state_only };
            // Live, who begins is told by the scheduler, with no call around it.
            let failed = (result < 0).then_some(system_call);
            return self.tell(envelope, caller, failed, kind, sinks);
        }
        let Some(pid) = self.tasks.seen(at.tid, at.boot_ns) else {
            return sinks.counts.skip(Skipped::NoRoom);
        };
        let kind = match call.message {
            Message::Exec => self.exec(at, &parameters),
            Message::Generic if event_type.code == 1 => {
                let native = parameters.low("nativeID");
                let Some(number) = generic_number(native, parameters.low("ID")) else {
                    return sinks.counts.skip(Skipped::NoCall);
                };
                (system_call.number, system_call.abi) = (number, SystemCallAbi::Unspecified.into());
                Kind::GenericCall(eyrie_proto::event::GenericCall::default())
            }
            message => {
                let Some(process) = self.tasks.process_mut(pid) else {
                    return sinks.counts.skip(Skipped::NoRoom);
                };
                let descriptors = &mut self.descriptors;
                Call { parameters, name: event_type.event_type, result, pid, process, descriptors }
                    .kind(message)
            }
        };
        self.tasks.count_directories(pid);
        self.change_others(at, pid, result, &kind);
        self.tell(envelope, at.tid, Some(system_call), kind, sinks);
    }

    /// What a call did beyond its process.
    fn change_others(&mut self, at: At, pid: u32, result: i64, kind: &Kind) {
        match kind {
            Kind::ProcessControl(control) => {
                if let (Some(name), Some(thread)) = (new_name(control, result), self.tasks.thread_mut(at.tid))
                {
                    thread.rename(name);
                }
            }
            Kind::ChangeSession(change) if result >= 0 && change.pid != 0 && change.pid != pid => {
                // Numbers of another namespace mean nothing here.
                let is_hosts = self.tasks.process(pid).is_some_and(|process| process.namespace_pid == pid);
                if let Some(other) = self.tasks.process_mut(change.pid).filter(|_| is_hosts) {
                    let group =
                        if change.process_group_id == 0 { change.pid } else { change.process_group_id };
                    other.session.process_group_id = group;
                    if other.namespace_pid == change.pid {
                        other.session.namespace_process_group_id = group;
                    }
                }
            }
            _ => {}
        }
    }

    /// Ends of tasks and signals.
    fn task_event(
        &mut self,
        code: u16,
        envelope: &Envelope,
        parameters: &Parameters<'_>,
        sinks: &mut Sinks<'_>,
    ) {
        let at = envelope.at;
        if self.tasks.seen(at.tid, at.boot_ns).is_none() {
            return sinks.counts.skip(Skipped::NoRoom);
        }
        if code == SIGNAL_DELIVER {
            let number = parameters.low("sig").unwrap_or(0);
            let pid = parameters.low("spid").unwrap_or(0).cast_signed();
            let signal = Kind::Signal(Signal { number, pid, tid: 0 });
            return self.tell(envelope, at.tid, None, signal, sinks);
        }
        let exit = self.exit(at, parameters);
        self.tell(envelope, at.tid, None, exit, sinks);
        self.forget(at);
    }

    fn tell(
        &mut self,
        envelope: &Envelope,
        tid: u32,
        call: Option<SystemCall>,
        kind: Kind,
        sinks: &mut Sinks<'_>,
    ) {
        self.tell_news(envelope.at.boot_ns, sinks.output);
        sinks.counts.told += 1;
        let event = Event {
            boot_ns: envelope.at.boot_ns,
            cpu: envelope.cpu,
            task: self.tasks.task(tid),
            call,
            plan_generation: 0,
            // It is there for the state that it leaves behind, and no alert may come from it.
            is_filter_marked: envelope.is_state_only,
            kind: Some(kind),
        };
        sinks.output.event(event);
    }
}

fn text(parameters: &Parameters<'_>, name: &str) -> String {
    String::from_utf8_lossy(parameters.text(name).unwrap_or_default()).into_owned()
}
