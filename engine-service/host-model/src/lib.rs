//! One host's processes, sessions and users, rebuilt from its events.
#![forbid(unsafe_code)]
