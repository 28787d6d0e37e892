//! Which clusters the hosts are in, as their containers tell, and what those say of the pods.

use std::{collections::BTreeSet, sync::Arc};

use eyrie_proto::metadata::Container;

use super::{ContainerCache, ContainerState, Entry, OriginContainers, Teller};
use crate::metadata::peers::join_cluster;

// === impl ContainerCache ===

impl ContainerCache {
    /// The clusters that an origin's pods are from.
    pub(crate) fn clusters(&self, origin: &str) -> Arc<BTreeSet<Arc<str>>> {
        self.origins.get(origin).map(|known| Arc::clone(&known.clusters)).unwrap_or_default()
    }

    /// Those of the origins that have a session.
    pub(crate) fn watched_clusters(&self) -> BTreeSet<Arc<str>> {
        let with_session = self.origins.iter().filter(|known| known.sessions > 0);
        with_session.flat_map(|known| known.clusters.iter().cloned().collect::<Vec<_>>()).collect()
    }
}

// === impl OriginContainers ===

impl OriginContainers {
    /// Whether the container's pod is of a cluster that is new here.
    pub(super) fn join_cluster(&mut self, container: &Container) -> bool {
        let pod = container.kubernetes.as_ref().and_then(|context| context.pod.as_ref());
        let Some(key) = pod.and_then(|pod| pod.key.as_ref()) else { return false };
        if self.clusters.contains(&*key.cluster_uid) {
            return false;
        }
        join_cluster(Arc::make_mut(&mut self.clusters), &key.cluster_uid)
    }
}

/// A container as it is to be kept. Agents know nothing of what pods belong to: what the service has said of that stays as it was when
/// the agent of the same pod tells more of the container.
pub(super) fn with_context(last: Option<&Entry>, mut container: Container, teller: Teller) -> Container {
    if teller == Teller::Agent
        && let Some(ContainerState::Known { container: last, version }) = last.map(|last| &last.state)
        && last.pod_uid == container.pod_uid
        // The service knows the container, and of no cluster that it could be of; or it was not heard yet.
        && (last.kubernetes.is_some() || *version > 0)
    {
        container.kubernetes.clone_from(&last.kubernetes);
    }
    container
}

#[cfg(test)]
mod tests;
