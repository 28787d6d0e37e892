//! The bytes of a recording.

use std::path::PathBuf;

use eyrie_proto::recording::{FetchRecordingResponse, Recording};
use tokio::{
    fs::File,
    io::AsyncReadExt as _,
    sync::{OwnedSemaphorePermit, mpsc},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{error::RpcError, recordings::StoreError};

/// Of one message.
const CHUNK_BYTES: usize = 64 * 1024;

type Responses = mpsc::Sender<Result<FetchRecordingResponse, Status>>;

/// Sends the file up to where it ends now. One that is removed meanwhile is sent all the same.
pub(super) async fn fetch(
    recording: Recording,
    path: PathBuf,
    responses: Responses,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    let id = recording.id.clone();
    let end = tokio::select! {
        () = stop.cancelled() => Err(RpcError::ShuttingDown),
        sent = send(recording, path, &responses) => {
            sent.map_err(|error| StoreError::Io { id, detail: error.to_string() }.into())
        }
    };
    if let Err(error) = end {
        // Who does not read would hold up the engine's end.
        let _ = responses.try_send(Err(error.into()));
    }
}

async fn send(recording: Recording, path: PathBuf, responses: &Responses) -> std::io::Result<()> {
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    let mut rest = file.take(length);
    let mut recording = Some(recording);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        (&mut rest).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await?;
        if chunk.is_empty() && recording.is_none() {
            return Ok(());
        }
        let response = FetchRecordingResponse { chunk, recording: recording.take() };
        if responses.send(Ok(response)).await.is_err() {
            return Ok(());
        }
    }
}
