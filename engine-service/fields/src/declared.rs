//! `fs.path.*`, `fdlist.*` and `util.*`: declared whole, with no extraction yet.

use rule_language::FieldType::{CharBuf, Uint64};

use crate::{
    classes,
    declaration::{Declaration, Scope},
};

macro_rules! path {
    ($name:literal, $description:literal) => {
        Declaration::without_data(classes::FS_PATH, $name, CharBuf, Scope::Event, $description)
    };
}

macro_rules! of_all {
    ($name:literal, $description:literal) => {
        Declaration::without_data(classes::FDLIST, $name, CharBuf, Scope::Event, $description)
    };
}

pub(crate) const FS_PATH: &[Declaration] = &[
    path!(
        "fs.path.name",
        "the path that the call works on, made absolute; of calls with two paths the second"
    ),
    path!("fs.path.nameraw", "as fs.path.name, but as the program gave it"),
    path!("fs.path.source", "of calls with two paths, as rename, the first, made absolute"),
    path!("fs.path.sourceraw", "as fs.path.source, but as the program gave it"),
    path!("fs.path.target", "of calls with two paths, as rename, the second, made absolute"),
    path!("fs.path.targetraw", "as fs.path.target, but as the program gave it"),
];

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
