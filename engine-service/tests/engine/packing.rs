//! Batches whose events come packed.

use engine_service::BatchPacking;
use eyrie_proto::capture::{
    BaseState, Batch, BatchEncoding, Hello, RejectionReason, capture_request, capture_response,
};
use prost::Message as _;

use crate::support::*;

const ZSTD: i32 = BatchEncoding::Zstd as i32;

/// The same batch with its events packed.
fn packed(batch: Batch) -> Batch {
    let event_count = u32::try_from(batch.events.len()).unwrap();
    let rows = Batch { events: batch.events, ..Batch::default() }.encode_to_vec();
    let packed_events = zstd::bulk::compress(&rows, 1).unwrap();
    Batch { events: Vec::new(), packed_events, encoding: ZSTD, event_count, ..batch }
}

fn offering() -> Hello {
    Hello { batch_encodings: vec![ZSTD], ..hello() }
}

/// Scenario: an engine that asks for packed batches gets one of many events, one of few, one as rows, one that unpacks to more than a
/// message may have, one that is none, and another good one. Guarantees: their events raise the alerts that they would as
/// rows; credit comes back as bytes on the wire; what cannot be unpacked is refused with its reason, counts as lost, and
/// the stream goes on behind it.
#[tokio::test]
async fn packed_events_count_as_rows_do() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let mut options = options();
    options.session.batch_packing = BatchPacking::Zstd;
    let engine = start_with(log.clone(), options, None).await;
    let (mut agent, welcome) = Agent::greet(&engine, offering()).await;
    assert_eq!(welcome.batch_encoding(), BatchEncoding::Zstd);
    agent.send(capture_request::Kind::BaseState(BaseState { is_last: true, ..BaseState::default() })).await;
    let first = packed(batch(1, 5_000, &[3, 4_999]));
    let size = first.encoded_len() as u64;
    assert_eq!(agent.deliver(first).await.through_sequence, 5_000);
    let Some(Ok(capture_response::Kind::Credit(credit))) = agent.next().await else { panic!("no credit") };
    assert_eq!(credit.additional_bytes, size);
    assert_eq!(agent.deliver(packed(batch(5_001, 10, &[5_005]))).await.through_sequence, 5_010);
    assert_eq!(agent.deliver(batch(5_011, 10, &[5_020])).await.through_sequence, 5_020);
    for (first, packed_events, reason) in [
        (5_021, zstd::bulk::compress(&vec![0; 2 << 20], 1).unwrap(), RejectionReason::TooLarge),
        (5_026, b"none".to_vec(), RejectionReason::Malformed),
    ] {
        let bad = Batch { packed_events, ..packed(batch(first, 5, &[first])) };
        let ack = agent.deliver(bad).await;
        assert_eq!((ack.through_sequence, ack.rejections[0].reason()), (first + 4, reason));
        assert_eq!(ack.rejections[0].retry_after_ms, None);
    }
    assert_eq!(agent.deliver(packed(batch(5_031, 1, &[5_031]))).await.through_sequence, 5_031);
    assert_eq!(alert_sequences(&*log).await, [3, 4_999, 5_005, 5_020, 5_031]);
    let losses = &hosts(&engine, false).await[0].losses;
    assert_eq!(losses.iter().map(|loss| loss.count).sum::<u64>(), 10);
    engine.shutdown().await;
}

/// Scenario: an agent on this machine meets an engine that is left to itself, and packs all the same; one that cannot pack meets an engine
/// that wants it. Guarantees: both are asked for rows; what comes packed unasked is refused.
#[tokio::test]
async fn rows_are_asked_for_here_and_of_who_cannot_pack() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    for (packing, hello) in [(BatchPacking::Auto, offering()), (BatchPacking::Zstd, hello())] {
        let mut options = options();
        options.session.batch_packing = packing;
        let engine = start_with(log.clone(), options, None).await;
        let (mut agent, welcome) = Agent::greet(&engine, hello).await;
        assert_eq!(welcome.batch_encoding(), BatchEncoding::Unspecified, "{packing:?}");
        agent
            .send(capture_request::Kind::BaseState(BaseState { is_last: true, ..BaseState::default() }))
            .await;
        let ack = agent.deliver(packed(batch(1, 5, &[2]))).await;
        assert_eq!(ack.rejections[0].reason(), RejectionReason::UnsupportedEncoding, "{packing:?}");
        engine.shutdown().await;
    }
    assert!(alert_sequences(&*log).await.is_empty());
}
