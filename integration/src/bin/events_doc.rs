//! Prints docs/events.md: `make events-doc` writes it anew.
#![forbid(unsafe_code)]

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(integration::events_page::page().as_bytes())
}
