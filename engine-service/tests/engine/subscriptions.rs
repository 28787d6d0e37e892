//! Alerts as subscribers get them.

use std::{sync::Arc, time::Duration};

use engine_service::alert_log::{
    AlertLog, AppendBatch, OriginPosition,
    sqlite::{SqliteLog, SqliteOptions},
};
use eyrie_proto::alert::{
    Alert, AlertFilter, GapReason, SubscribeRequest, SubscribeResponse, subscribe_request::Start,
    subscribe_response::Kind,
};
use tokio_stream::StreamExt as _;
use tonic::{Code, Streaming};

use crate::support::*;

/// Appends alerts with these numbers; their events happened at as many seconds.
async fn append(log: &dyn AlertLog, numbers: impl IntoIterator<Item = u64>) {
    let alert = |number: u64| Alert {
        id: format!("{number:032x}"),
        time_ns: number * 1_000_000_000,
        sequence: number,
        rule: format!("Rule {}", number % 2),
        ..Alert::default()
    };
    let alerts: Vec<_> = numbers.into_iter().map(alert).collect();
    let position = OriginPosition { origin: "o".into(), epoch: 1, through_sequence: 1 };
    log.append(Arc::new(AppendBatch { alerts, position: Some(position), ..AppendBatch::default() }))
        .await
        .unwrap();
}

async fn next(stream: &mut Streaming<SubscribeResponse>) -> Option<SubscribeResponse> {
    tokio::time::timeout(PATIENCE, stream.next()).await.expect("nothing in time").map(Result::unwrap)
}

fn sequence(response: &SubscribeResponse) -> u64 {
    match &response.kind {
        Some(Kind::Alert(alert)) => alert.sequence,
        other => panic!("no alert but {other:?}"),
    }
}

/// The alerts up to the stream's end.
async fn all(mut stream: Streaming<SubscribeResponse>) -> Vec<u64> {
    let mut sequences = Vec::new();
    while let Some(response) = next(&mut stream).await {
        sequences.push(sequence(&response));
    }
    sequences
}

fn from_beginning() -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::FromBeginning(true)), ..SubscribeRequest::default() }
}

/// Scenario: subscriptions without following, from every kind of start, with limit and filter. Guarantees: each gets exactly
/// what it asked for, in the log's order, and ends.
#[tokio::test]
async fn every_start_gives_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    append(&*log, 1..=600).await;
    let engine = start(log.clone()).await;
    let ask = async |request| all(subscribe(&engine, request).await.unwrap()).await;
    assert_eq!(ask(from_beginning()).await, (1..=600).collect::<Vec<_>>());
    assert_eq!(ask(SubscribeRequest::default()).await.len(), 600);
    let since = Some(Start::SinceNs(598_000_000_000));
    assert_eq!(ask(SubscribeRequest { start: since, ..from_beginning() }).await, [598, 599, 600]);
    assert_eq!(ask(SubscribeRequest { limit: 2, ..from_beginning() }).await, [1, 2]);
    let filter = Some(AlertFilter { rules: vec!["*1".into()], ..AlertFilter::default() });
    assert_eq!(ask(SubscribeRequest { filter, limit: 2, ..from_beginning() }).await, [1, 3]);

    let mut stream = subscribe(&engine, from_beginning()).await.unwrap();
    let mut cursor = String::new();
    for expected in 1..=300 {
        let response = next(&mut stream).await.unwrap();
        assert_eq!(sequence(&response), expected);
        cursor = response.cursor;
    }
    let after = SubscribeRequest { start: Some(Start::AfterCursor(cursor)), ..SubscribeRequest::default() };
    assert_eq!(ask(after).await, (301..=600).collect::<Vec<_>>());
    engine.shutdown().await;
}

/// Scenario: a follower without a start, while alerts come. Guarantees: it gets what comes from now on and nothing older; in
/// quiet times heartbeats, whose cursor is behind everything that was sent.
#[tokio::test]
async fn following_gets_what_comes_and_heartbeats() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    append(&*log, [1]).await;
    let engine = start(log.clone()).await;
    let request =
        SubscribeRequest { follow: true, heartbeat_interval_ms: 100, ..SubscribeRequest::default() };
    let mut stream = subscribe(&engine, request.clone()).await.unwrap();
    for number in 2..5 {
        append(&*log, [number]).await;
        loop {
            let response = next(&mut stream).await.unwrap();
            if !matches!(response.kind, Some(Kind::Heartbeat(_))) {
                assert_eq!(sequence(&response), number);
                break;
            }
        }
    }
    let quiet = next(&mut stream).await.unwrap();
    let Some(Kind::Heartbeat(heartbeat)) = quiet.kind else { panic!("no heartbeat but {quiet:?}") };
    assert!(heartbeat.time_ns > 1_600_000_000_000_000_000);
    append(&*log, [5]).await;
    let after =
        SubscribeRequest { start: Some(Start::AfterCursor(quiet.cursor)), ..SubscribeRequest::default() };
    assert_eq!(all(subscribe(&engine, after).await.unwrap()).await, [5]);
    engine.shutdown().await;
}

/// Scenario: a follower of a quiet log, whose engine goes away before there is anything to send. Guarantees: it has a
/// cursor all the same, and gets what came meanwhile with it.
#[tokio::test]
async fn a_follower_has_a_cursor_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    append(&*log, [1]).await;
    let engine = start(log.clone()).await;
    let follow = SubscribeRequest { follow: true, ..SubscribeRequest::default() };
    let mut stream = subscribe(&engine, follow.clone()).await.unwrap();
    // Long before a quiet subscription's ordinary heartbeat.
    let first = tokio::time::timeout(Duration::from_secs(5), stream.next())
        .await
        .expect("a cursor")
        .unwrap()
        .unwrap();
    assert!(matches!(first.kind, Some(Kind::Heartbeat(_))), "{first:?}");
    engine.shutdown().await;

    append(&*log, [2]).await;
    let engine = start(log.clone()).await;
    let again = SubscribeRequest { start: Some(Start::AfterCursor(first.cursor)), ..follow };
    let mut stream = subscribe(&engine, again).await.unwrap();
    assert_eq!(sequence(&next(&mut stream).await.unwrap()), 2);
    engine.shutdown().await;
}

/// Scenario: an alert that a follower's filter does not pass, and then quiet. Guarantees: the heartbeat's cursor is behind it,
/// so that nobody reads it again.
#[tokio::test]
async fn heartbeats_pass_what_was_filtered_out() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    append(&*log, [2, 4]).await;
    let engine = start(log.clone()).await;
    let filter = Some(AlertFilter { rules: vec!["Rule 1".into()], ..AlertFilter::default() });
    let request = SubscribeRequest { filter, follow: true, heartbeat_interval_ms: 100, ..from_beginning() };
    let mut stream = subscribe(&engine, request).await.unwrap();
    let heartbeat = next(&mut stream).await.unwrap();
    assert!(matches!(heartbeat.kind, Some(Kind::Heartbeat(_))) && heartbeat.cursor.ends_with("-2"));
    engine.shutdown().await;
}

/// Scenario: cursors of another log, of entries that retention took, and of a position that is not there yet.
/// Guarantees: the subscriber is told of the gap, with the count where it is known, and gets everything that there is.
#[tokio::test]
async fn gaps_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_entries: 10, max_bytes: None };
    let log = Arc::new(SqliteLog::open(directory.path(), options).unwrap());
    for number in 1..=25 {
        append(&*log, [number]).await;
    }
    // Trimming follows the append's answer.
    log.bounds().wait_for(|bounds| bounds.trimmed_through == 15).await.unwrap();
    let engine = start(log.clone()).await;
    let own = log.id();
    for (cursor, reason, lost, first) in [
        (format!("a1-{own}-5"), GapReason::Retention, Some(10), 16),
        (format!("a1-{own}-99"), GapReason::OtherLog, None, 16),
        (format!("a1-{}-20", "0".repeat(32)), GapReason::OtherLog, None, 16),
    ] {
        let start = Some(Start::AfterCursor(cursor));
        let mut stream = subscribe(&engine, SubscribeRequest { start, ..from_beginning() }).await.unwrap();
        let response = next(&mut stream).await.unwrap();
        assert_eq!(response.cursor, format!("a1-{own}-15"));
        let Some(Kind::Gap(gap)) = response.kind else { panic!("no gap but {response:?}") };
        assert_eq!((gap.reason(), gap.lost_entries), (reason, lost));
        assert_eq!(all(stream).await, (first..=25).collect::<Vec<_>>());
    }
    let mut stream = subscribe(&engine, from_beginning()).await.unwrap();
    assert_eq!(sequence(&next(&mut stream).await.unwrap()), 16);
    engine.shutdown().await;
}

/// Scenario: requests that cannot be served. Guarantees: each is refused with what is wrong.
#[tokio::test]
async fn wrong_requests_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let start = Some(Start::AfterCursor("nonsense".into()));
    let cursor =
        subscribe(&engine, SubscribeRequest { start, ..SubscribeRequest::default() }).await.unwrap_err();
    assert_eq!((cursor.code(), reason(&cursor)), (Code::InvalidArgument, "CURSOR_INVALID"));
    let filter = Some(AlertFilter { condition: "proc.name=cat".into(), ..AlertFilter::default() });
    let condition =
        subscribe(&engine, SubscribeRequest { filter, ..SubscribeRequest::default() }).await.unwrap_err();
    assert_eq!((condition.code(), reason(&condition)), (Code::InvalidArgument, "FILTER_INVALID"));
    assert!(condition.message().contains("not available yet"), "{condition}");
    engine.shutdown().await;
}

/// Scenario: more subscriptions than allowed; one leaves. Guarantees: the one too many is refused, and has a place then.
#[tokio::test]
async fn subscriptions_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options();
    options.max_subscriptions = 1;
    let engine = start_with(sqlite(directory.path()), options, None).await;
    let follow = SubscribeRequest { follow: true, ..SubscribeRequest::default() };
    let first = subscribe(&engine, follow.clone()).await.unwrap();
    let refused = subscribe(&engine, follow.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::ResourceExhausted, "TOO_MANY"));
    drop(first);
    while subscribe(&engine, follow.clone()).await.is_err() {}
    engine.shutdown().await;
}

/// Scenario: the engine ends under a follower. Guarantees: the stream ends with a status that says to come again.
#[tokio::test]
async fn followers_are_told_of_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(sqlite(directory.path())).await;
    let follow = SubscribeRequest { follow: true, ..SubscribeRequest::default() };
    let mut stream = subscribe(&engine, follow).await.unwrap();
    engine.shutdown().await;
    let status = loop {
        if let Err(status) = stream.next().await.unwrap() {
            break status;
        }
    };
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "SHUTTING_DOWN"));
}

/// Scenario: alerts come all the time that a follower's filter does not pass. Guarantees: it has heartbeats all the same, with
/// cursors that move on.
#[tokio::test]
async fn what_is_filtered_out_does_not_silence_heartbeats() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let filter = Some(AlertFilter { rules: vec!["none".into()], ..AlertFilter::default() });
    let request = SubscribeRequest { filter, follow: true, heartbeat_interval_ms: 1_000, ..from_beginning() };
    let mut stream = subscribe(&engine, request).await.unwrap();
    let first = next(&mut stream).await.unwrap();
    let busy = tokio::spawn({
        let log = log.clone();
        async move {
            for number in 1.. {
                append(&*log, [number]).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let heard = tokio::time::timeout(Duration::from_secs(5), next(&mut stream)).await;
    busy.abort();
    let heard = heard.expect("no heartbeat while alerts came").unwrap();
    assert!(matches!(heard.kind, Some(Kind::Heartbeat(_))), "{heard:?}");
    assert_ne!(heard.cursor, first.cursor);
    engine.shutdown().await;
}
