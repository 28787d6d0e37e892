//! Writes the page on the stock rules, `docs/stock-rules.md`, to standard output.

fn main() -> anyhow::Result<()> {
    print!("{}", integration::undecided::page()?);
    Ok(())
}
