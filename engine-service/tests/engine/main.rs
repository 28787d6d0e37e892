//! The engine as its clients see it: real servers on port 0, real SQLite in temporary directories.

mod durability;
mod evaluation;
mod full_disk;
mod listener;
mod outputs;
mod session;
mod subscriptions;
mod support;
