//! Extraction from hand-made events.

mod descriptor;
mod event;
mod fixture;
mod process;
mod properties;
