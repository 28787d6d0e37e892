use std::time::{Duration, Instant};

use capture_agent::RingLimits;
use eyrie_proto::event::{EventClass, LossPlace, LossRecord};
use test_requirements::{Requirement, requires};

use crate::{
    fake_engine::FakeEngine,
    flooder::{ALONE, flooder, has_flooded, is_of_flooder, losses, metered, watching},
};

const THREADS: u64 = 4;
/// Calls of one round.
const CALLS: u64 = 1_000_000;
const ROUNDS: usize = 10;

/// Calls that were received, and losses of plain events in the ring and in the queue, by what was told since an event.
fn books(engine: &FakeEngine, counted_before: u64, after: u64) -> [u64; 3] {
    let seen = engine.seen();
    let told = losses(&seen, after);
    let lost = |place: LossPlace| -> u64 {
        let of_place = told.iter().filter(|loss| loss.place() == place);
        of_place.filter(|loss| loss.event_class() == EventClass::Plain).map(|loss| loss.count).sum()
    };
    [seen.counted - counted_before, lost(LossPlace::Ring), lost(LossPlace::AgentQueue)]
}

/// Starts a flood, waits for its end and until nothing is missing, and returns the books.
async fn flood(engine: &FakeEngine, test: &'static str) -> ([u64; 3], Vec<LossRecord>, Duration) {
    let (counted, after) = {
        let seen = engine.seen();
        (seen.counted, seen.through)
    };
    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || flooder(test, THREADS, CALLS).status().unwrap());
    assert!(status.await.unwrap().success());
    let took = began.elapsed();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let books = books(engine, counted, after);
        if books.iter().sum::<u64>() >= CALLS {
            return (books, losses(&engine.seen(), after), took);
        }
        assert!(Instant::now() < deadline, "{books:?} of {CALLS} calls are accounted for");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Scenario: ten times over, four threads make a million calls as fast as the machine lets them, with a ring that is far too small at
/// first, may grow, and stays too small. Guarantees: each time calls made are events received and losses told, by place and class, to the
/// last one; each loss of a ring names the flooder and its call first; the ring has grown.
#[tokio::test(flavor = "multi_thread")]
async fn a_floods_books_balance_in_the_stream() {
    const TEST: &str = "losses::a_floods_books_balance_in_the_stream";
    if has_flooded() {
        return;
    }
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let (metrics, instruments) = metered();
    let rings = RingLimits { bytes: 64 << 10, max_bytes: 512 << 10, ..RingLimits::default() };
    let (engine, running) = watching(|config| capture_agent::Config { rings, ..config }, instruments).await;
    for round in 1..=ROUNDS {
        let (books, told, took) = flood(&engine, TEST).await;
        let rate = CALLS as f64 / took.as_secs_f64() / 1e6;
        println!(
            "round {round}: {rate:.2} M calls/s; received, lost in the ring and in the queue: {books:?}"
        );
        assert_eq!(books.iter().sum::<u64>(), CALLS, "round {round}: {books:?}");
        let in_ring = told.iter().filter(|loss| loss.place() == LossPlace::Ring);
        for loss in in_ring.filter(|loss| loss.event_class() == EventClass::Plain) {
            assert!(loss.top_sources.first().is_some_and(is_of_flooder), "{loss:?}");
            assert!(loss.first_boot_ns <= loss.last_boot_ns && loss.top_sources.len() <= 8, "{loss:?}");
        }
        assert!(books[0] > 0 && books[1] > 0, "{books:?}");
    }
    let text = metrics.text().unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse::<u64>().unwrap()
    };
    assert!(value("eyrie_agent_ring_grown_total") >= 1);
    assert!(value("eyrie_agent_ring_bytes") > 64 << 10);
    assert!(running.shutdown().await.unacked_events < 10_000);
}

/// Scenario: the same once, with a ring for each processor. Guarantees: the books balance; events of several processors arrive in the
/// order in which they happened, but for some.
#[tokio::test(flavor = "multi_thread")]
async fn several_rings_are_one_stream() {
    const TEST: &str = "losses::several_rings_are_one_stream";
    if has_flooded() {
        return;
    }
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let rings = RingLimits { rings: 1_024, bytes: 256 << 10, max_bytes: 4 << 20 };
    let (engine, running) =
        watching(|config| capture_agent::Config { rings, ..config }, Default::default()).await;
    let (books, _, _) = flood(&engine, TEST).await;
    assert_eq!(books.iter().sum::<u64>(), CALLS, "{books:?}");
    let counted = engine.seen().counted;
    let out_of_order = engine.seen().counted_out_of_order;
    println!(
        "received, lost in the ring and in the queue: {books:?}; {out_of_order} of {counted} out of order"
    );
    assert!(out_of_order * 1_000 <= counted, "{out_of_order} of {counted} out of order");
    running.shutdown().await;
}
