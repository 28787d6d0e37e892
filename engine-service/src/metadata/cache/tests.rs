use proptest::prelude::*;

use eyrie_proto::metadata::Completeness;

use super::{
    entry::{ASK_AGAIN_AFTER, ASK_PENDING_AGAIN_AFTER},
    *,
};

const ID: &str = "0123456789abcdef0123456789abcdef";

fn name(runtime_id: &str) -> ContainerName {
    ContainerName { origin: "/host/m/b".into(), runtime_id: runtime_id.into() }
}

fn container(name: &str, completeness: Completeness) -> Container {
    Container { name: name.to_owned(), completeness: completeness.into(), ..Container::default() }
}

fn cache(limits: CacheLimits) -> ContainerCache {
    let cache = ContainerCache::new(limits);
    assert!(cache.enter(&"/host/m/b".into(), &Origin::default()));
    cache
}

fn lookup(cache: &ContainerCache, runtime_id: &str) -> (Answer, bool) {
    let found = cache.find("/host/m/b", runtime_id, 1);
    (found.answer, found.is_to_be_asked)
}

fn known(cache: &ContainerCache, runtime_id: &str, at_boot_ns: u64) -> Option<String> {
    match cache.find("/host/m/b", runtime_id, at_boot_ns).answer {
        Answer::Known(container) => Some(container.name.clone()),
        Answer::Unknown | Answer::Absent => None,
    }
}

/// Scenario: the agent tells the whole of a container; the service, which has only a part so far, tells that; then it has
/// taken the agent's fact and tells more. Guarantees: what is known never becomes less on the way.
#[test]
fn the_service_does_not_take_back_what_the_agent_has_just_told() {
    let cache = cache(CacheLimits::default());
    cache.learn(&name(ID), container("web", Completeness::Complete), Teller::Agent);
    cache.learn(&name(ID), container("", Completeness::Pending), Teller::Service { version: 3 });
    assert_eq!(known(&cache, ID, 1).as_deref(), Some("web"));
    cache.learn(&name(ID), container("web-1", Completeness::Complete), Teller::Service { version: 4 });
    assert_eq!(known(&cache, ID, 1).as_deref(), Some("web-1"));
    cache.learn(&name(ID), container("old", Completeness::Complete), Teller::Service { version: 2 });
    cache.learn(&name(ID), container("part", Completeness::Pending), Teller::Agent);
    assert_eq!(known(&cache, ID, 1).as_deref(), Some("web-1"));
}

/// Scenario: containers end, one with a random id and one whose id is a name that can be given again. Guarantees: late
/// events still find both; events after the end do not get the name of the one that had the id before.
#[test]
fn an_id_that_is_used_again_does_not_name_the_last_one() {
    let cache = cache(CacheLimits::default());
    for id in [ID, "lxc-web"] {
        cache.learn(&name(id), container("first", Completeness::Complete), Teller::Agent);
        cache.end(&name(id), 100, Teller::Agent);
    }
    assert_eq!(known(&cache, ID, 101).as_deref(), Some("first"));
    assert_eq!(known(&cache, "lxc-web", 100).as_deref(), Some("first"));
    assert_eq!(known(&cache, "lxc-web", 101), None);
    cache.learn(&name("lxc-web"), container("second", Completeness::Complete), Teller::Agent);
    assert_eq!(known(&cache, "lxc-web", 101).as_deref(), Some("second"));
}

/// Scenario: the service starts over and its snapshot names one of two containers that it had told of, and not the one that
/// the agent told of. Guarantees: what only it said and does not say any more is gone, the rest stays.
#[test]
fn a_snapshot_after_a_reset_replaces_what_the_service_said() {
    let cache = cache(CacheLimits::default());
    for id in ["a", "b"] {
        cache.learn(&name(id), container(id, Completeness::Complete), Teller::Service { version: 9 });
    }
    cache.learn(&name("c"), container("c", Completeness::Complete), Teller::Agent);
    cache.begin_snapshot();
    cache.learn(&name("a"), container("a2", Completeness::Complete), Teller::Service { version: 1 });
    cache.end_snapshot();
    assert_eq!(known(&cache, "a", 1).as_deref(), Some("a2"));
    assert_eq!(known(&cache, "b", 1), None);
    assert_eq!(known(&cache, "c", 1).as_deref(), Some("c"));
}

/// Scenario: a container is denied for a while. Guarantees: absent until then, and to be asked for after; asked for once, not
/// with every event.
#[tokio::test(start_paused = true)]
async fn an_absence_expires() {
    let cache = cache(CacheLimits::default());
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, true));
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, false));
    cache.deny(&name(ID), Duration::from_secs(5));
    assert_eq!(lookup(&cache, ID), (Answer::Absent, false));
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, true));
    cache.give_up(&name(ID));
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, false));
    tokio::time::advance(ASK_AGAIN_AFTER).await;
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, true));
}

/// Scenario: a container that the service said to be on its way never comes. Guarantees: it is asked again after a while, once,
/// so that its absence can be learned.
#[tokio::test(start_paused = true)]
async fn what_does_not_come_is_asked_again() {
    let cache = cache(CacheLimits::default());
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, true));
    tokio::time::advance(ASK_PENDING_AGAIN_AFTER / 2).await;
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, false));
    tokio::time::advance(ASK_PENDING_AGAIN_AFTER / 2).await;
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, true));
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, false));
}

/// Scenario: an origin's last session ends and nobody comes back. Guarantees: what was known of it goes, and the bytes are
/// counted down to nothing.
#[tokio::test(start_paused = true)]
async fn an_origin_that_is_away_is_forgotten() {
    let cache = cache(CacheLimits::default());
    cache.learn(&name(ID), container("web", Completeness::Complete), Teller::Agent);
    assert!(cache.leave("/host/m/b"));
    cache.sweep(Instant::now());
    assert_eq!(known(&cache, ID, 1).as_deref(), Some("web"));
    tokio::time::advance(Duration::from_secs(3_601)).await;
    cache.sweep(Instant::now());
    assert_eq!(lookup(&cache, ID), (Answer::Unknown, false));
    assert_eq!(cache.bytes.load(Ordering::Relaxed), 0);
}

/// Scenario: everything that can happen to a container that somebody remembers the answer of, and something to another origin. Guarantees: what may
/// change the answer is news by the time that it has, what cannot is none; an answer of an id that can be given again holds until the end alone.
#[tokio::test(start_paused = true)]
async fn what_changes_an_answer_is_news() {
    let cache = cache(CacheLimits { max_containers: 2, ..CacheLimits::default() });
    cache.enter(&"/host/m/c".into(), &Origin::default());
    let news = cache.news("/host/m/b");
    let mut seen = news.count();
    let mut is_news = || std::mem::replace(&mut seen, news.count()) != news.count();
    lookup(&cache, "lxc-web");
    assert!(!is_news());
    cache.learn(&name("lxc-web"), container("web", Completeness::Pending), Teller::Agent);
    assert!(is_news());
    cache.learn(&name("lxc-web"), container("web", Completeness::Complete), Teller::Service { version: 1 });
    assert!(is_news());
    cache.learn(&name("lxc-web"), container("old", Completeness::Complete), Teller::Service { version: 1 });
    lookup(&cache, "lxc-web");
    let other = ContainerName { origin: "/host/m/c".into(), ..name("lxc-web") };
    cache.learn(&other, container("web", Completeness::Complete), Teller::Agent);
    assert!(!is_news() && !news.is_same(&cache.news("/host/m/c")));
    assert_eq!(cache.find("/host/m/b", "lxc-web", 9).holds_until_ns, u64::MAX);
    cache.end(&name("lxc-web"), 5, Teller::Agent);
    assert!(is_news());
    assert_eq!(cache.find("/host/m/b", "lxc-web", 5).holds_until_ns, 5);
    assert_eq!(cache.find("/host/m/b", "lxc-web", 6).answer, Answer::Unknown);
    for id in ["a", "b"] {
        cache.learn(&name(id), container(id, Completeness::Complete), Teller::Service { version: 2 });
        // The second one takes the place of the first container.
        assert!(is_news());
    }
    cache.begin_snapshot();
    cache.end_snapshot();
    assert!(is_news());
    for origin in ["/host/m/b", "/host/m/c"] {
        cache.leave(origin);
    }
    tokio::time::advance(Duration::from_secs(3_601)).await;
    cache.sweep(Instant::now());
    cache.enter(&"/host/m/b".into(), &Origin::default());
    assert!(!news.is_same(&cache.news("/host/m/b")));
}

proptest! {
    /// Scenario: containers of any size, ids that come again, lookups and ends in any order. Guarantees: no bound is ever
    /// passed, and the counts are those of what is there.
    #[test]
    fn the_bounds_hold(steps in proptest::collection::vec((0_u8..4, 0_u8..20, 0_usize..2_000), 0..200)) {
        let limits = CacheLimits { max_containers: 8, max_origin_bytes: 8_000, max_bytes: 10_000, ..CacheLimits::default() };
        let cache = cache(limits);
        for (step, id, size) in steps {
            let name = name(&id.to_string());
            match step {
                0 => drop(lookup(&cache, &name.runtime_id)),
                1 => cache.end(&name, 5, Teller::Agent),
                _ => {
                    let container = container(&"x".repeat(size), Completeness::Complete);
                    cache.learn(&name, container, Teller::Agent);
                }
            }
            let known = cache.origins.get("/host/m/b").unwrap();
            let bytes: usize = known.entries.values().map(|entry| entry.bytes + ENTRY_BYTES).sum();
            prop_assert!(known.entries.len() <= 8 && bytes <= 8_000);
            prop_assert_eq!((known.bytes, cache.bytes.load(Ordering::Relaxed)), (bytes, bytes));
        }
    }
}

/// Scenario: an origin is forgotten while it has a session, and after that; another one asks for a container whose id is long. Guarantees: a session's origin stays, afterwards nothing of it is
/// left; an id that is asked for counts as much as it takes.
#[test]
fn an_origin_is_forgotten_whole() {
    let cache = cache(CacheLimits { max_origin_bytes: 4_096, ..CacheLimits::default() });
    cache.learn(&name(ID), container("web", Completeness::Complete), Teller::Agent);
    cache.forget("/host/m/b");
    assert_eq!(known(&cache, ID, 1).as_deref(), Some("web"));
    assert!(cache.leave("/host/m/b"));
    cache.forget("/host/m/b");
    assert_eq!(known(&cache, ID, 1), None);
    assert_eq!((cache.origins.len(), cache.bytes.load(Ordering::Relaxed)), (0, 0));
    cache.enter(&"/host/m/b".into(), &Origin::default());
    lookup(&cache, &"i".repeat(8_192));
    assert_eq!(cache.bytes.load(Ordering::Relaxed), 0);
    lookup(&cache, &"i".repeat(2_048));
    assert_eq!(cache.bytes.load(Ordering::Relaxed), 2_048 + ENTRY_BYTES);
}
