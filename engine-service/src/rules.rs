//! Finds and reads rules files.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rule_language::{Diagnostic, LoadError, Source};

/// Bytes of one rules file. The largest in the wild have a few hundred KiB; generated ones of 50 MB are loaded in
/// seconds, in less than a gigabyte.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// No path was given, or the directories are empty.
    #[error("there are no rules to load: name files, or directories with .yaml or .yml files, with --rules")]
    None,
    /// The rules are wrong.
    #[error("{}", every(diagnostics))]
    Invalid {
        /// Everything that is to be said about them; at least one error.
        diagnostics: Vec<Diagnostic>,
    },
    /// A rule passed the checks and cannot be evaluated.
    #[error("the rules cannot be used: {0}")]
    Compile(#[from] evaluator::CompileError),
}

impl From<LoadError> for RulesError {
    fn from(error: LoadError) -> Self {
        Self::Invalid { diagnostics: error.diagnostics }
    }
}

/// Reads files as they are named, and of directories the `.yaml` and `.yml` files in alphabetical order. If some cannot be
/// read, that is told at once, and with it what is wrong with the others.
pub fn read_sources(paths: &[PathBuf]) -> Result<Vec<Source>, RulesError> {
    let mut sources = Vec::new();
    let mut diagnostics = Vec::new();
    for read in read_each(paths)? {
        match read {
            Ok(source) => sources.push(source),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    if diagnostics.is_empty() {
        return Ok(sources);
    }
    diagnostics.extend(rule_language::check_incomplete(&sources, fields::catalogue()));
    Err(RulesError::Invalid { diagnostics })
}

/// The same, file by file: the source, or why it cannot be read.
pub fn read_each(paths: &[PathBuf]) -> Result<Vec<Result<Source, Box<Diagnostic>>>, RulesError> {
    let mut sources = Vec::new();
    for path in paths {
        match files(path) {
            Ok(files) => sources.extend(files.iter().map(|file| read(file))),
            Err(error) => sources.push(Err(Box::new(unreadable(path, &error.to_string())))),
        }
    }
    if sources.is_empty() { Err(RulesError::None) } else { Ok(sources) }
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let is_rules = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_rules && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Source, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    // The size that the file system tells is 0 for devices and pipes, and a file may grow while it is read.
    fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let reason = format!("it has more than {MAX_FILE_BYTES} bytes, which is the limit: split it");
        return Err(Box::new(unreadable(path, &reason)));
    }
    Ok(Source::from_bytes(path.display().to_string(), bytes)?)
}

fn unreadable(path: &Path, reason: &str) -> Diagnostic {
    Source::unreadable(path.display().to_string(), reason)
}

/// All diagnostics, a line each with its excerpt below.
fn every(diagnostics: &[Diagnostic]) -> String {
    let blocks = diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n{}", diagnostic.snippet()));
    format!("the rules cannot be used:\n{}", blocks.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use test_requirements::{Requirement, data_dir, requires};

    use super::*;

    /// Scenario: files and directories, in an order. Guarantees: files come in that order, those of a directory in
    /// alphabetical order, and nothing else of it.
    #[test]
    fn directories_give_their_rules_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("rules.d")).unwrap();
        for name in ["z.yaml", "rules.d/b.yml", "rules.d/a.yaml", "rules.d/notes.txt", "rules.d/c.yaml.bak"] {
            fs::write(path(name), name).unwrap();
        }
        let sources = read_sources(&[path("z.yaml"), path("rules.d")]).unwrap();
        let texts: Vec<_> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["z.yaml", "rules.d/a.yaml", "rules.d/b.yml"]);
        assert!(sources[1].name.ends_with("rules.d/a.yaml"));
    }

    /// Scenario: a path that is not there, a file that is no text, nothing at all. Guarantees: each is an error that names
    /// the path or says what to do.
    #[test]
    fn what_cannot_be_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("none.yaml");
        let binary = directory.path().join("binary.yaml");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        let error = read_sources(&[missing.clone(), binary]).unwrap_err().to_string();
        assert!(error.contains(&format!("Could not open {} for reading", missing.display())), "{error}");
        assert!(error.contains("No such file"), "{error}");
        assert!(error.contains("binary.yaml:1:1") && error.contains("UTF-8"), "{error}");
        assert!(matches!(read_sources(&[]), Err(RulesError::None)));
    }

    /// Scenario: a device without an end in place of a file. Guarantees: it is refused before it fills the memory, though
    /// its size is said to be 0.
    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = read_sources(&["/dev/zero".into()]).unwrap_err().to_string();
        assert!(error.contains("more than 67108864 bytes"), "{error}");
    }

    /// Scenario: Falco's three stock files, read as a folder and compiled with the fields that events have. Guarantees: all
    /// 93 rules can be evaluated, and the only warnings are about what the files define and do not use.
    #[test]
    fn falcos_stock_rules_can_be_evaluated() {
        requires!(Requirement::Data);
        let sources = read_sources(&[data_dir().join("falco-rules")]).unwrap();
        assert_eq!(sources.len(), 3);
        let loaded = match rule_language::load(&sources, fields::catalogue()) {
            Ok(loaded) => loaded,
            Err(error) => panic!("{}", every(&error.diagnostics)),
        };
        assert_eq!(loaded.rule_set.rules.len(), 93);
        let is_expected = |found: &&Diagnostic| {
            matches!(found.code, rule_language::Code::LoadUnusedMacro | rule_language::Code::LoadUnusedList)
        };
        let unexpected: Vec<_> = loaded.diagnostics.iter().filter(|found| !is_expected(found)).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
        evaluator::CompiledRuleSet::new(loaded.rule_set, fields::catalogue()).expect("every rule compiles");
    }
}
