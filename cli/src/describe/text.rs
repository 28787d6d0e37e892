//! A description for people, in the manner of `kubectl describe`.

use std::fmt::{Display, Write as _};

use eyrie_proto::metadata::{ContainerProbeKind, KubernetesContext, KubernetesObject};
use owo_colors::OwoColorize as _;

use crate::{
    alert_view::printable,
    known::{KnownContainer, completeness},
    moment,
};

/// Where values begin.
const INDENT: usize = 18;

/// A description that grows by lines of names and values.
struct Description {
    text: String,
    /// What stands for a value that is not there.
    missing: &'static str,
    now_epoch_ns: u64,
}

/// What a probe is for, in Kubernetes' and Docker's words.
pub(crate) fn probe_kind(kind: ContainerProbeKind) -> &'static str {
    match kind {
        ContainerProbeKind::Unspecified => "unknown",
        ContainerProbeKind::Healthcheck => "healthcheck",
        ContainerProbeKind::Liveness => "liveness",
        ContainerProbeKind::Readiness => "readiness",
    }
}

/// All that is known; `lives` is how many times the container was started, as far as it is remembered.
pub(super) fn render(known: &KnownContainer, lives: usize, now_epoch_ns: u64) -> String {
    let is_complete = completeness(known.container.completeness()) == "complete";
    let missing = if is_complete { "<none>" } else { "<unknown>" };
    let mut description = Description { text: String::new(), missing, now_epoch_ns };
    description.identity(known, lives);
    description.pod(known);
    description.rights(known);
    description.lists(known);
    description.knowledge(known);
    description.text
}

// === impl Description ===

impl Description {
    fn identity(&mut self, known: &KnownContainer, lives: usize) {
        let container = &known.container;
        let image = container.image.clone().unwrap_or_default();
        self.line("Name", &container.name);
        self.line("Container ID", known.id());
        self.line("Runtime", &container.runtime);
        self.line("Host", known.host());
        self.line("Origin", known.origin());
        if let Some(cgroup) = container.key.as_ref().and_then(|key| key.cgroup) {
            self.line("Control Group", format!("{} (hierarchy {})", cgroup.cgroup_id, cgroup.hierarchy));
        }
        self.line("Image", if image.repository.is_empty() { String::new() } else { known.image() });
        self.line("Image ID", image.id);
        self.line("Image Digest", image.digest);
        self.line("Status", if known.has_ended() { "ended" } else { "running" });
        let from = self.moment(known.listed.from_epoch_ns);
        self.line("From", from);
        if known.has_ended() {
            let until = self.moment(known.listed.until_epoch_ns);
            self.line("Until", until);
        }
        let (created, started) = (self.moment(container.created_ns), self.moment(container.started_ns));
        self.line("Created", created);
        self.line("Started", started);
        if lives > 1 {
            self.line("Lives", format!("{lives} are known of this id; --at TIME describes an earlier one"));
        }
    }

    fn pod(&mut self, known: &KnownContainer) {
        let container = &known.container;
        if known.pod().is_empty() && container.pod_uid.is_empty() && container.pod_sandbox_id.is_empty() {
            return self.line("Pod", "");
        }
        self.line("Pod", known.pod());
        self.line("Pod UID", &container.pod_uid);
        self.line("Pod Sandbox", &container.pod_sandbox_id);
        self.pairs("Pod Labels", &container.pod_labels);
        if let Some(context) = &container.kubernetes {
            self.kubernetes(context);
        }
    }

    fn kubernetes(&mut self, context: &KubernetesContext) {
        let named = |object: &Option<KubernetesObject>| {
            object.as_ref().map(|object| object.name.clone()).unwrap_or_default()
        };
        let pod = context.pod.clone().unwrap_or_default();
        let owners = pod.owners.iter().map(|owner| format!("{} {}", owner.kind, owner.name));
        self.list("Owners", owners);
        self.line("Node", pod.node_name);
        self.line("Namespace", named(&context.namespace));
        for (name, object) in [
            ("Deployment", &context.deployment),
            ("Replica Set", &context.replica_set),
            ("Replication Ctl", &context.replication_controller),
        ] {
            if object.is_some() {
                self.line(name, named(object));
            }
        }
        self.list("Services", context.services.iter().map(|service| service.name.clone()));
        self.line("Cluster", pod.cluster_name);
        self.line("Cluster Known", completeness(context.completeness()));
    }

    fn rights(&mut self, known: &KnownContainer) {
        let container = &known.container;
        let yes_or_no = |value: Option<bool>| match value {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        self.line("User", &container.user);
        self.line("Privileged", yes_or_no(container.is_privileged));
        self.line("Host Network", yes_or_no(container.is_host_network));
        self.line("Host PID", yes_or_no(container.is_host_pid));
        self.line("Host IPC", yes_or_no(container.is_host_ipc));
        self.list("Capabilities", container.capabilities.iter().cloned());
    }

    fn lists(&mut self, known: &KnownContainer) {
        let container = &known.container;
        self.list("IPs", container.ips.iter().cloned());
        self.list("Environment", container.environment_names.iter().cloned());
        self.pairs("Labels", &container.labels);
        self.list(
            "Mounts",
            container.mounts.iter().map(|mount| {
                let access = if mount.is_writable { "rw" } else { "ro" };
                let more = [&*mount.mode, &*mount.propagation].map(str::trim);
                let more = more.iter().filter(|text| !text.is_empty()).map(|text| format!(", {text}"));
                format!("{} from {} ({access}{})", mount.destination, mount.source, more.collect::<String>())
            }),
        );
        self.list(
            "Probes",
            container
                .probes
                .iter()
                .map(|probe| format!("{}: {}", probe_kind(probe.kind()), probe.command.join(" "))),
        );
        self.line("CNI Result", &container.cni_result);
    }

    fn knowledge(&mut self, known: &KnownContainer) {
        let container = &known.container;
        let word = completeness(container.completeness());
        let coloured = match word {
            "complete" => word.green().to_string(),
            "pending" => word.yellow().to_string(),
            _ => word.red().to_string(),
        };
        // Not through `line`, which would show the colour's characters.
        let _ = writeln!(self.text, "{:INDENT$}{coloured}", "Known:");
        self.line("Version", known.version());
        self.list("Missing", container.reasons.iter().cloned());
        let when = |epoch_ns| moment::known(epoch_ns).unwrap_or_else(|| "an unknown time".to_owned());
        let statements = known.listed.field_sources.iter().map(|told| {
            let sources = if told.source.is_empty() { "somebody" } else { &told.source };
            format!(
                "{} since {}: {}",
                sources.replace('+', ", "),
                when(told.observed_ns),
                told.fields.join(", ")
            )
        });
        self.list("Told By", statements);
        let heard = container.provenance.iter().map(|one| {
            let by = if one.observer.is_empty() { String::new() } else { format!(" by {}", one.observer) };
            format!("{} at {}{by}", one.source, when(one.observed_ns))
        });
        self.list("Last Heard", heard);
    }

    fn moment(&self, epoch_ns: u64) -> String {
        let ago = || format!(" ({} ago)", moment::age(epoch_ns, self.now_epoch_ns));
        moment::known(epoch_ns).map_or_else(|| "<unknown>".to_owned(), |at| at + &ago())
    }

    fn line(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        let value = if value.is_empty() { self.missing.to_owned() } else { printable(value.as_bytes()) };
        let _ = writeln!(self.text, "{:INDENT$}{value}", format!("{name}:"));
    }

    /// The first beside the name, the others below it.
    fn list(&mut self, name: &str, values: impl Iterator<Item = String>) {
        let mut is_empty = true;
        for value in values {
            let name = if is_empty { format!("{name}:") } else { String::new() };
            let _ = writeln!(self.text, "{name:INDENT$}{}", printable(value.as_bytes()));
            is_empty = false;
        }
        if is_empty {
            self.line(name, "");
        }
    }

    fn pairs<'a>(&mut self, name: &str, pairs: impl IntoIterator<Item = (&'a String, &'a String)>) {
        self.list(name, pairs.into_iter().map(|(key, value)| format!("{key}={value}")));
    }
}
