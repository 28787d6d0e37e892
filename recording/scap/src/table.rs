//! The events that exist: code, name, parameters with their types. From falcosecurity/libs' event table, as facts.
//!
//! `table/events.tsv` has one line for each `ppm_event_code`, `table/system_calls.tsv` one for each `ppm_sc_code`; their
//! first lines say what the columns are. Both are read once, at the first question.

use std::{collections::HashMap, sync::OnceLock};

mod parse;
mod types;

pub use self::types::{Dynamic, ParameterType};

/// An event code's meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct EventType {
    /// `ppm_event_code`.
    pub code: u16,
    /// As libs calls it, without its prefix `PPME_`: `SYSCALL_OPENAT_2_X`.
    pub name: &'static str,
    /// As rules name it (`evt.type`): `openat`.
    pub event_type: &'static str,
    /// The beginning of a call; otherwise its end, or what is no call.
    pub is_enter: bool,
    /// A newer code of the same event type replaces it.
    pub is_old_version: bool,
    /// The lengths of its parameters take four bytes instead of two.
    pub has_large_lengths: bool,
    /// In their order. A file may have fewer, by age.
    pub parameters: Vec<Parameter>,
    /// How many of `parameters` the widespread schema 0.5.1 has.
    pub established_parameters: usize,
}

/// A parameter of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// As rules name it in `evt.arg.NAME`.
    pub name: &'static str,
    /// What its bytes are.
    pub parameter_type: ParameterType,
}

struct Tables {
    /// By code; `None` of codes that nobody writes.
    events: Vec<Option<EventType>>,
    /// By event type, the code of its newest exit.
    exits: HashMap<&'static str, u16>,
    /// By code.
    system_calls: Vec<&'static str>,
    system_call_codes: HashMap<&'static str, u16>,
}

/// The event with this code; `None` if there is none that is known.
pub fn event_type(code: u16) -> Option<&'static EventType> {
    tables().events.get(usize::from(code))?.as_ref()
}

/// Every event that is known, by code.
pub fn event_types() -> impl Iterator<Item = &'static EventType> {
    tables().events.iter().flatten()
}

/// The newest exit event (or what is no call) of an event type: `open` is 3, `execve` is 293, `procexit` is 186.
pub fn exit_event(event_type: &str) -> Option<&'static EventType> {
    self::event_type(*tables().exits.get(event_type)?)
}

/// The name of a call by its `ppm_sc_code`, in lower case: what GENERIC events name calls by.
pub fn system_call_name(code: u16) -> Option<&'static str> {
    tables().system_calls.get(usize::from(code)).copied().filter(|name| !name.is_empty())
}

/// The `ppm_sc_code` of a call.
pub fn system_call_code(name: &str) -> Option<u16> {
    tables().system_call_codes.get(name).copied()
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let events = parse::events(include_str!("table/events.tsv"));
        let system_calls = parse::system_calls(include_str!("table/system_calls.tsv"));
        let system_call_codes = system_calls
            .iter()
            .zip(0..)
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, code)| (*name, code));
        Tables { exits: exits(&events), system_call_codes: system_call_codes.collect(), events, system_calls }
    })
}

/// The highest code that is no old version and no enter wins: versions of an event get ever higher codes.
fn exits(events: &[Option<EventType>]) -> HashMap<&'static str, u16> {
    let newest = events.iter().flatten().filter(|event| !event.is_enter && !event.is_old_version);
    newest.map(|event| (event.event_type, event.code)).collect()
}

// === impl EventType ===

impl EventType {
    /// Where the parameter with this name is, and what its bytes are.
    pub fn parameter(&self, name: &str) -> Option<(usize, ParameterType)> {
        let index = self.parameters.iter().position(|parameter| parameter.name == name)?;
        Some((index, self.parameters.get(index)?.parameter_type))
    }
}

#[cfg(test)]
mod tests;
