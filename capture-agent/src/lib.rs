//! Captures one host: loads the BPF programs, drains their ring and streams events to an engine.
#![forbid(unsafe_code)]
