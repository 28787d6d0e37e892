//! `fdlist.*` and `util.*`: declared whole, with no extraction yet.

use rule_language::FieldType::{CharBuf, Uint64};

use crate::{
    classes,
    declaration::{Declaration, Scope},
};

macro_rules! of_all {
    ($name:literal, $description:literal) => {
        Declaration::without_data(classes::FDLIST, $name, CharBuf, Scope::Event, $description)
    };
}

pub(crate) const FDLIST: &[Declaration] = &[
    of_all!("fdlist.nums", "the numbers of the descriptors, with commas between"),
    of_all!("fdlist.names", "what fd.name is of each descriptor, with commas between"),
    of_all!("fdlist.cips", "what fd.cip is of each descriptor, with commas between"),
    of_all!("fdlist.sips", "what fd.sip is of each descriptor, with commas between"),
    of_all!("fdlist.cports", "what fd.cport is of each descriptor, with commas between"),
    of_all!("fdlist.sports", "what fd.sport is of each descriptor, with commas between"),
];

pub(crate) const UTIL: &[Declaration] = &[Declaration::without_data(
    classes::UTIL,
    "util.cnt",
    Uint64,
    Scope::Event,
    "how often the field has been asked for",
)
.unlisted()];
