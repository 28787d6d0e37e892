//! Alerts as Falco writes them: a JSON object or a text line each.
//!
//! What Falco 0.44 writes is described in `falco/userspace/engine/formats.cpp`; tools that read Falco's lines read ours.

use std::fmt::Write as _;

use eyrie_proto::alert::{Alert, MetadataState, Priority, Value, value::Kind};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value as Json, json};

/// Falco's settings of the same purpose.
#[derive(Clone, Debug)]
pub struct FalcoFormat {
    /// The zone of times in text; Falco uses the machine's.
    pub time_zone: TimeZone,
    /// Times in text as ISO 8601 (`time_format_iso_8601`).
    pub is_iso_time: bool,
    /// Also the message without time and priority (`json_include_message_property`).
    pub includes_message: bool,
    /// Adds what Eyrie knows beyond Falco to `output_fields`, under `eyrie.`.
    pub includes_eyrie_fields: bool,
}

// === impl FalcoFormat ===

impl Default for FalcoFormat {
    fn default() -> Self {
        Self {
            time_zone: TimeZone::system(),
            is_iso_time: false,
            includes_message: false,
            includes_eyrie_fields: false,
        }
    }
}

impl FalcoFormat {
    /// `HH:MM:SS.nnnnnnnnn: Priority message`, without a line's end. Control characters are escaped as in JSON, so that
    /// nothing in an alert can steer a terminal or make a second line.
    pub fn text(&self, alert: &Alert) -> String {
        let mut line = self.output(alert);
        if line.chars().any(char::is_control) {
            line = escape_controls(&line);
        }
        line
    }

    /// One JSON object with its keys in alphabetical order, without a line's end.
    pub fn json(&self, alert: &Alert) -> String {
        // serde_json's map is a sorted one, unless a crate in the build asks for insertion order: so we insert sorted.
        let mut object = Map::new();
        object.insert("hostname".to_owned(), json!(alert.hostname));
        if self.includes_message {
            object.insert("message".to_owned(), json!(alert.message));
        }
        object.insert("output".to_owned(), json!(self.output(alert)));
        object.insert("output_fields".to_owned(), Json::Object(self.output_fields(alert)));
        object.insert("priority".to_owned(), json!(priority_name(alert.priority())));
        object.insert("rule".to_owned(), json!(alert.rule));
        object.insert("source".to_owned(), json!(alert.source));
        let mut tags: Vec<&str> = alert.tags.iter().map(String::as_str).collect();
        tags.sort_unstable();
        tags.dedup();
        object.insert("tags".to_owned(), json!(tags));
        object.insert("time".to_owned(), json!(utc(alert.time_ns)));
        Json::Object(object).to_string()
    }

    fn output(&self, alert: &Alert) -> String {
        format!("{}: {} {}", self.time(alert.time_ns), priority_name(alert.priority()), alert.message)
    }

    fn time(&self, time_ns: u64) -> String {
        let time = timestamp(time_ns).to_zoned(self.time_zone.clone());
        let format = if self.is_iso_time { "%Y-%m-%dT%H:%M:%S.%9f%z" } else { "%H:%M:%S.%9f" };
        time.strftime(format).to_string()
    }

    fn output_fields(&self, alert: &Alert) -> Map<String, Json> {
        let mut fields: std::collections::BTreeMap<&str, Json> =
            alert.output_fields.iter().map(|(name, value)| (name.as_str(), json_value(value))).collect();
        if self.is_iso_time {
            fields.entry("evt.time.iso8601").or_insert_with(|| json!(alert.time_ns));
        } else {
            fields.entry("evt.time").or_insert_with(|| json!(alert.time_ns));
        }
        if self.includes_eyrie_fields {
            fields.extend(eyrie_fields(alert));
        }
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// What Falco does not have.
fn eyrie_fields(alert: &Alert) -> [(&'static str, Json); 8] {
    let origin = alert.origin.as_ref().map(ToString::to_string);
    let exec_id = alert.process.as_ref().map(|process| process.exec_id.as_str());
    let container = alert.container.as_ref().and_then(|container| container.key.as_ref());
    let container_id = container.map(|key| key.runtime_id.as_str());
    let metadata = match alert.metadata_state() {
        MetadataState::Unspecified => None,
        MetadataState::Complete => Some("complete"),
        MetadataState::Partial => Some("partial"),
        MetadataState::Absent => Some("absent"),
    };
    let is_evidence_lost = alert.loss.as_ref().is_some_and(|loss| loss.is_evidence_lost);
    [
        ("eyrie.alert_id", json!(alert.id)),
        ("eyrie.container_id", json!(container_id)),
        ("eyrie.evidence_lost", json!(is_evidence_lost)),
        ("eyrie.exec_id", json!(exec_id)),
        ("eyrie.metadata", json!(metadata)),
        ("eyrie.origin", json!(origin)),
        ("eyrie.recording", json!((!alert.recording_id.is_empty()).then_some(&alert.recording_id))),
        ("eyrie.rule_set", json!(alert.rule_set_digest)),
    ]
}

/// The name that Falco gives a priority in its output.
pub fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency => "Emergency",
        Priority::Alert => "Alert",
        Priority::Critical => "Critical",
        Priority::Error => "Error",
        Priority::Warning => "Warning",
        Priority::Notice => "Notice",
        Priority::Informational => "Informational",
        // A rule always has a priority; what comes without is shown, and the least grave.
        Priority::Debug | Priority::Unspecified => "Debug",
    }
}

fn json_value(value: &Value) -> Json {
    match &value.kind {
        None => Json::Null,
        Some(Kind::Text(text)) => json!(text),
        Some(Kind::Int(number)) => json!(number),
        Some(Kind::Uint(number) | Kind::TimeNs(number)) => json!(number),
        // JSON has no infinities; serde_json makes null of them.
        Some(Kind::Double(number)) => json!(number),
        Some(Kind::Bool(truth)) => json!(truth),
        Some(Kind::Raw(bytes)) => json!(String::from_utf8_lossy(bytes)),
        // Falco makes an array of the first value.
        Some(Kind::List(list)) if list.values.is_empty() => Json::Null,
        Some(Kind::List(list)) => list.values.iter().map(json_value).collect(),
    }
}

/// Always UTC, always nine digits.
fn utc(time_ns: u64) -> String {
    timestamp(time_ns).strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

/// 64 bits of nanoseconds end in the year 2554, which jiff can express.
fn timestamp(time_ns: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(time_ns)).unwrap_or(Timestamp::MAX)
}

fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            control if control.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(control));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
