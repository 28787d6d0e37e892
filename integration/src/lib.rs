//! End-to-end tests, benchmarks and workloads.
#![forbid(unsafe_code)]
