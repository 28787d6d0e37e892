//! Objects of Kubernetes as cases say them: what a pod belongs to, and who has the remote address.

use eyrie_proto::metadata::{Completeness, Container, KubernetesContext, KubernetesKey, KubernetesObject};

use super::{labels, primitives::Primitives};
use crate::given::{Problem, Setting};

/// Sets `k8smeta.*` of a container; a cluster of which anything is said has said all.
pub(super) fn set_context(container: &mut Container, setting: &Setting) -> Result<(), Problem> {
    let context = container.kubernetes.get_or_insert_default();
    context.set_completeness(Completeness::Complete);
    let of_k8smeta = setting.field.strip_prefix("k8smeta.").unwrap_or_default();
    let Some((whose, what)) = of_k8smeta.split_once('.') else { return Err(unsettable(setting)) };
    set(object(context, whose, setting)?, what, setting)
}

/// Takes what an event says of who has its remote address; nobody where it says nothing.
pub(super) fn take_peer(primitives: &mut Primitives) -> Result<Option<KubernetesObject>, Problem> {
    let settings = primitives.take_family("k8s.peer.");
    if settings.iter().all(Setting::is_missing) {
        return Ok(None);
    }
    let mut peer = KubernetesObject { kind: "Pod".to_owned(), ..KubernetesObject::default() };
    for setting in &settings {
        match setting.field.strip_prefix("k8s.peer.").unwrap_or_default() {
            "kind" => peer.kind = text(setting)?,
            "ns" => peer.namespace = text(setting)?,
            what => set(&mut peer, what, setting)?,
        }
    }
    Ok(Some(peer))
}

fn object<'a>(
    context: &'a mut KubernetesContext,
    whose: &str,
    setting: &Setting,
) -> Result<&'a mut KubernetesObject, Problem> {
    Ok(match whose {
        "pod" => context.pod.get_or_insert_default(),
        "ns" => context.namespace.get_or_insert_default(),
        "deployment" => context.deployment.get_or_insert_default(),
        "rs" => context.replica_set.get_or_insert_default(),
        "rc" => context.replication_controller.get_or_insert_default(),
        "svc" => {
            // One is enough to say what rules ask.
            if context.services.is_empty() {
                context.services.push(KubernetesObject::default());
            }
            context.services.first_mut().ok_or_else(|| unsettable(setting))?
        }
        _ => return Err(unsettable(setting)),
    })
}

fn set(object: &mut KubernetesObject, what: &str, setting: &Setting) -> Result<(), Problem> {
    match labels::parted(what) {
        ("name", _) => object.name = text(setting)?,
        ("uid", _) => {
            object.key = Some(KubernetesKey { object_uid: text(setting)?, ..KubernetesKey::default() });
        }
        ("ip", _) => object.ips = if setting.is_missing() { Vec::new() } else { vec![setting.text()?] },
        ("label", argument) => labels::set_one(&mut object.labels, argument, setting)?,
        ("labels", _) => object.labels = labels::all(setting)?,
        _ => return Err(unsettable(setting)),
    }
    Ok(())
}

/// Of lists of one, the one.
fn text(setting: &Setting) -> Result<String, Problem> {
    let bytes = if setting.is_missing() { Vec::new() } else { setting.bytes()? };
    String::from_utf8(bytes).map_err(|_| setting.misfit("a text"))
}

fn unsettable(setting: &Setting) -> Problem {
    setting.problem(format!("{} cannot be set by a case", setting.field))
}
