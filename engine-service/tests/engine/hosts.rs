//! What agents say of their hosts and clouds: in alerts and conditions, late, and never.

use std::time::Duration;

use eyrie_proto::{
    alert::MetadataState,
    metadata::{CloudInstance, Completeness, Host, late_fact},
};

use crate::{metadata::late, parking::*, support::*};

const RULES: &str = "
- rule: In Frankfurt
  desc: a file is read in one region
  condition: evt.type = openat and fd.name = /secret and cloud.region = eu-central-1
  output: read on %host.name (%host.id) in %cloud.region by %proc.name
  priority: WARNING
- rule: Anywhere
  desc: a file is read
  condition: evt.type = openat and fd.name in (/secret, /other)
  output: read %fd.name on %host.name
  priority: NOTICE
";

fn host(region: Option<&str>, completeness: Completeness) -> late_fact::Kind {
    let cloud = region.map(|region| CloudInstance {
        provider: "aws".to_owned(),
        region: region.to_owned(),
        ..CloudInstance::default()
    });
    let hostname = "h1".to_owned();
    late_fact::Kind::Host(Host { hostname, cloud, completeness: completeness.into(), ..Host::default() })
}

/// Scenario: a file is read before the agent has heard of its cloud; the cloud turns out to be the region that a rule is for, another one, and
/// that there is none. Guarantees: the first match waits, holding back the one behind it, and the alert that goes out is the one that a known cloud
/// would have made; it shows the cloud.
#[tokio::test]
async fn a_match_waits_for_the_cloud_of_its_host() {
    let in_time = [
        (
            host(Some("eu-central-1"), Completeness::Complete),
            "read on h1 (0123456789abcdef0123456789abcdef) in eu-central-1 by cat",
            true,
        ),
        (host(Some("us-east-1"), Completeness::Complete), "read /secret on h1", true),
        (host(None, Completeness::Complete), "read /secret on h1", false),
    ];
    for (fact, message, has_cloud) in in_time {
        let directory = tempfile::tempdir().unwrap();
        let log = sqlite(directory.path());
        let engine = start_with_rules(log.clone(), patient(), RULES).await;
        let mut agent = begin(&engine, vec![cgroup_fact("")]).await;
        agent.send(late(1, host(None, Completeness::Pending))).await;
        deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
        // What does not hang on the cloud goes out at once.
        deliver(&mut agent, 2, vec![open(2, "/other")]).await;
        assert_eq!(entries(&*log, 1).await[0].message, "read /other on h1");
        assert_eq!(engine.metadata_counters().waiting, 1);
        agent.send(late(2, fact)).await;
        let alert = entries(&*log, 2).await.remove(1);
        assert_eq!((&*alert.message, alert.unknown_fields.len()), (message, 0));
        assert_eq!(alert.host.unwrap().cloud.is_some(), has_cloud);
        counted(&engine, |counters| (counters.answered_in_time, counters.waiting) == (1, 0)).await;
        engine.shutdown().await;
    }
}

/// Scenario: the cloud answers after the alerts had to go out. Guarantees: they went out marked with the field that was unknown, and amendments
/// confirm one and take the other back; an engine that was started anew between does it as well.
#[tokio::test]
async fn a_late_cloud_amends() {
    for is_restarted in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut log: std::sync::Arc<dyn engine_service::alert_log::AlertLog> = sqlite(directory.path());
        let mut engine = start_with_rules(log.clone(), impatient(), RULES).await;
        let mut agent = begin(&engine, vec![cgroup_fact("")]).await;
        deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
        let told = entries(&*log, 2).await;
        assert!(told.iter().all(|alert| alert.unknown_fields.contains(&"cloud.region".to_owned())));
        assert!(told.iter().all(|alert| alert.metadata_state() == MetadataState::Partial));
        if is_restarted {
            drop((engine, agent, log));
            log = reopen(directory.path()).await;
            engine = start_with_rules(log.clone(), patient(), RULES).await;
            agent = begin(&engine, vec![cgroup_fact("")]).await;
        }
        agent.send(late(1, host(Some("eu-central-1"), Completeness::Complete))).await;
        let all = entries(&*log, 4).await;
        let amended: Vec<_> = all[2..].iter().map(|alert| (&*alert.rule, alert.is_retracted)).collect();
        assert_eq!(amended, [("Anywhere", true), ("In Frankfurt", false)], "{is_restarted}");
        assert!(all[3].message.contains("in eu-central-1"));
        agent.leave_at_the_engines_end(engine).await;
    }
}

/// Scenario: the cloud that a host is in does not answer, and it does later. Guarantees: what it would say is unknown and not absent: both alerts that are possible go out
/// without a wait, marked, and the answer confirms one and takes the other back.
#[tokio::test]
async fn a_cloud_that_does_not_answer_is_not_absent() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), patient(), RULES).await;
    let mut agent = begin(&engine, vec![cgroup_fact("")]).await;
    deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
    assert!(alerts(&*log).await.is_empty());
    agent.send(late(1, host(None, Completeness::FinalPartial))).await;
    let told = entries(&*log, 2).await;
    assert!(told.iter().all(|alert| alert.metadata_state() == MetadataState::Partial));
    assert!(told.iter().all(|alert| alert.unknown_fields == ["cloud.region"]), "{told:?}");
    deliver(&mut agent, 2, vec![open(2, "/secret")]).await;
    assert_eq!(entries(&*log, 4).await[2].sequence, 2);
    counted(&engine, |counters| (counters.unanswerable, counters.timed_out, counters.waiting) == (2, 0, 2))
        .await;
    agent.send(late(2, host(Some("eu-central-1"), Completeness::Complete))).await;
    let all = entries(&*log, 8).await;
    let amended: Vec<_> = all[4..].iter().map(|alert| (&*alert.rule, alert.is_retracted)).collect();
    assert_eq!(amended, [("Anywhere", true), ("In Frankfurt", false)].repeat(2));
    engine.shutdown().await;
}

/// Scenario: an agent of a version that says nothing of a cloud, and not whether one is to come. Guarantees: nothing waits for it: the alert goes out
/// at once, by the rule that needs no cloud.
#[tokio::test]
async fn an_agent_that_knows_of_no_cloud_makes_nobody_wait() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), patient(), RULES).await;
    let mut agent = begin(&engine, vec![cgroup_fact("")]).await;
    agent.send(late(1, host(None, Completeness::Unspecified))).await;
    let heard = async {
        loop {
            let told = hosts(&engine, true).await;
            if !told.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("no host");
    deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
    assert_eq!(entries(&*log, 1).await[0].message, "read /secret on h1");
    engine.shutdown().await;
}
