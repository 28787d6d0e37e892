//! `eyrie recordings get`.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use eyrie_proto::recording::{FetchRecordingRequest, FetchRecordingResponse};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tonic::Streaming;

use crate::{args::RecordingsGetArguments, client};

/// Arguments and environments of all processes are in it: for its owner alone.
const FILE_MODE: u32 = 0o600;

pub(super) async fn run(arguments: RecordingsGetArguments) -> anyhow::Result<ExitCode> {
    let mut client = super::connect(&arguments.engine).await?;
    let request = FetchRecordingRequest { id: arguments.id.clone() };
    let fetched = client.fetch_recording(request).await;
    let mut stream = fetched.map_err(|status| client::refusal(&status))?.into_inner();
    // The engine says first whether there is such a recording: only then there is a file.
    let first = next(&mut stream).await?;
    let recording = first.as_ref().and_then(|first| first.recording.clone()).unwrap_or_default();
    let path =
        arguments.file.unwrap_or_else(|| PathBuf::from(&arguments.id).with_extension(&recording.format));
    let file = create(&path, arguments.force)?;
    let bar = progress(recording.size_bytes);
    let written = write(stream, first, file, &bar).await;
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

fn create(path: &Path, is_replacing: bool) -> anyhow::Result<File> {
    if is_replacing
        && let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot replace {}", path.display()));
    }
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; choose another name, or say --force", path.display())
        }
        opened => opened.with_context(|| format!("cannot make {}", path.display())),
    }
}

/// Only on terminals.
fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
