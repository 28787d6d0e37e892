//! Prints docs/stock-rules.md: `make stock-rules-doc` writes it anew.
#![forbid(unsafe_code)]

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(integration::stock_rules_page::page().as_bytes())
}
