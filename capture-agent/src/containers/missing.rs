//! What is not known of a container, and why.

use eyrie_proto::metadata::Container;

/// Why a part is missing; `None` for one that is there, or that this container does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    /// Mounts, privileges and namespaces.
    pub(super) details: Option<String>,
    /// Names of the pod; only of containers that are in one.
    pub(super) pod: Option<String>,
}

// === impl Missing ===

impl Missing {
    pub(super) fn is_nothing(&self) -> bool {
        self == &Self::default()
    }

    /// How many parts are missing.
    pub(super) fn parts(&self) -> usize {
        [&self.name, &self.image, &self.details, &self.pod].into_iter().flatten().count()
    }

    /// The parts with their reasons.
    pub(super) fn reasons(self) -> Vec<String> {
        let named = [
            ("name", self.name),
            ("image", self.image),
            ("mounts, capabilities, namespaces", self.details),
            ("pod", self.pod),
        ];
        named.into_iter().filter_map(|(part, why)| Some(format!("{part}: {}", why?))).collect()
    }

    /// What somebody else said in `container` is not missing.
    pub(super) fn strike_out(&mut self, container: &Container) {
        let has_image = container.image.as_ref().is_some_and(|image| !image.repository.is_empty());
        let has_details = container.is_privileged.is_some() && container.is_host_pid.is_some();
        let is_there = [
            (&mut self.name, !container.name.is_empty()),
            (&mut self.image, has_image),
            (&mut self.details, has_details),
            (&mut self.pod, !container.pod_name.is_empty() && !container.pod_namespace.is_empty()),
        ];
        is_there.into_iter().filter(|(_, is_there)| *is_there).for_each(|(why, _)| *why = None);
    }
}
