//! `proc.stdin.*`, `proc.stdout.*`, `proc.stderr.*`: what the standard streams are.

use eyrie_proto::event::StandardStream;
use rule_language::FieldType::CharBuf;

use super::{field, of_self};
use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("proc.stdin.type", CharBuf, "the kind of standard input, as in fd.type", |view, _| stream(view, 0, |stream| stream.r#type.as_bytes())),
    field!("proc.stdin.name", CharBuf, "the name of standard input, as in fd.name", |view, _| stream(view, 0, |stream| &stream.name)),
    field!("proc.stdout.type", CharBuf, "the kind of standard output, as in fd.type", |view, _| stream(view, 1, |stream| stream.r#type.as_bytes())),
    field!("proc.stdout.name", CharBuf, "the name of standard output, as in fd.name", |view, _| stream(view, 1, |stream| &stream.name)),
    field!("proc.stderr.type", CharBuf, "the kind of standard error, as in fd.type", |view, _| stream(view, 2, |stream| stream.r#type.as_bytes())),
    field!("proc.stderr.name", CharBuf, "the name of standard error, as in fd.name", |view, _| stream(view, 2, |stream| &stream.name)),
];

fn stream<'a>(
    view: &EventView<'a>,
    fd: u32,
    get: for<'s> fn(&'s StandardStream) -> &'s [u8],
) -> Extracted<'a> {
    of_self(view, |process| {
        let stream = process.standard_streams().iter().find(|stream| stream.fd == fd)?;
        Some(Value::bytes(get(stream)))
    })
}
