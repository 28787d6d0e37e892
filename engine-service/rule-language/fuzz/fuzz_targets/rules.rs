//! Any bytes as a rules file, with the fields that events have: loaded or refused, at places that are in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rule_language::{Source, load};

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes("fuzz.yaml", bytes.to_vec()) else { return };
    let diagnostics = match load(&[source], fields::catalogue()) {
        Ok(loaded) => loaded.diagnostics,
        Err(error) => {
            assert!(error.errors().next().is_some());
            error.diagnostics
        }
    };
    for diagnostic in diagnostics {
        assert!(diagnostic.source.text.get(diagnostic.span.clone()).is_some());
    }
});
