//! Short-lived containers: alerts say which one it was, whatever happens meanwhile, or say that they do not know yet.
//!
//! The figures are printed; run it with `--nocapture`, or `make short-lived` for those of a release build.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use integration::{
    eventually, pages,
    short_lived::{AT_ONCE, CONTAINERS, Load, RULE, Report, ShortLived, Storage, Verdict},
};
use test_requirements::{Requirement, requires};
use tokio::{sync::Mutex, task::block_in_place};

#[path = "short_lived/faults.rs"]
mod faults;
#[path = "short_lived/two_hosts.rs"]
mod two_hosts;

/// Of a hundred alerts, so many have to be complete when they are first sent.
const COMPLETE_PERCENT: usize = 99;
/// Containers of the tests in which something happens meanwhile.
const FEWER: usize = 50;

/// A scene has podman and the machine's processors to itself, as far as this program goes.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Starts containers, and judges their alerts.
async fn run(proof: &ShortLived, count: usize) -> anyhow::Result<Report> {
    let load = Load::begin(&proof.images, count, AT_ONCE);
    let started = block_in_place(|| load.finish())?;
    let report = proof.judge(&started).await?;
    println!("{report}");
    Ok(report)
}

/// Scenario: 200 containers of three images that live some milliseconds, three at a time; each writes a marker, at once or as the last
/// thing that it does, and some are removed as soon as they have ended. Guarantees: each has one alert, with the id, the name and
/// the image that podman was told; at least 99 of 100 say everything when they are first sent, and the rest are completed.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_short_lived_containers_are_complete() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Told).await?;
    let report = run(&proof, CONTAINERS).await?;
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!(report.complete() * 100 >= CONTAINERS * COMPLETE_PERCENT, "{report}");
    proof.three.terminate()
}

/// Scenario: the agent has to find podman's storage by the runtime's state, which is there later, and the engine waits for nothing.
/// Guarantees: an alert that goes out before its answer says so, and is completed by one amendment; none says what is not so.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_do_not_wait_are_completed() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&["--metadata-wait-ms", "0"], Storage::Untold).await?;
    let report = run(&proof, FEWER).await?;
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!(report.complete() + report.amended().len(), FEWER);
    proof.three.terminate()
}

/// Scenario: the agent cannot see podman's files until the alerts of some containers have gone out, twice. Guarantees: each alert said
/// that it did not know everything, and is completed by one amendment, with the right name and image.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_completed_when_the_answer_comes() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Hidden).await?;
    let started = [proof.answer_late().await?, proof.answer_late().await?].concat();
    let report = proof.judge(&started).await?;
    println!("{report}");
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!((report.complete(), report.amended().len()), (0, started.len()));
    proof.three.terminate()
}

/// Scenario: containers that live some milliseconds, and whose files the agent can never see; no runtime answers. Guarantees: each has its one alert, though the rule asks for
/// a name and an image that nobody can know: marked with both, with the right id, and without a word that is not so; those that had not to wait in vain are counted.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_what_cannot_be_read_go_out_marked() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let proof = ShortLived::start(&[], Storage::Hidden).await?;
    let load = Load::begin(&proof.images, FEWER, AT_ONCE);
    let started = block_in_place(|| load.finish())?;
    let report = proof.judge_once(&started, Report::are_all_out).await?;
    println!("{report}");
    assert_eq!(report.strange, Vec::<String>::new());
    for (name, verdict) in &report.verdicts {
        assert!(matches!(verdict, Verdict::Marked | Verdict::Unreadable), "{name}: {verdict:?}");
    }
    for arrival in proof.arrivals.so_far().iter().filter(|arrival| arrival.alert.rule == RULE) {
        let unknown = &arrival.alert.unknown_fields;
        for field in ["container.image.repository", "container.name"] {
            assert!(unknown.iter().any(|unknown| unknown == field), "{:?}", arrival.alert);
        }
    }
    let count = |name: &str| proof.engine_metric(&format!("eyrie_engine_metadata_{name}_total")).unwrap();
    let (unanswerable, timed_out) = (count("unanswerable"), count("timed_out"));
    println!("{unanswerable} were told at once, {timed_out} after their wait");
    assert!(unanswerable + timed_out >= FEWER as f64 && unanswerable > 0.0, "{unanswerable} {timed_out}");
    proof.three.terminate()
}

/// Scenario: the metadata service is killed while containers come and go, and is there again before the last. Guarantees: no alert
/// is lost or wrong; the engine says that facts wait for the service, and the service has all of them in the end.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_survive_the_metadata_service() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Containers, Ok(()));
    let _alone = ALONE.lock().await;
    let mut proof = ShortLived::start(&[], Storage::Told).await?;
    let load = Load::begin(&proof.images, FEWER, AT_ONCE);
    eventually(|| Ok((load.count() >= FEWER / 4).then_some(()))).await?;
    proof.three.metadata.kill()?;
    eventually(|| Ok((load.count() >= FEWER * 3 / 4).then_some(()))).await?;
    proof.three.engine.wait_for_log("late facts wait for the metadata service")?;
    assert!(pages::metric(&proof.scene.agent_pages(), "eyrie_agent_late_facts_pending").unwrap() > 0.0);
    proof.three.metadata = proof.scene.metadata(&[])?;
    let started = block_in_place(|| load.finish())?;
    let report = proof.judge(&started).await?;
    println!("{report}");
    assert_eq!(report.faults(), Vec::<String>::new());
    proof.scene.facts_are_acked().await?;
    proof.three.terminate()
}
