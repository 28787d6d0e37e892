//! Reading the tables that are compiled in. Their shape is a matter of this crate's tests, so a line that is not of the
//! shape is passed over here.

use super::{EventType, Parameter, ParameterType};

/// Each event at the index of its code; `None` of codes that exist but that nobody writes.
pub(super) fn events(table: &'static str) -> Vec<Option<EventType>> {
    let mut events = Vec::new();
    for event in lines(table).filter_map(event) {
        let index = usize::from(event.code);
        events.resize_with(events.len().max(index + 1), || None);
        if let Some(place) = events.get_mut(index) {
            *place = Some(event);
        }
    }
    events
}

/// Each call's name at the index of its code; empty where a code has none.
pub(super) fn system_calls(table: &'static str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (code, name) in lines(table).filter_map(|line| line.split_once('\t')) {
        let Ok(code) = code.parse::<u16>() else { continue };
        let index = usize::from(code);
        names.resize(names.len().max(index + 1), "");
        if let Some(place) = names.get_mut(index) {
            *place = name;
        }
    }
    names
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// `None` also of codes that nobody writes.
fn event(line: &'static str) -> Option<EventType> {
    let mut columns = line.split('\t');
    let code: u16 = columns.next()?.parse().ok()?;
    let (name, event_type, marks) = (columns.next()?, columns.next()?, columns.next()?);
    let mut parameters = parameters(columns.next()?)?;
    let established_parameters = parameters.len();
    parameters.extend(self::parameters(columns.next()?)?);
    (!marks.contains('K')).then_some(EventType {
        code,
        name,
        event_type,
        // What is no call has even codes, too.
        is_enter: code.is_multiple_of(2) && !marks.contains(['M', 'T']),
        is_old_version: marks.contains('O'),
        has_large_lengths: marks.contains('L'),
        parameters,
        established_parameters,
    })
}

/// `NAME:TYPE` each; `NAME-` is not in the enter event, which is for those who complete old exits from enters by name.
fn parameters(column: &'static str) -> Option<Vec<Parameter>> {
    let parameters = column.split(' ').filter(|parameter| *parameter != ".");
    parameters
        .map(|parameter| {
            let (name, type_name) = parameter.split_once(':')?;
            let name = name.trim_end_matches('-');
            Some(Parameter { name, parameter_type: ParameterType::of(type_name, name)? })
        })
        .collect()
}
