//! `eyrie alerts`: streams alerts from an engine.

use std::{
    io::Write as _,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use engine_service::falco_format::FalcoFormat;
use eyrie_proto::alert::{
    Alert, AlertFilter, Gap, GapReason, Priority, SubscribeRequest, alert_service_client::AlertServiceClient,
    subscribe_request::Start, subscribe_response::Kind,
};

use crate::{alert_view, args::AlertsArguments, client};

/// Between two attempts to reach an engine that went away while following.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Carries out `eyrie alerts`.
pub(crate) async fn run(arguments: AlertsArguments) -> anyhow::Result<ExitCode> {
    let mut subscription = Subscription::new(&arguments)?;
    loop {
        match subscription.stream(&arguments).await {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            // Before an engine took the subscription the mistake is likely the user's; after it the engine went away.
            Err(error) if !arguments.follow || !subscription.has_started || crate::is_broken_pipe(&error) => {
                return Err(error);
            }
            Err(error) => {
                eprintln!("eyrie: {error:#}; trying again");
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}

/// A subscription that survives its stream: it knows where it stands.
struct Subscription {
    request: SubscribeRequest,
    has_started: bool,
}

// === impl Subscription ===

impl Subscription {
    fn new(arguments: &AlertsArguments) -> anyhow::Result<Self> {
        let start = match &arguments.since {
            Some(since) => Some(parse_since(since)?),
            None if arguments.follow => None,
            None => Some(Start::FromBeginning(true)),
        };
        let minimum_priority = arguments.priority.as_deref().map(parse_priority).transpose()?;
        let filter = AlertFilter {
            minimum_priority: minimum_priority.unwrap_or(Priority::Unspecified).into(),
            rules: arguments.rule.clone(),
            tags: arguments.tag.clone(),
            hostnames: arguments.host.clone(),
            ..AlertFilter::default()
        };
        let request = SubscribeRequest {
            filter: Some(filter),
            follow: arguments.follow,
            limit: arguments.limit,
            start,
            ..SubscribeRequest::default()
        };
        Ok(Self { request, has_started: false })
    }

    /// Streams until the end of the subscription; an error is the end of the stream only.
    async fn stream(&mut self, arguments: &AlertsArguments) -> anyhow::Result<()> {
        let channel = client::connect(&arguments.engine).await?;
        let mut stream = AlertServiceClient::new(channel)
            .subscribe(self.request.clone())
            .await
            .map_err(|status| client::refusal(&status))?
            .into_inner();
        self.has_started = true;
        while let Some(response) = stream.message().await.map_err(|status| client::refusal(&status))? {
            match response.kind {
                Some(Kind::Alert(alert)) => {
                    print(&alert, &response.cursor, arguments.engine.json)?;
                    if self.request.limit > 0 {
                        self.request.limit -= 1;
                        if self.request.limit == 0 {
                            return Ok(());
                        }
                    }
                }
                Some(Kind::Gap(gap)) => eprintln!("eyrie: {}", describe_gap(&gap)),
                Some(Kind::Heartbeat(_)) | None => {}
            }
            if !response.cursor.is_empty() {
                self.request.start = Some(Start::AfterCursor(response.cursor));
            }
        }
        if arguments.follow {
            bail!("the engine ended the stream");
        }
        Ok(())
    }
}

fn print(alert: &Alert, cursor: &str, json: bool) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    if json {
        let mut object: serde_json::Map<_, _> = serde_json::from_str(&FalcoFormat::default().json(alert))?;
        object.insert("eyrie".to_owned(), ours(alert, cursor));
        writeln!(out, "{}", serde_json::Value::Object(object))?;
    } else {
        writeln!(out, "{}", alert_view::render(alert).trim_end())?;
    }
    out.flush().context("cannot write to standard output")
}

/// What Falco has no key for.
fn ours(alert: &Alert, cursor: &str) -> serde_json::Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let process = |process: &eyrie_proto::alert::Process| {
        serde_json::json!({
            "pid": process.key.map(|key| key.pid),
            "name": text(&process.name),
            "exepath": text(&process.executable_path),
            "cmdline": process.command_line.iter().map(|argument| text(argument)).collect::<Vec<_>>(),
            "exec_id": process.exec_id,
            "incomplete": process.is_incomplete,
        })
    };
    serde_json::json!({
        "id": alert.id,
        "cursor": cursor,
        "origin": alert.origin.as_ref().map(ToString::to_string),
        "sequence": alert.sequence,
        "rule_set": alert.rule_set_digest,
        "process": alert.process.as_ref().map(process),
        "ancestors": alert.ancestors.iter().map(process).collect::<Vec<_>>(),
        "evidence_lost": alert.loss.as_ref().is_some_and(|loss| loss.is_evidence_lost),
    })
}

fn describe_gap(gap: &Gap) -> String {
    let count = gap.lost_entries.map_or_else(|| "some".to_owned(), |count| count.to_string());
    match gap.reason() {
        GapReason::OtherLog => "the cursor is of another log; starting with what this engine has".to_owned(),
        GapReason::Retention | GapReason::Unspecified => {
            format!("{count} alerts before the next line are not kept any more")
        }
    }
}

fn parse_priority(text: &str) -> anyhow::Result<Priority> {
    let name = match text.to_ascii_uppercase().as_str() {
        "INFO" => "INFORMATIONAL".to_owned(),
        other => other.to_owned(),
    };
    Priority::from_str_name(&format!("PRIORITY_{name}"))
        .filter(|priority| *priority != Priority::Unspecified)
        .with_context(|| {
            format!("{text} is no priority; use emergency, alert, critical, error, warning, notice, informational or debug")
        })
}

/// A time (RFC 3339), a span before now (`10m`), or else a cursor.
fn parse_since(text: &str) -> anyhow::Result<Start> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        let ns = u64::try_from(at.as_nanosecond()).with_context(|| format!("{text} is before 1970"))?;
        return Ok(Start::SinceNs(ns));
    }
    if let Ok(span) = text.parse::<jiff::SignedDuration>() {
        let before = SystemTime::now()
            .checked_sub(span.unsigned_abs())
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .with_context(|| format!("{text} ago is before 1970"))?;
        return Ok(Start::SinceNs(u64::try_from(before.as_nanos())?));
    }
    Ok(Start::AfterCursor(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the three forms of --since. Guarantees: each is told from the others.
    #[test]
    fn since_is_a_time_a_span_or_a_cursor() {
        assert_eq!(parse_since("1970-01-01T00:00:01Z").unwrap(), Start::SinceNs(1_000_000_000));
        assert!(matches!(parse_since("10m").unwrap(), Start::SinceNs(_)));
        let cursor = "0f8b-12";
        assert_eq!(parse_since(cursor).unwrap(), Start::AfterCursor(cursor.to_owned()));
    }

    /// Scenario: priorities as Falco and people spell them. Guarantees: case and `info` are understood, the rest refused.
    #[test]
    fn priorities_are_read_in_any_case() {
        assert_eq!(parse_priority("Warning").unwrap(), Priority::Warning);
        assert_eq!(parse_priority("info").unwrap(), Priority::Informational);
        assert!(parse_priority("urgent").is_err());
        assert!(parse_priority("unspecified").is_err());
    }
}
