//! The object in the kernel, and the records that it makes of our own processes.

use std::{
    collections::HashSet,
    io::{ErrorKind, Read},
};

use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{
        Array, ArrayOfMaps, HashMap, LpmTrie, Map, MapData, PerCpuArray, RingBuf, lpm_trie::Key as TrieKey,
    },
    programs::{BtfTracePoint, Iter, Program, ProgramError, iter::IterLink},
};
use eyrie_bpf::{
    Attach, CALL_SHAPES_MAP, CONFIG_MAP, COUNTERS_MAP, Config, Counts, EventClass, FILTERS_MAP, Filter,
    Filters, HOST_CGROUPS_MAP, HostCgroupBucket, HostCgroupTable, LOSS_SOURCES_MAP, LossSource,
    PATH_TESTS_MAP, PLANS_MAP, PathKey, PlanBank, PlanFilters, RINGS_MAP, Record, SNAPSHOT_PROGRAM, Shape,
    Step, decode, split_first,
};

use crate::OBJECT;

/// Room for what the whole machine does while a test acts: the ring is read when the test is over.
pub(crate) const RING_BYTES: u32 = 32 << 20;
/// What the records of most tests carry as their plan's generation.
pub(crate) const GENERATION: u64 = 7;

/// The programs, loaded and attached; gone when dropped.
pub(crate) struct Loaded {
    ebpf: Ebpf,
    rings: ArrayOfMaps<MapData, RingBuf<MapData>>,
    ring: RingBuf<MapData>,
    bank: PlanBank,
    host_cgroups: HostCgroupTable,
}

/// Records of some processes, in the order in which they came.
pub(crate) struct Recorded(Vec<Vec<u8>>);

/// The kernel gives up verifying when a signal arrives, as the end of another test's child is: then it is asked again.
fn retried(name: &str, mut load: impl FnMut() -> Result<(), ProgramError>) {
    for _ in 0..10 {
        match load() {
            Err(ProgramError::LoadError { io_error, .. }) if io_error.kind() == ErrorKind::WouldBlock => {}
            result => return result.unwrap_or_else(|error| panic!("{name}: {error:?}")),
        }
    }
    panic!("{name}: interrupted each time");
}

fn new_ring(bytes: u32) -> RingBuf<MapData> {
    const RINGBUF: u32 = 27;
    let map = aya_obj::Map::new_from_params(RINGBUF, 0, 0, bytes, 0);
    RingBuf::try_from(Map::RingBuf(MapData::create(map, "ring", None).unwrap())).unwrap()
}

fn count(ring: &mut RingBuf<MapData>, is_it: impl Fn(Record<'_>) -> bool) -> u64 {
    std::iter::from_fn(|| ring.next().map(|bytes| is_it(decode(&bytes).unwrap())))
        .filter(|is_it| *is_it)
        .count() as u64
}

// === impl Loaded ===

impl Loaded {
    /// Loads and attaches everything with the default settings.
    pub(crate) fn new() -> Self {
        Self::with(RING_BYTES, &Config { plan_generation: GENERATION, ..Config::default() })
    }

    /// The same with a ring of another size and other settings.
    pub(crate) fn with(ring_bytes: u32, config: &Config) -> Self {
        let btf = Btf::from_sys_fs().unwrap();
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .verifier_log_level(VerifierLogLevel::STATS)
            .load(OBJECT.bytes())
            .unwrap();
        let rings = ArrayOfMaps::try_from(ebpf.take_map(RINGS_MAP).unwrap()).unwrap();
        let mut loaded = Self {
            ebpf,
            rings,
            ring: new_ring(ring_bytes),
            bank: PlanBank::default(),
            host_cgroups: HostCgroupTable::default(),
        };
        loaded.rings.set(0, &loaded.ring, 0).unwrap();
        loaded.configure(config);
        for program in OBJECT.programs() {
            loaded.attach(program.name, program.attach, &btf);
        }
        loaded
    }

    fn attach(&mut self, name: &str, attach: Attach, btf: &Btf) {
        let program = self.ebpf.program_mut(name).unwrap_or_else(|| panic!("no program {name}"));
        match attach {
            Attach::BtfTracepoint(tracepoint) => {
                let program: &mut BtfTracePoint = program.try_into().unwrap();
                retried(name, || program.load(tracepoint, btf));
                program.attach().unwrap();
            }
            // Attached anew for each reading.
            Attach::Iterator(of) => {
                let program: &mut Iter = program.try_into().unwrap();
                retried(name, || program.load(of, btf));
            }
        }
    }

    /// Writes the settings, as can be done at any time, and a plan without filters.
    pub(crate) fn configure(&mut self, config: &Config) {
        self.carry_out(config, &Filters::default());
    }

    /// Writes the plan into the bank that is not in use, and the settings, which make it hold.
    pub(crate) fn carry_out(&mut self, config: &Config, filters: &Filters) {
        let filters = PlanFilters::new(filters).unwrap();
        let bank = self.bank.other();
        // No program uses that bank any more when the kernel returns.
        self.rings.set(0, &self.ring, 0).unwrap();
        self.write_filters(bank, &filters);
        let map = self.ebpf.map_mut(PLANS_MAP).unwrap();
        let mut map = Array::<_, [[u8; Config::PLAN_BYTES]; PlanBank::COUNT]>::try_from(map).unwrap();
        let mut plans = map.get(&0, 0).unwrap();
        *bank.of(&mut plans) = config.encode_plan(&filters);
        map.set(0, plans, 0).unwrap();
        let map = self.ebpf.map_mut(CONFIG_MAP).unwrap();
        let mut map = Array::<_, [u8; Config::BYTES]>::try_from(map).unwrap();
        map.set(0, config.encode(bank), 0).unwrap();
        self.bank = bank;
    }

    fn write_filters(&mut self, bank: PlanBank, filters: &PlanFilters) {
        let map = self.ebpf.map_mut(FILTERS_MAP).unwrap();
        let mut map = Array::<_, [u8; Filter::BYTES]>::try_from(map).unwrap();
        for (number, filter) in filters.entries() {
            map.set(bank.index() * Filter::ENTRIES_PER_BANK + number, filter, 0).unwrap();
        }
        let map = self.ebpf.map_mut(PATH_TESTS_MAP).unwrap();
        let mut map = LpmTrie::<_, [u8; PathKey::BYTES], u64>::try_from(map).unwrap();
        let before: Vec<_> = map.keys().map(Result::unwrap).collect();
        for key in before.iter().filter(|key| u32::from(key.data()[0]) == bank.index()) {
            map.remove(key).unwrap();
        }
        for (key, clauses) in filters.paths() {
            let (bits, bytes) = key.encode(bank);
            map.insert(&TrieKey::new(bits, bytes), clauses, 0).unwrap();
        }
    }

    /// Says of a control group that it is none of a container.
    pub(crate) fn tell_host_cgroup(&mut self, id: u64) {
        let map = self.ebpf.map_mut(HOST_CGROUPS_MAP).unwrap();
        let mut map = Array::<_, [u64; HostCgroupBucket::WORDS]>::try_from(map).unwrap();
        let bucket = self.host_cgroups.insert(id).unwrap();
        map.set(bucket.index, bucket.words, 0).unwrap();
    }

    /// Says what is read of a call.
    pub(crate) fn describe(&mut self, number: u32, is_compat: bool, steps: &[Step]) {
        let map = self.ebpf.map_mut(CALL_SHAPES_MAP).unwrap();
        let mut map = Array::<_, [u8; Shape::BYTES]>::try_from(map).unwrap();
        let index = Shape::index(number, is_compat).unwrap();
        map.set(index, Shape::new(steps).unwrap().encode(), 0).unwrap();
    }

    /// The counters of a class.
    pub(crate) fn counts(&self, class: EventClass, epoch: u64) -> Counts {
        let map = PerCpuArray::<_, u64>::try_from(self.ebpf.map(COUNTERS_MAP).unwrap()).unwrap();
        Counts::sum(class, epoch, |index| map.get(&index, 0).map(|values| values.to_vec())).unwrap()
    }

    /// Puts a ring of another size in the place of the one that there is, and returns how many of these records were left in
    /// there.
    pub(crate) fn replace_ring(&mut self, bytes: u32, is_it: impl Fn(Record<'_>) -> bool) -> u64 {
        let ring = new_ring(bytes);
        self.rings.set(0, &ring, 0).unwrap();
        let mut old = std::mem::replace(&mut self.ring, ring);
        count(&mut old, is_it)
    }

    /// Empties the ring and says how many of these records were in there.
    pub(crate) fn drain_those(&mut self, is_it: impl Fn(Record<'_>) -> bool) -> u64 {
        count(&mut self.ring, is_it)
    }

    /// Losses by who had them.
    pub(crate) fn loss_sources(&self) -> Vec<(LossSource, u64)> {
        let map = self.ebpf.map(LOSS_SOURCES_MAP).unwrap();
        let map = HashMap::<_, [u8; LossSource::BYTES], u64>::try_from(map).unwrap();
        map.iter().map(Result::unwrap).map(|(key, count)| (LossSource::read(&key).unwrap(), count)).collect()
    }

    /// The kernel's ids of the programs.
    pub(crate) fn program_ids(&self) -> Vec<u32> {
        self.ebpf.programs().map(|(_, program)| program.info().unwrap().id()).collect()
    }

    /// How many instructions of a program the verifier looked at, those of other branches counted anew.
    pub(crate) fn verified_instructions(&self, name: &str) -> u32 {
        let program = self.ebpf.program(name).unwrap();
        program.info().unwrap().verified_instruction_count().unwrap()
    }

    /// Empties the ring, and keeps the records of `process` and of those that it or they made.
    pub(crate) fn drain(&mut self, process: u32) -> Recorded {
        let mut family = HashSet::from([process]);
        let mut kept = Vec::new();
        while let Some(bytes) = self.ring.next() {
            let record = decode(&bytes).unwrap_or_else(|error| panic!("{error}: {:02x?}", &bytes[..]));
            let mut is_ours = family.contains(&record.header().tgid);
            if let Record::Fork(fork) = &record
                && (is_ours || fork.child_tgid == process)
            {
                is_ours = true;
                family.insert(fork.child_tgid);
            }
            if is_ours {
                kept.push(bytes.to_vec());
            }
        }
        Recorded(kept)
    }

    /// Empties the ring and says how many records were in there.
    pub(crate) fn drain_all(&mut self) -> u64 {
        self.drain_those(|_| true)
    }

    /// Takes a snapshot, and keeps the records of `processes`. The baseline object takes none.
    #[allow(dead_code, reason = "the tests of the baseline do without")]
    pub(crate) fn snapshot(&mut self, processes: &[u32]) -> Recorded {
        let program = self.ebpf.program_mut(SNAPSHOT_PROGRAM).unwrap();
        let Program::Iter(program) = program else { panic!("{SNAPSHOT_PROGRAM} is no iterator") };
        let link = program.attach().unwrap();
        let link: IterLink = program.take_link(link).unwrap();
        let mut bytes = Vec::new();
        link.into_file().unwrap().read_to_end(&mut bytes).unwrap();
        let mut rest = &bytes[..];
        let mut kept = Vec::new();
        while !rest.is_empty() {
            let (record, behind) = split_first(rest).unwrap().expect("the stream ends with a record");
            if processes.contains(&decode(record).unwrap().header().tgid) {
                kept.push(record.to_vec());
            }
            rest = behind;
        }
        Recorded(kept)
    }
}

// === impl Recorded ===

impl Recorded {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.0.iter().map(|bytes| decode(bytes).unwrap())
    }

    /// The only record that `pick` takes.
    pub(crate) fn only<'a, T>(&'a self, pick: impl Fn(Record<'a>) -> Option<T>) -> T {
        let mut picked: Vec<T> = self.0.iter().filter_map(|bytes| pick(decode(bytes).unwrap())).collect();
        assert_eq!(picked.len(), 1, "{} records picked from {:#?}", picked.len(), self.summary());
        picked.remove(0)
    }

    /// The only open of a path as it was asked for.
    pub(crate) fn open(&self, requested: &str) -> eyrie_bpf::Open<'_> {
        self.only(|record| match record {
            Record::Open(open) if open.requested == requested.as_bytes() => Some(open),
            _ => None,
        })
    }

    fn summary(&self) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(80).collect::<String>();
        let mut lines = Vec::new();
        for record in self.iter() {
            lines.push(match &record {
                Record::Open(open) => format!("open {} {:?}", text(open.requested), open.header.call()),
                Record::Exec(exec) => format!("exec {}", text(exec.requested)),
                Record::DetailedCall(call) => format!(
                    "call {:?} fd {} {} path {} data {}",
                    call.header.call(),
                    call.first.fd,
                    text(call.first.path),
                    text(call.path.requested),
                    text(call.data)
                ),
                record => format!("kind {} {:?}", record.header().kind, record.header().call()),
            });
        }
        lines
    }
}
