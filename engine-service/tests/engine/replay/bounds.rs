//! Nothing that a recording has makes a replay keep more than a bound.

use super::*;

/// Scenario: far more matches wait than may, for a fact that comes too late for the first. Guarantees: the oldest go out marked, in order, when there is no more
/// room; the others wait on, and are told whole.
#[test]
fn waiting_is_bounded() {
    let mut replay = replay();
    replay.feed(header()).unwrap();
    replay.feed(base(vec![cgroup_fact(CONTAINER)])).unwrap();
    let mut alerts = Vec::new();
    for first in (0..6_000).step_by(100) {
        let batch = (first + 1..=first + 100).map(|at| open(at, "/other")).collect();
        alerts.extend(replay.feed(events(first + 1, batch)).unwrap());
    }
    assert!((1_000..5_000).contains(&alerts.len()), "{}", alerts.len());
    assert!(alerts.iter().all(|alert| alert.metadata_state() == MetadataState::Partial));
    let whole = replay.feed(web()).unwrap();
    assert!(whole.iter().all(|alert| alert.metadata_state() == MetadataState::Complete));
    alerts.extend(whole);
    assert_eq!(sequences(&alerts), (1..=6_000).collect::<Vec<_>>());
}

/// Scenario: matches that wait, each of which is large, a few with every batch. Guarantees: no more is held back than some tens of MiB; the rest goes out
/// marked, in order.
#[test]
fn what_is_held_back_is_bounded_in_bytes() {
    const LARGE: usize = 256 * 1024;
    let rules = RULES.replace("in %container.name\n", &format!("in %container.name {}\n", "x".repeat(LARGE)));
    let mut replay = replay_with(&rules);
    replay.feed(header()).unwrap();
    replay.feed(base(vec![cgroup_fact(CONTAINER)])).unwrap();
    let mut alerts = Vec::new();
    for first in (1..=400).step_by(20) {
        let batch = (first..first + 20).map(|at| open(at, "/other")).collect();
        alerts.extend(replay.feed(events(first, batch)).unwrap());
        let held = usize::try_from(first + 19).unwrap() - alerts.len();
        assert!(held * LARGE <= 32 * 1024 * 1024, "{held} are held back");
    }
    alerts.extend(replay.finish().0);
    assert!(alerts.iter().all(|alert| alert.message.len() > LARGE));
    assert_eq!(sequences(&alerts), (1..=400).collect::<Vec<_>>());
}

/// Scenario: a host tells of its container; it goes on in a further stream; then comes another host, and the first once more. Guarantees: what was told holds for
/// the next stream of the same host, and is forgotten with another one's, unless a first pass has told it.
#[test]
fn hosts_that_have_gone_are_forgotten() {
    let begin = || [header(), base(vec![cgroup_fact(CONTAINER)])];
    let other = of_host(header(), &"7".repeat(32));
    let read = |at| events(at, vec![open(at, "/other")]);
    let first = begin().into_iter().chain([web(), read(1)]).chain(begin()).chain([read(2)]);
    let pieces: Vec<Piece> = first.chain([other]).chain(begin()).chain([read(3)]).collect();
    let marked = |is_known| {
        let alerts = play(replay(), &pieces, is_known).into_iter();
        alerts.map(|alert| alert.metadata_state() == MetadataState::Partial).collect::<Vec<_>>()
    };
    assert_eq!(marked(false), [false, false, true]);
    assert_eq!(marked(true), [false, false, false]);
}

/// Scenario: thousands of streams, each with a word of its recorder's own that is long. Guarantees: all are counted, and of some is kept how they ended, in as many words as
/// there is room for.
#[test]
fn ends_are_kept_within_bounds() {
    let mut replay = replay();
    let message = "ä".repeat(1_000);
    let end = Piece::Trailer(RecordingTrailer { message, ..RecordingTrailer::default() });
    for number in 0..3_000 {
        replay.feed(of_host(header(), &format!("{number:032x}"))).unwrap();
        if number % 2 == 0 {
            replay.feed(end.clone()).unwrap();
        }
    }
    let (_, stats) = replay.finish();
    assert_eq!((stats.stream_count, stats.cut_off_count, stats.streams.len()), (3_000, 1_500, 1_024));
    assert_eq!(stats.streams[..2], [StreamEnd::Other("ä".repeat(256)), StreamEnd::Missing]);
}
