//! `eyrie fields`: what conditions and outputs can be made of.

mod json;
mod markdown;
mod text;

use std::{io::IsTerminal as _, io::Write, process::ExitCode};

use ::fields::catalogue;
use rule_language::{ArgumentKind, ArgumentNotation, Catalogue as _, FieldClass, FieldInfo};

use crate::args::{FieldsArguments, FieldsFormat};

/// Columns of text where there is no terminal that has so many: pipes and files.
const DEFAULT_WIDTH: usize = 120;

/// A class with those of its fields that listings show.
struct Class {
    class: &'static FieldClass,
    fields: Vec<&'static FieldInfo>,
}

/// Carries out `eyrie fields`.
pub(crate) fn run(arguments: &FieldsArguments) -> anyhow::Result<ExitCode> {
    let classes = classes(arguments.source.as_deref())?;
    let mut output = anstream::stdout().lock();
    match arguments.format {
        _ if arguments.names => write_names(&classes, &mut output)?,
        _ if arguments.json => json::write(&classes, &mut output)?,
        FieldsFormat::Json => json::write(&classes, &mut output)?,
        FieldsFormat::Markdown => markdown::write(&classes, &mut output)?,
        FieldsFormat::Text => text::write(&classes, width(), &mut output)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The classes whose fields events of this source have, or all classes, in the order of the catalogue.
fn classes(source: Option<&str>) -> anyhow::Result<Vec<Class>> {
    let known = sources();
    if let Some(source) = source.filter(|source| !known.contains(source)) {
        anyhow::bail!("unknown event source '{source}'; known are: {}", known.join(", "));
    }
    let mut classes: Vec<Class> = Vec::new();
    for info in catalogue().fields().iter().filter(|info| info.is_listed) {
        let sources = info.class.sources;
        if source.is_some_and(|source| !sources.is_empty() && !sources.contains(&source)) {
            continue;
        }
        match classes.last_mut() {
            Some(last) if last.class == info.class => last.fields.push(info),
            _ => classes.push(Class { class: info.class, fields: vec![info] }),
        }
    }
    Ok(classes)
}

/// The sources that classes of fields name, in alphabetical order.
fn sources() -> Vec<&'static str> {
    let mut sources: Vec<_> =
        catalogue().fields().iter().flat_map(|info| info.class.sources).copied().collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

fn write_names(classes: &[Class], output: &mut dyn Write) -> std::io::Result<()> {
    for field in classes.iter().flat_map(|class| &class.fields) {
        writeln!(output, "{}", field.name)?;
    }
    Ok(())
}

fn width() -> usize {
    let of_terminal = terminal_size::terminal_size().filter(|_| std::io::stdout().is_terminal());
    of_terminal.map_or(DEFAULT_WIDTH, |(width, _)| width.0.into())
}

/// The field with what its argument looks like; in parentheses if that can be left out.
fn usage(info: &FieldInfo) -> String {
    let Some(kind) = info.argument else { return info.name.to_owned() };
    let argument = match (info.notation, kind) {
        (ArgumentNotation::Dot | ArgumentNotation::DotOrNumberInBrackets, _) => ".NAME",
        (ArgumentNotation::Brackets, ArgumentKind::Index) => "[N]",
        (ArgumentNotation::Brackets, ArgumentKind::Key) => "[KEY]",
        (ArgumentNotation::Brackets, ArgumentKind::IndexOrKey) => "[N|KEY]",
    };
    match info.argument_required {
        true => format!("{}{argument}", info.name),
        false => format!("{}({argument})", info.name),
    }
}

/// Falco's name of the type, as a list's.
fn type_name(info: &FieldInfo) -> String {
    let name = info.field_type.falco_name();
    if info.is_list { format!("LIST({name})") } else { name.to_owned() }
}

// === impl Class ===

impl Class {
    /// `evt (Syscall events only)`
    fn title(&self) -> String {
        match self.class.short_description {
            "" => self.class.name.to_owned(),
            short => format!("{} ({short})", self.class.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: all classes, those of system calls, and a source that there is not. Guarantees: what Falco lists of its
    /// core is there, each class once; the error names what there is.
    #[test]
    fn sources_select_classes() {
        let all = classes(None).unwrap();
        let names: Vec<String> = all.iter().map(Class::title).collect();
        let expected = [
            "evt (All event types)",
            "evt (Syscall events only)",
            "process",
            "user",
            "group",
            "fd",
            "fs.path",
            "fdlist",
            "static",
            "container",
            "k8smeta",
            "k8s.peer",
            "host",
            "cloud",
            "json",
            "eyrie",
        ];
        assert_eq!(names, expected);
        assert_eq!(all.iter().map(|class| class.fields.len()).sum::<usize>(), 213 + 1 + 61 + 25 + 25 + 6 + 8);
        assert_eq!(classes(Some("syscall")).unwrap().len(), all.len());
        let error = classes(Some("k8s_audit")).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("unknown event source 'k8s_audit'; known are: syscall"));
    }

    /// Scenario: names alone. Guarantees: one a line, and nothing else.
    #[test]
    fn names_stand_alone() {
        let mut output = Vec::new();
        write_names(&classes(None).unwrap(), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert!(text.starts_with("evt.num\n") && text.ends_with("evt.loss\n"));
        assert!(text.lines().all(|line| !line.contains([' ', '['])));
    }

    /// Scenario: fields with arguments. Guarantees: their names say which.
    #[test]
    fn names_show_their_arguments() {
        let shown = |name: &str| {
            let id = catalogue().field(name).unwrap();
            usage(catalogue().info(id))
        };
        assert_eq!(shown("proc.name"), "proc.name");
        assert_eq!(shown("proc.aname"), "proc.aname([N])");
        assert_eq!(shown("container.label"), "container.label[KEY]");
        assert_eq!(shown("container.mount"), "container.mount[N|KEY]");
        assert_eq!(shown("evt.arg"), "evt.arg.NAME");
        assert_eq!(shown("evt.abspath"), "evt.abspath(.NAME)");
    }
}
