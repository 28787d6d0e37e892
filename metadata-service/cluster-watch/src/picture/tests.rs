use eyrie_proto::metadata::KubernetesKey;

use super::*;

fn object(uid: &str, name: &str) -> KubernetesObject {
    let key = KubernetesKey { cluster_uid: String::new(), object_uid: uid.into() };
    KubernetesObject { key: Some(key), name: name.into(), ..KubernetesObject::default() }
}

fn taken(picture: &Picture) -> Vec<(String, Change)> {
    let changes = picture.take_changes(100).unwrap();
    changes.into_iter().map(|(uid, change)| (uid.to_string(), change)).collect()
}

/// Scenario: objects come, change, stay as they are, and go, by watch and by list. Guarantees: each change is told once, the
/// last word only, and nothing is told of what is as it was.
#[test]
fn what_changed_is_told_once() {
    let picture = Picture::new(100);
    for (uid, name) in [("a", "1"), ("b", "1"), ("a", "2"), ("a", "2")] {
        assert!(picture.put(Kind::Pod, &object(uid, name)));
    }
    assert_eq!(taken(&picture), [("a".into(), Change::Present), ("b".into(), Change::Present)]);
    assert_eq!(picture.get("a").unwrap().name, "2");
    picture.put(Kind::Pod, &object("a", "2"));
    assert_eq!(taken(&picture), []);
    picture.put(Kind::Node, &object("n", "node"));
    let mut listing = picture.begin_list(Kind::Pod);
    listing.saw(&object("b", "1"));
    picture.end_list(listing, 9);
    let expected = [("n".to_owned(), Change::Present), ("a".into(), Change::Removed { at_ns: 9 })];
    assert_eq!(taken(&picture), expected);
    picture.remove("unknown", 10);
    assert_eq!(taken(&picture), []);
    assert!(picture.is_listed(Kind::Pod) && !picture.is_whole());
}

/// Scenario: changes that were taken come back, while some of their objects changed again. Guarantees: each is told as it
/// is now, once; what is gone is told as gone.
#[test]
fn what_comes_back_is_told_as_it_is() {
    let picture = Picture::new(100);
    for uid in ["a", "b", "c"] {
        picture.put(Kind::Pod, &object(uid, "1"));
    }
    picture.remove("c", 5);
    let changes = picture.take_changes(100).unwrap();
    picture.remove("a", 7);
    picture.put(Kind::Pod, &object("b", "2"));
    picture.give_back(changes);
    let mut told = taken(&picture);
    told.sort_by(|left, right| left.0.cmp(&right.0));
    let expected = [
        ("a".into(), Change::Removed { at_ns: 7 }),
        ("b".into(), Change::Present),
        ("c".into(), Change::Removed { at_ns: 5 }),
    ];
    assert_eq!(told, expected);
}

/// Scenario: more objects than there is room for, and more removals than are remembered. Guarantees: memory is bounded; what
/// was refused is counted; everything is asked to be taken anew.
#[test]
fn the_picture_is_bounded() {
    let picture = Picture::new(2);
    for uid in ["a", "b", "c"] {
        picture.put(Kind::Pod, &object(uid, "1"));
    }
    assert_eq!((picture.len(), picture.refused()), (2, 1));
    let picture = Picture::new(MAX_REMOVALS * 2);
    for number in 0..=MAX_REMOVALS {
        picture.put(Kind::Pod, &object(&number.to_string(), ""));
        picture.remove(&number.to_string(), 1);
    }
    assert!(picture.take_changes(10).is_none());
    assert_eq!(picture.take_all().len(), 0);
    assert!(picture.take_changes(10).unwrap().is_empty());
}

/// Scenario: namespaces. Guarantees: the cluster's uid is that of kube-system.
#[test]
fn the_cluster_is_known_by_kube_system() {
    let picture = Picture::new(10);
    picture.put(Kind::Namespace, &object("d", "default"));
    picture.put(Kind::Pod, &object("p", "kube-system"));
    assert_eq!(picture.cluster_uid(), None);
    picture.put(Kind::Namespace, &object("k", "kube-system"));
    assert_eq!(picture.cluster_uid().as_deref(), Some("k"));
}
