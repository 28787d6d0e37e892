//! What is attached while a workload runs.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

use super::usage::Reading;
use crate::{
    bpf, pages,
    program::{PATIENCE, Program, free_port},
};

/// Between two looks at whether something is so.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// One of the things compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// Nothing of ours runs.
    Bare,
    /// Agent and engine run; there are no rules, so that only what keeps the picture of processes right is captured.
    NothingAsked,
    /// Agent and engine run with all stock rules.
    StockRules,
}

/// What runs during an arm.
#[derive(Debug)]
pub struct Attached {
    /// The BPF programs that there were before.
    loaded: BTreeSet<u32>,
    pair: Option<Pair>,
}

/// An agent and its engine.
#[derive(Debug)]
struct Pair {
    engine: Program,
    engine_url: String,
    agent: Program,
    agent_pages: String,
}

/// Falco's three files in this folder, in the order in which they are loaded.
pub fn stock_rules(folder: &Path) -> Vec<PathBuf> {
    let files = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    files.into_iter().map(|name| folder.join(name)).collect()
}

// === impl Arm ===

impl Arm {
    /// In the order of tables.
    pub const ALL: [Self; 3] = [Self::Bare, Self::NothingAsked, Self::StockRules];

    /// The files that the engine is given.
    fn rules(self, stock: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        if self == Self::StockRules {
            return Ok(stock_rules(stock));
        }
        let none = folder.join("no-rules.yaml");
        fs::write(&none, "[]\n")?;
        Ok(vec![none])
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "bare",
            Self::NothingAsked => "nothing asked for",
            Self::StockRules => "93 stock rules",
        })
    }
}

// === impl Attached ===

impl Attached {
    /// Starts what the arm has, and waits until its capture plan is carried out.
    pub fn start(arm: Arm, stock: &Path, folder: &Path) -> anyhow::Result<Self> {
        let loaded = bpf::Ids::loaded()?.programs;
        if arm == Arm::Bare {
            return Ok(Self { loaded, pair: None });
        }
        let folder = folder.join(arm.to_string());
        // What an earlier round left: every round begins with an empty log of alerts.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let rules: Vec<_> =
            arm.rules(stock, &folder)?.iter().map(|path| path.display().to_string()).collect();
        let data = folder.join("data").display().to_string();
        let rules = rules.join(",");
        let mut engine = Program::start(
            "engine-service",
            ["--listen", &address, "--rules", &rules, "--data-dir", &data, "--quiet"],
            &folder,
        )?;
        engine.wait_for_log(&address)?;
        let agent_pages = format!("127.0.0.1:{}", free_port()?);
        let url = format!("http://{address}");
        let agent =
            Program::start("capture-agent", ["--engine", &url, "--admin-listen", &agent_pages], &folder)?;
        let mut attached = Self { loaded, pair: Some(Pair { engine, engine_url: url, agent, agent_pages }) };
        attached.wait_until("the capture plan is carried out", |pages| {
            pages::metric(pages, "eyrie_agent_plan_generation").is_some_and(|generation| generation > 0.0)
        })?;
        attached.is_done()?;
        Ok(attached)
    }

    /// Waits until the engine has acked all that there is.
    pub fn is_done(&mut self) -> anyhow::Result<()> {
        self.wait_until("everything is acked", |pages| {
            pages::metric(pages, "eyrie_agent_events_unacked").is_some_and(|count| count < 1_000.0)
        })
    }

    fn wait_until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let Some(Pair { agent, agent_pages, .. }) = &mut self.pair else { return Ok(()) };
        let deadline = Instant::now() + PATIENCE;
        while !is_so(agent_pages) {
            ensure!(agent.is_running()?, "the agent ended: {}", agent.log_text());
            ensure!(Instant::now() < deadline, "waited too long until {what}: {}", agent.log_text());
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Whether BPF programs are loaded that are not our agent's: tests of somebody else, say.
    pub fn foreign_programs(&self) -> anyhow::Result<bool> {
        let now = bpf::Ids::loaded()?.programs;
        let own = match &self.pair {
            None => BTreeSet::new(),
            Some(pair) => bpf::Ids::of(pair.agent.pid())?.programs,
        };
        Ok(!self.loaded.is_empty() || now.difference(&own).next().is_some())
    }

    /// What agent and engine have used and counted so far; nothing of the bare arm.
    pub fn reading(&self) -> anyhow::Result<Reading> {
        let Some(Pair { engine, agent, agent_pages, .. }) = &self.pair else { return Ok(Reading::default()) };
        Reading::of(agent.pid(), engine.pid(), || {
            pages::Metrics::read(agent_pages).context("the agent's pages do not answer")
        })
    }

    /// The process ids of agent and engine.
    pub fn pids(&self) -> Option<(u32, u32)> {
        self.pair.as_ref().map(|pair| (pair.agent.pid(), pair.engine.pid()))
    }

    /// Where the engine listens.
    pub fn engine_url(&self) -> Option<&str> {
        self.pair.as_ref().map(|pair| pair.engine_url.as_str())
    }

    /// Ends it, and waits until the kernel has freed the agent's programs, which it does a while after they were detached: the
    /// next arm would take them for somebody else's.
    pub fn stop(self) -> anyhow::Result<()> {
        let Some(Pair { mut engine, mut agent, .. }) = self.pair else { return Ok(()) };
        let own = bpf::Ids::of(agent.pid())?.programs;
        ensure!(agent.terminate()?.success(), "the agent failed: {}", agent.log_text());
        ensure!(engine.terminate()?.success(), "the engine failed: {}", engine.log_text());
        let deadline = Instant::now() + PATIENCE;
        while !own.is_disjoint(&bpf::Ids::loaded()?.programs) {
            ensure!(Instant::now() < deadline, "the agent has ended, and its BPF programs are still loaded");
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}
