//! Recordings of event streams, in our own format and as `.scap`.
#![forbid(unsafe_code)]
