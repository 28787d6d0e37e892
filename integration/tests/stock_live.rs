//! Falco's stock rules, seen live: real actions on the real kernel, and in real containers where a rule asks for one, set them off.
//!
//! One engine has all of them, and reports every rule that an event matches. The actions are harmless: they write to folders of
//! their own, or to empty file systems that are over the system's in a mount namespace of their own; what they connect to is an
//! address of the loopback device in a network namespace of their own; programs with names that rules look for are links to one that
//! does nothing. What others do on the machine does not count: an alert belongs to an action if its process, or an ancestor, was started
//! with the action's tag, in the container where there is one.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use eyrie_proto::alert::Alert;
use integration::{
    act::execute_from_descriptor,
    actor::Actor,
    eventually, pages,
    program::Program,
    scene::{RING_BYTES, Scene},
    stock_rules_page::{Place, page, seen_rules},
    subscriber,
};
use test_containers::{Container, Image, Podman, PodmanService};
use test_requirements::{Requirement, data_dir, met_or_booked, requires};
use tokio::time::{Instant, sleep_until};

use self::{
    done::{Done, missing, new_tag},
    programs::Programs,
};

#[path = "stock_live/acts.rs"]
mod acts;
#[path = "stock_live/done.rs"]
mod done;
#[path = "stock_live/pods.rs"]
mod pods;
#[path = "stock_live/programs.rs"]
mod programs;

/// In the order in which Falco is told to load them: later files repeat macros of earlier ones.
const FILES: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
/// What a site fills in: without the first two the rules that use them match nothing, without the third whatever builds software on
/// the machine.
const SITE_RULES: &str = "\
- list: namespace_scope_network_only_subnet
  items: [payments]
  override:
    items: replace
- macro: allowed_containers
  condition: (container.image.repository startswith registry.example/)
  override:
    condition: replace
- macro: user_known_create_hidden_file_activities
  condition: (not proc.pcmdline contains act-)
  override:
    condition: replace
";
/// What two names of rules stand for: addresses that the programs of the test connect to.
const NAMES: [(&str, Ipv4Addr); 2] =
    [("kubernetes.default.svc.cluster.local", programs::KUBERNETES), ("pool.minexmr.com", programs::POOL)];
/// Events that do not get in cost a round of all actions, and a minute's wait for what they would have set off.
const ROUNDS: u32 = 2;
/// Beyond the age at which a rule no longer takes a process for one that is starting.
const GROWN_UP: Duration = Duration::from_millis(5500);

/// Scenario: the page in docs/ beside the list that it is made of. Guarantees: it says what the list says.
#[test]
fn the_page_is_current() {
    let is_current = page() == include_str!("../../docs/stock-rules.md");
    assert!(is_current, "docs/stock-rules.md is not what the list says: run `make stock-rules-doc`");
}

/// Scenario: the stock files as they are loaded, beside the list. Guarantees: the list has all 93 rules and no other, each once and
/// as mature and enabled as it is, and the page names each.
#[test]
fn the_list_has_every_stock_rule() {
    requires!(Requirement::Data);
    let source = |file: PathBuf| {
        let bytes = std::fs::read(&file).unwrap();
        rule_language::Source::from_bytes(file.display().to_string(), bytes).unwrap()
    };
    let sources: Vec<_> = stock_files().map(source).collect();
    let loaded = rule_language::load(&sources, fields::catalogue()).expect("the stock rules load");
    let rules = loaded.rule_set.rules.iter().map(|rule| {
        let maturity = rule.tags.iter().find_map(|tag| tag.strip_prefix("maturity_"));
        (rule.name.as_str(), (maturity.expect("a tag of maturity"), rule.enabled))
    });
    let rules: BTreeMap<_, _> = rules.collect();
    let listed = seen_rules();
    assert_eq!((rules.len(), listed.len()), (93, 93));
    assert_eq!(
        listed.iter().map(|seen| (seen.name, (seen.maturity, seen.is_enabled))).collect::<BTreeMap<_, _>>(),
        rules
    );
    let page = page();
    let missing: Vec<_> = rules.keys().filter(|name| !page.contains(&format!("| {name} |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Scenario: agent and engine with all stock rules, disabled ones included; every action of `acts.rs`, in four containers and on the
/// host. Guarantees: each sets off the rules that it is there for, by what it did itself, and not those that it is nearly for; the list
/// says so of each, and nothing that it does not say is set off.
///
/// A machine that is busy elsewhere may have events that do not get in. They are counted and told; only then all is done again.
#[tokio::test(flavor = "multi_thread")]
async fn stock_rules_are_set_off() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    requires!(Requirement::Data, Ok(()));
    let with_containers = met_or_booked(Requirement::Containers, module_path!(), line!());
    let scene = Scene::new()?;
    let mut engine = start_engine(&scene)?;
    // Labels of containers are what podman alone tells.
    let service = with_containers.then(|| Podman::default().serve()).transpose()?;
    let mut agent = start_agent(&scene, service.as_ref())?;
    scene.is_connected().await?;
    names_are_resolved(&scene).await?;
    let programs = Programs::write_to(scene.folder().join("programs"))?;
    // Kept until everything has been told of its containers.
    let image = with_containers.then(Image::import).transpose()?;

    let (mut done, mut rounds) = (Vec::new(), 0);
    let alerts = loop {
        rounds += 1;
        let lost_before = lost(&scene).await?;
        let (containers, again) = perform_all(&scene, image.as_ref(), &programs).await?;
        done.extend(again);
        let is_enough = |alerts: &[_]| missing(&done, alerts).is_empty();
        let alerts = subscriber::alerts_within(&scene.url(), is_enough).await?;
        drop(containers);
        pods::remove_groups();
        if is_enough(&alerts) || rounds == ROUNDS || lost(&scene).await? == lost_before {
            break alerts;
        }
    };
    let missing = missing(&done, &alerts);
    assert!(missing.is_empty(), "after {rounds} rounds:\n{}", missing.join("\n"));
    let wrong: Vec<_> = done.iter().filter(|done| !done.wrongly_set_off(&alerts).is_empty()).collect();
    assert!(wrong.is_empty(), "near misses that are none: {wrong:?}");
    pods::check_namespaces(&done, &alerts);
    check_list(&done, &alerts, with_containers);
    assert!(agent.terminate()?.success(), "{}", agent.log_text());
    assert!(engine.terminate()?.success(), "{}", engine.log_text());
    Ok(())
}

/// The list says of the same rules as the actions do that they are seen, and where; and of no other that was raised that it is not.
fn check_list(done: &[Done], alerts: &[Alert], with_containers: bool) {
    let mut by_acts = BTreeMap::<_, BTreeSet<_>>::new();
    for done in done {
        for rule in done.rules() {
            by_acts.entry(*rule).or_default().insert(done.is_contained());
        }
    }
    let is_had = |place| place == Place::Host || (place == Place::Container && with_containers);
    let listed = seen_rules().into_iter().filter(|seen| is_had(seen.place));
    let listed: BTreeMap<_, _> =
        listed.map(|seen| (seen.name, BTreeSet::from([seen.place == Place::Container]))).collect();
    assert_eq!(by_acts, listed, "rules, and whether they are set off in containers: by actions, in the list");

    let unseen = seen_rules().into_iter().filter(|seen| seen.place == Place::Nowhere);
    let unseen: BTreeSet<_> = unseen.map(|seen| seen.name).collect();
    let raised: BTreeSet<_> = done.iter().flat_map(|done| done.set_off(alerts)).collect();
    let wrong: Vec<_> = raised.intersection(&unseen).collect();
    assert!(wrong.is_empty(), "these are set off, and the list says that they are not: {wrong:?}");
}

fn stock_files() -> impl Iterator<Item = PathBuf> {
    FILES.iter().map(|file| data_dir().join("falco-rules").join(file))
}

/// Starts an engine with the stock rules, in the order of their files.
fn start_engine(scene: &Scene) -> anyhow::Result<Program> {
    std::fs::write(scene.rules(), SITE_RULES)?;
    let mut arguments = ["--match-all", "--select-rules", "enable:rule=*"].map(OsString::from).to_vec();
    for file in stock_files().chain([scene.rules()]) {
        arguments.extend(["--rules".into(), file.into()]);
    }
    let address = scene.address();
    arguments.extend(["--listen".into(), address.into(), "--data-dir".into(), scene.data().into()]);
    Program::start("engine-service", arguments, scene.folder())
}

/// Starts an agent for which these names of the rules are addresses that the actions connect to, and which asks nobody for the others.
fn start_agent(scene: &Scene, podman: Option<&PodmanService>) -> anyhow::Result<Program> {
    let [hosts, switch] = ["hosts", "nsswitch.conf"].map(|name| scene.folder().join(name));
    std::fs::write(&hosts, NAMES.map(|(name, address)| format!("{address} {name}\n")).concat())?;
    std::fs::write(&switch, "hosts: files\n")?;
    let files = [(hosts.as_path(), "/etc/hosts"), (switch.as_path(), "/etc/nsswitch.conf")];
    let (url, pages) = (scene.url(), scene.agent_pages());
    let socket = podman.map_or_else(|| scene.folder().join("none"), PodmanService::socket);
    let own = ["--engine", &url, "--admin-listen", &pages, "--ring-bytes", RING_BYTES, "--podman-socket"];
    let arguments = own.map(OsString::from).into_iter().chain([socket.into()]);
    Program::start_with_files(&files, "capture-agent", arguments, scene.folder())
}

/// Waits until the agent knows them.
async fn names_are_resolved(scene: &Scene) -> anyhow::Result<()> {
    let resolved = || pages::metric(&scene.agent_pages(), "eyrie_agent_names{state=\"RESOLVED\"}");
    eventually(|| Ok(resolved().filter(|count| *count >= NAMES.len() as f64))).await.map(drop)
}

/// How many events the engine knows to have been lost.
async fn lost(scene: &Scene) -> anyhow::Result<u64> {
    let hosts = subscriber::hosts_until(&scene.url(), |hosts| !hosts.is_empty()).await?;
    Ok(hosts.iter().flat_map(|host| &host.losses).map(|loss| loss.count).sum())
}

/// Does everything once. The containers are there until they are dropped.
async fn perform_all(
    scene: &Scene,
    image: Option<&Image>,
    programs: &Programs,
) -> anyhow::Result<(Vec<Container>, Vec<Done>)> {
    let (aged, server) = start_server(scene)?;
    let (mut containers, mut done) = (Vec::new(), Vec::new());
    if let Some(image) = image {
        for (container, acts) in contained(image, scene.folder(), programs).await? {
            containers.push(container);
            done.extend(acts);
        }
        let of_pods = pods::perform(image, scene.folder(), programs).await?;
        of_pods.into_iter().for_each(|(container, acts)| {
            containers.push(container);
            done.extend(acts);
        });
    }
    for acts in [acts::HOST, acts::SWITCHED_ON] {
        done.extend(done::on_host(acts, scene.folder(), programs)?);
    }
    done.push(fileless(scene)?);
    sleep_until(aged).await;
    done.push(read_by_server(server)?);
    Ok((containers, done))
}

/// A shell under a server's name that waits; and when it has grown up.
fn start_server(scene: &Scene) -> anyhow::Result<(Instant, Actor)> {
    let shell = scene.folder().join("httpd");
    std::fs::copy("/bin/sh", &shell)?;
    let server = Actor::start_without_exec_as(&shell, Path::new("/etc/shadow"), &new_tag())?;
    Ok((Instant::now() + GROWN_UP, server))
}

fn read_by_server(mut server: Actor) -> anyhow::Result<Done> {
    server.act()?;
    let rules = &["Read sensitive file trusted after startup"];
    Ok(Done::on_host(server.tag().to_owned(), rules, "a server that has run for a while reads /etc/shadow"))
}

fn fileless(scene: &Scene) -> anyhow::Result<Done> {
    let tag = new_tag();
    execute_from_descriptor(true, &tag, scene.folder())?;
    Ok(Done::on_host(tag, &["Fileless execution via memfd_create"], "a program in a memory file"))
}

/// What is done in containers.
async fn contained(
    image: &Image,
    folder: &Path,
    programs: &Programs,
) -> anyhow::Result<[(Container, Vec<Done>); 2]> {
    let mounted = format!("--volume={}:/home/admin", programs.folder().display());
    let started =
        &["Launch Sensitive Mount Container", "Launch Disallowed Container", "Container Run as Root User"];
    let acts = acts::CONTAINED;
    let (plain, mut done) = done::in_container(image, &[&mounted], started, acts, (folder, programs)).await?;
    done.push(open_terminal(&plain)?);
    done.push(copy_out(&plain)?);
    let started = &["Launch Privileged Container", "Launch Excessively Capable Container"];
    let privileged =
        done::in_container(image, &["--privileged"], started, acts::PRIVILEGED, (folder, programs)).await?;
    Ok([(plain, done), privileged])
}

fn open_terminal(container: &Container) -> anyhow::Result<Done> {
    let tag = new_tag();
    container.exec_with(&["--tty"], &["/bin/sh", "-c", ":", &tag])?;
    Ok(Done::inside(container, tag, &["Terminal shell in container"], "podman exec --tty of a shell"))
}

/// What `kubectl cp` does.
fn copy_out(container: &Container) -> anyhow::Result<Done> {
    // The folder that is packed has the tag for its name.
    let tag = new_tag();
    let script = "/bin/busybox mkdir /tmp/$0; : > /tmp/$0/file";
    container.exec(&["/bin/sh", "-c", script, &tag])?;
    container.exec(&["/tmp/bin/tar", "-cf", "/dev/null", "-C", "/tmp", &tag])?;
    let rules = &["Exfiltrating Artifacts via Kubernetes Control Plane"];
    Ok(Done::inside(container, tag, rules, "podman exec of tar"))
}
