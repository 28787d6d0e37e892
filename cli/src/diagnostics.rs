//! Diagnostics about rules on a terminal.
