//! `json.*`, and `jevt.*` as they were called once: parts of a JSON payload.
//!
//! No event has any: they come with the first source whose events are such documents.

use rule_language::{ArgumentKind::Key, FieldType::CharBuf};

use crate::{classes, declaration::Declaration};

const NO_PAYLOAD: &str = "system calls have no JSON payload, and no other source is there yet";

macro_rules! field {
    ($name:literal, $description:literal) => {
        Declaration::absent(classes::JSON, $name, CharBuf, NO_PAYLOAD, $description)
    };
}

pub(crate) const FIELDS: &[Declaration] = &[
    field!("json.value", "the value that a JSON pointer (RFC 6901) leads to, as in json.value[/user/name]")
        .required(Key),
    field!("json.obj", "the whole document, indented"),
    field!("json.rawtime", "the same as evt.rawtime, as text"),
    field!("jevt.value", "the same as json.value, by its older name").required(Key),
    field!("jevt.obj", "the same as json.obj, by its older name"),
    field!("jevt.rawtime", "the same as json.rawtime, by its older name"),
];
