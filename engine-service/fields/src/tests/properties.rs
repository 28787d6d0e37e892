//! What holds for every event.

use eyrie_proto::event::{
    Accept, Bind, ChangeDirectory, Connect, Descriptor, DescriptorCall, Event, Exec, Exit, Fork, Open,
    PathArgument, PathCall, SocketAddress, SystemCall, Task, Transfer, TwoPathCall, descriptor, event::Kind,
};
use proptest::prelude::*;
use rule_language::Catalogue as _;

use super::fixture::{address, file, host, show, socket};
use crate::{catalogue, normalise};

fn descriptors() -> impl Strategy<Value = Option<Descriptor>> {
    let ips = prop_oneof![
        Just(Vec::new()),
        any::<[u8; 4]>().prop_map(Vec::from),
        any::<[u8; 16]>().prop_map(Vec::from)
    ];
    let addresses = (ips, any::<u32>()).prop_map(|(ip, port)| Some(address(&ip, port)));
    let sockets = (addresses.clone(), addresses, 0..3_i32)
        .prop_map(|(local, remote, role)| Some(socket(local, remote, role.try_into().expect("a role"))));
    prop_oneof![
        Just(None),
        Just(Some(Descriptor::default())),
        Just(Some(file(3, "/x"))),
        Just(Some(Descriptor { fd: -1, kind: Some(descriptor::Kind::Other(Default::default())) })),
        sockets,
    ]
}

fn kinds() -> impl Strategy<Value = Option<Kind>> {
    let paths = (any::<Vec<u8>>(), any::<Vec<u8>>(), any::<i32>(), any::<bool>()).prop_map(
        |(requested, base, directory_fd, is_unreadable)| {
            Some(PathArgument { requested, base, directory_fd, is_unreadable, ..PathArgument::default() })
        },
    );
    let path = prop_oneof![Just(None), paths];
    (0..14, path, descriptors(), any::<u32>(), any::<u64>()).prop_map(
        |(which, path, descriptor, number, bits)| {
            let requested = Some(SocketAddress::default());
            Some(match which {
                0 => Kind::Open(Open { path, descriptor, flags: number, mode: number, ..Open::default() }),
                1 => Kind::Connect(Connect { descriptor, requested, is_started_only: true }),
                2 => Kind::Exec(Exec { path, ..Exec::default() }),
                3 => Kind::Fork(Fork { flags: bits, ..Fork::default() }),
                4 => Kind::Exit(Exit { status: number.cast_signed(), signal: number, ..Exit::default() }),
                5 => Kind::ChangeDirectory(ChangeDirectory { path, ..ChangeDirectory::default() }),
                6 => Kind::PathCall(PathCall {
                    path,
                    descriptor,
                    mode: bits,
                    flags: bits,
                    ..PathCall::default()
                }),
                7 => Kind::TwoPathCall(TwoPathCall {
                    source: path.clone(),
                    target: path,
                    ..TwoPathCall::default()
                }),
                8 => Kind::Accept(Accept { descriptor, ..Accept::default() }),
                9 => Kind::Bind(Bind { descriptor, requested, ..Bind::default() }),
                10 => Kind::Transfer(Transfer { descriptor, peer: requested, ..Transfer::default() }),
                11 => Kind::DescriptorCall(DescriptorCall { descriptor, ..DescriptorCall::default() }),
                12 => Kind::GenericCall(Default::default()),
                _ => return None,
            })
        },
    )
}

proptest! {
    /// Scenario: any event, whole or hollow, on a known or an empty host. Guarantees: no field panics.
    #[test]
    fn no_event_makes_a_field_panic(
        kind in kinds(), number in prop_oneof![0_u32..460, any::<u32>()], result: i64, boot_ns: u64, has_task: bool, is_known: bool
    ) {
        let task = has_task.then(|| super::fixture::open("", "").task.unwrap_or_default());
        let task = if is_known { task } else { task.map(|_| Task::default()) };
        let call = Some(SystemCall { number, result, ..SystemCall::default() });
        let event = Event { boot_ns, call, task, kind, ..Event::default() };
        let host = if is_known { host() } else { host_model::HostModel::default() };
        for info in catalogue().fields() {
            let arguments: &[&str] = match info.argument {
                None => &[""],
                Some(_) if info.argument_required => &["[0]", "[999999]"],
                Some(_) => &["", "[0]", "[18446744073709551615]"],
            };
            for argument in arguments {
                show(&format!("{}{argument}", info.name), &event, &host);
            }
        }
    }

    /// Scenario: any path. Guarantees: a normal form that stays as it is and holds nothing superfluous.
    #[test]
    fn normalising_twice_changes_nothing(path in "/[a./]{0,20}") {
        let once = normalise(path.as_bytes()).into_owned();
        prop_assert_eq!(&*normalise(&once), &*once);
        prop_assert!(once.starts_with(b"/"));
        let has_dots = once.split(|byte| *byte == b'/').any(|part| part == b"." || part == b"..");
        prop_assert!(!has_dots);
    }
}
