//! Blotting out what must not be in a recording.
//!
//! It is done to the pieces before they are written, in memory, so that no format ever has what was blotted out. Arguments and
//! environments of programs (as they are executed, in base states and in snapshots), the commands of containers' probes,
//! and the options of mounts and modules are looked through; what was read and written only where that is asked for. Paths
//! and names never are: a rule that asks for a path finds the path that was.

mod secrets;
#[cfg(test)]
mod tests;
mod words;

use eyrie_proto::{
    capture::{BaseState, LateFacts},
    event::{Event, ProcessState, event::Kind as EventKind},
    metadata::late_fact,
    recording::recording_entry::Kind,
};
use regex::bytes::{Regex, RegexBuilder};

use self::words::Words;

/// What stands in the place of what was blotted out.
pub const REDACTED: &str = "<redacted>";
/// Of one pattern as it is given, and of what it is compiled to.
const MAX_PATTERN_BYTES: usize = 4096;
const MAX_COMPILED_BYTES: usize = 1 << 20;
/// Patterns of one recording: each is looked for in every argument of every program, as an expression and as plain text.
const MAX_PATTERNS: usize = 256;

/// What is to be blotted out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redactions {
    /// Regular expressions, looked for in each argument, in each argument with the next (a space between them), and in each
    /// value of the environment. What is blotted out is the first group, or the whole match of an expression without one.
    pub arguments: Vec<String>,
    /// Names of variables of the environment, whose values are blotted out; `*` stands for any characters, `?` for one, and
    /// upper and lower case are the same.
    pub environment: Vec<String>,
    /// What well-known programs take as secrets; see the crate's `redaction/secrets.rs`.
    pub has_secrets: bool,
    /// The bytes that were read and written are looked through as well. A secret that two calls share is not found.
    pub has_data: bool,
}

/// Blots out what [`Redactions`] say.
#[derive(Debug)]
pub struct Redactor {
    /// Looked for in every text.
    contents: Vec<Regex>,
    /// Names of variables.
    names: Vec<Regex>,
    has_data: bool,
    told: Vec<String>,
}

/// Why redactions cannot be carried out. Nothing was recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedactionError {
    /// It is no regular expression, or too large a one.
    #[error("the pattern {pattern:?} for what is to be blotted out cannot be used: {source}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: regex::Error,
    },
    /// It would blot out nothing, or everything between any two bytes.
    #[error(
        "the pattern {pattern:?} for what is to be blotted out is empty, matches where nothing is, or has more than {MAX_PATTERN_BYTES} bytes; make it match what is secret"
    )]
    Useless {
        /// As it was given.
        pattern: String,
    },
    /// More than can be looked for in every argument.
    #[error(
        "{found} patterns for what is to be blotted out are too many: up to {MAX_PATTERNS} can be looked for; join some by |"
    )]
    TooMany {
        /// How many there are.
        found: usize,
    },
}

// === impl Redactor ===

impl Redactor {
    /// Compiles the patterns.
    pub fn new(redactions: &Redactions) -> Result<Self, RedactionError> {
        let found = redactions.arguments.len() + redactions.environment.len();
        if found > MAX_PATTERNS {
            return Err(RedactionError::TooMany { found });
        }
        let built_in = if redactions.has_secrets { secrets::NAMES } else { &[] };
        let names = redactions.environment.iter().map(String::as_str).chain(built_in.iter().copied());
        let names = names.map(|pattern| compile(pattern, &name_expression(pattern)));
        let mut expressions = redactions.arguments.clone();
        expressions.extend(redactions.has_secrets.then(secrets::contents).into_iter().flatten());
        let contents = expressions.iter().map(|pattern| {
            let regex = compile(pattern, pattern)?;
            // It would put a mark between any two bytes.
            let is_useless = regex.is_match(b"");
            if is_useless { Err(RedactionError::Useless { pattern: pattern.clone() }) } else { Ok(regex) }
        });
        let (mut contents, names) =
            (contents.collect::<Result<Vec<_>, _>>()?, names.collect::<Result<_, _>>()?);
        for pattern in &redactions.arguments {
            contents.extend(literal(pattern)?);
        }
        Ok(Self { contents, names, has_data: redactions.has_data, told: told(redactions) })
    }

    /// What a recording's header says of them.
    pub fn patterns(&self) -> &[String] {
        &self.told
    }

    /// Blots out; of a header, says so in it.
    pub fn apply(&self, kind: &mut Kind) {
        match kind {
            Kind::Header(header) => header.redactions.extend(self.told.iter().cloned()),
            Kind::BaseState(part) => self.base_state(part),
            Kind::Batch(recorded) => {
                let events = recorded.batch.iter_mut().flat_map(|batch| &mut batch.events);
                events.for_each(|event| self.event(event));
            }
            Kind::LateFacts(late) => self.late_facts(late),
            Kind::Trailer(_) => {}
        }
    }

    fn base_state(&self, part: &mut BaseState) {
        part.processes.iter_mut().for_each(|process| self.process(process));
        part.facts.iter_mut().for_each(|fact| self.event(fact));
    }

    fn process(&self, process: &mut ProcessState) {
        self.command(&mut process.exe, &mut process.arguments);
        process.environment.iter_mut().for_each(|variable| self.variable(variable));
    }

    fn event(&self, event: &mut Event) {
        match &mut event.kind {
            Some(EventKind::Exec(exec)) => {
                self.command(&mut exec.exe, &mut exec.arguments);
                exec.environment.iter_mut().for_each(|variable| self.variable(variable));
            }
            Some(EventKind::ProcessSnapshot(snapshot)) => {
                snapshot.state.iter_mut().for_each(|process| self.process(process));
            }
            Some(EventKind::TwoPathCall(call)) => self.text(&mut call.data),
            Some(EventKind::ModuleCall(call)) => self.text(&mut call.arguments),
            Some(EventKind::Transfer(transfer)) if self.has_data => {
                self.text(&mut transfer.data);
                self.text(&mut transfer.control);
            }
            Some(EventKind::SourceEvent(event)) if self.has_data => self.text(&mut event.payload),
            _ => {}
        }
    }

    fn late_facts(&self, late: &mut LateFacts) {
        for fact in &mut late.facts {
            let Some(late_fact::Kind::Container(container)) = &mut fact.kind else { continue };
            for probe in &mut container.probes {
                let mut words: Vec<Vec<u8>> =
                    probe.command.iter_mut().map(|word| std::mem::take(word).into_bytes()).collect();
                self.words(words.iter_mut().collect());
                let text = |word: Vec<u8>| String::from_utf8_lossy(&word).into_owned();
                probe.command = words.into_iter().map(text).collect();
            }
        }
    }

    fn command(&self, exe: &mut Vec<u8>, arguments: &mut [Vec<u8>]) {
        self.words(std::iter::once(exe).chain(arguments).collect());
    }

    fn words(&self, texts: Vec<&mut Vec<u8>>) {
        let mut words = Words::new(texts);
        self.contents.iter().for_each(|pattern| words.mark(pattern));
        words.blot_out();
    }

    fn text(&self, text: &mut Vec<u8>) {
        self.words(vec![text]);
    }

    /// `NAME=value`.
    fn variable(&self, variable: &mut Vec<u8>) {
        let Some(equals) = variable.iter().position(|byte| *byte == b'=') else { return self.text(variable) };
        let (name, _) = variable.split_at(equals);
        if self.names.iter().any(|pattern| pattern.is_match(name)) {
            variable.truncate(equals + 1);
            variable.extend_from_slice(REDACTED.as_bytes());
        } else {
            let mut value = variable.split_off(equals + 1);
            self.text(&mut value);
            variable.append(&mut value);
        }
    }
}

fn compile(pattern: &str, expression: &str) -> Result<Regex, RedactionError> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
        return Err(RedactionError::Useless { pattern: pattern.chars().take(80).collect() });
    }
    // Arguments are bytes: a dot that stops at what is no UTF-8, or at a line's end, would leave half a secret.
    RegexBuilder::new(expression)
        .unicode(false)
        .size_limit(MAX_COMPILED_BYTES)
        .dot_matches_new_line(true)
        .build()
        .map_err(|source| RedactionError::Pattern { pattern: pattern.to_owned(), source })
}

/// What finds the pattern's own text: it is on the command line of whoever gave it, and a token with `+` or `$` in it is no
/// expression that finds itself. `None` of what has no such character.
fn literal(pattern: &str) -> Result<Option<Regex>, RedactionError> {
    let escaped = regex::escape(pattern);
    if escaped == pattern { Ok(None) } else { compile(pattern, &escaped).map(Some) }
}

/// The expression that a name with wildcards stands for.
fn name_expression(pattern: &str) -> String {
    let escaped = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    format!("(?i)^{escaped}$")
}

/// For the header. A pattern for arguments may be the secret itself, and nothing tells a token with dots in it from an
/// expression: of each there is only how long it is.
fn told(redactions: &Redactions) -> Vec<String> {
    let of_argument = |pattern: &String| format!("argument: pattern of {} bytes", pattern.len());
    let arguments = redactions.arguments.iter().map(of_argument);
    let names = redactions.environment.iter().map(|pattern| format!("environment: {pattern}"));
    let flags = [(redactions.has_secrets, "well-known secrets"), (redactions.has_data, "data as well")];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name.to_owned());
    arguments.chain(names).chain(flags).collect()
}
