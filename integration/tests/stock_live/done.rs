//! Acts that have been performed: what they were to set off, and what they did.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, ensure};
use eyrie_proto::alert::Alert;
use integration::{
    act::{is_of, perform},
    eventually,
};
use test_containers::{Container, Image};

use super::{acts::Act, programs::Programs};

/// Runs as the first process of a container: the acts one after the other, each by a shell of its own that has the act's tag.
const RUNNER: &str = "\
mkdir -p /tmp/bin
/bin/busybox --install -s /tmp/bin
export PATH=/tmp/bin:$PATH
for script in /acts/act-*; do
    tag=${script##*/}
    mkdir /tmp/$tag
    sh -e $script $tag /tmp/$tag /programs || echo $tag >> /acts/failed
done
: > /acts/done
exec sleep 600
";

/// What was done, and where.
#[derive(Debug)]
pub(crate) struct Done {
    tag: String,
    container: Option<String>,
    rules: &'static [&'static str],
    near_misses: &'static [&'static str],
    what: String,
}

// === impl Done ===

impl Done {
    /// Something by processes of the host that have the tag.
    pub(crate) fn on_host(tag: String, rules: &'static [&'static str], what: &str) -> Self {
        Self { tag, container: None, rules, near_misses: &[], what: what.to_owned() }
    }

    /// Something by processes of a container that have the tag.
    pub(crate) fn inside(
        container: &Container,
        tag: String,
        rules: &'static [&'static str],
        what: &str,
    ) -> Self {
        let container = Some(container.id().to_owned());
        Self { tag, container, rules, near_misses: &[], what: what.to_owned() }
    }

    /// An act in a container.
    fn act_inside(container: &Container, tag: String, act: &Act) -> Self {
        Self { near_misses: act.near_misses, ..Self::inside(container, tag, act.rules, act.script) }
    }

    pub(crate) fn rules(&self) -> &'static [&'static str] {
        self.rules
    }

    pub(crate) fn is_act(&self, act: &Act) -> bool {
        self.what == act.script
    }

    pub(crate) fn is_contained(&self) -> bool {
        self.container.is_some()
    }

    /// Which rules it has set off, among others' alerts.
    pub(crate) fn set_off<'alerts>(&self, alerts: &'alerts [Alert]) -> BTreeSet<&'alerts str> {
        self.alerts(alerts).map(|alert| alert.rule.as_str()).collect()
    }

    /// Which rules it has set off although it was nearly for them only.
    pub(crate) fn wrongly_set_off<'alerts>(&self, alerts: &'alerts [Alert]) -> BTreeSet<&'alerts str> {
        self.set_off(alerts).into_iter().filter(|rule| self.near_misses.contains(rule)).collect()
    }

    /// Its alerts among others'.
    pub(crate) fn alerts<'alerts>(&self, alerts: &'alerts [Alert]) -> impl Iterator<Item = &'alerts Alert> {
        let is_there = move |alert: &Alert| {
            let key = alert.container.as_ref().and_then(|container| container.key.as_ref());
            key.map(|key| key.runtime_id.as_str()) == self.container.as_deref()
        };
        alerts.iter().filter(move |alert| is_there(alert) && is_of(alert, &self.tag))
    }
}

/// What should have been set off and has not, a sentence for each thing that was done; of what was done several times, once is enough.
pub(crate) fn missing(done: &[Done], alerts: &[Alert]) -> Vec<String> {
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for done in done {
        found.entry((&done.what, done.rules)).or_default().extend(done.set_off(alerts));
    }
    let missing = |((what, rules), found): ((&String, &[&'static str]), BTreeSet<&str>)| {
        let missing: Vec<_> = rules.iter().filter(|rule| !found.contains(*rule)).collect();
        (!missing.is_empty()).then(|| format!("{what}\n    has not set off {missing:?}, but {found:?}"))
    };
    found.into_iter().filter_map(missing).collect()
}

/// A tag that nothing else on the machine has; none of them begins with another.
pub(crate) fn new_tag() -> String {
    static TAGS: AtomicU32 = AtomicU32::new(0);
    format!("act-{}-{:04}", std::process::id(), TAGS.fetch_add(1, Ordering::Relaxed))
}

/// Performs acts on the host.
pub(crate) fn on_host(acts: &[Act], folder: &Path, programs: &Programs) -> anyhow::Result<Vec<Done>> {
    let mut done = Vec::new();
    for act in acts {
        let tag = new_tag();
        let shared = tempfile::TempDir::with_prefix_in("eyrie-", "/dev/shm")?;
        perform(act.script, &tag, folder, [programs.folder(), shared.path()])
            .with_context(|| act.script.to_owned())?;
        done.push(Done::on_host(tag, act.rules, act.script));
    }
    Ok(done)
}

/// Performs acts in a container that is started for them with these options, which are to set off rules as well.
pub(crate) async fn in_container(
    image: &Image,
    options: &[&str],
    set_off_by_options: &'static [&'static str],
    acts: &[Act],
    (folder, programs): (&Path, &Programs),
) -> anyhow::Result<(Container, Vec<Done>)> {
    let entry = new_tag();
    let shared = folder.join(&entry);
    fs::create_dir(&shared)?;
    fs::write(shared.join("run"), RUNNER)?;
    let tags: Vec<_> = acts.iter().map(|act| (new_tag(), act)).collect();
    for (tag, act) in &tags {
        fs::write(shared.join(tag), format!("shift\n{}\n", act.script))?;
    }
    let volumes = [
        format!("--volume={}:/acts", shared.display()),
        format!("--volume={}:/programs:ro", programs.folder().display()),
    ];
    let what = format!("podman run {}", options.join(" "));
    let options = [&volumes.each_ref().map(String::as_str), options].concat();
    let name = format!("eyrie-test-{entry}");
    let container = image.start_with(&options, &name, &["/bin/sh", "/acts/run", &entry])?;
    eventually(|| Ok(shared.join("done").exists().then_some(()))).await.context(what.clone())?;
    let failed = fs::read_to_string(shared.join("failed")).unwrap_or_default();
    let failed: Vec<_> =
        tags.iter().filter(|(tag, _)| failed.contains(tag)).map(|(_, act)| act.script).collect();
    ensure!(failed.is_empty(), "failed in the container: {failed:?}");

    let mut done = vec![Done::inside(&container, entry, set_off_by_options, &what)];
    done.extend(tags.into_iter().map(|(tag, act)| Done::act_inside(&container, tag, act)));
    Ok((container, done))
}
