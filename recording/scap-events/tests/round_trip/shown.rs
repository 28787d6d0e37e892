//! What rules see of each event of a stream.

use std::collections::BTreeMap;

use eyrie_proto::{
    event::{Event, event},
    recording::recording_entry::Kind,
};
use fields::{
    Architecture, ContainerView, EventView, Extracted, FieldExtractor, FieldSettings, HostView, PathNames,
    PeerView, Value, catalogue, event_type,
};
use host_model::HostModel;
use rule_language::{Catalogue as _, condition::FieldRef};

/// The fields that have a value, by name.
pub(crate) type Shown = BTreeMap<String, String>;

/// Every event of the host that rules see, with all its fields. Those of other sources have no place in such a file.
pub(crate) fn shown(kinds: &[Kind]) -> Vec<Shown> {
    let extractors = extractors();
    let (mut host, mut offset, mut sequence) = (HostModel::default(), 0, 0);
    let mut shown = Vec::new();
    for kind in kinds {
        match kind {
            Kind::Header(header) => {
                let clock = header.clock.unwrap();
                offset = clock.epoch_ns.cast_signed() - clock.boot_ns.cast_signed();
            }
            Kind::BaseState(part) => host.restore(part.processes.clone(), part.facts.clone()),
            Kind::Batch(recorded) => {
                let batch = recorded.batch.as_ref().unwrap();
                let clock = batch.clock.or_else(|| header_clock(kinds)).unwrap();
                offset = clock.epoch_ns.cast_signed() - clock.boot_ns.cast_signed();
                for event in &batch.events {
                    sequence += 1;
                    host.apply(event);
                    if is_seen(event) {
                        shown.push(fields_of(&extractors, &view(event, &host, offset, sequence)));
                    }
                }
            }
            _ => {}
        }
    }
    assert_ne!(offset, 0);
    shown
}

fn is_seen(event: &Event) -> bool {
    let is_call = !matches!(event.kind, Some(event::Kind::SourceEvent(_)));
    is_call && !event.is_filter_marked && event_type(event, Architecture::X86_64).is_some()
}

fn header_clock(kinds: &[Kind]) -> Option<eyrie_proto::capture::ClockReading> {
    kinds.iter().find_map(|kind| match kind {
        Kind::Header(header) => header.clock,
        _ => None,
    })
}

fn extractors() -> Vec<(&'static str, FieldExtractor)> {
    let extractor = |name: &'static str| {
        let id = catalogue().field(name).unwrap();
        let info = catalogue().info(id);
        let field = FieldRef {
            id,
            name: name.to_owned(),
            argument: None,
            is_dotted: false,
            field_type: info.field_type,
            is_list: info.is_list,
        };
        // Fields that want an argument are others' with one: `evt.args` has them all.
        FieldExtractor::new(catalogue(), &field).ok().map(|extractor| (name, extractor))
    };
    catalogue().fields().iter().filter_map(|info| extractor(info.name)).collect()
}

fn view<'a>(event: &'a Event, host: &'a HostModel, epoch_offset_ns: i64, sequence: u64) -> EventView<'a> {
    EventView {
        event,
        host,
        sequence,
        epoch_offset_ns,
        hostname: "web-1",
        architecture: Architecture::X86_64,
        source: "syscall",
        container: ContainerView::NotAsked,
        machine: HostView::default(),
        peer: PeerView::Absent,
        settings: FieldSettings::unset(),
        paths: PathNames::AskedFor,
    }
}

fn fields_of(extractors: &[(&'static str, FieldExtractor)], view: &EventView<'_>) -> Shown {
    let shown = extractors.iter().filter_map(|(name, extractor)| match extractor.extract(view) {
        Extracted::Value(value) => Some(((*name).to_owned(), text(&value))),
        Extracted::Absent | Extracted::Unknown => None,
    });
    shown.collect()
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Time { text, .. } => text.clone(),
        Value::List(values) | Value::AnyOf(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::EitherEnd(ends) => ends.iter().map(text).collect::<Vec<_>>().join("|"),
        other => format!("{other:?}"),
    }
}
