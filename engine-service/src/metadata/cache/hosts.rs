//! What is known of the hosts themselves.
//!
//! The agent's Hello says a part of it, its Host fact the rest; what its cloud says may come later still, in a further one. What
//! is missing counts as still to come as long as the agent says so, and never for longer than a bound: nobody waits for an agent that hangs. What it
//! would have said stays unknown.

use std::{sync::Arc, time::Duration};

use eyrie_proto::{
    event::Origin,
    metadata::{Completeness, Host},
};
use fields::HostView;
use prost::Message as _;
use tokio::time::Instant;

use super::ContainerCache;

/// Of what is known of a host.
const MAX_HOST_BYTES: usize = 16 * 1024;
/// For how long more may come: longer than an agent tries to reach its cloud before it first says how that ended.
pub(super) const PENDING_FOR: Duration = Duration::from_secs(15);

/// What is known of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KnownHost {
    pub(crate) host: Option<Arc<Host>>,
    outlook: Outlook,
}

/// Whether what is missing may still come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Outlook {
    /// Its agent has not been here since the engine started, so that nobody can have said anything.
    #[default]
    Unheard,
    /// It may, until then; without an end, for as long as it takes.
    Pending { until: Option<Instant> },
    /// It will not, as nobody said so in time: what is missing may be there for all that is known.
    GivenUp,
    /// Its agent has said that this is all.
    Settled,
}

// === impl KnownHost ===

impl KnownHost {
    /// What fields see of it.
    pub(crate) fn view<'a>(&'a self, origin: Option<&'a Origin>) -> HostView<'a> {
        let is_open = self.outlook != Outlook::Settled;
        HostView { origin, host: self.host.as_deref(), is_open }
    }

    /// Something may still come that is worth waiting for.
    pub(crate) fn is_pending(&self) -> bool {
        match self.outlook {
            Outlook::Unheard => true,
            Outlook::Pending { until } => until.is_none_or(|until| Instant::now() < until),
            Outlook::GivenUp | Outlook::Settled => false,
        }
    }

    /// Of a host of which all was told.
    #[cfg(test)]
    pub(crate) fn settled() -> Self {
        Self { host: None, outlook: Outlook::Settled }
    }

    /// Of a host whose first session begins.
    pub(super) fn expected(until: Option<Instant>) -> Self {
        Self { host: None, outlook: Outlook::Pending { until } }
    }

    /// Takes what the agent says; interfaces are not needed here, and tags and labels beyond a bound are left out. What a
    /// cloud has said holds on while an agent that has started anew asks it again.
    fn learn(&mut self, host: &Host, until: Option<Instant>) {
        let is_pending = host.completeness() == Completeness::Pending;
        let mut host = Host { interfaces: Vec::new(), ..host.clone() };
        if is_pending && host.cloud.is_none() {
            host.cloud = self.host.as_ref().and_then(|last| last.cloud.clone());
        }
        if host.encoded_len() > MAX_HOST_BYTES
            && let Some(cloud) = &mut host.cloud
        {
            cloud.tags.clear();
        }
        if host.encoded_len() > MAX_HOST_BYTES {
            host.labels.clear();
        }
        self.outlook = match (is_pending, self.outlook) {
            (false, _) => Outlook::Settled,
            (true, Outlook::Pending { until }) => Outlook::Pending { until },
            (true, Outlook::GivenUp) => Outlook::GivenUp,
            (true, _) => Outlook::Pending { until },
        };
        self.host = (host.encoded_len() <= MAX_HOST_BYTES).then(|| Arc::new(host));
    }
}

// === impl ContainerCache ===

impl ContainerCache {
    /// Until when what is said now to be on its way may come.
    pub(super) fn pending_until(&self) -> Option<Instant> {
        self.pending_for.map(|pending_for| Instant::now() + pending_for)
    }

    /// Takes what the agent says of its host.
    pub(crate) fn learn_host(&self, origin: &str, host: &Host) {
        if let Some(mut known) = self.origins.get_mut(origin) {
            known.host.learn(host, self.pending_until());
        }
    }

    /// Takes what an agent's Hello says of its host, unless a fact has said more.
    pub(crate) fn introduce_host(&self, origin: &str, host: Host) {
        if let Some(mut known) = self.origins.get_mut(origin)
            && known.host.host.is_none()
        {
            let host = Host { completeness: Completeness::Pending.into(), ..host };
            known.host.learn(&host, self.pending_until());
        }
    }

    /// Takes what the metadata service has of a host whose agent has not told all since the engine started: it told an engine
    /// before.
    pub(crate) fn recall_host(&self, origin: &str, host: &Host) {
        if let Some(mut known) = self.origins.get_mut(origin)
            && known.host.outlook != Outlook::Settled
        {
            known.host.learn(host, self.pending_until());
        }
    }

    /// What is known of the host of an origin.
    pub(crate) fn host(&self, origin: &str) -> KnownHost {
        self.origins.get(origin).map(|known| known.host.clone()).unwrap_or_default()
    }

    /// The origins of whose hosts nothing more is waited for since the last call.
    pub(crate) fn given_up_hosts(&self, now: Instant) -> Vec<Arc<str>> {
        let mut given_up = Vec::new();
        for mut known in self.origins.iter_mut() {
            if matches!(known.host.outlook, Outlook::Pending { until: Some(until) } if until <= now) {
                known.host.outlook = Outlook::GivenUp;
                given_up.push(Arc::clone(known.key()));
            }
        }
        given_up
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::metadata::CloudInstance;

    use super::*;
    use crate::metadata::CacheLimits;

    const ORIGIN: &str = "/host/m/b";

    fn cache() -> ContainerCache {
        let cache = ContainerCache::new(CacheLimits::default());
        cache.enter(&ORIGIN.into(), &Origin::default());
        cache
    }

    fn host(completeness: Completeness) -> Host {
        Host { hostname: "h".to_owned(), completeness: completeness.into(), ..Host::default() }
    }

    fn with_cloud(provider: &str) -> Host {
        let cloud = CloudInstance { provider: provider.to_owned(), ..CloudInstance::default() };
        Host { cloud: Some(cloud), ..host(Completeness::Complete) }
    }

    fn state(cache: &ContainerCache) -> (bool, Option<String>) {
        let known = cache.host(ORIGIN);
        let cloud = known.host.as_ref().and_then(|host| host.cloud.as_ref());
        (known.is_pending(), cloud.map(|cloud| cloud.provider.clone()))
    }

    /// Scenario: Hello, a fact that says that the cloud is being asked, again and again, and no more. Guarantees: what is missing
    /// may come for a bounded time, which does not begin anew, and the end of it is told once; it stays unknown until the agent has said that it has told all.
    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_cloud_for_good() {
        let cache = cache();
        assert_eq!(state(&cache), (true, None));
        cache.introduce_host(ORIGIN, host(Completeness::Unspecified));
        assert_eq!(state(&cache), (true, None));
        for _ in 0..3 {
            tokio::time::advance(PENDING_FOR / 4).await;
            cache.learn_host(ORIGIN, &host(Completeness::Pending));
            assert_eq!(state(&cache), (true, None));
        }
        assert!(cache.given_up_hosts(Instant::now()).is_empty());
        tokio::time::advance(PENDING_FOR / 4).await;
        assert_eq!(state(&cache), (false, None));
        assert_eq!(cache.given_up_hosts(Instant::now()), [ORIGIN.into()]);
        assert!(cache.given_up_hosts(Instant::now()).is_empty());
        cache.learn_host(ORIGIN, &host(Completeness::Pending));
        assert_eq!((state(&cache), cache.host(ORIGIN).view(None).is_open), ((false, None), true));
        cache.learn_host(ORIGIN, &host(Completeness::FinalPartial));
        assert!(!cache.host(ORIGIN).view(None).is_open);
    }

    /// Scenario: an agent tells of its cloud; it starts anew and asks again, gets no answer, then another one; its Hello comes late. Guarantees:
    /// what is known holds until something else is said for good, and Hello takes nothing back.
    #[tokio::test(start_paused = true)]
    async fn a_cloud_is_not_forgotten_while_it_is_asked_again() {
        let cache = cache();
        cache.learn_host(ORIGIN, &with_cloud("aws"));
        assert_eq!(state(&cache), (false, Some("aws".to_owned())));
        cache.introduce_host(ORIGIN, host(Completeness::Unspecified));
        cache.learn_host(ORIGIN, &host(Completeness::Pending));
        assert_eq!(state(&cache), (true, Some("aws".to_owned())));
        cache.learn_host(ORIGIN, &host(Completeness::FinalPartial));
        assert_eq!(state(&cache), (false, None));
        cache.learn_host(ORIGIN, &with_cloud("gcp"));
        assert_eq!(state(&cache), (false, Some("gcp".to_owned())));
    }

    /// Scenario: a host with more tags than are kept, one with more labels, and one that is too large in itself. Guarantees: the rest is
    /// kept as long as it fits, and nothing is stored beyond the bound.
    #[test]
    fn a_host_is_bounded() {
        let cache = cache();
        let much = || (0..2_000).map(|number| (format!("tag-{number}"), "value".to_owned())).collect();
        let mut large = with_cloud("aws");
        large.cloud.as_mut().unwrap().tags = much();
        cache.learn_host(ORIGIN, &large);
        let known = cache.host(ORIGIN).host.unwrap();
        assert!(known.cloud.as_ref().unwrap().tags.is_empty() && known.hostname == "h");
        large.labels = much();
        cache.learn_host(ORIGIN, &large);
        assert!(cache.host(ORIGIN).host.unwrap().labels.is_empty());
        cache.learn_host(ORIGIN, &Host { hostname: "x".repeat(MAX_HOST_BYTES), ..large });
        assert_eq!(cache.host(ORIGIN).host, None);
    }
}
