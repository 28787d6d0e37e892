//! An alert as people read it on a terminal.

use std::fmt::Write as _;

use eyrie_proto::{
    alert::{Alert, MetadataState, Priority, Process},
    metadata::Container,
};
use owo_colors::OwoColorize as _;

/// More ancestors than this are cut in the middle of the chain.
const SHOWN_ANCESTORS: usize = 8;

/// A few lines, with colours (take them off by `anstream` where they are not wanted).
pub(crate) fn render(alert: &Alert) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {} {} {}",
        local_time(alert.time_ns).dimmed(),
        priority(alert.priority(), priority_word(alert.priority())),
        alert.rule.bold(),
        alert.hostname.dimmed(),
    );
    let _ = writeln!(text, "    {}", alert.message);
    if let Some(process) = &alert.process {
        let _ = writeln!(text, "    {} {}", "process".dimmed(), process_line(process));
    }
    if !alert.ancestors.is_empty() {
        let _ = writeln!(text, "    {}      {}", "by".dimmed(), ancestors_line(&alert.ancestors));
    }
    if let Some(container) = &alert.container {
        let _ = writeln!(text, "    {} {}", "in".dimmed(), container_line(container));
    }
    for note in notes(alert) {
        let _ = writeln!(text, "    {} {note}", "note".yellow());
    }
    text
}

fn local_time(epoch_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(epoch_ns.into()).map_or_else(
        |_| epoch_ns.to_string(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%m-%d %H:%M:%S.%6f").to_string(),
    )
}

/// A word in the colour of a priority.
pub(crate) fn priority(priority: Priority, word: &str) -> String {
    match priority {
        Priority::Unspecified => word.to_owned(),
        Priority::Emergency | Priority::Alert => word.white().on_red().to_string(),
        Priority::Critical => word.red().bold().to_string(),
        Priority::Error => word.red().to_string(),
        Priority::Warning => word.yellow().to_string(),
        Priority::Notice => word.cyan().to_string(),
        Priority::Informational => word.blue().to_string(),
        Priority::Debug => word.dimmed().to_string(),
    }
}

fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Unspecified => "UNKNOWN",
        Priority::Emergency => "EMERGENCY",
        Priority::Alert => "ALERT",
        Priority::Critical => "CRITICAL",
        Priority::Error => "ERROR",
        Priority::Warning => "WARNING",
        Priority::Notice => "NOTICE",
        Priority::Informational => "INFO",
        Priority::Debug => "DEBUG",
    }
}

fn process_line(process: &Process) -> String {
    let command_line: Vec<String> = process.command_line.iter().map(|argument| printable(argument)).collect();
    let command = if command_line.is_empty() { printable(&process.name) } else { command_line.join(" ") };
    let user =
        if process.user_name.is_empty() { format!("uid {}", process.uid) } else { process.user_name.clone() };
    format!("{command} {}", format_args!("(pid {}, {user})", pid(process)).dimmed())
}

fn ancestors_line(ancestors: &[Process]) -> String {
    let name = |process: &Process| format!("{}({})", printable(&process.name), pid(process));
    let mut names: Vec<String> = ancestors.iter().map(name).collect();
    if names.len() > SHOWN_ANCESTORS {
        names.truncate(SHOWN_ANCESTORS);
        names.push("…".to_owned());
    }
    names.join(" ← ")
}

/// Name, image, and the id as container tools shorten it; what is not known is said.
fn container_line(container: &Container) -> String {
    let key = container.key.as_ref();
    let id: String = key.map(|key| key.runtime_id.chars().take(12).collect()).unwrap_or_default();
    let name = if container.name.is_empty() { "a container without a known name" } else { &container.name };
    let image = container.image.as_ref().filter(|image| !image.repository.is_empty());
    let image = image.map_or_else(String::new, |image| match image.tag.as_str() {
        "" => format!(" of {}", image.repository),
        tag => format!(" of {}:{tag}", image.repository),
    });
    let line = format!("{name}{image} ({} {id})", container.runtime);
    printable(line.as_bytes())
}

fn pid(process: &Process) -> u32 {
    process.key.map_or(0, |key| key.pid)
}

/// Text for a terminal: what is not UTF-8 is replaced, control characters are escaped.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = escaped.is_none().then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn notes(alert: &Alert) -> Vec<String> {
    let mut notes = Vec::new();
    if alert.loss.as_ref().is_some_and(|loss| loss.is_evidence_lost) {
        notes.push("events around this one were lost".to_owned());
    }
    if alert.process.as_ref().is_some_and(|process| process.is_incomplete) {
        notes.push("the state of the process was not known".to_owned());
    }
    if alert.metadata_state() == MetadataState::Partial {
        let unknown = match alert.unknown_fields.as_slice() {
            [] => "all of its container".to_owned(),
            fields => fields.join(", "),
        };
        notes.push(format!("not known when it was sent: {unknown}; a correction follows when it is"));
    }
    if alert.is_retracted {
        notes.push(format!("takes alert {} back: the rule did not match", alert.id));
    } else if alert.is_amendment {
        notes.push(format!("correction {} of alert {}", alert.amendment_number, alert.id));
    }
    notes
}

#[cfg(test)]
mod tests {
    use eyrie_proto::metadata::ContainerKey;

    use super::*;

    /// Scenario: arguments with escape sequences and bytes that are no text. Guarantees: a terminal is not steered by
    /// what a process chose to be called.
    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable(b"a\x1b[2Jb\nc\xff"), "a\\u{1b}[2Jb\\nc\u{fffd}");
    }

    /// Scenario: an alert of a container that was not known, and the amendment that takes it back. Guarantees: a reader is
    /// told what was unknown, in which container, and that the alert does not count any more.
    #[test]
    fn what_was_not_known_is_said() {
        let key = ContainerKey { runtime_id: "0123456789abcdef".into(), ..ContainerKey::default() };
        let container = Container { key: Some(key), runtime: "podman".into(), ..Container::default() };
        let partial = Alert {
            id: "a1".into(),
            container: Some(container),
            metadata_state: MetadataState::Partial.into(),
            unknown_fields: vec!["container.name".into()],
            ..Alert::default()
        };
        let text = anstream::adapter::strip_str(&render(&partial)).to_string();
        assert!(text.contains("in a container without a known name (podman 0123456789ab)"), "{text}");
        assert!(text.contains("not known when it was sent: container.name;"), "{text}");
        let back = Alert { is_amendment: true, is_retracted: true, amendment_number: 1, ..Alert::default() };
        assert!(render(&Alert { id: "a1".into(), ..back }).contains("takes alert a1 back"));
    }
}
