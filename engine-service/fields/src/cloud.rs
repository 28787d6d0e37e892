//! `cloud.*`: the instance that the host of an event runs on.
//!
//! The agent asks its cloud once it has started. Until that is answered, or known to stay without an answer, these fields are
//! unknown; of a host that runs in no cloud they are absent.

use eyrie_proto::metadata::CloudInstance;
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
    told(view, |host| get(host.cloud.as_ref()?))
}
