//! The proof with short-lived containers: real ones of podman, each of which trips a rule that needs its name and its image.
//!
//! What alerts say is compared with what podman was told and says itself; how long it took is measured, and not judged here:
//! machines are shared. `make short-lived` prints the figures (docs/performance.md), `tests/short_lived.rs` holds them to the goal.

mod arrivals;
mod load;
mod report;
mod storage;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use test_containers::{Image, Podman};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

pub use self::{
    arrivals::{Arrival, Arrivals},
    load::{Load, Started},
    report::{Quantiles, Report, Verdict},
    storage::Storage,
};
use crate::{
    eventually, pages,
    program::free_port,
    scene::{Scene, Three},
};

/// The rule that they trip.
pub const RULE: &str = "Marker Of A Short-Lived Container Written";
/// What each of them writes once.
pub const MARKER: &str = "/eyrie-marker";
/// How the name of each begins.
pub const NAME: &str = "eyrie-short-";
/// Containers of the proof.
pub const CONTAINERS: usize = 200;
/// That are started at a time.
pub const AT_ONCE: usize = 3;
/// Images that they are made of, in turn.
const IMAGES: usize = 3;
/// Containers that are started at once and whose answers come late, again and again.
pub const LATE_AT_ONCE: usize = 4;
/// After the last container, for what has still to come; an alert waits for half a second at most, and its amendment for the answer.
const AFTERMATH: Duration = Duration::from_secs(20);

/// The three services, and a podman of their own.
#[derive(Debug)]
pub struct ShortLived {
    /// Where they are.
    pub scene: Scene,
    /// The services.
    pub three: Three,
    /// What the containers are made of.
    pub images: Arc<[Image]>,
    /// What came out.
    pub arrivals: Arrivals,
    /// Of the containers.
    pub podman: Podman,
    engine_pages: String,
}

/// A rule whose condition and output need what is known of the container: name and image.
pub fn rules(images: &[Image]) -> String {
    let repositories: Vec<_> = images.iter().map(Image::repository).collect();
    format!(
        "- rule: {RULE}\n  desc: A container of the test's images writes its marker.\n  condition: >\n    \
         evt.type in (open, openat, openat2, creat) and evt.is_open_write=true and fd.name={MARKER}\n    \
         and container.name startswith {NAME} and container.image.repository in ({})\n  \
         output: written in %container.name of %container.image.repository:%container.image.tag (%container.full_id)\n  \
         priority: WARNING\n",
        repositories.join(", ")
    )
}

// === impl ShortLived ===

impl ShortLived {
    /// Starts everything but the containers; the engine with these arguments besides.
    pub async fn start(engine: &[&str], storage: Storage) -> anyhow::Result<Self> {
        let (scene, podman) = (Scene::new()?, Podman::with_own_storage()?);
        let images = (0..IMAGES).map(|_| podman.import()).collect::<Result<Arc<[_]>, _>>()?;
        std::fs::write(scene.rules(), rules(&images))?;
        let engine_pages = format!("127.0.0.1:{}", free_port()?);
        let three = Three {
            metadata: scene.metadata(&[])?,
            engine: scene.engine_with_metadata(&[&["--admin-listen", &engine_pages], engine].concat())?,
            agent: storage.agent(&scene, &podman)?,
        };
        scene.is_connected().await?;
        let arrivals = Arrivals::follow(&scene.url()).await?;
        Ok(Self { scene, three, images, arrivals, podman, engine_pages })
    }

    /// Waits until what came out is all that can be expected, or nothing more will come; judges it.
    pub async fn judge(&self, started: &[Started]) -> anyhow::Result<Report> {
        self.judge_once(started, Report::is_settled).await
    }

    /// The same as soon as the report is as it should be.
    pub async fn judge_once(
        &self,
        started: &[Started],
        is_enough: impl Fn(&Report) -> bool,
    ) -> anyhow::Result<Report> {
        let deadline = Instant::now() + AFTERMATH;
        loop {
            let mut report = Report::of(started, &self.arrivals.so_far());
            if is_enough(&report) || Instant::now() >= deadline {
                report.compare_with_podman(started, &self.podman.list()?);
                report.waited = pages::metric(&self.engine_pages, "eyrie_engine_metadata_parked_total");
                report.events_lost = pages::metric_sum(&self.scene.agent_pages(), "eyrie_agent_losses_total");
                return Ok(report);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// A counter of the engine's.
    pub fn engine_metric(&self, name: &str) -> Option<f64> {
        pages::metric(&self.engine_pages, name)
    }

    /// Starts containers whose files the agent cannot see until all their alerts have gone out marked. The storage has to be hidden, and
    /// is again.
    pub async fn answer_late(&self) -> anyhow::Result<Vec<Started>> {
        let load = Load::of_long_lived(&self.images, LATE_AT_ONCE);
        let started = block_in_place(|| load.finish())?;
        self.until(&started, Report::are_all_out).await.context("before the storage was revealed")?;
        Storage::reveal(&self.three.agent, &self.podman)?;
        self.until(&started, Report::is_settled).await.context("after the storage was revealed")?;
        Storage::hide(&self.scene, &self.three.agent, &self.podman)?;
        Ok(started)
    }

    async fn until(&self, started: &[Started], is_so: impl Fn(&Report) -> bool) -> anyhow::Result<()> {
        let report = || Report::of(started, &self.arrivals.so_far());
        let look = || Ok(is_so(&report()).then_some(()));
        eventually(look).await.with_context(|| format!("{:?}", report().verdicts))
    }
}
