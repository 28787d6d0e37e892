//! The listing as a document: `docs/fields.md`.

use std::io::Write;

use rule_language::FieldInfo;

use super::{Class, type_name, usage};

/// Stands at the head of the document.
const HEAD: &str = "\
# Fields

What conditions and outputs of rules can be made of: Falco's fields with Falco's types, and a few of our own. In parentheses stands
an argument that may be left out: `N` is a number from 0, `KEY` and `NAME` are words. *Always absent* is said, with the
reason, of fields that rules may use and that no event has a value of: comparisons with them are false, and outputs show `<NA>`.

This page is what `eyrie fields --format markdown` prints; `make fields-doc` writes it anew.
";

/// Writes the whole document.
pub(super) fn write(classes: &[Class], output: &mut dyn Write) -> std::io::Result<()> {
    output.write_all(HEAD.as_bytes())?;
    for class in classes {
        write!(output, "\n## {}\n\n{}\n\n", class.title(), escaped(class.class.description))?;
        let sources = class.class.sources;
        if !sources.is_empty() {
            write!(output, "Event sources: {}\n\n", sources.join(", "))?;
        }
        writeln!(output, "| name | type | description |\n|---|---|---|")?;
        for field in &class.fields {
            write_row(field, output)?;
        }
    }
    Ok(())
}

fn write_row(field: &FieldInfo, output: &mut dyn Write) -> std::io::Result<()> {
    let mut notes = String::new();
    if field.is_deprecated {
        notes.push_str("*deprecated*: ");
    }
    let mut description = escaped(field.description);
    if let Some(because) = field.absent_because {
        notes.push_str("*always absent*: ");
        description.push_str(&format!("; absent because {}", escaped(because)));
    }
    let name = usage(field).replace('|', "\\|");
    writeln!(output, "| `{name}` | {} | {notes}{description} |", type_name(field))
}

/// Text with nothing in it that Markdown would take for more.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '|' | '*' | '<' | '>' | '[' | ']' | '_' | '`' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::classes;

    /// Scenario: the page in docs/ beside the declarations. Guarantees: it says what they say.
    #[test]
    fn the_page_is_current() {
        let mut output = Vec::new();
        write(&classes(None).unwrap(), &mut output).unwrap();
        let is_current = output == include_bytes!("../../../docs/fields.md");
        assert!(is_current, "docs/fields.md is not what the declarations say: run `make fields-doc`");
    }

    /// Scenario: characters with a meaning. Guarantees: they stand for themselves.
    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("a|b *c* <NA> x[1]_y"), "a\\|b \\*c\\* \\<NA\\> x\\[1\\]\\_y");
    }
}
