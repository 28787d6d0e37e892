//! Rules that compare addresses with names of hosts, which the agent resolves in its own network.
#![allow(clippy::indexing_slicing, reason = "all of it is a test")]

use std::{
    fs::{self, File},
    net::{IpAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use eyrie_proto::alert::Alert;
use integration::{program::built, scene::Scene, subscriber};
use test_requirements::{Requirement, requires};

const NAMED: &str = "Connects To Named Host";
const OTHER: &str = "Connects To Another Than An Unknown Host";

/// The agent with an `/etc/hosts` of its own; ended when dropped.
struct Agent(Child);

// === impl Agent ===

impl Agent {
    fn start(scene: &Scene, hosts: &Path) -> anyhow::Result<Self> {
        let script = r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#;
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "agent"])
            .arg(hosts)
            .arg(built("capture-agent")?)
            .args(["--engine", &scene.url(), "--admin-listen", "none", "--cloud-metadata", "off"])
            .stdin(Stdio::null())
            .stderr(File::create(scene.folder().join("agent.log"))?)
            .spawn()
            .context("cannot run unshare")?;
        Ok(Self(child))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Servers on two addresses of the loopback, of which one is the named host.
struct Servers([TcpListener; 2]);

// === impl Servers ===

impl Servers {
    fn start() -> anyhow::Result<Self> {
        Ok(Self([TcpListener::bind("127.0.0.2:0")?, TcpListener::bind("127.0.0.3:0")?]))
    }

    fn ip(&self, which: usize) -> anyhow::Result<IpAddr> {
        Ok(self.0[which].local_addr()?.ip())
    }

    fn connect(&self, which: usize) -> anyhow::Result<()> {
        let _client = TcpStream::connect(self.0[which].local_addr()?)?;
        self.0[which].accept()?;
        Ok(())
    }

    /// How many alerts there are for connections to it.
    fn count(&self, which: usize, alerts: &[Alert]) -> anyhow::Result<usize> {
        let address = format!("->{};", self.0[which].local_addr()?);
        Ok(alerts.iter().filter(|alert| alert.rule == NAMED && alert.message.contains(&address)).count())
    }

    /// Connects to both, the one that raises alerts last: when its alert is there, the other one's would be.
    async fn only_one_raises(&self, scene: &Scene, which: usize) -> anyhow::Result<()> {
        let other = 1 - which;
        let before = subscriber::alerts_now(&scene.url()).await?;
        let (known, known_of_other) = (self.count(which, &before)?, self.count(other, &before)?);
        self.connect(other)?;
        self.connect(which)?;
        let is_raised = |alerts: &[Alert]| self.count(which, alerts).is_ok_and(|count| count > known);
        let alerts = subscriber::alerts_until(&scene.url(), is_raised).await?;
        assert_eq!(self.count(other, &alerts)?, known_of_other, "{}", self.ip(other)?);
        Ok(())
    }

    /// Connects again and again until that raises an alert.
    async fn until_alert(&self, scene: &Scene, which: usize) -> anyhow::Result<()> {
        for _ in 0..200 {
            self.connect(which)?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            if self.count(which, &subscriber::alerts_now(&scene.url()).await?)? > 0 {
                return Ok(());
            }
        }
        let log = fs::read_to_string(scene.folder().join("agent.log"))?;
        anyhow::bail!("connections to {} raise no alert; the agent's log:\n{log}", self.ip(which)?)
    }
}

fn rules() -> String {
    let pid = std::process::id();
    let rule = |name: &str, condition: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type=connect and proc.pid={pid} and {condition}\n  \
             output: to %fd.sip.name by %fd.name;\n  priority: WARNING\n"
        )
    };
    rule(NAMED, "fd.sip.name = database.eyrie.test") + &rule(OTHER, "fd.sip.name != unknown.eyrie.test")
}

/// Scenario: rules on a name that is in the hosts file of the agent's own mount namespace, and on one that does not resolve; the real agent,
/// with what it may do reduced. Connections to two addresses, then the name moves from one to the other, then the engine is replaced.
/// Guarantees: connections to the address that the name stands for raise alerts, those to the other one do not; the same after the
/// move, with the roles changed; the new engine knows the name from the base state. A name that does not resolve makes `!=` false.
#[tokio::test]
async fn a_rules_name_is_what_the_agents_network_says() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    fs::write(scene.rules(), rules())?;
    let hosts = scene.folder().join("hosts");
    let servers = Servers::start()?;
    let stands_for = |ip: IpAddr| fs::write(&hosts, format!("{ip} database.eyrie.test\n"));
    stands_for(servers.ip(0)?)?;
    let mut engine = scene.engine()?;
    let _agent = Agent::start(&scene, &hosts)?;
    scene.is_connected().await?;

    servers.until_alert(&scene, 0).await?;
    servers.only_one_raises(&scene, 0).await?;
    stands_for(servers.ip(1)?)?;
    servers.until_alert(&scene, 1).await?;
    servers.only_one_raises(&scene, 1).await?;
    engine.kill()?;
    let _engine = scene.engine()?;
    scene.is_connected().await?;
    servers.only_one_raises(&scene, 1).await?;

    let alerts = subscriber::alerts_now(&scene.url()).await?;
    assert!(alerts.iter().all(|alert| alert.rule == NAMED), "{alerts:?}");
    assert!(alerts.iter().all(|alert| alert.message.starts_with("to database.eyrie.test by ")), "{alerts:?}");
    Ok(())
}
