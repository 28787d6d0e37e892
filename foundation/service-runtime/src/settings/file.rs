//! The file's layer. What is wrong in it is said with its place.

use std::path::Path;

use toml::{Table, de::DeTable};

use super::{ConfigError, Settings, arguments::keys};

/// Below this likeness (0 to 1) a known name is no suggestion for an unknown one.
const LEAST_LIKENESS: f64 = 0.8;

/// Reads and checks the file at `path`.
pub(super) fn read<S: Settings>(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse::<S>(path, &text)
}

/// Checks `text`, which is that of the file at `path`.
pub(super) fn parse<S: Settings>(path: &Path, text: &str) -> Result<Table, ConfigError> {
    let malformed = |offset: usize, detail: String| {
        let (line, column) = place(text, offset);
        ConfigError::Malformed { path: path.to_owned(), line, column, detail }
    };
    let no_toml = |error: toml::de::Error| {
        malformed(error.span().map_or(0, |span| span.start), error.message().to_owned())
    };
    let places = DeTable::parse(text).map_err(no_toml)?;
    let table: Table = text.parse().map_err(no_toml)?;
    let known = keys::<S>();
    for key in places.get_ref().keys() {
        let (name, offset) = (key.get_ref().as_ref(), key.span().start);
        if !known.iter().any(|known| known == name) {
            let (line, column) = place(text, offset);
            let hint = hint(name, &known);
            return Err(ConfigError::Unknown {
                path: path.to_owned(),
                line,
                column,
                key: name.to_owned(),
                hint,
            });
        }
        // By itself, since an error in a flattened struct tells neither key nor place.
        let alone: Table =
            table.get(name).map(|value| (name.to_owned(), value.clone())).into_iter().collect();
        if let Err(error) = alone.try_into::<S>() {
            return Err(malformed(offset, format!("{name}: {}", error.message())));
        }
    }
    Ok(table)
}

fn hint(name: &str, known: &[String]) -> String {
    let likeness = |known: &String| strsim::jaro_winkler(name, known);
    match known.iter().max_by(|left, right| likeness(left).total_cmp(&likeness(right))) {
        Some(nearest) if likeness(nearest) >= LEAST_LIKENESS => format!("; is {nearest:?} meant?"),
        _ => "; --print-config shows all".to_owned(),
    }
}

/// Line and column of a byte of `text`, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
