//! The contract between Eyrie's services: generated messages and services.
#![forbid(unsafe_code)]
