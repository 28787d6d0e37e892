//! The generated messages and services, from `proto/`; servers are there for tests.

// Generated: who uses how much of it differs between tests and the agent.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::enum_variant_names, clippy::large_enum_variant)]

/// Kubernetes' Container Runtime Interface.
pub(in crate::containers) mod cri {
    tonic::include_proto!("runtime.v1");
}

/// containerd's services.
pub(in crate::containers) mod containerd {
    pub(in crate::containers) mod containers {
        tonic::include_proto!("containerd.services.containers.v1");
    }
    pub(in crate::containers) mod events {
        tonic::include_proto!("containerd.services.events.v1");
    }
    pub(in crate::containers) mod images {
        tonic::include_proto!("containerd.services.images.v1");
    }
    pub(in crate::containers) mod namespaces {
        tonic::include_proto!("containerd.services.namespaces.v1");
    }
}
