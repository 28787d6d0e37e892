//! The filters are at work: what is tested is what the rules are about, and what no rule is about stays in the kernel.

use std::fs::File;

use anyhow::{Context as _, ensure};
use eyrie_proto::capture::{
    CallFilter, ListPlansRequest, ListPlansResponse, plan_service_client::PlanServiceClient,
};
use integration::{
    eventually,
    pages::{self, Metrics},
    program::PATIENCE,
    subscriber,
};
use tokio::time::{Duration, Instant, sleep};

use super::watches::{DROPPED, EVERY_CALL, MARKED, Watch};

/// Calls that rules name by paths alone, and those that they name by networks.
const BY_PATH: [&str; 8] = ["open", "openat", "openat2", "creat", "rename", "unlink", "chmod", "mkdir"];
const BY_NETWORK: [&str; 2] = ["connect", "sendto"];
/// No rule is about this file.
const DECOY: &str = "/dev/null";
/// Opens of it: more than all records that the rest of a busy machine causes meanwhile.
const DECOYS: u32 = 10_000;
const ATTEMPTS: usize = 3;

/// The filters of each watch were what they are meant to be, and wrong for no rule.
pub(crate) async fn check(watches: &[Watch]) -> anyhow::Result<()> {
    for watch in watches {
        check_plan(watch).await.with_context(|| format!("the plan of {}", watch.name))?;
    }
    for watch in watches {
        match watch.name {
            MARKED => check_counted(watch, "eyrie_agent_filter_marked_total").await?,
            DROPPED => check_dropped(watch).await?,
            _ => {}
        }
    }
    for watch in watches {
        let plan = plan_until(watch, |plan| watch.name != MARKED || marked_events(plan) > 0).await?;
        let log = || watch.engine.log_text();
        assert!(plan.violations.is_empty(), "{}: {:?}: {}", watch.name, plan.violations, log());
        let violations = pages::metric_sum(&watch.engine_pages, "eyrie_engine_filter_violations_total");
        assert_eq!(violations, Some(0.0), "{}: {}", watch.name, log());
    }
    Ok(())
}

fn marked_events(plan: &ListPlansResponse) -> u64 {
    plan.calls.iter().filter_map(|call| call.cost).map(|cost| cost.marked_events).sum()
}

/// What the agent says that it tests.
async fn check_plan(watch: &Watch) -> anyhow::Result<()> {
    let is_answered = |plan: &ListPlansResponse| {
        let asked = plan.calls.iter().filter(|call| call.asked.is_some());
        asked.clone().count() > 0 && asked.clone().all(|call| call.effective.is_some())
    };
    let plan = plan_until(watch, is_answered).await?;
    ensure!(plan.failure.is_empty(), "{}", plan.failure);
    let of_paths = |filter: &CallFilter| !filter.paths.is_empty();
    let of_networks = |filter: &CallFilter| {
        let lists = [&filter.networks, &filter.outside_networks];
        lists.iter().any(|list| !list.is_empty())
    };
    for event_type in BY_PATH.into_iter().chain(BY_NETWORK) {
        let call = plan.calls.iter().find(|call| call.event_type == event_type);
        let effective = call.and_then(|call| call.effective.as_ref()).context(event_type)?;
        let any_of = &effective.any_of;
        let is_as_meant = if watch.name == EVERY_CALL {
            any_of.is_empty()
        } else if BY_PATH.contains(&event_type) {
            !any_of.is_empty() && any_of.iter().all(of_paths)
        } else {
            !any_of.is_empty() && any_of.iter().all(of_networks)
        };
        ensure!(is_as_meant, "{event_type} is tested for {any_of:?}");
    }
    Ok(())
}

async fn plan_until(
    watch: &Watch,
    is_so: impl Fn(&ListPlansResponse) -> bool,
) -> anyhow::Result<ListPlansResponse> {
    let deadline = Instant::now() + PATIENCE;
    let mut client = PlanServiceClient::new(subscriber::connect(&watch.scene.url()).await?);
    loop {
        let mut plans = client.list_plans(ListPlansRequest::default()).await?.into_inner();
        let plan = plans.message().await?.context("no host is connected")?;
        if is_so(&plan) {
            return Ok(plan);
        }
        ensure!(Instant::now() < deadline, "waited too long; {}'s plan is {plan:?}", watch.name);
        sleep(Duration::from_millis(100)).await;
    }
}

fn metrics(watch: &Watch) -> anyhow::Result<Metrics> {
    Metrics::read(&watch.scene.agent_pages()).context("the agent's pages do not answer")
}

fn open_decoys() -> anyhow::Result<()> {
    (0..DECOYS).try_for_each(|_| File::open(DECOY).map(drop)).context(DECOY)
}

/// Opens decoys, and waits until the agent has counted them there. What is returned are its figures before and after.
async fn check_counted_between(watch: &Watch, metric: &str) -> anyhow::Result<(Metrics, Metrics)> {
    let before = metrics(watch)?;
    ensure!(before.has(metric), "the agent's pages have no {metric}");
    open_decoys()?;
    let has_grown = |now: &Metrics| now.sum(metric) - before.sum(metric) >= f64::from(DECOYS);
    let after = eventually(|| Ok(Some(metrics(watch)?).filter(has_grown))).await;
    Ok((before.clone(), after.with_context(|| format!("{} did not count decoys as {metric}", watch.name))?))
}

async fn check_counted(watch: &Watch, metric: &str) -> anyhow::Result<()> {
    check_counted_between(watch, metric).await.map(drop)
}

/// The decoys were dropped, and what was counted is not what others did: they are no records.
async fn check_dropped(watch: &Watch) -> anyhow::Result<()> {
    for _ in 0..ATTEMPTS {
        let (before, after) = check_counted_between(watch, "eyrie_agent_filtered_total").await?;
        let records =
            |metrics: &Metrics| metrics.sum_where("eyrie_agent_ring_records_total", "outcome=\"produced\"");
        ensure!(records(&before) > 0.0, "the agent's pages have no records");
        if records(&after) - records(&before) < f64::from(DECOYS) {
            return Ok(());
        }
    }
    anyhow::bail!("opens of {DECOY} were recorded in each of {ATTEMPTS} attempts")
}
