//! The operator's client, and Eyrie in one process.
#![forbid(unsafe_code)]
