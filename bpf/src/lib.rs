//! The BPF programs, the layout of their records, and checked decoding of them.
#![forbid(unsafe_code)]
