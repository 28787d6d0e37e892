//! What is not known of a container, and why.

use std::collections::BTreeSet;

use eyrie_proto::metadata::{Container, ContainerPart};

use super::told::Told;

/// How the interface that knows neither addresses nor probes calls itself.
const CONTAINERD: &str = "containerd";
const CRI: &str = "cri";

/// Why a part is missing; `None` for one that is there, or that this container does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    /// Mounts, privileges and namespaces.
    pub(super) details: Option<String>,
    /// Names of the pod; only of containers that are in one.
    pub(super) pod: Option<String>,
    /// What hardly a rule asks for: nothing waits for it, and it keeps no container from being complete.
    pub(super) minor: BTreeSet<ContainerPart>,
}

// === impl Missing ===

impl Missing {
    /// Nothing that a container is waited for.
    pub(super) fn is_minor(&self) -> bool {
        [&self.name, &self.image, &self.details, &self.pod].into_iter().all(Option::is_none)
    }

    /// The parts that are missing.
    pub(super) fn parts(&self) -> BTreeSet<ContainerPart> {
        use ContainerPart::{Image, ImageDigest, Mounts, Name, Namespaces, Pod, Privileges};
        let major: [(_, &[ContainerPart]); 4] = [
            (&self.name, &[Name]),
            (&self.image, &[Image, ImageDigest]),
            (&self.details, &[Mounts, Privileges, Namespaces]),
            (&self.pod, &[Pod]),
        ];
        let major = major.into_iter().filter(|(why, _)| why.is_some());
        major.flat_map(|(_, parts)| parts).chain(&self.minor).copied().collect()
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
        if container.image.as_ref().is_some_and(|image| !image.digest.is_empty()) {
            self.minor.remove(&ContainerPart::ImageDigest);
        }
        if container.started_ns != 0 {
            self.minor.remove(&ContainerPart::Times);
        }
    }

    /// The same of what a runtime told: of what it knows and did not say there is none.
    pub(super) fn strike_out_told(&mut self, told: &Told) {
        self.strike_out(&told.container);
        self.minor.remove(&ContainerPart::Labels);
        if !told.is_whole {
            return;
        }
        self.minor.remove(&ContainerPart::ImageDigest);
        if told.source != CONTAINERD {
            self.minor.remove(&ContainerPart::Addresses);
            self.minor.remove(&ContainerPart::Probes);
        }
        if told.source == CRI {
            self.minor.remove(&ContainerPart::PodLabels);
        }
    }
}

#[cfg(test)]
mod tests {
    use ContainerPart::{
        Addresses, ImageDigest, Labels, Mounts, Name, Namespaces, PodLabels, Privileges, Probes,
    };

    use super::*;

    fn nothing_read() -> Missing {
        let why = || Some("why".to_owned());
        let minor = [Labels, Addresses, Probes, PodLabels].into();
        Missing { name: why(), details: why(), minor, ..Missing::default() }
    }

    fn told(source: &'static str, is_whole: bool, container: Container) -> Told {
        Told { id: "a".into(), source, container, is_whole }
    }

    /// Scenario: files said nothing; then one interface after the other tells of a container that has no labels, no address and no health check.
    /// Guarantees: each answers for what it knows, by saying nothing of it as well, and for nothing else; one that has not told all only for
    /// what it said and for labels.
    #[test]
    fn an_interface_answers_for_what_it_knows() {
        let named = || Container { name: "web".into(), ..Container::default() };
        let left = |source, is_whole| {
            let mut missing = nothing_read();
            missing.strike_out_told(&told(source, is_whole, named()));
            assert!(!missing.is_minor());
            missing.parts().into_iter().collect::<Vec<_>>()
        };
        let details = [Mounts, Privileges, Namespaces];
        assert_eq!(left("cri", false), [&details[..], &[Addresses, Probes, PodLabels]].concat());
        assert_eq!(left("cri", true), details);
        assert_eq!(left("docker-api", true), [&details[..], &[PodLabels]].concat());
        assert_eq!(left("containerd", true), [&details[..], &[Addresses, Probes, PodLabels]].concat());
        let mut all = nothing_read();
        let details = Container { is_privileged: Some(false), is_host_pid: Some(false), ..named() };
        all.strike_out_told(&told("cri", true, details));
        assert!(all.is_minor() && all.parts().is_empty());
        let nameless = Missing { name: Some("why".into()), image: Some("why".into()), ..Missing::default() };
        assert_eq!(
            nameless.parts().into_iter().collect::<Vec<_>>(),
            [Name, ContainerPart::Image, ImageDigest]
        );
    }
}
