//! The programs on the running kernel: loaded and attached as the capture agent does it, and what they record of
//! processes that the test started compared with what the kernel tells by other ways.
//!
//! Records of other processes are dropped unread: the machine does other things meanwhile.
#![forbid(unsafe_code)]

#[cfg(test)]
const OBJECT: eyrie_bpf::Object = eyrie_bpf::Object::Full;

// What is not marked so counts as production code for clippy, which then minds every unwrap.
#[cfg(test)]
#[path = "kernel"]
mod kernel {
    mod actor;
    mod calls;
    mod cgroups;
    mod connects;
    mod details;
    mod execs;
    #[cfg(target_arch = "x86_64")]
    mod filters;
    mod lives;
    mod loaded;
    mod losses;
    mod opens;
    mod policy;
    mod snapshots;
}
