//! `eyrie record`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use recording::{Format, Redactions};

use super::recordings::RemoteArguments;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    eyrie record incident.eyrie                              until Ctrl-C (as root)\n  \
    eyrie record --duration 30s --max-size 100M a.eyrie\n  \
    eyrie record --filter 'container.id != host' c.eyrie     events of containers, and what state needs\n  \
    eyrie record --rules deploy/rules r.eyrie                what these rules can need\n  \
    eyrie record --duration 30s a.scap                       for Falco, sysdig and stratoshark\n  \
    eyrie record --all --redact-secrets all.eyrie            also reads, writes and the like\n  \
    eyrie record --redact '--pin[= ](.+)' --redact-env 'DB_*' b.eyrie\n  \
    eyrie record --host web-1 --duration 1m web-1.eyrie      a host that streams to an engine
  \
    eyrie record --duration 10s - | ssh host 'cat > x.eyrie'\n\n\
    A recording has the command lines and environments of all processes in it: only its owner can read the file, and\n\
    what is redacted is never written. docs/recordings.md says what is in a recording and what is not.\n\
    Ends with 1 if the recording could not be written to its end, with 77 if the privileges or the kernel do not allow capture.")]
pub(crate) struct RecordArguments {
    /// Where to write; `-` is standard output.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// eyrie keeps everything; scap is what Falco, sysdig and stratoshark read [default: what the file's name ends in, else eyrie]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// End after so long: 30s, 5m, 1h; otherwise at Ctrl-C.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// End when the file has so many bytes: 500K, 100M, 2G.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Keep only events that meet this condition, and those without which the state would be wrong.
    #[arg(long, value_name = "CONDITION")]
    pub(crate) filter: Option<String>,
    /// Capture what these rules need and no more: rules files, or folders with rules files; may be repeated.
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "all")]
    pub(crate) rules: Vec<PathBuf>,
    /// Capture everything, also what hosts do most and rules hardly ask for: reads, writes, polls.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArguments,
    #[command(flatten)]
    pub(crate) redact: RedactArguments,
    /// Replace the file if there is one.
    #[arg(long)]
    pub(crate) force: bool,
    /// What was recorded as a JSON object, at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// Ours.
    Eyrie,
    /// libscap's.
    Scap,
}

// === impl RecordArguments ===

impl RecordArguments {
    pub(crate) fn format(&self) -> Format {
        let is_named_scap = self.file.extension().is_some_and(|extension| extension == "scap");
        match self.format {
            Some(FileFormat::Scap) => Format::Scap,
            None if is_named_scap => Format::Scap,
            Some(FileFormat::Eyrie) | None => Format::Eyrie,
        }
    }
}

/// What is blotted out before it is written.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RedactArguments {
    /// Replace what this regular expression finds in arguments, or its first group, by `<redacted>`; may be repeated.
    #[arg(long = "redact", value_name = "REGEX")]
    pub(crate) patterns: Vec<String>,
    /// Replace the values of variables of this name (`*` stands for any characters); may be repeated.
    #[arg(long = "redact-env", value_name = "NAME")]
    pub(crate) environment: Vec<String>,
    /// Replace what well-known programs take as secrets: *_TOKEN, --password=…, bearer headers, and so on.
    #[arg(long = "redact-secrets")]
    pub(crate) secrets: bool,
    /// Look through the bytes that are read and written as well.
    #[arg(long = "redact-data")]
    pub(crate) data: bool,
}

// === impl RedactArguments ===

impl RedactArguments {
    pub(crate) fn redactions(&self) -> Redactions {
        Redactions {
            arguments: self.patterns.clone(),
            environment: self.environment.clone(),
            has_secrets: self.secrets,
            has_data: self.data,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    let parsed = parsed.filter(|duration| !duration.is_zero());
    parsed.ok_or_else(|| "it is no duration; write 30s, 5m or 1h".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text.get(number.len()..).unwrap_or_default().to_ascii_uppercase().as_str() {
        "" | "B" => Some(1),
        "K" | "KB" | "KIB" => Some(1 << 10),
        "M" | "MB" | "MIB" => Some(1 << 20),
        "G" | "GB" | "GIB" => Some(1u64 << 30),
        _ => None,
    };
    let bytes =
        number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let bytes = bytes.filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "it is no size; write a number of bytes, or one with K, M or G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: sizes and durations as people write them, and what is none. Guarantees: they are understood, and the rest is refused
    /// with what one looks like.
    #[test]
    fn sizes_and_durations_are_read() {
        assert_eq!(
            (size("12"), size("3k"), size("2MiB"), size("1G")),
            (Ok(12), Ok(3072), Ok(2 << 20), Ok(1 << 30))
        );
        assert!(["", "x", "3T", "0", "-1", "1.5M", "99999999999999G"].iter().all(|text| size(text).is_err()));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1h 5m"), Ok(Duration::from_secs(3_900)));
        assert!(
            ["", "30", "0s", "-3s", "soon"].iter().all(|text| duration(text).unwrap_err().contains("30s"))
        );
    }
}
