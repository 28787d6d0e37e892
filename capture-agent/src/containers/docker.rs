//! docker, by its files and by its interface, which podman's service has as well.

mod container;
mod store;

pub(super) use self::store::read as stored;
