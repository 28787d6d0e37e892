//! The files that rules come from, as callers hand them over.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};

/// One rules file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What diagnostics call it; mostly a path.
    pub name: String,
    /// Its contents.
    pub text: String,
}

impl Source {
    /// What is to be said of a file that cannot be read, in Falco's words, with what the system says of it.
    pub fn unreadable(name: impl Into<String>, reason: impl Into<String>) -> Diagnostic {
        let name = name.into();
        let message = format!("Could not open {name} for reading");
        let source = Arc::new(Self { name, text: String::new() });
        Diagnostic::new(Code::LoadErrFileRead, message, source, 0..0).with_help(reason)
    }

    /// A source from a file's bytes; a diagnostic if they are not UTF-8.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Diagnostic> {
        let name = name.into();
        String::from_utf8(bytes).map(|text| Self { name: name.clone(), text }).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            // Up to `at` the lossy text is the same, and what could not be read is one replacement character.
            let span = at..(at + '\u{fffd}'.len_utf8()).min(text.len());
            let message = format!("byte {at} is not valid UTF-8");
            Diagnostic::new(Code::LoadErrFileRead, message, Arc::new(Self { name, text }), span)
                .with_help("save the file in UTF-8")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a file that is not there. Guarantees: Falco's text and code, and the reason.
    #[test]
    fn unreadable_files_are_a_diagnostic() {
        let error = Source::unreadable("/none.yaml", "no such file");
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::LoadErrFileRead, "Could not open /none.yaml for reading")
        );
        assert_eq!(error.help.as_deref(), Some("no such file"));
        assert_eq!(error.context.len(), 1);
    }

    /// Bytes that are no UTF-8 give a diagnostic that points at the first of them.
    #[test]
    fn bytes_that_are_not_utf8_are_a_diagnostic() {
        let error = Source::from_bytes("x.yaml", b"- list: a\n  items: [\xff]\n".to_vec()).unwrap_err();
        assert_eq!((error.line, error.column), (2, 11));
        assert_eq!(error.code, Code::LoadErrFileRead);
        assert!(Source::from_bytes("x.yaml", "ä".into()).is_ok());
    }
}
