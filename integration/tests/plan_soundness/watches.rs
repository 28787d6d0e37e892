//! Pairs of engine and agent, and what they tell of acts.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use eyrie_proto::alert::Alert;
use integration::{
    eventually, pages,
    program::{Program, free_port},
    scene::Scene,
    subscriber,
};

use super::acts::Done;

/// Names of the watches.
pub(crate) const EVERY_CALL: &str = "every call";
pub(crate) const MARKED: &str = "marked";
pub(crate) const DROPPED: &str = "dropped";

/// An engine with an agent of its own.
pub(crate) struct Watch {
    pub(crate) name: &'static str,
    pub(crate) scene: Scene,
    pub(crate) engine: Program,
    agent: Program,
    pub(crate) engine_pages: String,
}

/// The alerts of one engine: rules and what they said, by process.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) name: &'static str,
    alerts: BTreeMap<u32, Vec<(String, String)>>,
}

// === impl Watch ===

impl Watch {
    /// The one that asks for every call first.
    pub(crate) async fn all(rules: &str) -> anyhow::Result<Vec<Self>> {
        let kinds: [(&str, &[&str]); 3] = [
            (EVERY_CALL, &["--plan-filters=false", "--plan-verify-sample-ppm=0"]),
            (MARKED, &["--plan-verify-mode=true"]),
            (DROPPED, &["--plan-verify-sample-ppm=0"]),
        ];
        let mut watches = Vec::new();
        for (name, flags) in kinds {
            watches.push(Self::start(name, rules, flags)?);
        }
        for watch in &watches {
            watch.scene.is_connected().await?;
            let is_planned = || pages::metric(&watch.scene.agent_pages(), "eyrie_agent_plan_generation");
            eventually(|| Ok(is_planned().filter(|generation| *generation > 0.0))).await?;
        }
        Ok(watches)
    }

    fn start(name: &'static str, rules: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        std::fs::write(scene.rules(), rules)?;
        let engine_pages = format!("127.0.0.1:{}", free_port()?);
        let own = ["--match-all", "--admin-listen", &engine_pages];
        let engine = scene.engine_with(&[&own, flags].concat())?;
        let agent = scene.agent()?;
        Ok(Self { name, scene, engine, agent, engine_pages })
    }

    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        for program in [&mut self.agent, &mut self.engine] {
            let status = program.terminate()?;
            anyhow::ensure!(status.success(), "{}: {status}: {}", self.name, program.log_text());
        }
        Ok(())
    }
}

/// Events that any of them lost.
pub(crate) async fn lost(watches: &[Watch]) -> anyhow::Result<u64> {
    let mut lost = 0;
    for watch in watches {
        let hosts = subscriber::hosts_until(&watch.scene.url(), |hosts| !hosts.is_empty()).await?;
        lost += hosts.iter().flat_map(|host| &host.losses).map(|loss| loss.count).sum::<u64>();
    }
    Ok(lost)
}

/// What they say of these acts. The last one ends by removing the watched directory: when that is told, all is.
pub(crate) async fn told(watches: &[Watch], done: &[Done], watched: &Path) -> anyhow::Result<Vec<Told>> {
    let last = done.last().context("nothing was done")?;
    let removed = format!("path={}", watched.display());
    let is_end =
        |(rule, said): (&str, &str)| rule == "Removed" && said.split(' ').any(|word| word == removed);
    let mut all = Vec::new();
    for watch in watches {
        let url = watch.scene.url();
        let is_all = |alerts: &[Alert]| Told::new(watch.name, alerts).of(last).into_iter().any(is_end);
        let alerts = subscriber::alerts_until(&url, is_all).await?;
        all.push(Told::new(watch.name, &alerts));
    }
    Ok(all)
}

// === impl Told ===

impl Told {
    fn new(name: &'static str, alerts: &[Alert]) -> Self {
        let mut by_process: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for alert in alerts {
            let pid = alert.process.as_ref().and_then(|process| process.key).map_or(0, |key| key.pid);
            by_process.entry(pid).or_default().push((alert.rule.clone(), alert.message.clone()));
        }
        by_process.values_mut().for_each(|alerts| alerts.sort());
        Self { name, alerts: by_process }
    }

    /// What was said of an act.
    pub(crate) fn of(&self, done: &Done) -> Vec<(&str, &str)> {
        let alerts = self.alerts.get(&done.pid).into_iter().flatten();
        alerts.map(|(rule, said)| (&**rule, &**said)).collect()
    }

    pub(crate) fn has_rule(&self, rule: &str) -> bool {
        self.alerts.values().flatten().any(|(raised, _)| raised == rule)
    }

    /// The alerts of an act that only one of both has.
    pub(crate) fn difference(&self, other: &Self, done: &Done) -> Vec<String> {
        let (mut missing, mut more) = (self.of(done), Vec::new());
        for alert in other.of(done) {
            match missing.iter().position(|own| *own == alert) {
                Some(place) => drop(missing.swap_remove(place)),
                None => more.push(alert),
            }
        }
        let missing = missing.iter().map(|(rule, said)| format!("missing: {rule}: {said}"));
        missing.chain(more.iter().map(|(rule, said)| format!("too many: {rule}: {said}"))).collect()
    }
}
