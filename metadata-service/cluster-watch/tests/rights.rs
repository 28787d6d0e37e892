//! The rights that the manifest grants, and those that the watch uses.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use cluster_watch::{ApiServer, Health, Kind, Picture, WatchMetrics, WatchOptions, Watcher};
use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use test_kubernetes::objects;
use tokio_util::sync::CancellationToken;

/// The manifest's documents, which are of these kinds in this order.
fn manifest() -> (ServiceAccount, ClusterRole, ClusterRoleBinding) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes/metadata-cluster-rbac.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let documents: Vec<&str> = text.split("\n---\n").collect();
    let [account, role, binding] = *documents.as_slice() else { panic!("{} documents", documents.len()) };
    (
        serde_saphyr::from_str(account).unwrap(),
        serde_saphyr::from_str(role).unwrap(),
        serde_saphyr::from_str(binding).unwrap(),
    )
}

/// Scenario: the manifest is read as an API server reads it. Guarantees: its role has just list and watch on just the kinds that are
/// watched, without wildcards, names or paths; the binding gives that role to the account of the manifest and to nobody else.
#[test]
fn the_manifest_grants_what_is_watched_and_nothing_else() {
    let (account, role, binding) = manifest();
    let mut granted = BTreeSet::new();
    for rule in role.rules.unwrap() {
        assert!(rule.non_resource_urls.is_none() && rule.resource_names.is_none(), "{rule:?}");
        for group in rule.api_groups.unwrap() {
            for resource in rule.resources.iter().flatten() {
                let verbs: BTreeSet<String> = rule.verbs.iter().cloned().collect();
                assert!(granted.insert((group.clone(), resource.clone(), verbs)), "{group}/{resource} twice");
            }
        }
    }
    let used = |kind: Kind| {
        let path = kind.path();
        let group = match path.strip_prefix("/apis/") {
            Some(rest) => rest.split('/').next().unwrap_or_default(),
            None => "",
        };
        (group.to_owned(), kind.plural().to_owned(), ["list", "watch"].map(str::to_owned).into())
    };
    assert_eq!(granted, Kind::ALL.into_iter().map(used).collect());
    assert!(role.aggregation_rule.is_none());

    let given = binding.role_ref;
    assert_eq!((&*given.kind, Some(given.name)), ("ClusterRole", role.metadata.name));
    let subjects = binding.subjects.unwrap();
    let [subject] = subjects.as_slice() else { panic!("{subjects:?}") };
    assert_eq!(subject.kind, "ServiceAccount");
    assert_eq!(Some(&subject.name), account.metadata.name.as_ref());
    assert_eq!(subject.namespace, account.metadata.namespace);
}

/// Scenario: a cluster is watched whole by all watchers, with changes and a watch that breaks. Guarantees: the server was asked for nothing but
/// lists and watches of the kinds that the manifest grants.
#[tokio::test]
async fn nothing_else_is_asked_for() {
    let api = test_kubernetes::ApiServer::start().await;
    api.put("namespaces", objects::namespace("kube-system", "c1"));
    let server = ApiServer::new(kube::Config::new(api.uri().parse().unwrap())).unwrap();
    let picture = Arc::new(Picture::new(100));
    let (stop, mut tasks) = (CancellationToken::new(), tokio::task::JoinSet::new());
    let options = WatchOptions { first_retry: Duration::from_millis(10), ..WatchOptions::default() };
    for kind in Kind::ALL {
        let watcher = Watcher {
            kind,
            server: server.clone(),
            picture: Arc::clone(&picture),
            health: Arc::new(Health::default()),
            metrics: WatchMetrics::default(),
            options: options.clone(),
        };
        tasks.spawn(watcher.run(stop.clone()));
    }
    let watches = |kind: Kind| api.requests(&format!("{}?&watch=true", kind.path()));
    let lists = |kind: Kind| api.requests(&format!("{}?&limit=", kind.path()));
    let until = async |count| {
        while Kind::ALL.into_iter().any(|kind| watches(kind) < count) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let watching = async {
        until(1).await;
        api.put("pods", objects::pod("shop", "web", "p1", &[]));
        api.drop_watches();
        until(2).await;
    };
    tokio::time::timeout(Duration::from_secs(60), watching).await.unwrap();
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    let known: usize = Kind::ALL.into_iter().map(|kind| watches(kind) + lists(kind)).sum();
    assert_eq!(known, api.requests(""));
    assert!(Kind::ALL.into_iter().all(|kind| lists(kind) > 0));
}
