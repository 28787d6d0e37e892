//! What Falco costs, and what we may therefore cost.
//!
//! Falco 0.44 with its modern eBPF driver and the same 93 rules (getpid: any), measured with the same workloads and iterations on another
//! machine of this kind. Of `io` with 93 rules it dropped a fifth of the events, so that its costs with 25 rules, which dropped nothing, are the ones held against.

use integration::measured::workload::Workload;

/// Resident memory of its own that the agent may have.
pub(crate) const MAX_ANONYMOUS_BYTES: f64 = 24_000_000.0;
/// What has to stay in the kernel of the calls that Falco processes.
pub(crate) const MIN_KEPT_SHARE: f64 = 0.95;
/// How much longer `io` on all processors may take.
pub(crate) const MAX_BOTH_RATIO: f64 = 1.5;

/// Falco with a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Nanoseconds an iteration without it.
    pub(crate) bare_ns: f64,
    /// More of them with it.
    pub(crate) added_ns: f64,
    /// Processor seconds of its own for [`Workload::default_iterations`].
    pub(crate) own_seconds: f64,
}

/// Shares of a peer's costs that we may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) added: f64,
    /// Nothing where the peer has none to speak of.
    pub(crate) own: Option<f64>,
}

pub(crate) fn falco(workload: Workload) -> Peer {
    let (bare_ns, added_ns, own_seconds) = match workload {
        Workload::Io => (2_319.0, 2_595.0, 1.16),
        Workload::Fork => (597_566.0, 122_241.0, 0.25),
        Workload::Conn => (26_800.0, 4_129.0, 0.15),
        Workload::Getpid => (111.0, 93.0, 0.0),
    };
    Peer { bare_ns, added_ns, own_seconds }
}

pub(crate) fn allowed(workload: Workload) -> Allowed {
    match workload {
        Workload::Io | Workload::Fork => Allowed { added: 0.3, own: Some(0.25) },
        Workload::Conn => Allowed { added: 0.6, own: Some(0.25) },
        Workload::Getpid => Allowed { added: 1.0, own: None },
    }
}
