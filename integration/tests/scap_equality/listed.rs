//! What `docs/falco-compatibility.md` says is different through a `.scap` file without Eyrie's own pieces, and what is.

use std::collections::BTreeSet;

use crate::Fields;

/// A field, and the event that it differs at; `any` stands for all events.
pub(crate) type Difference = (String, String);

/// What is behind the events of a row that hangs on chance or on the machine: its fields may differ, and need not.
const AT_TIMES: &str = " at times";

/// Where those of a live host begin; the ones before are held by the test of the exporter, whose events have more of their kinds.
const LIVE: &str = "\n### On a live host besides\n";

/// Those of the page: for any stream, on a live host always, and there at times.
fn listed() -> [BTreeSet<Difference>; 3] {
    let page = include_str!("../../../docs/falco-compatibility.md");
    let (_, section) = page.split_once("\n## Through .scap\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (any, live) = section.split_once(LIVE).unwrap();
    [rows(any, false), rows(live, false), rows(live, true)]
}

/// The rows that hold always, or those that hold at times.
fn rows(section: &str, at_times: bool) -> BTreeSet<Difference> {
    let words =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut listed = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').collect();
        let events = cells[2].trim_end();
        if events.ends_with(AT_TIMES) != at_times {
            continue;
        }
        let events = if events.starts_with(" any") { vec!["any".to_owned()] } else { words(events) };
        for field in words(cells[1]) {
            listed.extend(events.iter().map(|event| (field.clone(), event.clone())));
        }
    }
    listed
}

/// What differs and is not listed, with an example of each.
pub(crate) fn unlisted(before: &[Fields], after: &[Fields]) -> Vec<String> {
    let listed = listed();
    let has = |name: &str, event: &str| {
        let difference = (name.to_owned(), event.to_owned());
        listed.iter().any(|listed| listed.contains(&difference))
    };
    let mut seen = BTreeSet::new();
    let mut unlisted = Vec::new();
    for (name, event, before, after) in differences(before, after) {
        let is_listed = has(&name, &event) || has(&name, "any");
        if !is_listed && seen.insert((name.clone(), event.clone())) {
            unlisted.push(format!("{event} {name}: {before} {after}"));
        }
    }
    unlisted
}

/// What is listed of live hosts as always different and is everywhere the same.
pub(crate) fn without_difference(before: &[Fields], after: &[Fields]) -> Vec<Difference> {
    let [_, mut listed, _] = listed();
    for (name, event, ..) in differences(before, after) {
        listed.remove(&(name.clone(), event));
        listed.remove(&(name, "any".to_owned()));
    }
    listed.into_iter().collect()
}

fn differences<'a>(
    before: &'a [Fields],
    after: &'a [Fields],
) -> impl Iterator<Item = (String, String, String, String)> + 'a {
    before.iter().zip(after).flat_map(|(before, after)| {
        let event = before["evt.type"].as_str().unwrap().to_owned();
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
        let show = |fields: &Fields, name: &str| fields.get(name).map_or("-".to_owned(), ToString::to_string);
        differing.map(move |name| (name.clone(), event.clone(), show(before, name), show(after, name)))
    })
}
