//! The programs on the running kernel: loaded and attached as the capture agent does it, and what they record of
//! processes that the test started compared with what the kernel tells by other ways.
//!
//! Records of other processes are dropped unread: the machine does other things meanwhile.
#![forbid(unsafe_code)]

#[path = "kernel/actor.rs"]
mod actor;
#[path = "kernel/calls.rs"]
mod calls;
#[path = "kernel/connects.rs"]
mod connects;
#[path = "kernel/execs.rs"]
mod execs;
#[path = "kernel/lives.rs"]
mod lives;
#[path = "kernel/loaded.rs"]
mod loaded;
#[path = "kernel/machine_code.rs"]
mod machine_code;
#[path = "kernel/opens.rs"]
mod opens;
#[path = "kernel/policy.rs"]
mod policy;
#[path = "kernel/snapshots.rs"]
mod snapshots;
