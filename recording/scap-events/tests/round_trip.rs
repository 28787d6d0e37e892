//! Streams through `.scap` and back: what rules see of each event is what they saw.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::collections::BTreeSet;

use eyrie_proto::recording::recording_entry::Kind;
use scap::{Compression, Reader, Writer};
use scap_events::{
    export::{Export, ExportOptions},
    import::{Import, ImportOptions},
};

#[path = "round_trip/samples.rs"]
mod samples;
#[path = "round_trip/shown.rs"]
mod shown;

use self::shown::{Shown, shown};

fn through_scap(kinds: &[Kind], options: ExportOptions) -> Vec<Kind> {
    let mut export = Export::new(Writer::new(Vec::new(), Compression::Gzip).unwrap(), options);
    kinds.iter().for_each(|kind| export.write(kind).unwrap());
    let file = export.finish().unwrap();
    let mut import = Import::new(Reader::new(&*file).unwrap(), ImportOptions::default());
    std::iter::from_fn(|| import.next().unwrap()).collect()
}

/// Scenario: a stream with every message, written with its own pieces. Guarantees: reading gives the very pieces.
#[test]
fn with_its_pieces_a_stream_comes_back_as_it_was() {
    let stream = samples::stream();
    assert_eq!(through_scap(&stream, ExportOptions::default()), stream);
}

/// Scenario: the same without its pieces, as other tools see it. Guarantees: the same events, and the same fields of each but for those
/// that docs/falco-compatibility.md lists under "Through .scap"; and all of these do differ.
#[test]
fn without_its_pieces_the_listed_fields_differ() {
    let stream = samples::stream();
    let plain = ExportOptions { carries_entries: false, ..ExportOptions::default() };
    let (before, after) = (shown(&stream), shown(&through_scap(&stream, plain)));
    let types = |shown: &[Shown]| shown.iter().map(|event| event["evt.type"].clone()).collect::<Vec<_>>();
    assert_eq!(types(&before), types(&after));
    let mut unlisted = Vec::new();
    let listed = listed();
    let mut found = BTreeSet::new();
    for (before, after) in before.iter().zip(&after) {
        let event = &before["evt.type"];
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
            let place = [event.as_str(), ANY].map(|event| (name.clone(), event.to_owned()));
            match place.into_iter().find(|place| listed.contains(place)) {
                Some(place) => drop(found.insert(place)),
                None => {
                    unlisted.push(format!("{event} {name}: {:?} {:?}", before.get(name), after.get(name)))
                }
            }
        }
    }
    assert_eq!(unlisted, Vec::<String>::new(), "not listed in docs/falco-compatibility.md");
    assert_eq!(
        listed.difference(&found).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "listed, and no difference"
    );
}

/// What stands for all events in the list.
const ANY: &str = "any";

/// Fields and events of the list in docs/falco-compatibility.md: the words in the first two columns of its rows.
fn listed() -> BTreeSet<(String, String)> {
    let page = include_str!("../../../docs/falco-compatibility.md");
    let (_, section) = page.split_once("\n## Through .scap\n").unwrap();
    // A heading of the next lower level begins what only a live host shows.
    let rows =
        section.lines().take_while(|line| !line.starts_with("##")).filter(|line| line.starts_with("| `"));
    let words =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut listed = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').collect();
        let events = if cells[2].trim() == ANY { vec![ANY.to_owned()] } else { words(cells[2]) };
        for field in words(cells[1]) {
            listed.extend(events.iter().map(|event| (field.clone(), event.clone())));
        }
    }
    listed
}
