//! What rules see of captures: fields, by the model that evaluation uses.

use eyrie_proto::event::{Event, event::Kind};
use fields::{
    Architecture, ContainerView, EventView, FieldExtractor, FieldSettings, HostView, PathNames, PeerView,
    Value, catalogue,
};
use host_model::HostModel;
use rule_language::{Catalogue as _, condition::FieldRef};
use test_requirements::{Requirement, data_dir, requires};

use crate::stream::Stream;

/// The values of fields at each event that `is_wanted`; a dash where there is none.
fn values(stream: &Stream, names: &[&str], is_wanted: impl Fn(&Event) -> bool) -> Vec<String> {
    let mut host = HostModel::default();
    let facts = stream
        .base_facts
        .iter()
        .map(|fact| Event { kind: Some(Kind::Fact(fact.clone())), ..Event::default() });
    host.restore(stream.processes.iter().cloned(), facts);
    let clock = stream.headers[0].clock.unwrap();
    let mut values = Vec::new();
    for event in &stream.events {
        host.apply(event);
        if is_wanted(event) {
            let view = EventView {
                event,
                host: &host,
                sequence: 1,
                epoch_offset_ns: clock.epoch_ns.cast_signed() - clock.boot_ns.cast_signed(),
                hostname: "",
                architecture: Architecture::X86_64,
                source: "syscall",
                container: ContainerView::default(),
                machine: HostView::default(),
                peer: PeerView::default(),
                settings: FieldSettings::unset(),
                paths: PathNames::default(),
            };
            values.push(names.iter().map(|name| value(name, &view)).collect::<Vec<_>>().join(" "));
        }
    }
    values
}

fn value(name: &str, view: &EventView<'_>) -> String {
    let (written, argument) =
        name.split_once('[').map_or((name, None), |(name, argument)| (name, argument.strip_suffix(']')));
    let id = catalogue().field(written).unwrap();
    let field = FieldRef {
        id,
        name: written.to_owned(),
        argument: argument.map(str::to_owned),
        is_dotted: false,
        is_list: false,
        field_type: catalogue().info(id).field_type,
    };
    match FieldExtractor::new(catalogue(), &field).unwrap().extract(view).value() {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Uint(number)) => number.to_string(),
        Some(Value::Bool(is_so)) => is_so.to_string(),
        Some(other) => format!("{other:?}"),
        None => "-".to_owned(),
    }
}

fn read(name: &str) -> Stream {
    Stream::of_file(&data_dir().join("captures").join(name))
}

/// Scenario: the connections of three captures, as rules ask for them. Guarantees: who connects, by which parent, under which name of the connection,
/// with which ends; what hangs on the time that a process began is absent, not wrong.
#[test]
fn connections_as_rules_see_them() {
    requires!(Requirement::Data);
    let names = [
        "evt.type",
        "proc.name",
        "proc.pname",
        "user.uid",
        "fd.name",
        "fd.sport",
        "fd.l4proto",
        "proc.duration",
        "evt.rawres",
    ];
    let is_connect = |event: &Event| matches!(event.kind, Some(Kind::Connect(_) | Kind::Accept(_)));
    let own = "2600:1f18:262c:6542:9aa6:df7a:9a47:d29e";
    let unix = "connect curl bash 1000 /var/run/nscd/socket - - - -2";
    assert_eq!(
        values(&read("curl_google.scap"), &names, is_connect),
        [
            unix.to_owned(),
            unix.to_owned(),
            format!("connect curl bash 1000 {own}:40251->2001:4860:4860::8888:53 53 udp - 0"),
            format!("connect curl bash 1000 {own}:37140->2607:f8b0:4004:802::2004:80 80 tcp - -115"),
        ]
    );
    let single = values(&read("single_ipv6_conn.scap"), &names, is_connect);
    let nobody = format!("- - {}", u32::MAX);
    let pair = "2001:db8::4:54405->2001:db8::3:1234 1234 tcp";
    assert_eq!(
        single[2..],
        [format!("accept {nobody} {pair} - 4"), format!("connect {nobody} {pair} - -115")]
    );
}
