//! What a model may hold at most, and what it had to give up.

/// Bounds of one model. Two models take a state from one another exactly only if their limits are the same.
///
/// Memory, as `cargo run --release -p host-model --example memory` measures it (docs/performance.md): 310 bytes a process while it runs its
/// parent's program, 1,100 with a program of its own and its parent's environment, 3,300 with 30 variables of its own. A
/// hostile host can fill arguments and environment with empty strings, 24 bytes each, of which 1024 are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processes; above, those that were not seen for the longest go, in blocks of a sixteenth, childless ones first.
    pub max_processes: usize,
    /// Threads other than main ones, over all processes, 32 bytes each; above, new ones are not recorded.
    pub max_threads: usize,
    /// Arguments of one process, a byte more each for its end; above, they are cut and marked so.
    pub max_arguments_bytes: usize,
    /// The environment of one process, counted as the arguments are.
    pub max_environment_bytes: usize,
    /// Processes whose state is to be asked for and has not been taken yet, 16 bytes each.
    pub max_unknown: usize,
    /// Entries of each kind of fact; above, those that became true first go.
    pub max_facts: usize,
    /// Serialised size of the facts of each kind; above, those that became true first go.
    pub max_facts_bytes: usize,
    /// Loss records that can still be asked for, at most about 500 bytes each.
    pub max_recent_losses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_processes: 65_536,
            max_threads: 262_144,
            max_arguments_bytes: 4096,
            max_environment_bytes: 4096,
            max_unknown: 4096,
            max_facts: 16_384,
            max_facts_bytes: 16 << 20,
            max_recent_losses: 64,
        }
    }
}

/// What a model gave up because of its limits, since it was made. Counters are no part of its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Processes that went to make room.
    pub evicted_processes: u64,
    /// Threads that were not recorded.
    pub refused_threads: u64,
    /// Incomplete processes for whose state nobody could be asked yet; their next event tries again.
    pub deferred_unknown: u64,
    /// Facts that went to make room.
    pub evicted_facts: u64,
}
