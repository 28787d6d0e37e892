use eyrie_proto::metadata::{Completeness, KubernetesContext, KubernetesObject};

use super::*;
use crate::metadata::cache::{Answer, CacheLimits, ContainerName};
use eyrie_proto::event::Origin;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn name() -> ContainerName {
    ContainerName { origin: "/host/m/b".into(), runtime_id: ID.into() }
}

fn cache() -> ContainerCache {
    let cache = ContainerCache::new(CacheLimits::default());
    assert!(cache.enter(&"/host/m/b".into(), &Origin::default()));
    cache
}

/// A container of a pod, with what is known of that: the name, or that it is still to come.
fn container(pod_uid: &str, context: Option<Option<&str>>) -> Container {
    let of = |pod: Option<&str>| {
        let completeness = if pod.is_some() { Completeness::Complete } else { Completeness::Pending };
        let pod = pod.map(|name| KubernetesObject { name: name.to_owned(), ..KubernetesObject::default() });
        Box::new(KubernetesContext { pod, completeness: completeness.into(), ..KubernetesContext::default() })
    };
    Container {
        pod_uid: pod_uid.to_owned(),
        kubernetes: context.map(of),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

/// The pod's name; of what is to come, "?"; of what is not, "none".
fn pod(cache: &ContainerCache) -> String {
    let Answer::Known(container) = cache.find("/host/m/b", ID, 1).answer else { panic!("it is not known") };
    let Some(context) = container.kubernetes.as_deref() else { return "none".to_owned() };
    context.pod.as_ref().map_or("?".to_owned(), |pod| pod.name.clone())
}

/// Scenario: the agent tells of a container, the service of its pod, and the agent tells of the container again, as of the same pod
/// and as of another. Guarantees: what the service said of the pod stays with that pod and does not go to another.
#[test]
fn an_agent_takes_nothing_back_of_what_the_cluster_says() {
    let cache = cache();
    cache.learn(&name(), container("p1", Some(None)), Teller::Agent);
    assert_eq!(pod(&cache), "?");
    cache.learn(&name(), container("p1", Some(Some("web"))), Teller::Service { version: 3 });
    cache.learn(&name(), container("p1", Some(None)), Teller::Agent);
    assert_eq!(pod(&cache), "web");
    cache.begin_snapshot();
    cache.learn(&name(), container("p1", Some(None)), Teller::Agent);
    assert_eq!(pod(&cache), "web");
    cache.learn(&name(), container("p2", Some(None)), Teller::Agent);
    assert_eq!(pod(&cache), "?");
}

/// Scenario: the service knows of no cluster, and the agent tells of the container again; then a cluster comes. Guarantees: that there
/// is nothing to come stays known, until the service says otherwise.
#[test]
fn a_pod_of_no_known_cluster_is_not_waited_for_again() {
    let cache = cache();
    cache.learn(&name(), container("p1", Some(None)), Teller::Agent);
    cache.learn(&name(), container("p1", None), Teller::Service { version: 3 });
    cache.learn(&name(), container("p1", Some(None)), Teller::Agent);
    assert_eq!(pod(&cache), "none");
    cache.learn(&name(), container("p1", Some(Some("web"))), Teller::Service { version: 4 });
    assert_eq!(pod(&cache), "web");
}
