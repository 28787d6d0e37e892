//! Evaluates compiled conditions on events.
#![forbid(unsafe_code)]
