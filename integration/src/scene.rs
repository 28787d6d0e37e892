//! A folder with everything that a scenario needs: a file to be read, a rule about it, data, logs.

use std::path::{Path, PathBuf};

use eyrie_proto::alert::Alert;
use tempfile::TempDir;

use crate::{
    eventually, pages,
    program::{Program, free_port},
    subscriber,
};

/// The name of the scene's rule.
pub const RULE: &str = "Secret Of The Scene Read";
/// What the agents of scenes have for each ring: as much as it may grow to, so that what others do on the machine while tests run is no loss,
/// and changes no ring.
pub const RING_BYTES: &str = "33554432";

/// What a scenario needs.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
    port: u16,
    metadata_port: u16,
    agent_pages_port: u16,
}

/// The services as processes of their own.
#[derive(Debug)]
pub struct Three {
    /// The metadata service.
    pub metadata: Program,
    /// The engine.
    pub engine: Program,
    /// The agent.
    pub agent: Program,
}

// === impl Three ===

impl Three {
    /// Tells them to end, the agent first, and makes sure that they end well.
    pub fn terminate(mut self) -> anyhow::Result<()> {
        for program in [&mut self.agent, &mut self.engine, &mut self.metadata] {
            let status = program.terminate()?;
            anyhow::ensure!(status.success(), "it ended with {status}: {}", program.log_text());
        }
        Ok(())
    }
}

// === impl Scene ===

impl Scene {
    /// A new folder with a secret, and a rules file that raises an alert when the secret is read.
    pub fn new() -> anyhow::Result<Self> {
        let scene = Self {
            // Not where TMPDIR says: sockets' paths have room for 107 bytes, and what programs do with their files is meant to be done in /tmp.
            folder: TempDir::with_prefix_in("eyrie-", "/tmp")?,
            port: free_port()?,
            metadata_port: free_port()?,
            agent_pages_port: free_port()?,
        };
        std::fs::write(scene.secret(), "secret\n")?;
        std::fs::write(scene.rules(), scene.rules_text())?;
        std::fs::create_dir(scene.data())?;
        Ok(scene)
    }

    fn rules_text(&self) -> String {
        format!(
            "- rule: {RULE}\n  desc: The scene's secret was opened.\n  \
             condition: evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.name={secret}\n  \
             output: >\n    Secret read (file=%fd.name process=%proc.name command=%proc.cmdline parent=%proc.pname\n    \
             parent_command=%proc.pcmdline pid=%proc.pid)\n  priority: WARNING\n  tags: [test]\n",
            secret = self.secret().display()
        )
    }

    /// The scene's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file that the rule is about.
    pub fn secret(&self) -> PathBuf {
        self.folder().join("secret")
    }

    /// The rules file.
    pub fn rules(&self) -> PathBuf {
        self.folder().join("rules.yaml")
    }

    /// The engine's folder.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Where the engine of the scene listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The same where TLS is spoken; certificates have names.
    pub fn tls_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Starts the scene's engine.
    pub fn engine(&self) -> anyhow::Result<Program> {
        self.engine_with(&[])
    }

    /// The same with more arguments.
    pub fn engine_with(&self, more: &[&str]) -> anyhow::Result<Program> {
        let rules = self.rules().display().to_string();
        let data = self.data().display().to_string();
        let address = self.address();
        let own = ["--listen", &address, "--rules", &rules, "--data-dir", &data];
        Program::start("engine-service", own.iter().chain(more), self.folder())
    }

    /// Where the metadata service of the scene listens, as a URL.
    pub fn metadata_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.metadata_port)
    }

    /// Starts the scene's metadata service.
    pub fn metadata(&self, more: &[&str]) -> anyhow::Result<Program> {
        let data = self.folder().join("metadata").display().to_string();
        let address = format!("127.0.0.1:{}", self.metadata_port);
        let own = ["--listen", &address, "--data-dir", &data];
        Program::start("metadata-service", own.iter().chain(more), self.folder())
    }

    /// Starts the scene's engine, which uses the scene's metadata service.
    pub fn engine_with_metadata(&self, more: &[&str]) -> anyhow::Result<Program> {
        let metadata = self.metadata_url();
        let own = ["--metadata", &metadata];
        self.engine_with(&own.iter().chain(more).copied().collect::<Vec<_>>())
    }

    /// Starts an agent that streams to the scene's engine.
    pub fn agent(&self) -> anyhow::Result<Program> {
        self.agent_with(&[])
    }

    /// The same with more arguments.
    pub fn agent_with(&self, more: &[&str]) -> anyhow::Result<Program> {
        let pages = self.agent_pages();
        self.agent_to(&self.url(), &[&["--admin-listen", &pages], more].concat())
    }

    /// Where the agent's admin pages are.
    pub fn agent_pages(&self) -> String {
        format!("127.0.0.1:{}", self.agent_pages_port)
    }

    /// Waits until the scene's agent has told all that it knows of containers, and an engine has acked it: another engine is not
    /// told it again.
    pub async fn facts_are_acked(&self) -> anyhow::Result<()> {
        let pending = || pages::metric(&self.agent_pages(), "eyrie_agent_late_facts_pending");
        eventually(|| Ok((pending() == Some(0.0)).then_some(()))).await
    }

    /// Starts an agent that streams to the engine at `url`, with more arguments.
    pub fn agent_to(&self, url: &str, more: &[&str]) -> anyhow::Result<Program> {
        let own = ["--engine", url, "--ring-bytes", RING_BYTES];
        Program::start("capture-agent", own.iter().chain(more), self.folder())
    }

    /// Where the scene's metadata service listens by TLS.
    pub fn metadata_tls_url(&self) -> String {
        format!("https://localhost:{}", self.metadata_port)
    }

    /// Starts metadata service, engine and agent, with the same further arguments, and waits until they are joined.
    pub async fn three(&self, more: &[&str]) -> anyhow::Result<Three> {
        let metadata = self.metadata(more)?;
        let engine = self.engine_with_metadata(more)?;
        let agent = self.agent_with(more)?;
        self.is_connected().await?;
        Ok(Three { metadata, engine, agent })
    }

    /// Waits until the scene's engine has a host.
    pub async fn is_connected(&self) -> anyhow::Result<()> {
        subscriber::hosts_until(&self.url(), |hosts| hosts.iter().any(|host| host.is_connected))
            .await
            .map(drop)
    }

    /// Starts both in one process.
    pub fn up(&self, more: &[&str]) -> anyhow::Result<Program> {
        let rules = self.rules().display().to_string();
        let data = self.data().display().to_string();
        let arguments = ["up", "--listen", &self.address(), "--rules", &rules, "--data-dir", &data];
        Program::start("eyrie", arguments.iter().chain(more), self.folder())
    }
}

/// The alerts of the scene's rule whose output names `tag`.
pub fn tagged<'alerts>(alerts: &'alerts [Alert], tag: &str) -> Vec<&'alerts Alert> {
    alerts.iter().filter(|alert| alert.rule == RULE && alert.message.contains(tag)).collect()
}
