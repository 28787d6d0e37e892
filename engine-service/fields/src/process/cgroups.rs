//! `thread.cgroups`: where the process is among the control groups.
//!
//! One hierarchy is told, the one that runtimes tell containers apart by: the default one, or on old hosts the one of a
//! controller. In the others the runtimes give a container the same path.

use eyrie_proto::event::CgroupFact;

use crate::{
    argument::Argument,
    container::without_fact,
    value::{Extracted, Value},
    view::EventView,
};

/// The controllers that Falco's drivers tell of (`cgroups` of its clone and execve).
const CONTROLLERS: [&str; 5] = ["cpuset", "cpu", "cpuacct", "io", "memory"];

/// `controller=path` of each.
pub(super) fn all<'a>(view: &EventView<'a>) -> Extracted<'a> {
    of_fact(view, |fact| Some(Value::bytes(text(fact))))
}

/// All of a control group in one text.
pub(crate) fn text(fact: &CgroupFact) -> Vec<u8> {
    CONTROLLERS.map(|controller| [controller.as_bytes(), b"=", &fact.path].concat()).join(&b' ')
}

/// The path under the controller that the argument names.
pub(super) fn one<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let is_told = matches!(argument, Argument::Key(name) if CONTROLLERS.contains(&name.as_str()));
    of_fact(view, |fact| is_told.then(|| Value::bytes(&*fact.path)))
}

fn of_fact<'a>(view: &EventView<'a>, get: impl FnOnce(&'a CgroupFact) -> Option<Value<'a>>) -> Extracted<'a> {
    match view.process().and_then(|process| view.host.cgroup(process)) {
        Some(fact) => Extracted::from_option(Some(fact).filter(|fact| !fact.path.is_empty()).and_then(get)),
        None => without_fact(view),
    }
}
