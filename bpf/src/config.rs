use crate::{
    PlanFilters,
    layout::{CALL_BITMAP_WORDS, controller},
};

/// Settings of the programs: the one value of the map [`CONFIG_MAP`](crate::CONFIG_MAP), and of a plan that of
/// [`PLANS_MAP`](crate::PLANS_MAP).
///
/// Before they are first written the maps are all zero: forks, executions and exits are recorded without arguments, and no
/// system call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Put into every record.
    pub plan_generation: u64,
    /// To be changed after the counters were read, so that the next loss is a first one again. See
    /// [`Counts`](crate::Counts).
    pub loss_epoch: u64,
    /// Process (in the initial pid namespace) whose system calls are not recorded: the agent itself, which would
    /// otherwise hear its own echo. Its forks, executions and exits are. 0 for none.
    pub own_tgid: u32,
    /// How much of the arguments is read at exec; at most [`PART_BYTES`](crate::PART_BYTES).
    pub max_argument_bytes: u32,
    /// How much of the environment is read at exec; at most [`PART_BYTES`](crate::PART_BYTES).
    pub max_environment_bytes: u32,
    /// How much is read of the data that calls move; at most [`PART_BYTES`](crate::PART_BYTES).
    pub max_data_bytes: u32,
    /// The hierarchy whose control groups are told: its number in `/proc/cgroups`, 0 for the default (v2) one.
    pub cgroup_hierarchy: u32,
    /// A controller that is bound to that hierarchy; `None` for the default one.
    pub cgroup_controller: Option<CgroupController>,
    /// Whether it is kept and told what sockets did before: who connected, whether the peer is another one.
    pub has_socket_history: bool,
    /// Which ring of [`RINGS_MAP`](crate::RINGS_MAP) a processor's records go into: its number divided by this; 0 for the
    /// first.
    pub processors_per_ring: u32,
    /// Native calls that are recorded.
    pub calls: CallSet,
    /// 32-bit calls of a 64-bit kernel that are recorded, in their own numbering.
    pub compat_calls: CallSet,
    /// Native calls whose [`Call`](crate::Call) record bears state. Calls that have a record of their own know by
    /// themselves.
    pub state_calls: CallSet,
    /// The same for 32-bit calls.
    pub compat_state_calls: CallSet,
    /// Native calls that are not recorded although they are in `calls`, and counted as lost.
    pub shed_calls: CallSet,
    /// The same for 32-bit calls.
    pub compat_shed_calls: CallSet,
}

/// Falco's `snaplen`.
pub const DEFAULT_DATA_BYTES: u32 = 80;

/// One of the two places for a plan: programs use the one while the other is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanBank {
    /// The one that holds before anything is written.
    #[default]
    First,
    /// The other one.
    Second,
}

/// A controller whose v1 hierarchy can be told of. Container runtimes make a control group for each container in all of
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CgroupController {
    /// `memory`
    Memory = controller::MEMORY,
    /// `pids`
    Pids = controller::PIDS,
    /// `cpu`
    Cpu = controller::CPU,
    /// `cpuacct`
    Cpuacct = controller::CPUACCT,
    /// `devices`
    Devices = controller::DEVICES,
    /// `freezer`
    Freezer = controller::FREEZER,
    /// `blkio`, which the kernel calls `io` inside
    Io = controller::IO,
    /// `cpuset`
    Cpuset = controller::CPUSET,
}

/// A set of system calls by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallSet([u64; CALL_BITMAP_WORDS]);

// === impl Config ===

impl Config {
    /// Size of the value of [`CONFIG_MAP`](crate::CONFIG_MAP).
    pub const BYTES: usize = 32 + 2 * CALL_BITMAP_WORDS * size_of::<u64>();
    /// Size of a plan, of which [`PLANS_MAP`](crate::PLANS_MAP) has one for each bank.
    pub const PLAN_BYTES: usize =
        32 + 4 * CALL_BITMAP_WORDS * size_of::<u64>() + 2 * CallSet::NUMBERS as usize;

    /// What belongs to no plan, and which plan holds, as the programs read it: `struct config` of `programs/layout.h`, in the
    /// machine's byte order.
    pub fn encode(&self, plan_bank: PlanBank) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut rest = &mut bytes[..];
        put(&mut rest, &self.loss_epoch.to_ne_bytes());
        put(&mut rest, &self.own_tgid.to_ne_bytes());
        put(&mut rest, &self.cgroup_hierarchy.to_ne_bytes());
        let controller = self.cgroup_controller.map_or(controller::NONE, |controller| controller as u32);
        put(&mut rest, &controller.to_ne_bytes());
        put(&mut rest, &self.processors_per_ring.to_ne_bytes());
        put(&mut rest, &plan_bank.index().to_ne_bytes());
        put(&mut rest, &[0; 4]);
        for calls in [&self.shed_calls, &self.compat_shed_calls] {
            calls.put(&mut rest);
        }
        bytes
    }

    /// What belongs to the plan, with its filters: `struct plan` of `programs/plan_layout.h`.
    pub fn encode_plan(&self, filters: &PlanFilters) -> [u8; Self::PLAN_BYTES] {
        let mut bytes = [0; Self::PLAN_BYTES];
        let mut rest = &mut bytes[..];
        put(&mut rest, &self.plan_generation.to_ne_bytes());
        put(&mut rest, &filters.marked_share().to_ne_bytes());
        put(&mut rest, &self.max_argument_bytes.to_ne_bytes());
        put(&mut rest, &self.max_environment_bytes.to_ne_bytes());
        put(&mut rest, &self.max_data_bytes.to_ne_bytes());
        put(&mut rest, &u32::from(self.has_socket_history).to_ne_bytes());
        for calls in [&self.calls, &self.compat_calls, &self.state_calls, &self.compat_state_calls] {
            calls.put(&mut rest);
        }
        put(&mut rest, filters.native_numbers());
        put(&mut rest, filters.compat_numbers());
        bytes
    }
}

/// Every call that has a record of its own, and limits of 4 KiB.
impl Default for Config {
    fn default() -> Self {
        Self {
            plan_generation: 0,
            loss_epoch: 0,
            own_tgid: 0,
            max_argument_bytes: crate::PART_BYTES,
            max_environment_bytes: crate::PART_BYTES,
            max_data_bytes: DEFAULT_DATA_BYTES,
            cgroup_hierarchy: 0,
            cgroup_controller: None,
            has_socket_history: false,
            processors_per_ring: 0,
            calls: crate::calls::NATIVE.iter().map(|call| call.number).collect(),
            compat_calls: crate::calls::COMPAT.iter().map(|call| call.number).collect(),
            state_calls: CallSet::default(),
            compat_state_calls: CallSet::default(),
            shed_calls: CallSet::default(),
            compat_shed_calls: CallSet::default(),
        }
    }
}

/// Moves `bytes` to the front of `rest`, and `rest` behind them. The sizes are what it all takes, or the tests of the encoders
/// fail.
pub(crate) fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((place, behind)) = std::mem::take(rest).split_at_mut_checked(bytes.len()) {
        place.copy_from_slice(bytes);
        *rest = behind;
    }
}

// === impl PlanBank ===

impl PlanBank {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// Its number.
    pub fn index(self) -> u32 {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }

    /// What both have, as the value of [`PLANS_MAP`](crate::PLANS_MAP) does: this one's.
    pub fn of<T>(self, both: &mut [T; Self::COUNT]) -> &mut T {
        let [first, second] = both;
        match self {
            Self::First => first,
            Self::Second => second,
        }
    }

    /// The one that this one is not.
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

// === impl CgroupController ===

impl CgroupController {
    /// All, those first that runtimes use most surely.
    pub const ALL: [Self; 8] = [
        Self::Memory,
        Self::Pids,
        Self::Cpu,
        Self::Cpuacct,
        Self::Devices,
        Self::Freezer,
        Self::Io,
        Self::Cpuset,
    ];

    /// Its name in `/proc/cgroups` and in the options of a v1 mount.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
            Self::Io => "blkio",
            Self::Cpuset => "cpuset",
        }
    }
}

// === impl CallSet ===

impl CallSet {
    /// Numbers that a set can hold are below this.
    pub const NUMBERS: u32 = CALL_BITMAP_WORDS as u32 * u64::BITS;

    fn put(&self, rest: &mut &mut [u8]) {
        for word in self.0 {
            put(rest, &word.to_ne_bytes());
        }
    }

    /// Adds a call. False if the number is too high for the programs' bitmaps: such a call cannot be captured.
    #[must_use]
    pub fn insert(&mut self, number: u32) -> bool {
        match self.0.get_mut((number / u64::BITS) as usize) {
            Some(word) => {
                *word |= 1 << (number % u64::BITS);
                true
            }
            None => false,
        }
    }

    /// Takes a call out.
    pub fn remove(&mut self, number: u32) {
        if let Some(word) = self.0.get_mut((number / u64::BITS) as usize) {
            *word &= !(1 << (number % u64::BITS));
        }
    }

    /// The numbers in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..Self::NUMBERS).filter(|number| self.contains(*number))
    }

    /// Whether the call is in the set.
    pub fn contains(&self, number: u32) -> bool {
        self.0.get((number / u64::BITS) as usize).is_some_and(|word| word >> (number % u64::BITS) & 1 == 1)
    }
}

/// Leaves out numbers that are too high: see [`CallSet::insert`].
impl FromIterator<u32> for CallSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::default();
        for number in numbers {
            let _ = set.insert(number);
        }
        set
    }
}
