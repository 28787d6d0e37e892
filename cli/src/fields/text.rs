//! The listing for people: tables that fit the terminal.

use std::io::Write;

use owo_colors::OwoColorize as _;
use rule_language::FieldInfo;

use super::{Class, type_name, usage};

/// Blanks before names and between columns.
const INDENT: usize = 2;
/// Longer names have their description on lines of their own.
const MAX_NAME_WIDTH: usize = 34;
/// The longest name of a type that is not a list's.
const TYPE_WIDTH: usize = 8;
/// Descriptions are not made narrower than this; lines of a narrower terminal break as it likes.
const MIN_TEXT_WIDTH: usize = 24;

/// Writes the classes, with lines of at most `width` characters where that is possible.
pub(super) fn write(classes: &[Class], width: usize, output: &mut dyn Write) -> std::io::Result<()> {
    for (place, class) in classes.iter().enumerate() {
        if place > 0 {
            writeln!(output)?;
        }
        writeln!(output, "{}", class.title().yellow().bold())?;
        writeln!(output, "{}\n", textwrap::fill(class.class.description, width.max(MIN_TEXT_WIDTH)))?;
        let longest = class.fields.iter().map(|field| usage(field).len()).max().unwrap_or(0);
        for field in &class.fields {
            write_field(field, longest.min(MAX_NAME_WIDTH), width, output)?;
        }
    }
    Ok(())
}

fn write_field(
    field: &FieldInfo,
    name_width: usize,
    width: usize,
    output: &mut dyn Write,
) -> std::io::Result<()> {
    let (name, type_name) = (usage(field), type_name(field));
    let column = INDENT + name_width + INDENT + TYPE_WIDTH + INDENT;
    let text_width = width.saturating_sub(column).max(MIN_TEXT_WIDTH);
    let notes = notes(field);
    let because =
        field.absent_because.map(|because| format!("; absent because {because}")).unwrap_or_default();
    let text = format!("{notes}{}{because}", field.description);
    let mut lines = textwrap::wrap(&text, text_width).into_iter();
    // Colours are put on after wrapping, so that they do not count as width.
    let start = format!("{:INDENT$}{:name_width$}", "", name.green());
    let typed = format!("{:TYPE_WIDTH$}", type_name.cyan());
    let fits = name.len() <= name_width && type_name.len() <= TYPE_WIDTH;
    let first = if fits { lines.next().unwrap_or_default() } else { "".into() };
    let first = match first.strip_prefix(&*notes) {
        Some(rest) if !notes.is_empty() => format!("{}{rest}", notes.yellow()),
        _ => first.into_owned(),
    };
    let line = format!("{start}{:INDENT$}{typed}{:INDENT$}{first}", "", "");
    writeln!(output, "{}", line.trim_end())?;
    lines.try_for_each(|line| writeln!(output, "{:column$}{line}", ""))
}

/// What is to be known before the description.
fn notes(field: &FieldInfo) -> String {
    let mut notes = Vec::new();
    if field.is_deprecated {
        notes.push("deprecated");
    }
    if field.absent_because.is_some() {
        notes.push("always absent");
    }
    if notes.is_empty() { String::new() } else { format!("({}) ", notes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::classes;

    /// The listing without colours.
    fn listing(width: usize) -> String {
        let mut output = Vec::new();
        write(&classes(None).unwrap(), width, &mut output).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&output).unwrap()).to_string()
    }

    /// Scenario: terminals of several widths. Guarantees: no line is longer, and every field is there.
    #[test]
    fn lines_fit_the_terminal() {
        for width in [80, 100, 120, 200] {
            let listing = listing(width);
            let longest = listing.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= width), "{width}: {longest:?}");
            for class in classes(None).unwrap() {
                assert!(class.fields.iter().all(|field| listing.contains(&format!("  {}", usage(field)))));
            }
        }
    }

    /// Scenario: a field that is always absent, and one that is deprecated. Guarantees: the listing says so, and why.
    #[test]
    fn absent_fields_are_marked() {
        let listing = listing(300);
        let line =
            |name: &str| listing.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
        assert!(line("evt.pluginname ").contains(
            "CHARBUF   (always absent) the name of the plugin that the event comes from; absent because"
        ));
        assert!(line("evt.dir ").contains("(deprecated) always"));
        assert!(!line("proc.name ").contains('('));
    }

    /// Scenario: a terminal of one column. Guarantees: no panic.
    #[test]
    fn any_width_will_do() {
        assert!(listing(0).lines().count() > listing(80).lines().count());
    }
}
