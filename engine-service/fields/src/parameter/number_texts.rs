//! Which numbers the texts of a parameter stand for, all of them at once: for who asks what calls a comparison can mean.

use super::{
    flags::{self, Table},
    schema::{Shape, schema_of},
};

/// How a parameter shows whose numbers have names. The numbers are the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberTexts {
    /// As the names of its bits with `|` between. A name shows only where all of its bits are set; where they are 0, the kernel has
    /// none for it. A set without a name shows as digits.
    Set(Vec<(&'static str, u64)>),
    /// As one text.
    One {
        /// Numbers that have a text of their own, each once.
        known: Vec<(u64, String)>,
        /// The text of all others; `None` where each shows as its decimal digits.
        others: Option<String>,
    },
}

/// How a parameter of an event shows; `None` where it is no number with names.
pub fn number_texts(event: &str, parameter: &str) -> Option<NumberTexts> {
    let column = schema_of(event)?.columns.iter().find(|column| column.name == parameter)?;
    match column.shape {
        Shape::Flags(table) | Shape::Mode(table) => {
            Some(NumberTexts::Set(table.iter().map(|(name, _, kernel)| (*name, *kernel)).collect()))
        }
        Shape::Enum(table, unknown) => {
            Some(NumberTexts::One { known: known(table), others: unknown.map(|number| text(number, table)) })
        }
        Shape::Signal => {
            let named = |number| Some((number, flags::signal(number)?.to_owned()));
            Some(NumberTexts::One { known: (1..32).filter_map(named).collect(), others: None })
        }
        _ => None,
    }
}

fn known(table: Table) -> Vec<(u64, String)> {
    let mut known: Vec<(u64, String)> = Vec::new();
    // What is beyond 32 bits stands for what the kernel has no number for.
    for (_, _, kernel) in table.iter().filter(|(_, _, kernel)| *kernel != u64::MAX) {
        if known.iter().all(|(number, _)| number != kernel) {
            known.push((*kernel, text(flags::one_of_kernel(*kernel, table, *kernel), table)));
        }
    }
    known
}

/// As `evt.arg` shows Falco's number.
fn text(falco: u64, table: Table) -> String {
    Some(flags::names_of_one(falco, table))
        .filter(|names| !names.is_empty())
        .unwrap_or_else(|| falco.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: parameters that are sets, one of several, signals, and no number. Guarantees: names have the kernel's numbers, and what has no
    /// name its text.
    #[test]
    fn texts_have_the_kernels_numbers() {
        let Some(NumberTexts::Set(names)) = number_texts("unshare", "flags") else { panic!("a set") };
        assert!(names.contains(&("CLONE_NEWUSER", 0x1000_0000)) && names.contains(&("CLONE_STOPPED", 0)));
        let Some(NumberTexts::One { known, others }) = number_texts("ptrace", "request") else {
            panic!("one of several")
        };
        assert!(known.contains(&(16, "PTRACE_ATTACH".to_owned())));
        assert_eq!(others.as_deref(), Some("PTRACE_UNKNOWN"));
        let Some(NumberTexts::One { known, others: None }) = number_texts("socket", "domain") else {
            panic!("one of several, others as digits")
        };
        assert!(known.contains(&(1, "AF_LOCAL|AF_UNIX".to_owned())));
        let Some(NumberTexts::One { known, .. }) = number_texts("kill", "sig") else { panic!("signals") };
        assert_eq!((known.len(), known.first()), (31, Some(&(1, "SIGHUP".to_owned()))));
        assert_eq!((number_texts("openat", "name"), number_texts("openat", "nothing")), (None, None));
    }
}
