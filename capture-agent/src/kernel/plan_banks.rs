//! The plans in the kernel: of two, one holds, and the other is written when there is a new one.

use std::collections::BTreeMap;

use aya::{
    Ebpf,
    maps::{Array, LpmTrie, MapData, MapError, lpm_trie::Key},
};
use eyrie_bpf::{Config, FILTERS_MAP, Filter, PATH_TESTS_MAP, PLANS_MAP, PathKey, PlanBank, PlanFilters};

use super::KernelError;

/// The maps that a plan is written to.
pub(super) struct PlanBanks {
    plans: Array<MapData, [[u8; Config::PLAN_BYTES]; PlanBank::COUNT]>,
    filters: Array<MapData, [u8; Filter::BYTES]>,
    path_tests: LpmTrie<MapData, [u8; PathKey::BYTES], u64>,
    /// What the trie has of each bank.
    written: [BTreeMap<PathKey, u64>; PlanBank::COUNT],
    holding: PlanBank,
    /// Programs may still be using the bank that does not hold.
    is_other_used: bool,
}

// === impl PlanBanks ===

impl PlanBanks {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let mut take = |name| ebpf.take_map(name).ok_or_else(KernelError::no_map(name));
        let (plans, filters, path_tests) = (take(PLANS_MAP)?, take(FILTERS_MAP)?, take(PATH_TESTS_MAP)?);
        Ok(Self {
            plans: Array::try_from(plans).map_err(KernelError::map(PLANS_MAP))?,
            filters: Array::try_from(filters).map_err(KernelError::map(FILTERS_MAP))?,
            path_tests: LpmTrie::try_from(path_tests).map_err(KernelError::map(PATH_TESTS_MAP))?,
            written: Default::default(),
            holding: PlanBank::default(),
            is_other_used: false,
        })
    }

    /// The bank that the settings name.
    pub(super) fn holding(&self) -> PlanBank {
        self.holding
    }

    /// Writes a plan whole into the bank that does not hold, and returns which that is. `wait_for_programs` returns when all programs that run as
    /// it is called have ended; it is asked only where the bank held before.
    pub(super) fn write(
        &mut self,
        settings: &Config,
        filters: &PlanFilters,
        wait_for_programs: impl FnOnce() -> Result<(), KernelError>,
    ) -> Result<PlanBank, KernelError> {
        let bank = self.holding.other();
        if self.is_other_used {
            wait_for_programs()?;
            self.is_other_used = false;
        }
        self.write_paths(bank, filters.paths())?;
        for (number, filter) in filters.entries() {
            let index = bank.index() * Filter::ENTRIES_PER_BANK + number;
            self.filters.set(index, filter, 0).map_err(KernelError::map(FILTERS_MAP))?;
        }
        self.write_plan(bank, settings.encode_plan(filters)).map_err(KernelError::map(PLANS_MAP))?;
        Ok(bank)
    }

    fn write_plan(&mut self, bank: PlanBank, plan: [u8; Config::PLAN_BYTES]) -> Result<(), MapError> {
        let mut plans = self.plans.get(&0, 0)?;
        *bank.of(&mut plans) = plan;
        self.plans.set(0, plans, 0)
    }

    /// The settings name this bank from now on.
    pub(super) fn holds(&mut self, bank: PlanBank) {
        self.is_other_used = bank != self.holding;
        self.holding = bank;
    }

    /// Makes the trie have these tests of the bank and no others. What is the same in both plans is left alone.
    fn write_paths(&mut self, bank: PlanBank, wanted: &BTreeMap<PathKey, u64>) -> Result<(), KernelError> {
        let failed = KernelError::map(PATH_TESTS_MAP);
        let written = bank.of(&mut self.written);
        let is_over = |key: &&PathKey| !wanted.contains_key(*key);
        let over: Vec<PathKey> = written.keys().filter(is_over).cloned().collect();
        for key in over {
            let (bits, bytes) = key.encode(bank);
            self.path_tests.remove(&Key::new(bits, bytes)).map_err(&failed)?;
            written.remove(&key);
        }
        for (key, clauses) in wanted {
            if written.get(key) != Some(clauses) {
                let (bits, bytes) = key.encode(bank);
                self.path_tests.insert(&Key::new(bits, bytes), clauses, 0).map_err(&failed)?;
                written.insert(key.clone(), *clauses);
            }
        }
        Ok(())
    }
}
