//! What peers may be allowed.

use std::fmt;

/// What a method asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Send events of hosts or sources; [`AuthenticatedPeer::may_speak_for`](super::AuthenticatedPeer::may_speak_for) says
    /// of which.
    Capture,
    /// Read alerts.
    ReadAlerts,
    /// See which hosts are connected.
    ReadHosts,
    /// Read recordings of hosts' events, and record hosts.
    ReadRecordings,
    /// Remove recordings.
    DeleteRecordings,
    /// Tell the metadata service what agents found out.
    RelayFacts,
    /// Ask the metadata service.
    ReadMetadata,
    /// Tell the metadata service what a cluster has.
    PushCluster,
}

// === impl Permission ===

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "capture",
            Self::ReadAlerts => "read alerts",
            Self::ReadHosts => "read hosts",
            Self::ReadRecordings => "read recordings",
            Self::DeleteRecordings => "delete recordings",
            Self::RelayFacts => "relay facts",
            Self::ReadMetadata => "read metadata",
            Self::PushCluster => "push what a cluster has",
        })
    }
}
