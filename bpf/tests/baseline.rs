//! The scenarios of `kernel.rs` with the baseline object: what is recorded is the same. Snapshots are not among them, as that object takes
//! none.
#![forbid(unsafe_code)]

#[cfg(test)]
const OBJECT: eyrie_bpf::Object = eyrie_bpf::Object::Baseline;

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
}
