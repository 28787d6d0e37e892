//! A capture plan's conditions as people read them: the one place that puts them into words.

use std::net::IpAddr;

use eyrie_proto::capture::{
    ArgumentFilter, CallFilter, CallOutcome, ContainerScope, FlagFilter, NetworkEnd, NetworkFilter,
    PathFilter, PathSubject, path_filter::Kind,
};

/// Of paths, addresses and other lists that may be long; the rest is counted.
const ITEMS_SHOWN: usize = 4;

/// `O_*` of x86-64 that rules are about; the access mode is told apart.
const OPEN_FLAGS: [(u64, &str); 13] = [
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    (0o10_000, "O_DSYNC"),
    (0o40_000, "O_DIRECT"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o2_000_000, "O_CLOEXEC"),
    // Without O_DSYNC, which is O_SYNC with it.
    (0o4_000_000, "O_SYNC"),
    (0o10_000_000, "O_PATH"),
    // Without O_DIRECTORY, which belongs to it.
    (0o20_000_000, "O_TMPFILE"),
];
const ACCESS_MODE: u64 = 0o3;
/// Negative errnos that rules are about.
const RESULTS: [(i64, &str); 5] =
    [(-1, "EPERM"), (-2, "ENOENT"), (-11, "EAGAIN"), (-13, "EACCES"), (-115, "EINPROGRESS")];
const FAMILIES: [(u32, &str); 5] =
    [(1, "AF_UNIX"), (2, "AF_INET"), (10, "AF_INET6"), (16, "AF_NETLINK"), (17, "AF_PACKET")];
/// From more families on those that are missing are fewer.
const FAMILIES_LISTED: usize = 32;
const PROTOCOLS: [(u32, &str); 5] =
    [(0, "default protocol"), (1, "ICMP"), (6, "TCP"), (17, "UDP"), (58, "ICMPv6")];

/// Conditions of which one has to hold, in a line.
pub fn filters_text(any_of: &[CallFilter]) -> String {
    alternatives(any_of, ITEMS_SHOWN)
}

/// The same with all of each list, however long the line becomes.
pub fn whole_filters_text(any_of: &[CallFilter]) -> String {
    alternatives(any_of, usize::MAX)
}

/// Conditions that all have to hold, in a line; nothing in it is a terminal's escape.
pub fn filter_text(filter: &CallFilter) -> String {
    conditions(filter, ITEMS_SHOWN)
}

/// The same with all of each list.
pub fn whole_filter_text(filter: &CallFilter) -> String {
    conditions(filter, usize::MAX)
}

fn alternatives(any_of: &[CallFilter], most: usize) -> String {
    match any_of {
        [] => "every call".to_owned(),
        [one] => conditions(one, most),
        several => {
            let one = |filter| format!("({})", conditions(filter, most));
            several.iter().map(one).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// At most so many of each list are shown, and the others counted.
fn conditions(filter: &CallFilter, most: usize) -> String {
    let mut parts = Vec::new();
    match filter.outcome() {
        CallOutcome::Unspecified => {}
        CallOutcome::Succeeded => parts.push("succeeds".to_owned()),
        CallOutcome::Failed => parts.push("fails".to_owned()),
    }
    if !filter.results.is_empty() {
        parts.push(format!("result {}", listed(filter.results.iter().map(result_text), " or ", most)));
    }
    if !filter.paths.is_empty() {
        let mut last = None;
        let paths = filter.paths.iter().map(|path| {
            let is_other = last.replace(path.subject()) != Some(path.subject());
            path_text(path, is_other)
        });
        let paths = listed(paths, " or ", most);
        let resolved = if filter.tries_resolved_path { " (as asked for or as reached)" } else { "" };
        parts.push(format!("{paths}{resolved}"));
    }
    parts.extend(filter.open_flags.iter().map(|flags| open_flags_text(flags, most)));
    parts.extend(filter.arguments.iter().map(|argument| argument_text(argument, most)));
    push_families(&mut parts, &filter.socket_families, most);
    let protocols = filter.socket_protocols.iter().map(|number| named(*number, &PROTOCOLS, "protocol"));
    push_listed(&mut parts, "", protocols, most);
    push_listed(&mut parts, "address in ", filter.networks.iter().map(network_text), most);
    parts.extend(
        filter.outside_networks.iter().map(|network| format!("address not in {}", network_text(network))),
    );
    push_listed(&mut parts, "thread called ", filter.command_names.iter().map(|name| bytes_text(name)), most);
    push_listed(&mut parts, "uid ", filter.user_ids.iter().map(ToString::to_string), most);
    match filter.container_scope() {
        ContainerScope::Unspecified => {}
        ContainerScope::Host => parts.push("outside of containers".to_owned()),
        ContainerScope::Container => parts.push("in a container".to_owned()),
    }
    if parts.is_empty() { "every call".to_owned() } else { parts.join(", ") }
}

fn result_text(result: &i64) -> String {
    let known = RESULTS.iter().find(|(known, _)| known == result);
    known.map_or_else(|| result.to_string(), |(_, name)| (*name).to_owned())
}

fn push_listed(
    parts: &mut Vec<String>,
    before: &str,
    items: impl ExactSizeIterator<Item = String>,
    most: usize,
) {
    if items.len() > 0 {
        parts.push(format!("{before}{}", listed(items, " or ", most)));
    }
}

fn listed(items: impl ExactSizeIterator<Item = String>, separator: &str, most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let mut shown: Vec<String> = items.take(most).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(separator)
}

/// With the word for which path it is, where that is another than the one before.
fn path_text(path: &PathFilter, is_other: bool) -> String {
    let what = match (path.subject(), is_other) {
        (PathSubject::Unspecified, true) => "path ",
        (PathSubject::Second, true) => "second path ",
        (_, false) => "",
    };
    match &path.kind {
        Some(Kind::Prefix(bytes)) => format!("{what}{}*", bytes_text(bytes)),
        Some(Kind::Exact(bytes)) => format!("{what}{}", bytes_text(bytes)),
        Some(Kind::Suffix(bytes)) => format!("{what}*{}", bytes_text(bytes)),
        Some(Kind::Name(bytes)) => format!("{what}*/{}", bytes_text(bytes)),
        Some(Kind::RawContains(bytes)) => format!("{what}as given with {}", bytes_text(bytes)),
        Some(Kind::Contains(bytes)) => format!("{what}with {}", bytes_text(bytes)),
        Some(Kind::Directory(bytes)) => format!("{what}directly in {}", bytes_text(bytes)),
        None => format!("{what}of any text"),
    }
}

fn open_flags_text(flags: &FlagFilter, most: usize) -> String {
    match (flags.mask, flags.values.as_slice()) {
        (ACCESS_MODE, [_, ..]) => {
            let mode = |value: &u64| match value {
                0 => "to read".to_owned(),
                1 => "to write".to_owned(),
                2 => "to read and write".to_owned(),
                other => format!("with access mode {other}"),
            };
            format!("opened {}", listed(flags.values.iter().map(mode), " or ", most))
        }
        (mask, []) => format!("with {}", flag_names(mask, " or ")),
        (mask, values) => {
            let value = |value: &u64| match value {
                0 => format!("without {}", flag_names(mask, " and ")),
                value => format!("with {}", flag_names(*value, " and ")),
            };
            listed(values.iter().map(value), " or ", most)
        }
    }
}

fn flag_names(mask: u64, separator: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut rest = mask;
    if mask & ACCESS_MODE != 0 {
        names.push(
            ["", "O_WRONLY", "O_RDWR", "O_WRONLY or O_RDWR"]
                .get((mask & ACCESS_MODE) as usize)
                .copied()
                .unwrap_or("")
                .to_owned(),
        );
        rest &= !ACCESS_MODE;
    }
    for (bit, name) in OPEN_FLAGS {
        if rest & bit != 0 {
            names.push(name.to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 || names.is_empty() {
        names.push(format!("{rest:#o}"));
    }
    names.join(separator)
}

fn argument_text(argument: &ArgumentFilter, most: usize) -> String {
    let number = argument.index.saturating_add(1);
    let is_whole = argument.mask == u64::MAX || argument.mask == u64::from(u32::MAX);
    let masked = if is_whole { String::new() } else { format!(" & {:#x}", argument.mask) };
    if argument.values.is_empty() {
        return format!("argument {number}{masked} not 0");
    }
    format!(
        "argument {number}{masked} {}",
        listed(argument.values.iter().map(|value| format!("{value:#x}")), " or ", most)
    )
}

/// Of nearly all families those are named that are missing.
fn push_families(parts: &mut Vec<String>, families: &[u32], most: usize) {
    let name = |number: u32| named(number, &FAMILIES, "family");
    if families.len() <= FAMILIES_LISTED {
        push_listed(parts, "", families.iter().copied().map(name), most);
        return;
    }
    let missing: Vec<_> = (0..u64::BITS).filter(|number| !families.contains(number)).map(name).collect();
    parts.push(format!("no socket of {}", missing.join(" or ")));
}

fn named(number: u32, names: &[(u32, &str)], kind: &str) -> String {
    let known = names.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("{kind} {number}"), |(_, name)| (*name).to_owned())
}

fn network_text(network: &NetworkFilter) -> String {
    let address = match network.ip.as_slice() {
        [] => String::new(),
        ip => {
            let address = <[u8; 4]>::try_from(ip)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from));
            address.map_or_else(|_| bytes_text(ip), |address| format!("{address}/{}", network.prefix_length))
        }
    };
    let ports = match (network.first_port, network.last_port) {
        (0, 0 | 65_535) => String::new(),
        (first, last) if first == last => format!("port {first}"),
        (first, last) => format!("ports {first}-{last}"),
    };
    let end = match network.end() {
        NetworkEnd::Unspecified => "",
        NetworkEnd::Local => "local",
        NetworkEnd::Remote => "remote",
    };
    let parts = [end, &address, &ports].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// What is not printable is escaped.
fn bytes_text(bytes: &[u8]) -> String {
    bytes
        .utf8_chunks()
        .flat_map(|chunk| {
            [chunk.valid().escape_debug().to_string(), chunk.invalid().escape_ascii().to_string()]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(kind: Kind) -> PathFilter {
        PathFilter { kind: Some(kind), ..PathFilter::default() }
    }

    /// Scenario: conditions of every kind, several at once, and none. Guarantees: each is in the line, in words that a
    /// rule's author knows; what holds always is told as every call.
    #[test]
    fn conditions_are_put_into_words() {
        let opens = CallFilter {
            outcome: CallOutcome::Succeeded.into(),
            paths: vec![path(Kind::Prefix(b"/etc/".to_vec())), path(Kind::Name(b"shadow".to_vec()))],
            open_flags: vec![
                FlagFilter { mask: 3, values: vec![1, 2] },
                FlagFilter { mask: 0o100, values: vec![] },
            ],
            container_scope: ContainerScope::Container.into(),
            ..CallFilter::default()
        };
        assert_eq!(
            filter_text(&opens),
            "succeeds, path /etc/* or */shadow, opened to write or to read and write, with O_CREAT, in a container"
        );
        let connects = CallFilter {
            socket_families: vec![2, 10],
            outside_networks: vec![NetworkFilter {
                ip: vec![127, 0, 0, 0],
                prefix_length: 8,
                ..NetworkFilter::default()
            }],
            ..CallFilter::default()
        };
        assert_eq!(filter_text(&connects), "AF_INET or AF_INET6, address not in 127.0.0.0/8");
        let arguments = CallFilter {
            arguments: vec![ArgumentFilter { index: 0, mask: u64::from(u32::MAX), values: vec![4, 16] }],
            user_ids: vec![0],
            ..CallFilter::default()
        };
        assert_eq!(filter_text(&arguments), "argument 1 0x4 or 0x10, uid 0");
        let second = PathFilter { subject: PathSubject::Second.into(), ..path(Kind::Exact(b"/b".to_vec())) };
        let renames = CallFilter {
            results: vec![-13, -115],
            paths: vec![path(Kind::Exact(b"/a".to_vec())), second],
            ..CallFilter::default()
        };
        assert_eq!(filter_text(&renames), "result EACCES or EINPROGRESS, path /a or second path /b");
        let anywhere = CallFilter {
            paths: vec![
                path(Kind::Contains(b"liblzma.so.5.6.0".to_vec())),
                path(Kind::Directory(b"/".to_vec())),
                path(Kind::RawContains(b"../".to_vec())),
            ],
            ..CallFilter::default()
        };
        assert_eq!(
            filter_text(&anywhere),
            "path with liblzma.so.5.6.0 or directly in / or as given with ../"
        );
        assert_eq!(filter_text(&CallFilter::default()), "every call");
        assert_eq!(filters_text(&[]), "every call");
        assert_eq!(
            filters_text(&[connects, arguments]),
            "(AF_INET or AF_INET6, address not in 127.0.0.0/8) or (argument 1 0x4 or 0x10, uid 0)"
        );
    }

    /// Scenario: more paths than fit in a line, with a terminal's escape and bytes that are no text in one. Guarantees: some
    /// are shown, the others are counted unless all are asked for, and nothing is in the line that a terminal would obey.
    #[test]
    fn long_and_hostile_lists_stay_a_line() {
        let mut paths: Vec<PathFilter> =
            (0..9).map(|number| path(Kind::Exact(format!("/{number}").into()))).collect();
        if let Some(first) = paths.first_mut() {
            *first = path(Kind::Exact(b"/\x1b[31m\xff\n".to_vec()));
        }
        let filter = CallFilter { paths, ..CallFilter::default() };
        let text = filter_text(&filter);
        assert!(text.ends_with("/3 or 5 more"), "{text}");
        assert!(whole_filter_text(&filter).ends_with("/6 or /7 or /8"));
        assert!(text.chars().all(|character| !character.is_control()), "{text:?}");
    }
}
