//! `fdlist.*` and `util.*`: what no event has values of, with the reasons.

use rule_language::FieldType::{CharBuf, Uint64};

use crate::{classes, declaration::Declaration};

macro_rules! of_all {
    ($name:literal, $description:literal) => {
        Declaration::absent(classes::FDLIST, $name, CharBuf, NO_LIST, $description)
    };
}

/// They lie in the memory of the program, which may change them while it waits, and each would have to be described.
const NO_LIST: &str = "the descriptors that poll and ppoll are given are not captured";
/// An engine that takes over, or evaluates again, would count anew.
const NO_COUNTER: &str = "it would count evaluations and say nothing of the event";

pub(crate) const FDLIST: &[Declaration] = &[
    of_all!("fdlist.nums", "the numbers of the descriptors, with commas between"),
    of_all!("fdlist.names", "what fd.name is of each descriptor, with commas between"),
    of_all!("fdlist.cips", "what fd.cip is of each descriptor, with commas between"),
    of_all!("fdlist.sips", "what fd.sip is of each descriptor, with commas between"),
    of_all!("fdlist.cports", "what fd.cport is of each descriptor, with commas between"),
    of_all!("fdlist.sports", "what fd.sport is of each descriptor, with commas between"),
];

pub(crate) const UTIL: &[Declaration] = &[Declaration::absent(
    classes::UTIL,
    "util.cnt",
    Uint64,
    NO_COUNTER,
    "how often the field has been asked for",
)
.unlisted()];
