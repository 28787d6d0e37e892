//! A host that is made of what cases say: the inverse of extraction.
//!
//! Each event of a case becomes facts and snapshots that make the host as it should be, and the event itself; all of them go
//! through the host model as they would in an engine. What the case does not say is as in an ordinary, successful event on
//! a host of which nothing special is known.

mod actor;
mod calls;
mod check;
mod cluster;
mod containers;
mod descriptor;
mod labels;
mod machine;
mod message;
mod parameter;
mod primitives;
mod process;
mod socket;
mod users;

use std::collections::BTreeMap;

use eyrie_proto::{
    event::{
        Event, EventClass, LossPlace, LossReason, LossRecord, NamesFact, OrderedFact, ProcessKey,
        ProcessSnapshot, ProcessState, SystemCall, event::Kind, ordered_fact,
    },
    metadata::KubernetesObject,
};
use fields::{Architecture, ContainerView, EventView, FieldSettings, PathNames, PeerView};
use host_model::HostModel;
use rule_language::Catalogue as _;

pub(crate) use self::check::{Extractors, matches, show};
pub(crate) use self::primitives::Primitives;
use self::{
    calls::{change_directory, fill_exec, open_access},
    containers::Containers,
    machine::Machine,
    users::Users,
};
use crate::{
    cases::Case,
    given::{Given, Problem, Setting},
};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// When the first event happens: ten days after the boot of the host, so that processes may have run for long.
const FIRST_EVENT_NS: u64 = 10 * 86_400 * SECOND;
/// Wall clock minus boot clock: the boot was at the start of 2026.
const EPOCH_OFFSET_NS: i64 = 1_767_225_600_000_000_000;
/// What a call returns that makes a descriptor, that copies one, and that makes a process.
const NEW_FD: i64 = 3;
const COPIED_FD: i64 = 10;
const CHILD_PID: i64 = 6_000;
/// Bytes that a call moves of which the case does not say how many.
const MOVED: i64 = 64;
/// The processor that everything happens on.
const ARCHITECTURE: Architecture = Architecture::X86_64;

/// The host of a case, as of its last event.
pub(crate) struct World<'case> {
    model: HostModel,
    containers: Containers<'case>,
    users: Users,
    hostname: String,
    boot_ns: u64,
    sequence: u64,
    next_pid: u32,
    /// The container of the last event.
    container: Option<String>,
    machine: Machine,
    /// Who has the remote address of the last event.
    peer: Option<KubernetesObject>,
}

// === impl World ===

impl<'case> World<'case> {
    /// The host before anything has happened. Of `names`, which rules mention, each stands for an address that nothing else has.
    pub(crate) fn new(case: &'case Case, names: &[String]) -> Result<Self, Problem> {
        let mut world = Self {
            model: HostModel::default(),
            containers: Containers::new(&case.containers),
            users: Users::new(&case.host)?,
            hostname: case.host.hostname.clone().unwrap_or_else(|| "host-1".to_owned()),
            boot_ns: FIRST_EVENT_NS - SECOND,
            sequence: 0,
            next_pid: 2_000,
            container: None,
            machine: Machine::default(),
            peer: None,
        };
        for (name, last) in names.iter().zip(0_u32..) {
            // Of a network for measurements (RFC 2544), where no event's address is.
            let ip = 0xc612_0001_u32.wrapping_add(last).to_be_bytes().to_vec();
            world.tell_name(name, ip);
        }
        Ok(world)
    }

    /// Lets an event happen.
    pub(crate) fn happen(&mut self, mut primitives: Primitives) -> Result<Event, Problem> {
        self.pass_time(&mut primitives)?;
        let event_type = primitives.event_type().to_owned();
        let call = self.call(&mut primitives, &event_type)?;
        let is_exec = matches!(event_type.as_str(), "execve" | "execveat");
        let result = self.result(&mut primitives, &event_type)?;
        let is_running = is_exec && result >= 0;
        self.machine.take(&mut primitives)?;
        self.peer = cluster::take_peer(&mut primitives)?;
        let actor = self.settle(&mut primitives, is_running)?;
        let mut kind = message::of_event_type(&event_type);
        self.fill(&mut kind, &mut primitives, &event_type, result, &actor)?;
        let mut event = Event {
            boot_ns: self.boot_ns,
            task: Some(actor.task()),
            call: call.map(|call| SystemCall { result, ..call }),
            kind: Some(kind),
            ..Event::default()
        };
        if let Some(cpu) = primitives.take("evt.cpu") {
            event.cpu = cpu.number()?;
        }
        if let Some(setting) = primitives.take("evt.is_io_uring")
            && let Some(call) = &mut event.call
        {
            call.is_io_uring = setting.flag()?;
        }
        if let Some(hostname) = primitives.take("evt.hostname") {
            self.hostname = hostname.text()?;
        }
        if let Some(loss) = primitives.take("evt.loss")
            && loss.flag()?
        {
            self.lose();
        }
        primitives.take("evt.source");
        if let Some(problem) = primitives.rest() {
            return Err(problem);
        }
        self.model.apply(&event);
        Ok(event)
    }

    /// What extraction sees of an event that has just happened.
    pub(crate) fn view<'a>(&'a self, event: &'a Event) -> EventView<'a> {
        let container = self.container.as_deref().and_then(|id| self.containers.known(id));
        EventView {
            event,
            host: &self.model,
            sequence: self.sequence,
            epoch_offset_ns: EPOCH_OFFSET_NS,
            hostname: &self.hostname,
            architecture: ARCHITECTURE,
            source: "syscall",
            container: container.map_or(ContainerView::NotAsked, ContainerView::Known),
            machine: self.machine.view(),
            peer: self.peer.as_ref().map_or(PeerView::Absent, PeerView::Known),
            settings: FieldSettings::unset(),
            paths: PathNames::AskedFor,
        }
    }

    /// A second passes, unless the case says when the event happens.
    fn pass_time(&mut self, primitives: &mut Primitives) -> Result<(), Problem> {
        let before = self.boot_ns;
        self.boot_ns += SECOND;
        self.sequence = self.sequence.saturating_add(1);
        if let Some(number) = primitives.take("evt.num") {
            self.sequence = number.number()?;
            if self.sequence == 0 {
                return Err(number.problem("no event has the number 0: they count from 1"));
            }
        }
        for name in ["evt.rawtime", "evt.time.iso8601", "evt.time"] {
            let Some(setting) = primitives.take(name) else { continue };
            let boot_ns = epoch_ns(&setting)?.checked_add_signed(-EPOCH_OFFSET_NS);
            let Some(boot_ns) = boot_ns.filter(|boot_ns| *boot_ns > before) else {
                let problem = setting
                    .problem("the event would happen before the one before it, or the boot of its host");
                return Err(problem.help("hosts of cases boot at the start of 2026"));
            };
            self.boot_ns = boot_ns;
        }
        Ok(())
    }

    /// The number of the call that events of this type are; `None` for those that are no call.
    fn call(&self, primitives: &mut Primitives, name: &str) -> Result<Option<SystemCall>, Problem> {
        let setting = primitives.take("evt.type");
        if let Some(call) = fields::call_of_event_type(name, ARCHITECTURE) {
            return Ok(Some(call));
        }
        if matches!(name, "procexit" | "signaldeliver") {
            return Ok(None);
        }
        let span = setting.map_or(0..0, |setting| setting.span);
        let catalogue = fields::catalogue();
        if catalogue.is_event_type(name) {
            return Err(Problem::new(&span, format!("a Linux host on x86-64 has no events of type {name}")));
        }
        let problem = Problem::new(&span, format!("there are no events of type '{name}'"));
        Err(match rule_language::closest(name, catalogue.event_types().iter().copied()) {
            Some(near) => problem.help(format!("did you mean {near}?")),
            None => problem,
        })
    }

    fn result(&self, primitives: &mut Primitives, event_type: &str) -> Result<i64, Problem> {
        let succeeds = match event_type {
            "clone" | "clone3" | "fork" | "vfork" => CHILD_PID,
            "dup" | "dup2" | "dup3" => COPIED_FD,
            name if message::returns_descriptor(name) => NEW_FD,
            _ if primitives.get("evt.buffer").or(primitives.get("evt.arg.data")).is_some() => MOVED,
            _ => 0,
        };
        match primitives.take("evt.rawres") {
            Some(Setting { value: Given::Text(text), .. }) if text == "SUCCESS" => Ok(succeeds),
            Some(setting) => setting.number(),
            None if event_type == "dup2" || event_type == "dup3" => {
                primitives.get("evt.arg.newfd").map_or(Ok(succeeds), Setting::number)
            }
            None => Ok(succeeds),
        }
    }

    /// Makes the message say what the case says.
    fn fill(
        &mut self,
        kind: &mut Kind,
        primitives: &mut Primitives,
        event_type: &str,
        result: i64,
        actor: &actor::Actor,
    ) -> Result<(), Problem> {
        self.tell_names(primitives)?;
        descriptor::describe(primitives, event_type, kind, result)?;
        open_access(kind, primitives)?;
        if let Some(buffer) = primitives.take("evt.buffer") {
            match kind {
                Kind::Transfer(transfer) => transfer.data = buffer.bytes()?,
                _ => return Err(buffer.problem(format!("events of type {event_type} move no data"))),
            }
        }
        match kind {
            Kind::Exec(exec) => fill_exec(exec, &actor.state),
            Kind::Fork(fork) => {
                let pid = u32::try_from(result).unwrap_or(0);
                fork.child_process = Some(ProcessKey { pid, start_boot_ns: self.boot_ns });
                fork.child_tid = pid;
            }
            _ => {}
        }
        let whose = actor.container.as_deref().unwrap_or_default();
        for name in ["uid", "euid", "ruid", "suid"] {
            // Whom a call names is known to the host, whoever it is.
            let named = primitives.get(&format!("evt.arg.{name}")).and_then(|setting| setting.text().ok());
            if let Some(user) = named.filter(|user| user.parse::<i64>().is_err()) {
                self.users.uid_of(whose, user.as_bytes(), None);
                let fact = self.users.of(whose).clone();
                self.tell(ordered_fact::Kind::Users(fact));
            }
        }
        let ids = self.users.ids(whose);
        for setting in primitives.take_family("evt.arg.") {
            parameter::set(kind, event_type, &setting, &ids)?;
        }
        if result >= 0 {
            change_directory(kind, &actor.state);
        }
        if let Kind::DescriptorCall(call) = kind
            && event_type.starts_with("dup")
        {
            if event_type != "dup" && call.argument == 0 {
                call.argument = result.cast_unsigned();
            }
            if let (Some(descriptor), Ok(fd @ 0..)) = (&call.descriptor, i32::try_from(result)) {
                call.second = Some(eyrie_proto::event::Descriptor { fd, ..descriptor.clone() });
            }
        }
        Ok(())
    }

    /// Names that the ends of a connection are to have.
    fn tell_names(&mut self, primitives: &mut Primitives) -> Result<(), Problem> {
        for (name, ip, default) in
            [("fd.rip.name", "fd.rip", "192.0.2.10"), ("fd.lip.name", "fd.lip", "10.0.0.5")]
        {
            let Some(setting) = primitives.take(name) else { continue };
            if setting.is_missing() {
                continue;
            }
            let ip = match primitives.get(ip) {
                Some(setting) => socket::ip(setting)?,
                None => socket::ip(&Setting::new(ip, Given::of(default), &setting.span))?,
            };
            self.tell_name(&setting.text()?, socket::octets(ip));
        }
        Ok(())
    }

    fn tell_name(&mut self, name: &str, ip: Vec<u8>) {
        let fact = NamesFact { name: name.to_owned(), ips: vec![ip], valid_until_boot_ns: 0 };
        self.tell(ordered_fact::Kind::Names(fact));
    }

    fn tell(&mut self, kind: ordered_fact::Kind) {
        let since_boot_ns = self.boot_ns;
        let fact = OrderedFact { since_boot_ns, kind: Some(kind) };
        self.model.apply(&Event { boot_ns: since_boot_ns, kind: Some(Kind::Fact(fact)), ..Event::default() });
    }

    /// Tells the model what a process is, as of just before the event.
    fn tell_process(&mut self, state: ProcessState) {
        let as_of_boot_ns = self.boot_ns - 1;
        let state = ProcessState { as_of_boot_ns, ..state };
        let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
        let kind = Some(Kind::ProcessSnapshot(snapshot));
        self.model.apply(&Event { boot_ns: as_of_boot_ns, kind, ..Event::default() });
    }

    fn lose(&mut self) {
        let loss = LossRecord {
            place: LossPlace::Ring.into(),
            event_class: EventClass::Plain.into(),
            reason: LossReason::Full.into(),
            count: 1,
            first_boot_ns: self.boot_ns - 1,
            last_boot_ns: self.boot_ns - 1,
            ..LossRecord::default()
        };
        self.model.apply(&Event {
            boot_ns: self.boot_ns - 1,
            kind: Some(Kind::Loss(loss)),
            ..Event::default()
        });
    }

    fn epoch_ns(&self) -> u64 {
        self.boot_ns.saturating_add_signed(EPOCH_OFFSET_NS)
    }
}

/// A point in time: nanoseconds since the epoch, or as RFC 3339 and `evt.time.iso8601` write it.
fn epoch_ns(setting: &Setting) -> Result<u64, Problem> {
    let text = setting.text()?;
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let written = text.strip_suffix("+0000").map_or_else(|| text.clone(), |time| format!("{time}Z"));
    let time: Option<jiff::Timestamp> = written.parse().ok();
    time.and_then(|time| u64::try_from(time.as_nanosecond()).ok())
        .ok_or_else(|| setting.misfit("nanoseconds since the epoch, or a time such as 2026-03-01T12:00:00Z"))
}

/// What is remembered of one container.
pub(crate) type ById<T> = BTreeMap<String, T>;

#[cfg(test)]
mod tests;
