//! Extraction from hand-made events.

mod declarations;
mod descriptor;
mod event;
mod event_names;
pub(crate) mod fixture;
mod kernel_names;
mod machine;
mod metadata;
mod parameters;
mod process;
mod properties;
mod state;
mod walk;
