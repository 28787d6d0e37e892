//! Eyrie's events out of `.scap` files ([`import`]), and `.scap` files out of Eyrie's events ([`export`]).
#![forbid(unsafe_code)]

pub mod entry;
pub mod export;
pub mod extension;
pub mod flags;
pub mod import;
