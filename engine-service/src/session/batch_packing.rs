//! How agents are asked to pack the events of their batches.

use clap::ValueEnum;
use eyrie_proto::capture::BatchEncoding;
use serde::{Deserialize, Serialize};

/// What an engine asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum BatchPacking {
    /// Compressed from other machines, and not from this one: there bytes cost less than compressing them
    #[default]
    Auto,
    /// As they are
    None,
    /// Compressed by zstd
    Zstd,
}

// === impl BatchPacking ===

impl BatchPacking {
    /// What an agent that can do `offered` is asked for; rows can be had of every one.
    pub(super) fn encoding(self, is_on_this_machine: bool, offered: &[BatchEncoding]) -> BatchEncoding {
        let is_wanted = match self {
            Self::Auto => !is_on_this_machine,
            Self::None => false,
            Self::Zstd => true,
        };
        if is_wanted && offered.contains(&BatchEncoding::Zstd) {
            BatchEncoding::Zstd
        } else {
            BatchEncoding::Unspecified
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: each setting with agents here and elsewhere, who can pack and who cannot. Guarantees: nobody is asked for what they
    /// cannot do; left to itself, an engine asks for it from other machines.
    #[test]
    fn packing_is_asked_of_who_can_where_it_is_worth_it() {
        use BatchEncoding::{Unspecified, Zstd};
        for (packing, here, elsewhere) in [
            (BatchPacking::Auto, Unspecified, Zstd),
            (BatchPacking::None, Unspecified, Unspecified),
            (BatchPacking::Zstd, Zstd, Zstd),
        ] {
            let asked =
                |offered: &[BatchEncoding]| [true, false].map(|is_here| packing.encoding(is_here, offered));
            assert_eq!(asked(&[Zstd, Unspecified]), [here, elsewhere], "{packing:?}");
            assert_eq!(asked(&[]), [Unspecified; 2], "{packing:?}");
        }
    }
}
