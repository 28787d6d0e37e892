//! `cloud.*`: the instance that the host of an event runs on.
//!
//! The agent asks its cloud once it has started. Until that is answered these fields are unknown, also if it is known by now that there will be no
//! answer; of a host that runs in no cloud they are absent.

use eyrie_proto::metadata::{CloudInstance, Completeness, Host};
use rule_language::{ArgumentKind::Key, FieldType::CharBuf};

use crate::{
    classes,
    container::{bytes, labels},
    declaration::{Declaration, Scope},
    machine::told,
    value::{Extracted, Value},
    view::EventView,
};

macro_rules! field {
    ($name:literal, $description:literal, |$cloud:ident, $argument:pat_param| $value:expr) => {
        Declaration::new(
            classes::CLOUD,
            $name,
            CharBuf,
            Scope::Host,
            |view, $argument| of_instance(view, |$cloud| $value),
            $description,
        )
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("cloud.provider", "the cloud: aws, gcp, azure, openstack", |cloud, _| bytes(&cloud.provider)),
    field!("cloud.account", "whose instance it is: AWS's account, GCP's and OpenStack's project, Azure's subscription", |cloud, _| bytes(&cloud.account)),
    field!("cloud.region", "the region of the instance", |cloud, _| bytes(&cloud.region)),
    field!("cloud.zone", "the zone of the instance", |cloud, _| bytes(&cloud.zone)),
    field!("cloud.instance.id", "the instance's id", |cloud, _| bytes(&cloud.instance_id)),
    field!("cloud.instance.type", "the instance's type or size: m5.large, e2-medium", |cloud, _| bytes(&cloud.instance_type)),
    field!("cloud.image.id", "the image that the instance was started from", |cloud, _| bytes(&cloud.image_id)),
    field!("cloud.tag", "the instance's tag of that name", |cloud, argument| labels::one(&cloud.tags, argument)).required(Key),
    field!("cloud.tags", "the instance's tags as name:value with commas between", |cloud, _| labels::all(&cloud.tags)),
];

fn of_instance<'a>(
    view: &EventView<'a>,
    get: impl FnOnce(&'a CloudInstance) -> Option<Value<'a>>,
) -> Extracted<'a> {
    match told(view, |host| get(host.cloud.as_ref()?)) {
        Extracted::Absent if view.machine.host.is_some_and(is_silent) => Extracted::Unknown,
        extracted => extracted,
    }
}

/// The host has a cloud, which did not answer.
fn is_silent(host: &Host) -> bool {
    host.cloud.is_none() && host.completeness() == Completeness::FinalPartial
}
