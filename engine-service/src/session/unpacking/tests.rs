//! Packed batches, good and bad.

use eyrie_proto::event::Event;

use super::*;

const LIMIT: usize = 1 << 20;

fn events(count: u64) -> Vec<Event> {
    (1..=count).map(|boot_ns| Event { boot_ns, ..Event::default() }).collect()
}

fn pack(rows: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(rows, 1).unwrap()
}

fn packed(packed_events: Vec<u8>, event_count: u32) -> Box<Batch> {
    let encoding = BatchEncoding::Zstd.into();
    Box::new(Batch {
        batch_id: 7,
        first_sequence: 7,
        packed_events,
        encoding,
        event_count,
        ..Batch::default()
    })
}

fn rows(count: u64) -> Vec<u8> {
    Batch { events: events(count), ..Batch::default() }.encode_to_vec()
}

/// Scenario: few events and many, packed. Guarantees: the batch is then as if they had come as rows, and counts as large as that.
#[tokio::test]
async fn events_come_out_as_they_went_in() {
    for count in [1, 20_000] {
        let rows = rows(count);
        let batch = packed(pack(&rows), u32::try_from(count).unwrap());
        let bytes = batch.encoded_len() as u64;
        let overhead = bytes - batch.packed_events.len() as u64;
        let (batch, unpacked_bytes, fault) = unpack(batch, bytes, LIMIT).await;
        assert_eq!(fault, None);
        assert_eq!((batch.events.len() as u64, &batch.events), (count, &events(count)));
        assert!(batch.packed_events.is_empty() && batch.encoding() == BatchEncoding::Unspecified);
        assert_eq!(unpacked_bytes, overhead + rows.len() as u64);
    }
}

/// Scenario: packed events that are larger than allowed, say that they are smaller than they are, say nothing of their size, are cut
/// short, are no frame, are no events. Guarantees: each is a fault with its reason, the batch keeps its number and place, and
/// no more is unpacked than is allowed.
#[tokio::test]
async fn what_cannot_be_unpacked_has_its_reason() {
    let many = rows(1_000);
    let whole = pack(&many);
    let mut two = pack(&rows(1));
    two.extend(&whole);
    let sizeless = zstd::stream::encode_all(many.as_slice(), 1).unwrap();
    let cut = whole.get(..whole.len() / 2).unwrap().to_vec();
    let bomb = pack(&vec![0; LIMIT + 1]);
    use RejectionReason::{Malformed, TooLarge};
    for (what, bytes, reason) in [
        ("a bomb", bomb, TooLarge),
        ("two frames, of which the first tells a small size", two, Malformed),
        ("no size", sizeless, Malformed),
        ("cut", cut, Malformed),
        ("no frame", b"plainly none".to_vec(), Malformed),
        ("nothing", Vec::new(), Malformed),
        ("no events", pack(&[0xff; 100]), Malformed),
        ("more events than it says", pack(&rows(6)), Malformed),
        ("many empty events", pack(&[0x22, 0].repeat(LIMIT / 2)), Malformed),
        ("fewer bytes than so many events have", pack(&[0x22, 0].repeat(5)), Malformed),
    ] {
        let (batch, unpacked_bytes, fault) = unpack(packed(bytes, 5), 50, LIMIT).await;
        assert_eq!(fault.map(|fault| fault.reason), Some(reason), "{what}");
        assert_eq!((batch.batch_id, batch.event_count, unpacked_bytes), (7, 5, 50), "{what}");
        assert!(batch.events.is_empty(), "{what}");
    }
}

/// Scenario: events as rows, and packed ones where Welcome asked for rows. Guarantees: both stay as they came.
#[tokio::test]
async fn what_is_not_to_be_unpacked_stays() {
    let plain = Box::new(Batch { events: events(3), ..Batch::default() });
    let unasked = packed(pack(&rows(3)), 3);
    for (batch, limit) in [(plain, LIMIT), (unasked, 0)] {
        assert_eq!(unpack(batch.clone(), 9, limit).await, (batch, 9, None));
    }
}
