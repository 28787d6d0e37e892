//! `user.*` and `group.*`: who acts.

use eyrie_proto::event::{Credentials, Group, User};
use host_model::ContainerId;
use rule_language::FieldType::{CharBuf, Int64, Uint32};

use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

/// What Falco says for a name that it cannot find. It is a value and not a missing one: `user.name != root` holds.
const NO_NAME: &str = "<NA>";
/// The login uid of those who never logged in.
const NO_LOGIN: u32 = u32::MAX;
/// The name of user 0 and group 0.
const ROOT: &[u8] = b"root";

macro_rules! field {
    ($class:expr, $name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new($class, $name, $type, Scope::Process, $extract, $description)
    };
}

#[rustfmt::skip]
pub(crate) const USER: &[Declaration] = &[
    field!(classes::USER, "user.uid", Uint32, "the effective user id", |view, _| from(view, |who| Value::Uint(who.effective_uid.into()))),
    field!(classes::USER, "user.name", CharBuf, "the name of the effective user, <NA> if it cannot be known", |view, _| user_name(view, |who| who.effective_uid)),
    field!(classes::USER, "user.homedir", CharBuf, "the home directory of the effective user", |view, _| user_text(view, |user| &user.home)),
    field!(classes::USER, "user.shell", CharBuf, "the login shell of the effective user", |view, _| user_text(view, |user| &user.shell)),
    field!(classes::USER, "user.loginuid", Int64, "the user id of who logged in, -1 if no one did", |view, _| from(view, |who| Value::Int(login_uid(who)))),
    field!(classes::USER, "user.loginname", CharBuf, "the name of who logged in, <NA> if no one did", |view, _| user_name(view, |who| who.login_uid)),
];

#[rustfmt::skip]
pub(crate) const GROUP: &[Declaration] = &[
    field!(classes::GROUP, "group.gid", Uint32, "the effective group id", |view, _| from(view, |who| Value::Uint(who.effective_gid.into()))),
    field!(classes::GROUP, "group.name", CharBuf, "the name of the effective group, <NA> if it cannot be known", |view, _| group_name(view)),
];

/// Who acts: as the event itself says, or else as the process was last seen.
pub(crate) fn credentials<'a>(view: &EventView<'a>) -> Option<&'a Credentials> {
    let of_task = view.task().and_then(|task| task.credentials.as_ref());
    of_task.or_else(|| view.process().map(|process| process.credentials()))
}

fn from<'a>(view: &EventView<'a>, get: fn(&Credentials) -> Value<'a>) -> Extracted<'a> {
    Extracted::from_option(credentials(view).map(get))
}

fn login_uid(who: &Credentials) -> i64 {
    if who.login_uid == NO_LOGIN { -1 } else { who.login_uid.into() }
}

/// Whose passwd and group count: the container's own where the process is in one, empty for the host's. Who may be in a
/// container, for all that has been told, gets no name of the host's.
fn place<'a>(view: &EventView<'a>) -> Option<&'a str> {
    match view.container_id() {
        ContainerId::Container(id) => Some(id),
        ContainerId::Host => Some(""),
        // An agent that tells of no control group knows of no containers.
        ContainerId::Unknown => (!view.host.has_cgroups()).then_some(""),
    }
}

fn user<'a>(view: &EventView<'a>, uid: u32) -> Option<&'a User> {
    view.host.container_user(place(view)?, uid)
}

fn group<'a>(view: &EventView<'a>, gid: u32) -> Option<&'a Group> {
    view.host.container_group(place(view)?, gid)
}

fn user_text<'a>(view: &EventView<'a>, get: for<'u> fn(&'u User) -> &'u [u8]) -> Extracted<'a> {
    let Some(who) = credentials(view) else { return Extracted::Absent };
    Extracted::bytes(user(view, who.effective_uid).map_or(NO_NAME.as_bytes(), get))
}

fn user_name<'a>(view: &EventView<'a>, uid: fn(&Credentials) -> u32) -> Extracted<'a> {
    credentials(view).map_or(Extracted::Absent, |who| Extracted::bytes(name_of(view, uid(who))))
}

fn group_name<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(who) = credentials(view) else { return Extracted::Absent };
    Extracted::bytes(name_of_group(view, who.effective_gid))
}

/// The name of a group id, found as that of a user id is.
pub(crate) fn name_of_group<'a>(view: &EventView<'a>, gid: u32) -> &'a [u8] {
    match group(view, gid) {
        Some(group) => &group.name,
        None if gid == 0 => ROOT,
        None => NO_NAME.as_bytes(),
    }
}

/// The name of a user id. Root is root everywhere, even where no passwd can be read.
pub(crate) fn name_of<'a>(view: &EventView<'a>, uid: u32) -> &'a [u8] {
    match user(view, uid) {
        Some(user) => &user.name,
        None if uid == 0 => ROOT,
        None => NO_NAME.as_bytes(),
    }
}
