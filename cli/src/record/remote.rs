//! `eyrie record --host`: a host's stream as its engine has it, with the state that it begins in.
//!
//! What the engine blots out is blotted out already; what is asked for here is, before it is written.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use eyrie_proto::recording::{
    RecordHostRequest, RecordHostResponse, RecordingEnd, recording_entry::Kind,
    recording_service_client::RecordingServiceClient,
};
use recording::{CreateOptions, Redactor};
use tonic::Streaming;

use super::{
    progress::Progress,
    recorder::{Limits, Recorder},
    told_to_end,
};
use crate::{args::RecordArguments, client};

/// What a reader misses of a recording whose writer is killed.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Records `host` as the arguments say.
pub(super) async fn run(arguments: &RecordArguments, host: &str) -> anyhow::Result<ExitCode> {
    let redactor = Redactor::new(&arguments.redact.redactions())?;
    let remote = &arguments.remote;
    let security = remote.tls.clone().security(remote.insecure)?;
    let channel = client::connect_to(&remote.engine, &security)
        .await
        .context("no engine answers; start one with `eyrie up`, or name another with --engine")?;
    // 0 would be as long as the engine lets it.
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1);
    let duration_ms = arguments.duration.map_or(0, milliseconds);
    let request = RecordHostRequest { host: host.to_owned(), duration_ms };
    let mut client =
        RecordingServiceClient::new(channel).max_decoding_message_size(recording::MAX_ENTRY_BYTES);
    let answer = client.record_host(request).await.map_err(|status| client::refusal(&status))?;
    let mut stream = answer.into_inner();
    // Only when the engine has such a host and gives something of it there is a file.
    let first = stream.message().await.map_err(|status| client::refusal(&status))?;
    let Some(first) = first else { bail!("the engine ended the recording before it began; try again") };
    let options = CreateOptions { format: arguments.format(), is_replacing: arguments.force };
    let sink = recording::create(&arguments.file, &options)?;
    let limits = Limits { max_bytes: arguments.max_size.unwrap_or(u64::MAX) };
    let mut recorder = Recorder::new(sink, redactor, None, String::new(), limits);
    let progress = Progress::start(&Arc::clone(&recorder.figures), &arguments.file);
    let end = take_all(first, stream, &mut recorder).await;
    // What came before the stream broke off is kept; the trailer says that the stream ended.
    let (end, failure) = match end {
        Ok(end) => (end, None),
        Err(error) => (RecordingEnd::Stream, Some(error)),
    };
    let summary = tokio::task::spawn_blocking(move || recorder.finish(end, 0)).await?;
    drop(progress);
    summary.tell(&arguments.file, arguments.json)?;
    match failure {
        Some(error) => Err(error),
        None if summary.failure.is_none() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// Takes pieces until the engine says that there are no more, or somebody here has enough.
async fn take_all(
    first: RecordHostResponse,
    mut stream: Streaming<RecordHostResponse>,
    recorder: &mut Recorder,
) -> anyhow::Result<RecordingEnd> {
    let mut flush = tokio::time::interval(FLUSH_INTERVAL);
    let stopped = recorder.stopped.clone();
    let end = told_to_end();
    tokio::pin!(end);
    let mut first = Some(first);
    loop {
        let next = async {
            match first.take() {
                Some(first) => Ok(Some(first)),
                None => stream.message().await,
            }
        };
        let message = tokio::select! {
            message = next => message.map_err(|status| client::refusal(&status))?,
            _ = flush.tick() => {
                tokio::task::block_in_place(|| recorder.flush());
                continue;
            }
            () = stopped.cancelled() => return Ok(RecordingEnd::Complete),
            told = &mut end => return told.map(|()| RecordingEnd::Complete).map_err(Into::into),
        };
        match message.and_then(|message| message.entry).and_then(|entry| entry.kind) {
            // The recorder writes one of its own, by what is in the file.
            Some(Kind::Trailer(trailer)) => {
                if !trailer.message.is_empty() {
                    anstream::eprintln!("the engine says: {}", trailer.message);
                }
                return Ok(trailer.end());
            }
            Some(kind) => tokio::task::block_in_place(|| recorder.record(kind)),
            None => bail!("the engine's stream broke off: what came before is in the file"),
        }
    }
}
