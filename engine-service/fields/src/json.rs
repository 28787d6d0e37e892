//! `json.*`, and `jevt.*` as they were called once: parts of a JSON payload.
//!
//! None is extracted yet: they come with the first source whose events are such documents.

use rule_language::{ArgumentKind::Key, FieldType::CharBuf};

use crate::{
    classes,
    declaration::{Declaration, Scope},
};

macro_rules! field {
    ($name:literal, $description:literal) => {
        Declaration::without_data(classes::JSON, $name, CharBuf, Scope::Event, $description)
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
