//! Every rule of deploy/rules is set off by real processes, and by one that only comes close it is not.
//!
//! The acts are harmless copies and shells in a temporary folder. Where a rule names a folder of the system, the act sees
//! an empty file system in its place (in a mount namespace of its own); where it names an address outside, the act has a
//! network namespace of its own in which nothing can be reached. A file of further rules lets loopback's one port count
//! as outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    net::TcpListener,
    path::Path,
};

use anyhow::Context as _;
use integration::{
    act::{execute_from_descriptor, is_of, perform},
    program::Program,
    scene::Scene,
    subscriber,
};
use test_requirements::{Requirement, requires};

use self::acts::{ACTS, MEMFD, NOTHING};

#[path = "own_rules/acts.rs"]
mod acts;

/// Scenario: `eyrie up` with our own rules; every act above, and a program executed from a memory file and from a file.
/// Guarantees: every rule is set off by what it is about, once, and not by what is like it; no act sets off another rule.
#[tokio::test]
async fn every_rule_is_set_off_by_what_it_is_about() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let scene = Scene::new()?;
    let (outside, inside) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let ports = [outside.local_addr()?.port().to_string(), inside.local_addr()?.port().to_string()];
    let more = scene.folder().join("more_rules.yaml");
    std::fs::write(
        &more,
        format!(
            "- macro: leaves_the_host\n  condition: or fd.sport={}\n  override:\n    condition: append\n",
            ports[0]
        ),
    )?;
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
    let (more, data) = (more.display().to_string(), scene.data().display().to_string());
    let arguments =
        ["up", "--listen", &scene.address(), "--rules", rules, "--rules", &more, "--data-dir", &data];
    let mut up = Program::start("eyrie", arguments, scene.folder())?;
    subscriber::hosts_until(&scene.url(), |hosts| hosts.iter().any(|host| host.is_connected)).await?;

    let mut expected = BTreeMap::new();
    for (number, act) in ACTS.iter().enumerate() {
        let tag = format!("act-{}-{number}-", std::process::id());
        perform_with(act.script, &tag, scene.folder(), &ports).with_context(|| act.script.to_owned())?;
        expected.insert(tag, (act.script, act.rules.iter().copied().collect::<BTreeSet<_>>()));
    }
    for (name, is_memory) in [("memfd", true), ("file", false)] {
        let tag = format!("act-{}-{name}-", std::process::id());
        execute_from_descriptor(is_memory, &tag, scene.folder())?;
        let rules = if is_memory { MEMFD } else { NOTHING };
        expected.insert(tag, (name, rules.iter().copied().collect()));
    }
    // What came before this in the stream has been evaluated when its alert is there.
    let last = format!("act-{}-last-", std::process::id());
    perform_with(ACTS[0].script, &last, scene.folder(), &ports)?;

    let alerts =
        subscriber::alerts_until(&scene.url(), |alerts| alerts.iter().any(|alert| is_of(alert, &last)))
            .await?;
    let mut wrong = Vec::new();
    for (tag, (script, rules)) in &expected {
        let mut found: Vec<_> =
            alerts.iter().filter(|alert| is_of(alert, tag)).map(|alert| alert.rule.as_str()).collect();
        found.sort_unstable();
        if found != rules.iter().copied().collect::<Vec<_>>() {
            wrong.push(format!("{script}\n    set off {found:?}, not {rules:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tested: BTreeSet<_> =
        expected.values().flat_map(|(_, rules)| rules.iter().map(|name| (*name).to_owned())).collect();
    assert_eq!(tested, names_of_rules(rules)?, "a rule is without an act");
    assert!(up.terminate()?.success(), "{}", up.log_text());
    Ok(())
}

/// Performs a script that has these ports and a folder in shared memory besides its own.
fn perform_with(script: &str, tag: &str, folder: &Path, ports: &[String; 2]) -> anyhow::Result<()> {
    let shared = tempfile::TempDir::with_prefix_in("eyrie-", "/dev/shm")?;
    let ports = ports.each_ref().map(OsStr::new);
    perform(script, tag, folder, ports.into_iter().chain([shared.path().as_os_str()]))
}

fn names_of_rules(folder: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        for line in std::fs::read_to_string(entry?.path())?.lines() {
            names.extend(line.strip_prefix("- rule: ").map(str::to_owned));
        }
    }
    Ok(names)
}
