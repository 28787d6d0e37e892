use eyrie_proto::metadata::Validity;
use proptest::prelude::*;

use super::*;

const IP: [u8; 4] = [10, 0, 0, 7];

fn clusters(uids: &[&str]) -> BTreeSet<Arc<str>> {
    uids.iter().map(|uid| Arc::from(*uid)).collect()
}

fn object(kind: &str, uid: &str, ip: &str, (from_ns, until_ns): (u64, u64)) -> KubernetesObject {
    KubernetesObject {
        key: Some(KubernetesKey { cluster_uid: "c".to_owned(), object_uid: uid.to_owned() }),
        kind: kind.to_owned(),
        name: uid.to_owned(),
        ips: vec![ip.to_owned(), "not an address".to_owned()],
        annotations: [("a".to_owned(), "b".to_owned())].into(),
        validity: Some(Validity { from_ns, until_ns }),
        ..KubernetesObject::default()
    }
}

fn peers(limits: PeerLimits) -> Peers {
    let peers = Peers::new(limits);
    assert!(peers.watched(&clusters(&["c"])));
    peers.end_snapshot();
    peers
}

fn name(peers: &Peers, ip: [u8; 4], at_ns: u64) -> Option<String> {
    match peers.find(&clusters(&["c"]), ip.into(), at_ns) {
        PeerAnswer::Known(object) => Some(object.name.clone()),
        PeerAnswer::Unknown => panic!("the picture is whole"),
        PeerAnswer::Absent => None,
    }
}

fn end(peers: &Peers, uid: &str, ended_ns: u64) {
    let key = KubernetesKey { cluster_uid: "c".to_owned(), object_uid: uid.to_owned() };
    assert!(peers.end(&key, ended_ns));
}

/// Scenario: a pod gives its address back and another one gets it; both are asked for at several times, and after the first is forgotten.
/// Guarantees: an event has the pod of its own time, none while both could have it, and none before and between.
#[test]
fn an_address_is_whose_it_was() {
    let peers = peers(PeerLimits::default());
    peers.learn(object("Pod", "first", "10.0.0.7", (100, 0)));
    assert_eq!(name(&peers, IP, 99), None);
    assert_eq!(name(&peers, IP, 150).as_deref(), Some("first"));
    end(&peers, "first", 200);
    assert_eq!(name(&peers, IP, 250), None);
    peers.learn(object("Pod", "second", "10.0.0.7", (190, 0)));
    assert_eq!(name(&peers, IP, 150).as_deref(), Some("first"));
    assert_eq!(name(&peers, IP, 195), None);
    assert_eq!(name(&peers, IP, 250).as_deref(), Some("second"));
    peers.sweep(Instant::now() + PeerLimits::default().keep_for);
    assert_eq!((name(&peers, IP, 150), peers.len()), (None, 1));
    peers.learn(object("Pod", "second", "10.0.0.8", (190, 0)));
    assert_eq!(name(&peers, IP, 250), None);
}

/// Scenario: a node and pods that share its network, two nodes, a service beside a pod, and something that has no business here. Guarantees: the
/// node; and wherever two could be meant, nobody.
#[test]
fn nobody_is_guessed() {
    let peers = peers(PeerLimits::default());
    let learn = |kind, uid| assert_eq!(peers.learn(object(kind, uid, "10.0.0.7", (0, 0))), Taken::Kept);
    learn("Deployment", "none");
    assert_eq!(peers.len(), 0);
    learn("Pod", "a");
    assert_eq!(name(&peers, IP, 1).as_deref(), Some("a"));
    learn("Service", "s");
    assert_eq!(name(&peers, IP, 1), None);
    learn("Node", "n");
    assert_eq!(name(&peers, IP, 1).as_deref(), Some("n"));
    learn("Node", "m");
    assert_eq!(name(&peers, IP, 1), None);
    assert_eq!(name(&peers, [10, 0, 0, 8], 1), None);
}

/// Scenario: a cluster that is not watched yet, then one that is not told of whole, for as long as that may take and longer; a second
/// cluster with the same address. Guarantees: unknown, however long it takes; whoever several could be is nobody; foreign objects are refused.
#[tokio::test(start_paused = true)]
async fn a_picture_that_is_not_whole_answers_nothing() {
    let peers = Peers::new(PeerLimits::default());
    let find = |uids: &[&str]| peers.find(&clusters(uids), IP.into(), 1);
    assert_eq!((find(&[]), find(&["c"])), (PeerAnswer::Absent, PeerAnswer::Unknown));
    assert!(peers.watched(&clusters(&["c"])));
    assert!(!peers.watched(&clusters(&["c"])));
    peers.learn(object("Pod", "a", "10.0.0.7", (0, 0)));
    assert_eq!(find(&["c"]), PeerAnswer::Unknown);
    // A service that is away for long has not said that there is nobody.
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(find(&["c"]), PeerAnswer::Unknown);
    peers.end_snapshot();
    assert!(matches!(find(&["c"]), PeerAnswer::Known(_)));
    let of_other = |uid: &str| {
        let mut other = object("Pod", uid, "10.0.0.7", (0, 0));
        other.key.as_mut().unwrap().cluster_uid = "d".to_owned();
        other
    };
    assert_eq!(peers.learn(of_other("b")), Taken::Foreign);
    assert!(peers.watched(&clusters(&["c", "d"])));
    assert_eq!(find(&["c", "d"]), PeerAnswer::Unknown);
    peers.end_snapshot();
    peers.learn(of_other("b"));
    assert_eq!(find(&["c", "d"]), PeerAnswer::Absent);
    assert!(!peers.watched(&clusters(&["d"])));
    assert_eq!((find(&["c"]), peers.len()), (PeerAnswer::Unknown, 1));
}

/// Scenario: a snapshot anew that names one of two pods; one had ended before. Guarantees: what it does not name is gone, what has
/// ended is still remembered.
#[test]
fn what_a_snapshot_does_not_name_is_gone() {
    let peers = peers(PeerLimits::default());
    for (uid, ip) in [("a", "10.0.0.7"), ("b", "10.0.0.8"), ("c", "10.0.0.9")] {
        peers.learn(object("Pod", uid, ip, (1, 0)));
    }
    end(&peers, "c", 5);
    peers.begin_snapshot();
    peers.learn(object("Pod", "a", "10.0.0.7", (1, 0)));
    peers.end_snapshot();
    let names = [IP, [10, 0, 0, 8], [10, 0, 0, 9]].map(|ip| name(&peers, ip, 3));
    assert_eq!(names, [Some("a".to_owned()), None, Some("c".to_owned())]);
}

/// Scenario: more objects than there is room for, one of them with an address that is taken; an object that is known changes. Guarantees: the bound
/// holds and is told, a known one is updated, and an address that somebody left out has too is nobody's.
#[test]
fn the_picture_is_bounded() {
    let peers = peers(PeerLimits { max_objects: 2, ..PeerLimits::default() });
    assert_eq!(peers.learn(object("Pod", "a", "10.0.0.7", (1, 0))), Taken::Kept);
    assert_eq!(peers.learn(object("Pod", "b", "10.0.0.8", (1, 0))), Taken::Kept);
    assert_eq!(peers.learn(object("Pod", "b", "10.0.0.9", (1, 0))), Taken::Kept);
    assert_eq!(name(&peers, [10, 0, 0, 9], 1).as_deref(), Some("b"));
    assert_eq!(peers.learn(object("Pod", "x", "10.0.0.7", (1, 0))), Taken::LeftOut);
    assert_eq!((name(&peers, IP, 1), peers.len()), (None, 2));
    let peers = self::peers(PeerLimits { max_bytes: 1, ..PeerLimits::default() });
    assert_eq!(peers.learn(object("Pod", "a", "10.0.0.7", (1, 0))), Taken::Kept);
    assert_eq!(peers.learn(object("Pod", "b", "10.0.0.8", (1, 0))), Taken::LeftOut);
}

/// One thing that happens to a pod.
#[derive(Clone, Debug)]
enum Step {
    Learn { pod: u8, ip: u8 },
    End { pod: u8 },
}

proptest! {
    /// Scenario: any order of pods that come, change their addresses and go. Guarantees: as a plain list of all pods would say: the
    /// only one that has the address now, or nobody.
    #[test]
    fn the_index_is_a_list_that_is_fast(
        steps in prop::collection::vec(
            prop_oneof![
                (0..6_u8, 0..3_u8).prop_map(|(pod, ip)| Step::Learn { pod, ip }),
                (0..6_u8).prop_map(|pod| Step::End { pod }),
            ],
            0..40,
        ),
    ) {
        let peers = peers(PeerLimits::default());
        let mut plain: std::collections::BTreeMap<u8, u8> = std::collections::BTreeMap::new();
        for step in steps {
            match step {
                Step::Learn { pod, ip } => {
                    peers.learn(object("Pod", &pod.to_string(), &format!("10.0.0.{ip}"), (1, 0)));
                    plain.insert(pod, ip);
                }
                Step::End { pod } => {
                    end(&peers, &pod.to_string(), 10);
                    plain.remove(&pod);
                }
            }
            for ip in 0..3_u8 {
                let having: Vec<String> =
                    plain.iter().filter(|(_, own)| **own == ip).map(|(pod, _)| pod.to_string()).collect();
                let expected = (having.len() == 1).then(|| having[0].clone());
                prop_assert_eq!(name(&peers, [10, 0, 0, ip], 11), expected);
            }
        }
    }
}
