//! Any bytes as a condition: parsed or refused, and what is parsed reads back as the same tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rule_language::parse_condition;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match parse_condition(text) {
        Ok(node) => {
            let written = format!("{node:#}");
            let again = parse_condition(&written).expect("what was written can be read");
            assert_eq!(format!("{again:#}"), written);
            assert_eq!(again.to_string(), node.to_string());
        }
        Err(error) => assert!(error.position.offset <= text.len()),
    }
});
