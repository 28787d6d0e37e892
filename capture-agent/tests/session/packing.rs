//! Batches as the engine asks for them.

use eyrie_proto::capture::BatchEncoding;

use crate::{
    execs,
    fake_engine::{FakeEngine, Policy},
    names, run,
    scripted_source::Script,
    start,
};

/// Scenario: an engine that asks for packed batches gives credit for hardly more than one, refuses some of them, breaks the connection, and
/// then asks for rows. Guarantees: it is offered what it asks for, every event arrives once, packed as long as it asks for that, and much
/// smaller; the credit lasts.
#[tokio::test(flavor = "multi_thread")]
async fn batches_are_packed_for_who_wants_that() {
    let encoding = BatchEncoding::Zstd.into();
    let policy = Policy { encoding, credit: 100_000, refuse: 2, ..Policy::default() };
    let engine = FakeEngine::start(policy).await;
    let script = Script::default();
    let running = start(&engine, &script).await;
    run(&script, 0..5_000);
    engine.until("all events", |seen| execs(seen).len() == 5_000).await;
    {
        let seen = engine.seen();
        assert_eq!(seen.hellos[0].batch_encodings, [encoding]);
        assert!(seen.packed > 1 && seen.packed_bytes * 4 < seen.unpacked_bytes, "{}", seen.packed_bytes);
    }
    engine.change(|policy| {
        policy.encoding = BatchEncoding::Unspecified.into();
        policy.break_after_batches = Some(0);
    });
    run(&script, 5_000..5_100);
    engine.until("another session", |seen| seen.hellos.len() > 1).await;
    let packed = engine.seen().packed;
    engine.change(|policy| policy.break_after_batches = None);
    engine.until("all events", |seen| execs(seen).len() == 5_100).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    let seen = engine.seen();
    // The one that the connection was broken at was not taken.
    assert_eq!((seen.packed, seen.changed), (packed, 0));
    assert_eq!(execs(&seen), names(0..5_100));
}
