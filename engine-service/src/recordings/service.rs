//! `RecordingService`.

mod fetch;
mod page;

use std::{sync::Arc, time::Duration};

use eyrie_proto::{
    capture::Host,
    recording::{
        DeleteRecordingRequest, DeleteRecordingResponse, FetchRecordingRequest, FetchRecordingResponse,
        ListRecordingsRequest, ListRecordingsResponse, RecordHostRequest, RecordHostResponse, Recording,
        recording_service_server::RecordingService,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{
    KNOCKS, Knock, Recordings, StoreError, Unheard,
    store::Store,
    tap::{TapRequest, WAITING_ENTRIES},
};
use crate::{
    error::RpcError,
    host_status::is_called,
    intake::Intake,
    listener::{AuthenticatedPeer, Permission},
};

/// Serves what is recorded.
#[derive(Clone)]
pub(crate) struct RecordingServer(pub(crate) Arc<Intake>);

// === impl RecordingServer ===

impl RecordingServer {
    fn recordings(&self) -> &Arc<Recordings> {
        &self.0.recordings
    }

    /// A recording that the peer may know of; of others it hears that there is none.
    fn find(&self, peer: &AuthenticatedPeer, permission: Permission, id: &str) -> Result<Found, RpcError> {
        let not_found = || StoreError::NotFound { id: id.chars().take(64).collect() };
        let store = self.recordings().store.as_ref().ok_or_else(not_found)?;
        let (recording, path) = store.find(id).map_err(|_| not_found())?;
        if !may(peer, permission, &recording) {
            return Err(not_found().into());
        }
        Ok(Found { store: Arc::clone(store), recording, path })
    }

    /// The connected host that is meant.
    fn host(&self, peer: &AuthenticatedPeer, name: &str) -> Result<Host, RpcError> {
        let mut hosts = self.0.origins.hosts(false);
        hosts.retain(|host| {
            let tenant = host.origin.as_ref().map_or("", |origin| &origin.tenant);
            let hostname = host.agent.as_ref().map_or("", |agent| &agent.hostname);
            is_called(host.origin.as_ref(), hostname, name) && peer.may_in(Permission::ReadRecordings, tenant)
        });
        let count = hosts.len();
        match (hosts.pop(), count) {
            (Some(host), 1) => Ok(host),
            (None, _) => Err(RpcError::HostUnknown { host: name.chars().take(256).collect() }),
            (Some(_), count) => Err(RpcError::HostAmbiguous { host: name.to_owned(), count }),
        }
    }
}

struct Found {
    store: Arc<Store>,
    recording: Arc<Recording>,
    path: std::path::PathBuf,
}

#[tonic::async_trait]
impl RecordingService for RecordingServer {
    type FetchRecordingStream = ReceiverStream<Result<FetchRecordingResponse, Status>>;
    type RecordHostStream = ReceiverStream<Result<RecordHostResponse, Status>>;

    async fn list_recordings(
        &self,
        request: Request<ListRecordingsRequest>,
    ) -> Result<Response<ListRecordingsResponse>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let request = request.into_inner();
        let store = self.recordings().store.clone();
        // There may be tens of thousands, each of many alerts.
        let list = move || {
            let mut recordings = store.map(|store| store.list()).unwrap_or_default();
            recordings.retain(|recording| may(&peer, Permission::ReadRecordings, recording));
            page::page(recordings, &request)
        };
        let listed = tokio::task::spawn_blocking(list).await;
        let listed = listed.map_err(|error| Status::internal(format!("the list cannot be made: {error}")))?;
        Ok(Response::new(listed?))
    }

    async fn fetch_recording(
        &self,
        request: Request<FetchRecordingRequest>,
    ) -> Result<Response<Self::FetchRecordingStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let Found { recording, path, .. } =
            self.find(&peer, Permission::ReadRecordings, &request.into_inner().id)?;
        let limit = self.recordings().options.max_taps;
        let permit = Arc::clone(&self.recordings().tap_permits).try_acquire_owned().map_err(|_| {
            RpcError::TooMany { limit, what: "recordings that are fetched or made by clients" }
        })?;
        let (responses, receiver) = mpsc::channel(1);
        let recording = Arc::unwrap_or_clone(recording);
        self.0.tasks.spawn(fetch::fetch(recording, path, responses, self.0.stop.clone(), permit));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn delete_recording(
        &self,
        request: Request<DeleteRecordingRequest>,
    ) -> Result<Response<DeleteRecordingResponse>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let Found { store, recording, .. } =
            self.find(&peer, Permission::DeleteRecordings, &request.into_inner().id)?;
        let id = recording.id.clone();
        let deleted = tokio::task::spawn_blocking(move || store.delete(&recording.id)).await;
        let interrupted = |error: tokio::task::JoinError| StoreError::Io { id, detail: error.to_string() };
        deleted.map_err(interrupted).and_then(|deleted| deleted).map_err(RpcError::Recording)?;
        Ok(Response::new(DeleteRecordingResponse {}))
    }

    async fn record_host(
        &self,
        request: Request<RecordHostRequest>,
    ) -> Result<Response<Self::RecordHostStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let RecordHostRequest { host, duration_ms } = request.into_inner();
        let host = self.host(&peer, &host)?;
        let recordings = self.recordings();
        let limit = recordings.options.max_taps;
        let permit = Arc::clone(&recordings.tap_permits).try_acquire_owned().map_err(|_| {
            RpcError::TooMany { limit, what: "recordings that are fetched or made by clients" }
        })?;
        let lasts = match duration_ms {
            0 => recordings.options.max_tap,
            milliseconds => Duration::from_millis(milliseconds).min(recordings.options.max_tap),
        };
        let (responses, receiver) = mpsc::channel(WAITING_ENTRIES);
        let origin = host.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let request = TapRequest { responses, lasts, permit };
        recordings.knock(&origin, Knock::Tap(request)).map_err(|unheard| match unheard {
            Unheard::NoSession => RpcError::HostUnknown { host: origin },
            Unheard::Busy => RpcError::TooMany { limit: KNOCKS, what: "requests to record this host" },
        })?;
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn may(peer: &AuthenticatedPeer, permission: Permission, recording: &Recording) -> bool {
    peer.may_in(permission, recording.origin.as_ref().map_or("", |origin| &origin.tenant))
}
