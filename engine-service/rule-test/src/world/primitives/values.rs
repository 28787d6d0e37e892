//! Values of fields that are made of others, taken apart.

use rule_language::Catalogue as _;

use super::NO_ENTRY;
use crate::given::{Given, Problem, Setting};

/// The type of an event, by its own name or by that of its call.
pub(super) fn event_type(setting: &Setting) -> Result<String, Problem> {
    let name = setting.text()?;
    let of_call = fields::catalogue().event_of_call(&name).filter(|_| setting.field == "syscall.type");
    Ok(of_call.map_or_else(|| name.clone(), str::to_owned))
}

/// What the call returned, by number, by the name of the error, or by whether it failed.
pub(super) fn result(setting: &Setting) -> Result<Given, Problem> {
    let text = match &setting.value {
        Given::Text(text) => text.as_str(),
        _ => return Err(setting.misfit("a result")),
    };
    if setting.field == "evt.failed" {
        return Ok(Given::of(if setting.flag()? { NO_ENTRY } else { "SUCCESS" }));
    }
    match fields::errno_number(text) {
        Some(number) => Ok(Given::Text(format!("-{number}"))),
        None if text == "SUCCESS" || crate::given::number(text).is_some() => Ok(Given::of(text)),
        None => {
            let problem = setting.problem(format!("{} cannot be '{text}'", setting.field));
            Err(problem.help("SUCCESS, the name of an error such as ENOENT, or a number"))
        }
    }
}

pub(super) fn type_of_character(setting: &Setting) -> Result<Given, Problem> {
    const TYPES: [(&str, &str); 16] = [
        ("f", "file"),
        ("d", "directory"),
        ("4", "ipv4"),
        ("6", "ipv6"),
        ("u", "unix"),
        ("p", "pipe"),
        ("e", "event"),
        ("s", "signalfd"),
        ("l", "eventpoll"),
        ("i", "inotify"),
        ("t", "timerfd"),
        ("n", "netlink"),
        ("b", "bpf"),
        ("r", "io_uring"),
        ("m", "memfd"),
        ("P", "pidfd"),
    ];
    if setting.is_missing() {
        return Ok(Given::Missing);
    }
    let character = setting.text()?;
    if character == "o" {
        return Ok(Given::of("unknown"));
    }
    let known = TYPES.iter().find(|(own, _)| *own == character);
    known
        .map(|(_, name)| Given::of(*name))
        .ok_or_else(|| setting.misfit("one of f d 4 6 u p e s l i t n b r m P o"))
}

/// `client:port->server:port`
pub(super) fn connection(text: &str) -> Option<[(String, String); 2]> {
    let end = |text: &str| {
        let (ip, port) = text.rsplit_once(':')?;
        (ip.parse::<std::net::IpAddr>().is_ok() && port.parse::<u16>().is_ok())
            .then(|| (ip.to_owned(), port.to_owned()))
    };
    let (client, server) = text.split_once("->")?;
    Some([end(client)?, end(server)?])
}

/// A command line is a name with arguments behind it.
pub(super) fn line(setting: &Setting, name: &str, arguments: &str) -> Result<Vec<Setting>, Problem> {
    if setting.is_missing() {
        return Ok(vec![Setting { field: name.to_owned(), ..setting.clone() }]);
    }
    let mut words = setting.words()?.into_iter();
    let Some(first) = words.next() else { return Err(setting.misfit("a name with arguments")) };
    let rest = Given::List(words.map(Given::of_bytes).collect());
    Ok(vec![
        Setting::new(name, Given::of_bytes(first), &setting.span),
        Setting::new(arguments, rest, &setting.span),
    ])
}

/// `repository:tag` or `repository@digest`
pub(super) fn image(setting: &Setting) -> Result<Vec<Setting>, Problem> {
    let part = |name: &str, value: Given| Setting::new(name, value, &setting.span);
    if setting.is_missing() {
        return Ok(vec![part("container.image.repository", Given::Missing)]);
    }
    let text = setting.text()?;
    let (rest, digest) =
        text.split_once('@').map_or((text.as_str(), None), |(rest, digest)| (rest, Some(digest)));
    // A colon before a slash belongs to a port.
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    let mut parts = vec![part("container.image.repository", Given::of(repository))];
    parts.push(part("container.image.tag", tag.map_or(Given::Missing, Given::of)));
    parts.extend(digest.map(|digest| part("container.image.digest", Given::of(digest))));
    Ok(parts)
}
