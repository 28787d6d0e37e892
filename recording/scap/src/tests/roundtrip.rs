//! What is written is read.

use proptest::prelude::*;

use super::{gzip, model::model, read};
use crate::Compression;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Scenario: everything that the format can say is written and read, packed and plain.
    /// Guarantees: it comes out as it went in, in the order in which it went in.
    #[test]
    fn what_is_written_is_read(model in model(), is_packed in any::<bool>()) {
        let compression = if is_packed { Compression::Gzip } else { Compression::None };
        let content = read(model.write(compression).as_slice());
        prop_assert!(content.error.is_none(), "{:?}", content.error);
        prop_assert_eq!(content.problems, []);
        prop_assert_eq!(content.sections, 1);
        prop_assert_eq!(content.machines, [model.machine]);
        prop_assert_eq!(content.interfaces, model.interfaces);
        prop_assert_eq!(content.accounts, model.accounts);
        prop_assert_eq!(content.threads, model.threads);
        prop_assert_eq!(content.descriptors, model.descriptors);
        prop_assert_eq!(content.events, model.events);
    }

    /// Scenario: a file is cut anywhere, plain or packed; or two are one behind the other.
    /// Guarantees: every block that is whole comes out, then an error that says that the file is cut off; nothing is missing of what
    /// is one behind the other.
    #[test]
    fn cut_files_give_what_is_whole(model in model(), cut in any::<prop::sample::Index>(), is_packed in any::<bool>()) {
        let whole = model.write(Compression::None);
        let all = read(whole.as_slice());
        let kept = cut.index(whole.len());
        let plain = &whole[..kept];
        let boundaries = boundaries(&whole);
        let whole_blocks = boundaries.iter().filter(|end| **end <= kept).count();
        let content = if is_packed {
            let packed = gzip(plain);
            read(&packed[..packed.len() - 4])
        } else {
            read(plain)
        };
        let blocks = usize::try_from(content.blocks).unwrap();
        if kept >= boundaries[0] {
            prop_assert_eq!(blocks, whole_blocks);
            let is_between = boundaries.contains(&kept);
            match content.error {
                Some(error) => prop_assert!(error.is_truncated() && (is_packed || !is_between), "{}", error),
                None => prop_assert!(is_between && !is_packed),
            }
            prop_assert_eq!(&content.events, &all.events[..content.events.len()]);
        } else {
            prop_assert!(content.error.is_some());
        }
        let twice = read([whole.as_slice(), &whole].concat().as_slice());
        prop_assert_eq!((twice.sections, twice.blocks), (2, 2 * all.blocks));
    }
}

/// Where each block ends.
fn boundaries(file: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(length) = file.get(at + 4..at + 8) {
        at += usize::try_from(u32::from_le_bytes(length.try_into().unwrap())).unwrap();
        ends.push(at);
    }
    ends
}
