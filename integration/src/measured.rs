//! Measuring what capturing costs: fixed workloads, what is attached while they run, what that uses, and how sure figures are.
//!
//! The workloads are those that peers were measured with (`tools/syscall-load.c` of the data beside the project). They run on
//! processor 0, agent, engine and whoever measures on processor 1, unless a measurement says otherwise.

pub mod attached;
pub mod needs;
pub mod processor_time;
pub mod statistics;
pub mod usage;
pub mod workload;
