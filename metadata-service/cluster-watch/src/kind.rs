//! The kinds of objects that are watched. `deploy/kubernetes/metadata-cluster-rbac.yaml` grants just these.

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are Kubernetes' own")]
pub enum Kind {
    Namespace,
    Node,
    Pod,
    Service,
    ReplicationController,
    Deployment,
    ReplicaSet,
    DaemonSet,
    StatefulSet,
    Job,
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Namespace,
        Self::Node,
        Self::Pod,
        Self::Service,
        Self::ReplicationController,
        Self::Deployment,
        Self::ReplicaSet,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::Job,
    ];

    /// As objects name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Node => "Node",
            Self::Pod => "Pod",
            Self::Service => "Service",
            Self::ReplicationController => "ReplicationController",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::Job => "Job",
        }
    }

    /// As paths and rights name it.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::Node => "nodes",
            Self::Pod => "pods",
            Self::Service => "services",
            Self::ReplicationController => "replicationcontrollers",
            Self::Deployment => "deployments",
            Self::ReplicaSet => "replicasets",
            Self::DaemonSet => "daemonsets",
            Self::StatefulSet => "statefulsets",
            Self::Job => "jobs",
        }
    }

    /// Where all of the cluster's are.
    pub fn path(self) -> String {
        let group = match self {
            Self::Namespace | Self::Node | Self::Pod | Self::Service | Self::ReplicationController => {
                "/api/v1"
            }
            Self::Deployment | Self::ReplicaSet | Self::DaemonSet | Self::StatefulSet => "/apis/apps/v1",
            Self::Job => "/apis/batch/v1",
        };
        format!("{group}/{}", self.plural())
    }

    /// Nothing but metadata is needed, so that the server need not send more (`PartialObjectMetadata`).
    pub fn is_metadata_enough(self) -> bool {
        !matches!(self, Self::Node | Self::Pod | Self::Service)
    }

    /// Its place in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
