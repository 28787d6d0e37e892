//! What of a call is recorded: conditions that the programs test before they record it.
//!
//! A filter may only over-approximate: what a test cannot tell (a path that cannot be read, a call that has not ended) passes.

mod encode;
mod paths;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use self::encode::{FilterError, PathKey, PlanFilters};

/// The filters of calls, by number. A call without one is recorded whenever it is made. Calls that bear state are recorded
/// whatever their filters say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// Of native calls. Calls with the same filter share it.
    pub native: BTreeMap<u32, Arc<Filter>>,
    /// Of 32-bit calls of a 64-bit kernel, in their own numbering.
    pub compat: BTreeMap<u32, Arc<Filter>>,
    /// What the filters would drop is recorded and marked with [`flag::FILTER_MARKED`](crate::flag::FILTER_MARKED) instead.
    pub is_verify_mode: bool,
    /// The share of what the filters would drop that is recorded and marked instead, in parts per million.
    pub verify_sample_ppm: u32,
}

/// Clauses of which at least one has to hold. None means that nothing is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// At most [`Filter::CLAUSES_MAX`].
    pub clauses: Vec<Clause>,
}

/// Tests that all have to hold; what is empty or `None` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clause {
    /// How the call ended. One that has not ended passes.
    pub outcome: Option<Outcome>,
    /// At most [`Clause::VALUES_MAX`].
    pub values: Vec<ValueTest>,
    /// Not where the task's control group is known to be none of a container.
    pub only_containers: bool,
    /// At least one of these holds. There is no bound but that of the map for all paths of a plan.
    pub paths: Vec<PathTest>,
    /// `paths` may hold for the kernel's path of what was opened instead.
    pub tries_resolved_path: bool,
    /// `AF_*` of the socket, each below 64.
    pub socket_families: Vec<u16>,
    /// `IPPROTO_*` of the socket, each below 256.
    pub socket_protocols: Vec<u8>,
    /// At least one of these holds. At most [`Clause::NETWORKS_MAX`] together with `outside`.
    pub networks: Vec<NetworkTest>,
    /// Each of these leaves out one end, or one of the two.
    pub outside: Vec<NetworkTest>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The result is zero or more.
    Succeeded,
    /// The result is negative.
    Failed,
}

/// A test of a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValueTest {
    /// Of which.
    pub subject: Subject,
    /// The number is masked with it.
    pub mask: u64,
    /// It is one of these then; or, if there are none, it is not zero. At most [`ValueTest::VALUES_MAX`]. Of results, which are signed, as two's complement.
    pub values: Vec<u64>,
}

/// A number that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An argument's register, 0 to 5. As the call has it: an `int` may have anything in its upper half, so mask it.
    Argument(u8),
    /// What the call returned. One that has not ended passes.
    Result,
    /// `O_*` of open, openat, openat2 and creat, wherever the call has them. Other calls pass.
    OpenFlags,
    /// The real user of the task, in the initial namespace.
    UserId,
}

/// A test of a path as the call was given it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathTest {
    /// Of which path.
    pub subject: PathSubject,
    /// What it is tested for.
    pub kind: PathTestKind,
}

/// Which path of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathSubject {
    /// The only one, or the first.
    First,
    /// The second: `newpath`, `linkpath`.
    Second,
}

/// What a path is tested for: absolute, made of the directory that it starts from where it is relative, and normalised as text
/// (`.`, `..` and empty components taken out), but for the last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathTestKind {
    /// It begins with these bytes. What is longer than [`PathTest::PREFIX_MAX`] is cut, which lets more pass.
    Prefix(Vec<u8>),
    /// It is these bytes.
    Exact(Vec<u8>),
    /// It ends with these bytes. What is longer than [`PathTest::SUFFIX_MAX`] is cut at its beginning.
    Suffix(Vec<u8>),
    /// As it was given it has `..` somewhere.
    HasDotDot,
    /// It has these bytes somewhere. Of what is longer than [`PathTest::PART_MAX`] the end is tested. A filter has room for
    /// [`Filter::PARTS_MAX`] different ones.
    Contains(Vec<u8>),
    /// It is directly in the root directory, or that itself.
    InRoot,
}

/// A test of a socket's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkTest {
    /// In network order; the first four bytes of an IPv4 address.
    pub address: [u8; 16],
    /// 4, 6, or 0 if any address will do.
    pub version: u8,
    /// Bits of the address that count.
    pub prefix_length: u8,
    /// The ports that will do; 0 to 65535 for all.
    pub ports: (u16, u16),
    /// Which end.
    pub end: End,
}

/// Which end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// One of the two.
    Any,
    /// Its own.
    Local,
    /// Its peer's.
    Remote,
}

// === impl Filter ===

impl Filter {
    /// The most clauses of a filter.
    pub const CLAUSES_MAX: usize = 16;
    /// The most different tests for bytes somewhere in a path.
    pub const PARTS_MAX: usize = 4;
}

// === impl Filters ===

impl Filters {
    /// The most different filters of a plan.
    pub const FILTERS_MAX: usize = 63;
    /// The most tests of paths of a plan, of all its clauses.
    pub const PATHS_MAX: usize = 8_192;
}

// === impl Clause ===

impl Clause {
    /// The most tests of numbers.
    pub const VALUES_MAX: usize = 3;
    /// The most tests of addresses.
    pub const NETWORKS_MAX: usize = 6;
}

// === impl ValueTest ===

impl ValueTest {
    /// The most values.
    pub const VALUES_MAX: usize = 6;
}

// === impl PathTest ===

impl PathTest {
    /// Bytes of a prefix that are tested.
    pub const PREFIX_MAX: usize = 200;
    /// Bytes of a suffix that are tested.
    pub const SUFFIX_MAX: usize = 48;
    /// Bytes somewhere in a path that are tested.
    pub const PART_MAX: usize = 8;
}
