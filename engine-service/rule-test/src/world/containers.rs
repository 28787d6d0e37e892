//! Containers as cases describe them.

use eyrie_proto::{
    event::{CgroupFact, CgroupKey},
    metadata::{
        Completeness, Container, ContainerKey, ContainerMount, ContainerProbe, ContainerProbeKind, Image,
    },
};

use super::{ById, cluster, labels, primitives::Primitives};
use crate::given::{Given, Problem, Setting};

/// The container of events that are in one and do not say in which.
const DEFAULT_ID: &str = "3f4e21a07b9c5d6e8f0a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f7";
/// The control group of the host, and of the first container.
pub(super) const HOST_CGROUP: u64 = 1;
const FIRST_CGROUP: u64 = 100;

/// The containers of a host.
pub(super) struct Containers<'case> {
    named: &'case [(String, Vec<Setting>)],
    known: ById<(u64, Container)>,
}

/// Where an event happens.
pub(super) enum Place {
    /// Where its process was before; on the host if it is new.
    Unsaid,
    Host,
    /// In the container of this whole id.
    Container(String),
}

// === impl Containers ===

impl<'case> Containers<'case> {
    pub(super) fn new(named: &'case [(String, Vec<Setting>)]) -> Self {
        Self { named, known: ById::new() }
    }

    /// The container of this whole id.
    pub(super) fn known(&self, id: &str) -> Option<&Container> {
        self.known.get(id).map(|(_, container)| container)
    }

    /// The id of the container with this control group; `None` for the host.
    pub(super) fn of_cgroup(&self, cgroup: u64) -> Option<&str> {
        self.known.iter().find(|(_, (own, _))| *own == cgroup).map(|(id, _)| id.as_str())
    }

    /// The control group of a container, or of the host, as the agent tells of it.
    pub(super) fn fact(&self, id: Option<&str>) -> CgroupFact {
        let known = id.and_then(|id| self.known.get(id));
        let cgroup_id = known.map_or(HOST_CGROUP, |(cgroup, _)| *cgroup);
        let path = id.map_or_else(
            || b"/user.slice".to_vec(),
            |id| format!("/system.slice/docker-{id}.scope").into_bytes(),
        );
        CgroupFact {
            cgroup: Some(CgroupKey { cgroup_id, ..CgroupKey::default() }),
            path,
            container_id: id.unwrap_or_default().to_owned(),
            runtime: known.map_or_else(String::new, |(_, container)| container.runtime.clone()),
            is_removed: false,
        }
    }

    /// Where the event happens; `current` is the container that its process has been in. What it says of that container holds
    /// from then on.
    pub(super) fn place(
        &mut self,
        primitives: &mut Primitives,
        current: Option<&str>,
    ) -> Result<Place, Problem> {
        let named = match primitives.take("container") {
            Some(setting) if setting.is_missing() => return Ok(Place::Host),
            Some(setting) => self.named(&setting)?,
            None => &[],
        };
        let own: Vec<Setting> = ["container.", "k8s.", "k8smeta."]
            .into_iter()
            .flat_map(|of| primitives.take_family(of))
            .collect();
        let named = Primitives::new(&with_type(named), &[]).map(|mut named| {
            named.take("evt.type");
            named.take_family("")
        })?;
        let is_host = |setting: &&Setting| {
            matches!(
                setting.field.as_str(),
                "container.id" | "container.full_id" | "container.name" | "container.type"
            ) && (setting.value == Given::of("host") || setting.is_missing())
        };
        if own.iter().any(|setting| is_host(&setting)) {
            // What else is said would be of a container.
            return match own.iter().find(|setting| !is_host(setting) && !setting.is_missing()) {
                Some(setting) => Err(setting.problem(format!("{} is missing on the host", setting.field))),
                None => Ok(Place::Host),
            };
        }
        let is_said = !named.is_empty() || own.iter().any(|setting| !setting.is_missing());
        if !is_said && (own.is_empty() || current.is_none()) {
            return Ok(Place::Unsaid);
        }
        let all: Vec<Setting> = named.into_iter().chain(own).collect();
        let id_of = |name: &str| all.iter().rev().find(|setting| setting.field == name).map(Setting::text);
        let id = match id_of("container.full_id").or_else(|| id_of("container.id")) {
            Some(id) => id?,
            None => current.unwrap_or(DEFAULT_ID).to_owned(),
        };
        let next = FIRST_CGROUP + self.known.len() as u64;
        let (_, container) = self.known.entry(id.clone()).or_insert_with(|| (next, plain(&id)));
        for setting in &all {
            set(container, setting)?;
        }
        Ok(Place::Container(id))
    }

    fn named(&self, setting: &Setting) -> Result<&'case [Setting], Problem> {
        let name = setting.text()?;
        if let Some((_, settings)) = self.named.iter().find(|(own, _)| *own == name) {
            return Ok(settings);
        }
        let known: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        let problem = setting.problem(format!("no container of the case is called '{name}'"));
        Err(problem.help(if known.is_empty() {
            "describe it under `containers:` of the case, or set container.* of the event".to_owned()
        } else {
            format!("there are {}", known.join(", "))
        }))
    }
}

/// As if they were of an event, so that they can be taken apart as those are.
fn with_type(settings: &[Setting]) -> Vec<Setting> {
    let event_type = Setting::new("evt.type", Given::of("execve"), &(0..0));
    std::iter::once(event_type).chain(settings.iter().cloned()).collect()
}

/// A container of which everything is known and nothing is special.
fn plain(id: &str) -> Container {
    Container {
        key: Some(ContainerKey { runtime_id: id.to_owned(), ..ContainerKey::default() }),
        runtime: "docker".to_owned(),
        name: "example".to_owned(),
        image: Some(Image {
            repository: "docker.io/library/example".to_owned(),
            tag: "1.0".to_owned(),
            ..Image::default()
        }),
        is_privileged: Some(false),
        is_host_network: Some(false),
        is_host_pid: Some(false),
        is_host_ipc: Some(false),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

fn set(container: &mut Container, setting: &Setting) -> Result<(), Problem> {
    let text = || if setting.is_missing() { Ok(String::new()) } else { setting.text() };
    let flag = || if setting.is_missing() { Ok(None) } else { setting.flag().map(Some) };
    let number = || if setting.is_missing() { Ok(0) } else { setting.number() };
    let image = container.image.get_or_insert_default();
    match setting.field.as_str() {
        "container.id" | "container.full_id" => {}
        "container.name" => container.name = text()?,
        "container.type" => container.runtime = text()?,
        "container.image.repository" => image.repository = text()?,
        "container.image.tag" => image.tag = text()?,
        "container.image.digest" => image.digest = text()?,
        "container.image.id" => image.id = text()?,
        "container.privileged" => container.is_privileged = flag()?,
        "container.host_network" => container.is_host_network = flag()?,
        "container.host_pid" => container.is_host_pid = flag()?,
        "container.host_ipc" => container.is_host_ipc = flag()?,
        "container.start_ts" => container.started_ns = number()?,
        "container.ip" => container.ips = if setting.is_missing() { Vec::new() } else { vec![text()?] },
        "container.mounts" => container.mounts = mounts(setting)?,
        "container.labels" => container.labels = labels::all(setting)?,
        "container.cni.json" | "k8s.pod.cni.json" => container.cni_result = text()?,
        "container.healthcheck" => set_probe(container, ContainerProbeKind::Healthcheck, setting)?,
        "container.liveness_probe" => set_probe(container, ContainerProbeKind::Liveness, setting)?,
        "container.readiness_probe" => set_probe(container, ContainerProbeKind::Readiness, setting)?,
        "k8s.pod.labels" => container.pod_labels = labels::all(setting)?,
        "k8s.pod.name" => container.pod_name = text()?,
        "k8s.pod.uid" => container.pod_uid = text()?,
        "k8s.ns.name" => container.pod_namespace = text()?,
        "k8s.pod.sandbox_id" | "k8s.pod.full_sandbox_id" => container.pod_sandbox_id = text()?,
        field => return set_with_argument(container, field, setting),
    }
    Ok(())
}

/// Labels by their names, mounts by what they lead from or to, and what a pod belongs to.
fn set_with_argument(container: &mut Container, field: &str, setting: &Setting) -> Result<(), Problem> {
    let (name, argument) = labels::parted(field);
    match name {
        "container.label" => labels::set_one(&mut container.labels, argument, setting)?,
        "k8s.pod.label" => labels::set_one(&mut container.pod_labels, argument, setting)?,
        _ if name.starts_with("k8smeta.") => cluster::set_context(container, setting)?,
        "container.mount.dest" | "container.mount.source" => {
            let is_of_source = name.ends_with("dest");
            let own = |mount: &ContainerMount| {
                if is_of_source { mount.source.clone() } else { mount.destination.clone() }
            };
            // A pattern stands for a path that it matches.
            let path: String = argument.chars().filter(|letter| !matches!(letter, '*' | '?')).collect();
            container.mounts.retain(|mount| own(mount) != path);
            if !setting.is_missing() {
                let other = setting.text()?;
                let (source, destination) = if is_of_source { (path, other) } else { (other, path) };
                container.mounts.push(ContainerMount {
                    source,
                    destination,
                    is_writable: true,
                    propagation: "rprivate".to_owned(),
                    ..ContainerMount::default()
                });
            }
        }
        _ => return Err(setting.problem(format!("{field} cannot be set by a case"))),
    }
    Ok(())
}

/// The command of a probe, by its words or as one text with blanks between them.
fn set_probe(container: &mut Container, kind: ContainerProbeKind, setting: &Setting) -> Result<(), Problem> {
    container.probes.retain(|probe| probe.kind() != kind);
    let words = setting.words()?.into_iter().map(String::from_utf8);
    let command: Vec<_> =
        words.collect::<Result<_, _>>().map_err(|_| setting.misfit("a command, which is text"))?;
    if !command.is_empty() {
        container.probes.push(ContainerProbe { kind: kind.into(), command });
    }
    Ok(())
}

pub(super) fn mounts(setting: &Setting) -> Result<Vec<ContainerMount>, Problem> {
    let members = match &setting.value {
        Given::List(members) => members.as_slice(),
        Given::Missing => &[],
        _ => return Err(setting.misfit("a list of {source, dest, mode, rdwr, propagation}")),
    };
    members.iter().map(|member| mount(setting, member)).collect()
}

fn mount(setting: &Setting, member: &Given) -> Result<ContainerMount, Problem> {
    let Given::Map(pairs) = member else {
        return Err(setting.misfit("a list of {source, dest, mode, rdwr, propagation}"));
    };
    let mut mount =
        ContainerMount { is_writable: true, propagation: "rprivate".to_owned(), ..ContainerMount::default() };
    for (key, value) in pairs {
        let part = Setting::new(format!("{key} of a mount"), value.clone(), &setting.span);
        match key.as_str() {
            "source" => mount.source = part.text()?,
            "dest" => mount.destination = part.text()?,
            "mode" => mount.mode = if part.is_missing() { String::new() } else { part.text()? },
            "rdwr" => mount.is_writable = part.flag()?,
            "propagation" => mount.propagation = part.text()?,
            _ => {
                let problem = part.problem(format!("a mount has no '{key}'"));
                return Err(problem.help("there are source, dest, mode, rdwr, propagation"));
            }
        }
    }
    Ok(mount)
}
