//! What agents tell of hosts and of the clouds that they are in, as cases say it.

use eyrie_proto::{
    event::{HostBoot, Origin, origin},
    metadata::{CloudInstance, Host},
};
use fields::HostView;

use super::{labels, primitives::Primitives};
use crate::given::{Problem, Setting};

/// The host of a case. Of one of which nothing is said nothing is known.
#[derive(Debug, Default)]
pub(super) struct Machine {
    host: Host,
    boot: HostBoot,
    origin: Origin,
}

// === impl Machine ===

impl Machine {
    /// Takes what an event says of it, which holds from then on.
    pub(super) fn take(&mut self, primitives: &mut Primitives) -> Result<(), Problem> {
        for setting in primitives.take_family("host.") {
            self.set(&setting)?;
            self.origin.kind = Some(origin::Kind::Host(self.boot.clone()));
        }
        for setting in primitives.take_family("cloud.") {
            set_cloud(self.host.cloud.get_or_insert_default(), &setting)?;
        }
        Ok(())
    }

    pub(super) fn view(&self) -> HostView<'_> {
        HostView { origin: Some(&self.origin), host: Some(&self.host), is_open: false }
    }

    fn set(&mut self, setting: &Setting) -> Result<(), Problem> {
        let host = &mut self.host;
        let (name, argument) = labels::parted(&setting.field);
        match name {
            "host.name" => host.hostname = text(setting)?,
            "host.kernel" => host.kernel_release = text(setting)?,
            "host.os" => host.operating_system = text(setting)?,
            "host.arch" => host.architecture = text(setting)?,
            "host.label" => labels::set_one(&mut host.labels, argument, setting)?,
            "host.labels" => host.labels = labels::all(setting)?,
            "host.tenant" => self.origin.tenant = text(setting)?,
            "host.id" => self.boot.machine_id = text(setting)?,
            "host.boot_id" => self.boot.boot_id = text(setting)?,
            _ => return Err(unsettable(setting)),
        }
        Ok(())
    }
}

fn set_cloud(cloud: &mut CloudInstance, setting: &Setting) -> Result<(), Problem> {
    let (name, argument) = labels::parted(&setting.field);
    match name {
        "cloud.provider" => cloud.provider = text(setting)?,
        "cloud.account" => cloud.account = text(setting)?,
        "cloud.region" => cloud.region = text(setting)?,
        "cloud.zone" => cloud.zone = text(setting)?,
        "cloud.instance.id" => cloud.instance_id = text(setting)?,
        "cloud.instance.type" => cloud.instance_type = text(setting)?,
        "cloud.image.id" => cloud.image_id = text(setting)?,
        "cloud.tag" => labels::set_one(&mut cloud.tags, argument, setting)?,
        "cloud.tags" => cloud.tags = labels::all(setting)?,
        _ => return Err(unsettable(setting)),
    }
    Ok(())
}

fn text(setting: &Setting) -> Result<String, Problem> {
    if setting.is_missing() { Ok(String::new()) } else { setting.text() }
}

fn unsettable(setting: &Setting) -> Problem {
    setting.problem(format!("{} cannot be set by a case", setting.field))
}
