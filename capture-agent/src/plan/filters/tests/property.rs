//! What a plan lets through the programs let through, and what the answer says is what they test.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    made_up::{MadeUpCall, Path, Socket, plan_lets_through, programs_let_through},
    *,
};

/// Calls of every kind that tests depend on.
const CALLS: &[&str] =
    &["openat", "creat", "unlink", "rename", "symlink", "fchmod", "connect", "accept4", "kill", "execve"];

/// Small values often meet.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..12, Just(u64::MAX), any::<u64>()]
}

fn mask() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0xf), Just(0xffff_ffff), Just(u64::MAX), 1_u64..]
}

/// Others are refused.
fn masked(mask: u64, values: Vec<u64>) -> Vec<u64> {
    values.into_iter().map(|value| value & mask).collect()
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = select(vec!["", "/", "/a", "/b", "/ab", "a", "b", ".", ".."]);
    prop_oneof![8 => vec(part, 0..4).prop_map(|parts| parts.concat().into_bytes()), 1 => Just(vec![b'/'; 260])]
}

fn path_filter() -> impl Strategy<Value = PathFilter> {
    (text(), 0_i32..2, 0..7).prop_map(|(text, subject, kind)| {
        let kind = match kind {
            0 => Kind::Prefix(text),
            1 => Kind::Exact(text),
            2 => Kind::Suffix(text),
            3 => Kind::Name(text),
            4 => Kind::Contains(text),
            5 => Kind::Directory(text),
            _ => Kind::RawContains(text),
        };
        PathFilter { kind: Some(kind), subject }
    })
}

fn address() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(0_u8..2, 4), vec(0_u8..2, 16)]
}

fn network_filter() -> impl Strategy<Value = NetworkFilter> {
    (option::of(address()), 0_u32..129, 0_u32..4, 0_u32..4, 0_i32..3).prop_map(
        |(ip, bits, port, more, end)| {
            let ip = ip.unwrap_or_default();
            let prefix_length = bits.min(u32::try_from(ip.len()).unwrap() * 8);
            // Ports that were left out are all ports.
            let last_port = (port + more).max(1);
            NetworkFilter { ip, prefix_length, first_port: port, last_port, end }
        },
    )
}

fn call_filter() -> impl Strategy<Value = CallFilter> {
    let arguments = (0_u32..6, mask(), vec(number(), 0..9))
        .prop_map(|(index, mask, values)| ArgumentFilter { index, mask, values: masked(mask, values) });
    let flags = (mask(), vec(number(), 0..3))
        .prop_map(|(mask, values)| FlagFilter { mask, values: masked(mask, values) });
    let numbers = (
        0_i32..3,
        0_i32..3,
        vec(arguments, 0..3),
        vec(flags, 0..2),
        vec(0_u32..12, 0..9),
        vec(-9_i64..9, 0..9),
    );
    let texts = (vec(path_filter(), 0..3), any::<bool>(), vec(text(), 0..2));
    let networks = vec(network_filter(), 0..3).boxed();
    let sockets = (vec(0_u32..70, 0..2), vec(0_u32..260, 0..2), networks.clone(), networks);
    (numbers, texts, sockets).prop_map(|(numbers, texts, sockets)| CallFilter {
        outcome: numbers.0,
        container_scope: numbers.1,
        arguments: numbers.2,
        open_flags: numbers.3,
        user_ids: numbers.4,
        results: numbers.5,
        paths: texts.0,
        tries_resolved_path: texts.1,
        command_names: texts.2,
        socket_families: sockets.0,
        socket_protocols: sockets.1,
        networks: sockets.2,
        outside_networks: sockets.3,
        rules: Vec::new(),
    })
}

/// Conditions with few tests each, so that calls often pass them.
fn any_of() -> impl Strategy<Value = Vec<CallFilter>> {
    let thinned = (call_filter(), any::<[bool; 12]>()).prop_map(|(mut filter, is_kept)| {
        let CallFilter { arguments, open_flags, user_ids, results, paths, command_names, .. } = &mut filter;
        for (list, is_kept) in
            [arguments as &mut dyn Clear, open_flags, user_ids, results, paths, command_names]
                .into_iter()
                .zip(is_kept)
        {
            list.clear_unless(is_kept);
        }
        let CallFilter { socket_families, socket_protocols, networks, outside_networks, .. } = &mut filter;
        for (list, is_kept) in
            [socket_families as &mut dyn Clear, socket_protocols, networks, outside_networks]
                .into_iter()
                .zip(is_kept.into_iter().skip(6))
        {
            list.clear_unless(is_kept);
        }
        filter
    });
    let thinned = thinned.boxed();
    prop_oneof![9 => vec(thinned.clone(), 1..6), 1 => vec(thinned, 17..40)]
}

trait Clear {
    fn clear_unless(&mut self, is_kept: bool);
}

impl<T> Clear for Vec<T> {
    fn clear_unless(&mut self, is_kept: bool) {
        if !is_kept {
            self.clear();
        }
    }
}

fn path() -> impl Strategy<Value = Path> {
    text().prop_map(|raw| {
        let normal = host_model::paths::normalise(&[b"/", &*raw].concat()).into_owned();
        Path { raw, normal }
    })
}

fn socket() -> impl Strategy<Value = Socket> {
    let end = || option::of((address(), 0_u16..6));
    (0_u32..12, 0_u32..260, end(), end()).prop_map(|(family, protocol, local, remote)| Socket {
        family,
        protocol,
        local,
        remote,
    })
}

/// A call with what calls of this name have.
fn made_up(name: &'static str) -> impl Strategy<Value = MadeUpCall> {
    let numbers = (vec(number(), 6), -9_i64..9, 0_u32..12, any::<bool>(), text());
    let texts = (
        option::of(path()),
        option::of(path()),
        option::of(path().prop_map(|path| path.normal)),
        number(),
        option::of(socket()),
    );
    (numbers, texts).prop_map(move |(numbers, texts)| {
        let is_open = matches!(name, "openat" | "creat");
        MadeUpCall {
            arguments: numbers.0.try_into().unwrap(),
            result: numbers.1,
            user: numbers.2,
            is_in_container: numbers.3,
            command: numbers.4,
            open_flags: is_open.then_some(texts.3),
            first: texts.0,
            second: texts.1,
            resolved: texts.2.filter(|_| is_open),
            socket: texts.4,
        }
    })
}

fn case() -> impl Strategy<Value = (&'static str, Vec<CallFilter>, Vec<MadeUpCall>)> {
    select(CALLS).prop_flat_map(|name| (Just(name), any_of(), vec(made_up(name), 24)))
}

proptest! {
    /// Scenario: conditions of every kind on calls of every kind, and calls that meet them or not. Guarantees: the filter that the programs
    /// are given lets through every call that the plan does; so do the conditions of the effective plan, which are those of the
    /// filter; and compiled anew they are the same.
    #[test]
    fn what_the_plan_lets_through_is_recorded((name, any_of, calls) in case()) {
        let (filter, effective) = of_one(name, any_of.clone());
        for call in &calls {
            let is_wanted = any_of.iter().any(|filter| plan_lets_through(filter, call));
            let is_recorded = filter.as_ref().is_none_or(|filter| programs_let_through(filter, call));
            let is_effective = effective.is_empty() || effective.iter().any(|filter| plan_lets_through(filter, call));
            prop_assert!(!is_wanted || is_recorded, "{any_of:?} becomes {filter:?}, which drops {call:?}");
            prop_assert!(!is_recorded || is_effective, "{filter:?} is told as {effective:?}, which drops {call:?}");
        }
        let clauses = filter.map_or(0, |filter| filter.clauses.len());
        prop_assert_eq!(clauses == 0, effective.is_empty());
        prop_assert!(clauses <= Filter::CLAUSES_MAX);
    }

    /// Scenario: any bytes as a plan. Guarantees: it is carried out or refused with a reason; nothing panics.
    #[test]
    fn no_plan_is_too_odd(bytes in vec(any::<u8>(), 0..200), any_of in any_of(), wrong in any::<[i32; 2]>()) {
        use prost::Message as _;
        let mut plans: Vec<_> = CapturePlan::decode(&*bytes).into_iter().collect();
        let mut odd = plan(vec![call("openat", any_of)]);
        odd.calls[0].any_of[0].outcome = wrong[0];
        odd.calls[0].any_of[0].container_scope = wrong[1];
        plans.push(odd);
        for plan in plans {
            let (compiled, answer) = compile(plan, &initial_settings(0));
            prop_assert_eq!(compiled.is_none(), !answer.failure.is_empty());
        }
    }
}
