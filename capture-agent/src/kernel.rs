//! The kernel as a source of events: the BPF programs, loaded, attached and, when this is dropped, gone.
//!
//! Nothing is pinned, so that nothing can be left behind: programs and maps live as long as their descriptors, and those end
//! with this process at the latest.

mod call_costs;
mod counters;
mod error;
mod host_cgroups;
mod limit_readings;
mod loss_sources;
mod own_process;
mod plan_banks;
mod records;
mod rings;
mod shedding;
mod started;
mod uring;

use std::time::{Duration, Instant};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, VerifierLogLevel,
    maps::Array,
    programs::{BtfTracePoint, Iter, Program, ProgramError},
};
use eyrie_bpf::{
    Attach, CALL_SHAPES_MAP, CGROUP_PROGRAMS, CONFIG_MAP, Object, PlanBank, PlanFilters,
    Program as ObjectProgram, RINGS_MAP, SNAPSHOT_PROGRAM, Shape,
};
use eyrie_proto::{
    capture::{CapturePlan, MissingAbility, PlanAnswer},
    event::{Event, LossRecord, OrderedFact, ProcessState, ordered_fact},
};
use grpc_transport::with_causes;
use tracing::{info, warn};

use self::{
    counters::LossCounters, host_cgroups::HostCgroups, loss_sources::LossSources, own_process::OwnProcess,
    plan_banks::PlanBanks, records::Records, rings::Rings, shedding::Shedding,
};
pub use self::{error::KernelError, rings::RingLimits};
use crate::{
    cgroups::{Cgroups, Hierarchy},
    clock,
    config::Config,
    plan, probe, snapshot,
    source::{CgroupReading, Drained, EventSource},
};

/// So often are all of the programs' counters read while rings are less than half full, which a few of them tell: until then nothing is
/// lost but by a fault of the programs.
const CALM_LOSS_INTERVAL: Duration = Duration::from_secs(1);

/// The programs at work.
pub(crate) struct Kernel {
    object: Object,
    ebpf: Ebpf,
    rings: Rings,
    records: Records,
    counters: LossCounters,
    /// When all of them were read last; `None` if they are to be read at the next call.
    counted: Option<Instant>,
    /// Records have come since some were read.
    have_records_come: bool,
    /// Of each ring, as of the last look.
    pressure: Vec<u64>,
    loss_sources: LossSources,
    shedding: Shedding,
    cgroups: Cgroups,
    host_cgroups: HostCgroups,
    banks: PlanBanks,
    settings: eyrie_bpf::Config,
    missing: Vec<MissingAbility>,
}

// === impl Kernel ===

impl Kernel {
    /// Loads and attaches the programs.
    pub(crate) fn start(config: &Config) -> Result<Self, KernelError> {
        probe::check()?;
        let object = config.object.unwrap_or_else(probe::object);
        let btf = Btf::from_sys_fs().map_err(|error| KernelError::Btf(Box::new(error)))?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .verifier_log_level(VerifierLogLevel::STATS)
            .map_max_entries(RINGS_MAP, config.rings.layout_of_host().0)
            .load(object.bytes())
            .map_err(|error: EbpfError| KernelError::Load { problem: with_causes(&error) })?;
        let rings = Rings::new(&mut ebpf, &config.rings)?;
        let counters = LossCounters::new(&mut ebpf)?;
        let loss_sources = LossSources::new(&mut ebpf)?;
        let (host_cgroups, banks) = (HostCgroups::new(&mut ebpf)?, PlanBanks::new(&mut ebpf)?);
        let cgroups = Cgroups::new(Hierarchy::of_host());
        let settings = eyrie_bpf::Config {
            cgroup_hierarchy: cgroups.hierarchy().number,
            cgroup_controller: cgroups.hierarchy().controller,
            processors_per_ring: rings.processors_per_ring(),
            ..plan::initial_settings(0)
        };
        let mut kernel = Self {
            object,
            ebpf,
            rings,
            records: Records::default(),
            counters,
            counted: None,
            have_records_come: true,
            pressure: Vec::new(),
            loss_sources,
            shedding: Shedding::new(config.cpu_budget),
            cgroups,
            host_cgroups,
            banks,
            settings,
            missing: Vec::new(),
        };
        kernel.check_cgroups();
        kernel.write_shapes()?;
        kernel.write_plan(&PlanFilters::default())?;
        kernel.attach_all(&btf)?;
        kernel.leave_out_own_calls(config)?;
        info!(object = object.name(), "capturing");
        Ok(kernel)
    }

    fn check_cgroups(&mut self) {
        let hierarchy = self.cgroups.hierarchy();
        info!(number = hierarchy.number, controller = ?hierarchy.controller, mount = ?hierarchy.mount,
            "containers are told apart by this hierarchy of control groups");
        if hierarchy.mount.is_some() {
            return;
        }
        self.is_missing(MissingAbility {
            name: "cgroup_scan".to_owned(),
            reason: "the hierarchy of control groups is not mounted here as a whole, or this is another cgroup namespace"
                .to_owned(),
            consequence: "which containers run already: processes of those that started before the agent are in an unknown one"
                .to_owned(),
        });
    }

    /// The programs run by now, so that where the agent is in a pid namespace of its own they can tell who it is outside.
    fn leave_out_own_calls(&mut self, config: &Config) -> Result<(), KernelError> {
        if config.is_self_captured {
            return Ok(());
        }
        let own = OwnProcess::of_this();
        if let Some(missing) = own.missing_processes() {
            self.is_missing(missing);
        }
        let iterate = || if self.has_iterator() { self.iterate(&[]) } else { None };
        match own.outermost_pid(iterate) {
            Some(pid) => {
                info!(pid, "calls of this process are not captured");
                self.settings.own_tgid = pid;
                self.write_settings()
            }
            None => {
                self.is_missing(own_process::missing_exclusion());
                Ok(())
            }
        }
    }

    fn is_missing(&mut self, ability: MissingAbility) {
        warn!(name = ability.name, "{}, so that this is missing: {}", ability.reason, ability.consequence);
        self.missing.push(ability);
    }

    fn are_cgroups_recorded(&self) -> bool {
        self.missing.iter().all(|missing| !CGROUP_PROGRAMS.contains(&missing.name.as_str()))
    }

    /// Loads all programs before it attaches the first: the kernel takes seconds to check the large ones on a busy machine, and
    /// nobody empties the rings meanwhile.
    fn attach_all(&mut self, btf: &Btf) -> Result<(), KernelError> {
        let mut loaded = Vec::new();
        // Of all programs, so that those are told of as well that the baseline does without.
        for program in Object::Full.programs() {
            let outcome = if self.object.has(program) {
                self.load(program, btf).map_err(|error| with_causes(&error))
            } else {
                Err("this kernel takes the baseline object only".to_owned())
            };
            match outcome {
                Ok(()) => loaded.push(program),
                Err(problem) => self.goes_without(program, problem)?,
            }
        }
        for program in loaded {
            if let Err(error) = self.attach(program) {
                self.goes_without(program, with_causes(&error))?;
            }
        }
        Ok(())
    }

    /// An error if there is nothing without the program.
    fn goes_without(&mut self, program: &ObjectProgram, problem: String) -> Result<(), KernelError> {
        let (name, lost_without) = (program.name, program.lost_without);
        if program.is_required {
            return Err(KernelError::Program { program: name, lost_without, problem });
        }
        self.is_missing(MissingAbility {
            name: name.to_owned(),
            reason: problem,
            consequence: lost_without.to_owned(),
        });
        Ok(())
    }

    fn load(&mut self, of: &ObjectProgram, btf: &Btf) -> Result<(), ProgramError> {
        let program = self.ebpf.program_mut(of.name).ok_or(ProgramError::NotLoaded)?;
        match of.attach {
            Attach::BtfTracepoint(tracepoint) => {
                let program: &mut BtfTracePoint = program.try_into()?;
                program.load(tracepoint, btf)
            }
            Attach::Iterator(of) => {
                let program: &mut Iter = program.try_into()?;
                program.load(of, btf)
            }
        }
    }

    fn attach(&mut self, of: &ObjectProgram) -> Result<(), ProgramError> {
        let program = self.ebpf.program_mut(of.name).ok_or(ProgramError::NotLoaded)?;
        match of.attach {
            Attach::BtfTracepoint(_) => {
                let program: &mut BtfTracePoint = program.try_into()?;
                program.attach().map(drop)
            }
            // Attached anew for each reading.
            Attach::Iterator(_) => Ok(()),
        }
    }

    /// What is read of which call, once and for all: which of them are captured is in the settings.
    fn write_shapes(&mut self) -> Result<(), KernelError> {
        let map = self.ebpf.map_mut(CALL_SHAPES_MAP).ok_or_else(KernelError::no_map(CALL_SHAPES_MAP))?;
        let mut map =
            Array::<_, [u8; Shape::BYTES]>::try_from(map).map_err(KernelError::map(CALL_SHAPES_MAP))?;
        for (index, shape) in plan::shapes() {
            map.set(index, shape.encode(), 0).map_err(KernelError::map(CALL_SHAPES_MAP))?;
        }
        Ok(())
    }

    /// Writes the plan of the settings, and then the settings, by which it holds.
    fn write_plan(&mut self, filters: &PlanFilters) -> Result<(), KernelError> {
        let bank = self.banks.write(&self.settings, filters, || self.rings.wait_for_programs())?;
        self.write_settings_with(bank)?;
        self.banks.holds(bank);
        Ok(())
    }

    /// What belongs to no plan.
    fn write_settings(&mut self) -> Result<(), KernelError> {
        self.write_settings_with(self.banks.holding())
    }

    fn write_settings_with(&mut self, bank: PlanBank) -> Result<(), KernelError> {
        let map = self.ebpf.map_mut(CONFIG_MAP).ok_or_else(KernelError::no_map(CONFIG_MAP))?;
        let mut map = Array::<_, [u8; eyrie_bpf::Config::BYTES]>::try_from(map)
            .map_err(KernelError::map(CONFIG_MAP))?;
        map.set(0, self.settings.encode(bank), 0).map_err(KernelError::map(CONFIG_MAP))
    }

    /// Tells the programs which control groups are none of a container's.
    fn tell_host_cgroups(&mut self) {
        for (id, is_of_host) in self.cgroups.take_host_changes() {
            if is_of_host {
                self.host_cgroups.insert(id);
            } else {
                self.host_cgroups.remove(id);
            }
        }
    }

    /// Lets rings grow that are too small; whether any was more than half full since the last call.
    fn relieve_rings(&mut self) -> bool {
        if !std::mem::take(&mut self.have_records_come) {
            return false;
        }
        match self.counters.pressure(self.settings.processors_per_ring) {
            Ok(pressure) => {
                self.rings.grow(&pressure);
                std::mem::replace(&mut self.pressure, pressure) != self.pressure
            }
            Err(error) => {
                warn!("how full rings are cannot be read: {error}");
                true
            }
        }
    }

    /// Adds what the programs have counted as lost; whether that could be read.
    fn counted_losses(&mut self, losses: &mut Vec<LossRecord>) -> bool {
        let epoch = self.settings.loss_epoch;
        match self.counters.take(epoch) {
            Ok(lost) if lost.is_empty() => {}
            Ok(mut lost) => {
                self.loss_sources.move_into(&mut lost);
                losses.extend(lost);
                // The next loss is a first one again.
                self.settings.loss_epoch = epoch.wrapping_add(1);
                if let Err(error) = self.write_settings() {
                    warn!("{error}; first times of losses are too early from now on");
                }
            }
            Err(error) => {
                warn!("losses of the ring cannot be read: {error}");
                return false;
            }
        }
        true
    }

    fn has_iterator(&self) -> bool {
        self.missing.iter().all(|missing| missing.name != SNAPSHOT_PROGRAM)
    }

    fn iterate(&mut self, pids: &[u32]) -> Option<Vec<ProcessState>> {
        let program = self.ebpf.program_mut(SNAPSHOT_PROGRAM)?;
        let program: &mut Iter = program.try_into().ok()?;
        match snapshot::by_iterator(program, pids) {
            Ok(states) => Some(states),
            Err(error) => {
                warn!("the iterator over processes failed, reading /proc instead: {error}");
                None
            }
        }
    }
}

impl EventSource for Kernel {
    fn drain(&mut self, sink: &mut dyn FnMut(Event) -> Option<u64>) -> Drained {
        let (records, cgroups) = (&mut self.records, &mut self.cgroups);
        let drained = self.rings.drain(&mut |bytes| records.read(bytes, cgroups, sink));
        records.tell_due(drained, sink);
        self.tell_host_cgroups();
        self.have_records_come |= drained.records > 0;
        drained
    }

    fn wait(&mut self) {
        self.rings.wait();
    }

    fn take_losses(&mut self) -> Vec<LossRecord> {
        let mut losses = self.records.take_losses();
        let is_due = self.counted.is_none_or(|counted| counted.elapsed() >= CALM_LOSS_INTERVAL);
        if (self.relieve_rings() || is_due) && self.counted_losses(&mut losses) {
            self.counted = Some(Instant::now());
        }
        losses
    }

    fn snapshot(&mut self, pids: &[u32]) -> Option<Vec<ProcessState>> {
        let iterated = if self.has_iterator() { self.iterate(pids) } else { None };
        match iterated {
            Some(iterated) => Some(snapshot::complete(iterated, pids, self.cgroups.hierarchy())),
            None => snapshot::by_procfs(pids, self.cgroups.hierarchy()),
        }
    }

    fn carry_out(&mut self, plan: CapturePlan) -> PlanAnswer {
        let (compiled, answer) = plan::compile(plan, &self.settings);
        let Some(compiled) = compiled else { return answer };
        let failed = |failure| PlanAnswer { generation: answer.generation, failure, ..PlanAnswer::default() };
        let filters = match PlanFilters::new(&compiled.filters) {
            Ok(filters) => filters,
            Err(error) => return failed(error.to_string()),
        };
        let settings = self.shedding.without(compiled.settings);
        let before = std::mem::replace(&mut self.settings, settings);
        match self.write_plan(&filters) {
            Ok(()) => {
                if let Some(effective) = &answer.effective {
                    self.records.limit_readings.follow(effective);
                }
                self.shedding.answer(answer)
            }
            Err(error) => {
                self.settings = before;
                failed(error.to_string())
            }
        }
    }

    fn keep_within_budget(&mut self) -> Option<PlanAnswer> {
        let costs = &mut self.records.costs;
        if !self.shedding.weigh(&self.settings, costs) {
            return None;
        }
        self.settings = self.shedding.without(self.settings);
        if let Err(error) = self.write_settings() {
            warn!("{error}; what is captured stays as it is until settings are next written");
        }
        self.shedding.running_answer()
    }

    fn cgroup_facts(&mut self, reading: CgroupReading) -> Vec<OrderedFact> {
        let facts = match reading {
            CgroupReading::Routine if self.are_cgroups_recorded() => Vec::new(),
            CgroupReading::Routine | CgroupReading::Repair => self.cgroups.scan(clock::boot_ns),
            CgroupReading::Known => self.cgroups.all(),
            CgroupReading::All => {
                let gone = self.cgroups.scan(clock::boot_ns).into_iter().filter(is_removal);
                gone.collect::<Vec<_>>().into_iter().chain(self.cgroups.all()).collect()
            }
        };
        self.tell_host_cgroups();
        facts
    }

    fn show(&self, meter: &telemetry::Meter) {
        self.counters.show(meter);
        self.rings.show(meter);
        self.records.limit_readings.show(meter);
        self.shedding.show(meter);
    }

    fn missing_abilities(&self) -> Vec<MissingAbility> {
        self.missing.clone()
    }

    fn stop(&mut self) {
        for (name, program) in self.ebpf.programs_mut() {
            let Program::BtfTracePoint(program) = program else { continue };
            if let Err(error) = program.unload() {
                warn!(program = name, "cannot unload: {error}; it goes with this process");
            }
        }
        self.rings.end();
        self.records.end();
        self.counted = None;
    }
}

fn is_removal(fact: &OrderedFact) -> bool {
    matches!(&fact.kind, Some(ordered_fact::Kind::Cgroup(fact)) if fact.is_removed)
}
