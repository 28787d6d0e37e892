//! `eyrie recordings get`.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use eyrie_proto::recording::{FetchRecordingRequest, FetchRecordingResponse};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tonic::Streaming;

use crate::{args::RecordingsGetArguments, client, record::told_to_end};

/// What a file's name ends in if the engine does not say what the recording is.
const DEFAULT_FORMAT: &str = "eyrie";

pub(super) async fn run(arguments: RecordingsGetArguments) -> anyhow::Result<ExitCode> {
    let mut client = super::connect(&arguments.engine).await?;
    let request = FetchRecordingRequest { id: arguments.id.clone() };
    let fetched = client.fetch_recording(request).await;
    let mut stream = fetched.map_err(|status| client::refusal(&status))?.into_inner();
    // The engine says first whether there is such a recording: only then there is a file.
    let first = next(&mut stream).await?;
    let recording = first.as_ref().and_then(|first| first.recording.clone()).unwrap_or_default();
    let path = arguments.file.unwrap_or_else(|| name(&arguments.id, &recording.format));
    let file = recording::create_file(&path, arguments.force)?;
    let bar = progress(recording.size_bytes);
    let written = tokio::select! {
        written = write(stream, first, file, &bar) => written,
        told = told_to_end() => told.map_err(Into::into).and_then(|()| bail!("it was ended before the recording was whole")),
    };
    bar.finish_and_clear();
    let bytes = match written {
        Ok(bytes) => bytes,
        Err(error) => {
            // Half a recording would look like one that was cut by the engine.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
    };
    match arguments.engine.json {
        true => println!("{}", json!({ "id": arguments.id, "file": path, "bytes": bytes })),
        false => println!("{}: {}", path.display(), indicatif::HumanBytes(bytes)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn next(
    stream: &mut Streaming<FetchRecordingResponse>,
) -> anyhow::Result<Option<FetchRecordingResponse>> {
    stream.message().await.map_err(|status| client::refusal(&status))
}

/// Gives how many bytes there were.
async fn write(
    mut stream: Streaming<FetchRecordingResponse>,
    mut response: Option<FetchRecordingResponse>,
    mut file: File,
    bar: &ProgressBar,
) -> anyhow::Result<u64> {
    let mut bytes = 0;
    while let Some(FetchRecordingResponse { chunk, .. }) = response {
        file.write_all(&chunk).context("cannot write the recording")?;
        bytes += chunk.len() as u64;
        bar.set_position(bytes);
        response = next(&mut stream).await?;
    }
    file.sync_all().context("cannot write the recording")?;
    Ok(bytes)
}

/// Of a recording without a name for its file. A format is the engine's word: nothing in it may lead elsewhere.
fn name(id: &str, format: &str) -> PathBuf {
    let is_plain = !format.is_empty() && format.bytes().all(|byte| byte.is_ascii_alphanumeric());
    PathBuf::from(id).with_extension(if is_plain { format } else { DEFAULT_FORMAT })
}

/// Only on terminals.
fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: formats that engines have, none, and what is no format. Guarantees: the file is named by the recording, and lies where the
    /// command runs.
    #[test]
    fn files_are_named_by_recordings() {
        assert_eq!(name("ab12", "scap"), PathBuf::from("ab12.scap"));
        for format in ["", "../../etc/cron.d/x", "a/b", ".."] {
            assert_eq!(name("ab12", format), PathBuf::from("ab12.eyrie"), "{format}");
        }
    }
}
