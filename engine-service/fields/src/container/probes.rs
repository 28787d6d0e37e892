//! Commands that a runtime or Kubernetes runs in a container on its own account.

use eyrie_proto::metadata::{ContainerPart as Part, ContainerProbe, ContainerProbeKind};
use host_model::Process;

use super::{is_known, known};
use crate::{
    value::{Extracted, Value},
    view::EventView,
};

/// The command of the first probe of this kind, with blanks between its words.
pub(super) fn command<'a>(view: &EventView<'a>, kind: ContainerProbeKind) -> Extracted<'a> {
    known(view, Part::Probes, |container| {
        let probe = container.probes.iter().find(|probe| probe.kind() == kind)?;
        Some(Value::bytes(probe.command.join(" ").into_bytes()))
    })
}

/// Whether the process, or one above it in the same container, runs the command of such a probe.
pub(super) fn is_running<'a>(view: &EventView<'a>, kind: ContainerProbeKind) -> Extracted<'a> {
    let Some(process) = view.process() else { return Extracted::Absent };
    known(view, Part::Probes, |container| {
        let probes = || container.probes.iter().filter(|probe| probe.kind() == kind);
        if probes().next().is_none() && !is_known(container, Part::Probes) {
            return None;
        }
        let own = view.host.container_id(process);
        let above = view.host.ancestors(process).take_while(|above| view.host.container_id(above) == own);
        let mut line = std::iter::once(process).chain(above);
        Some(Value::Bool(line.any(|process| probes().any(|probe| runs(process, probe)))))
    })
}

fn runs(process: &Process, probe: &ContainerProbe) -> bool {
    let given = std::iter::once(process.exe()).chain(process.arguments().iter().map(Vec::as_slice));
    !probe.command.is_empty() && given.eq(probe.command.iter().map(String::as_bytes))
}
